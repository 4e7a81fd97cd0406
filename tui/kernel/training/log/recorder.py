"""What goes to the event log, and when.

Stands apart from the training loop: it is told of losses, of a backward that has run and of an update that
was made, by whoever runs them. Nothing here waits for the device, except where `wait` says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter, time

import torch
from torch import nn

from tui.kernel.training.log.events import EventFile, valid_tag
from tui.kernel.training.log.gradients import GradientSampler
from tui.kernel.training.log.layer_watch import LayerWatch
from tui.kernel.training.log.losses import loss_log
from tui.kernel.training.log.machine import MachineWatch
from tui.kernel.training.log.phases import phase_clock
from tui.protocol.run import ALLOCATED_BYTES, LOSS, LR, SAMPLES_PER_S, STEP_MS, phase_tag


class Recorder:
    """Gathers what a training loop tells and appends it to an event file, about ten times a second."""

    FLUSH_INTERVAL_S = 0.1
    RATES_INTERVAL_S = 0.5

    def __init__(
        self,
        events: EventFile,
        device: torch.device,
        parameters: Iterable[tuple[str, nn.Parameter]],
        layers: LayerWatch | None = None,
    ) -> None:
        self._events = events
        self._device = device
        self._losses = loss_log(device)
        self.clock = phase_clock(device)
        self.gradients = GradientSampler(parameters, device)
        self.layers = layers
        """Told of forward passes by whoever runs them; None: they are not sampled."""
        self._machine = MachineWatch(device)
        self.first_not_finite: tuple[int, float] | None = None
        """The first step whose loss was NaN or infinite, and that loss; None as long as none is known of."""
        self.on_losses: Callable[[list[int], list[float]], None] | None = None
        """Called with steps and losses as they are written; None where nobody listens."""
        self._loss_sum = 0.0
        self._loss_count = 0
        self._lr: object = None
        self._step = 0
        now_s = perf_counter()
        self._flush_at_s = now_s + self.FLUSH_INTERVAL_S
        self._opened_at_s: float | None = None  # None while something else than training goes on
        self._window_s = 0.0
        self._window_samples = self._window_steps = 0

    def loss(self, step: int, loss: torch.Tensor) -> float | None:
        """Note a step's loss; return its value on the CPU, None where it comes later."""
        return self._losses.add(step, time(), loss)

    def learning_rate(self, step: int, lr: object, *, always: bool = False) -> None:
        """Note the learning rate if it has changed; one held in a tensor is looked at only with `always`."""
        if lr is self._lr and not always:
            return
        self._lr = lr
        if isinstance(lr, int | float | torch.Tensor):
            self._events.scalar(LR, step, float(lr), time())

    def step_done(self, step: int, samples: int, now_s: float) -> None:
        """End a step of so many samples; write what has gathered if it is time.

        Raises:
            LogWriteError: the log cannot be written.
        """
        self._step = step
        self._window_samples += samples
        self._window_steps += 1
        self.clock.step_done()
        if now_s >= self._flush_at_s:
            self._flush_at_s = now_s + self.FLUSH_INTERVAL_S
            opened_at_s = self._opened_at_s if self._opened_at_s is not None else now_s
            if self._window_s + now_s - opened_at_s >= self.RATES_INTERVAL_S:
                self._window_s += now_s - opened_at_s
                self._opened_at_s = now_s
                self._note_rates()
            if now_s >= self._machine.next_at_s:
                self.scalars(step, self._machine.read())
            self.flush()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Note values of one step, such as those of an evaluation."""
        self._events.scalars(step, [(valid_tag(tag), value) for tag, value in values.items()], time())

    def open_window(self) -> None:
        """Begin to measure rates, at the start or after something that is no training."""
        self._opened_at_s = perf_counter()
        self.clock.start()

    def close_window(self, *, final: bool = False) -> None:
        """Leave out what comes next from the rates; note them if they cover enough time, or with `final`."""
        if self._opened_at_s is not None:
            self._window_s += perf_counter() - self._opened_at_s
            self._opened_at_s = None
        if self._window_s >= self.RATES_INTERVAL_S or final:
            self._note_rates()

    def _note_rates(self) -> None:
        phases = self.clock.take()
        if phases and self._window_s > 0:
            rates = {phase_tag(phase): mean_ms for phase, mean_ms in phases.items()}
            rates[SAMPLES_PER_S] = self._window_samples / self._window_s
            rates[STEP_MS] = 1e3 * self._window_s / self._window_steps
            if self._device.type == "cuda":
                rates[ALLOCATED_BYTES] = float(torch.cuda.memory_allocated(self._device))
            self.scalars(self._step, rates)
        self._window_s = 0.0
        self._window_samples = self._window_steps = 0

    @property
    def loss_so_far(self) -> tuple[float, int]:
        """Sum and number of the losses that `mean_loss` would be the mean of."""
        return self._loss_sum, self._loss_count

    def continue_mean(self, loss_sum: float, count: int) -> None:
        """Let the next `mean_loss` cover losses that an earlier process has written."""
        self._loss_sum, self._loss_count = loss_sum, count

    def mean_loss(self) -> float | None:
        """Return the mean of the losses written since the last call; None if there were none."""
        mean = self._loss_sum / self._loss_count if self._loss_count else None
        self._loss_sum, self._loss_count = 0.0, 0
        return mean

    def flush(self, *, wait: bool = False) -> None:
        """Write what has arrived.

        Args:
            wait: whether to wait for what the device has not yet handed over. This is a sync point.

        Raises:
            LogWriteError: the log cannot be written.
        """
        for steps, times, values in self._losses.take(wait=wait):
            self._events.series(LOSS, steps, times, values)
            if self.on_losses is not None:
                self.on_losses(steps, values)
            total = math.fsum(values) if all(map(math.isfinite, values)) else math.nan
            self._loss_sum += total
            self._loss_count += len(values)
            if total != total and self.first_not_finite is None:
                self.first_not_finite = next(
                    (s, v) for s, v in zip(steps, values, strict=True) if not math.isfinite(v)
                )
        for step, wall_time_s, pairs in self.gradients.take(wait=wait):
            self._events.scalars(step, pairs, wall_time_s)
        if self.layers is not None:
            for step, wall_time_s, pairs in self.layers.take(wait=wait):
                self._events.scalars(step, pairs, wall_time_s)
        self._events.flush()
