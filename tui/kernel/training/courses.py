"""Runs that look for something: whether one batch can be learnt, which learning rate is a good one."""

from __future__ import annotations

import math
from typing import Final, Protocol

import torch

from tui.kernel.training.parts.experiment import Experiment, batches_in
from tui.kernel.training.parts.loaders import LEAST_STEPS
from tui.protocol.run import RunSettings

LEAST_LR: Final = 1e-7
GREATEST_LR: Final = 10.0
MOST_STEPS: Final = 500
"""A range of learning rates takes no more unless it is asked to: the model would be trained long before the end."""
PATIENCE: Final = 200
"""Steps after which it is said that one batch could not be learnt yet."""
LEARNT: Final = 0.1
"""One batch is learnt when its loss is below this share of what it was at first."""
EXPLODED: Final = 4.0
"""A learning rate is too high when the loss is so many times its least."""
LEAST_FALL: Final = 0.01
"""A loss that falls by less than this share of what it was at first has not fallen."""


class Course(Protocol):
    """What a run of another kind than ``train`` does beside training; called in the training thread."""

    steps: int | None
    """How many it takes at most; None: as the settings and the epochs have it."""
    is_over: bool
    """Whether it has found out what it was to."""
    may_explode: bool
    """Whether a loss that is NaN or infinite is an end like any other, and the state after it not worth keeping."""
    verdict: str
    """What it has found, in words for the user; empty as long as there is nothing to say."""
    suggested_lr: float | None
    """The learning rate it suggests; None where it suggests none."""

    def before_step(self, step: int) -> None:
        """Prepare a step."""

    def losses(self, steps: list[int], values: list[float]) -> None:
        """Take note of losses, in order."""

    def end(self) -> None:
        """Say what there is to say at the end of the run."""


def course_of(settings: RunSettings, experiment: Experiment, epochs: int) -> Course | None:
    """Return what the kind of run asks for; None for ``train``."""
    if settings.kind == "overfit_batch":
        return OneBatchCourse()
    if settings.kind == "lr_range":
        per_epoch = batches_in(experiment.train) or LEAST_STEPS
        steps = -(-per_epoch // settings.accumulate) * epochs
        steps = min(max(steps, LEAST_STEPS), MOST_STEPS)
        return LrRange(experiment.optimizer, settings.max_steps or steps)
    return None


class OneBatchCourse:
    """Whether the model can learn a single batch by heart; one that cannot has a mistake in it."""

    steps: int | None = None
    is_over = False
    may_explode = False
    suggested_lr: float | None = None

    def __init__(self) -> None:
        self.verdict = ""
        self._first: float | None = None
        self._least = math.inf
        self._last_step = 0
        self._is_learnt = False

    def before_step(self, step: int) -> None:
        """Do nothing."""

    def losses(self, steps: list[int], values: list[float]) -> None:
        """Take note of losses; say it where the batch is learnt, or should have been by now."""
        for step, value in zip(steps, values, strict=True):
            if self._first is None:
                self._first = value
            self._least = min(self._least, value)
            if not self._is_learnt and value <= LEARNT * self._first:
                self._is_learnt = True
                fell = f"its loss fell from {self._first:.4g} to {value:.4g} in {step} steps"
                self.verdict = f"it can learn one batch: {fell}"
            if step == PATIENCE and not self._is_learnt:
                self._say_not_learnt(step)
            self._last_step = step

    def end(self) -> None:
        """Say that the batch was not learnt, where it was not."""
        if not self._is_learnt and self._first is not None:
            self._say_not_learnt(self._last_step)

    def _say_not_learnt(self, step: int) -> None:
        if step < PATIENCE:
            self.verdict = (
                f"it has not learnt one batch yet in {step} steps: its loss was {self._first:.4g} at first and"
                f" {self._least:.4g} at best; {PATIENCE} steps tell more"
            )
            return
        self.verdict = (
            f"it has not learnt one batch in {step} steps: its loss was {self._first:.4g} at first and"
            f" {self._least:.4g} at best. Look at the learning rate, at what the loss is given (a softmax before"
            " cross-entropy? targets of another shape?), and for frozen or detached layers"
        )


class LrRange:
    """A learning rate that grows exponentially until the loss explodes; where it fell fastest is a good rate."""

    SMOOTHING = 0.9

    def __init__(self, optimizer: torch.optim.Optimizer, steps: int) -> None:
        self.steps: int | None = steps
        self.is_over = False
        self.may_explode = True
        self.verdict = ""
        self.suggested_lr: float | None = None
        self._optimizer = optimizer
        rates = [float(group["lr"]) for group in optimizer.param_groups]
        self._ratios = [rate / rates[0] if rates[0] else 1.0 for rate in rates]
        self._growth = math.log(GREATEST_LR / LEAST_LR) / max(steps - 1, 1)
        self._average = 0.0
        self._least = math.inf
        self._values: list[float] = []  # the loss of each step from the first on
        self._curve: list[float] = []  # the smoothed loss of each step from the first on
        self._exploded = False

    def lr(self, step: int) -> float:
        """Return the learning rate of a step, from 1."""
        return LEAST_LR * math.exp(self._growth * (step - 1))

    def before_step(self, step: int) -> None:
        """Set the learning rate, of every parameter group in the proportion the optimizer was made with."""
        lr = self.lr(step)
        for group, ratio in zip(self._optimizer.param_groups, self._ratios, strict=True):
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(lr * ratio)
            else:
                group["lr"] = lr * ratio

    def losses(self, steps: list[int], values: list[float]) -> None:
        """Take note of losses; it is over once one has exploded."""
        for value in values:
            if self.is_over:
                return
            if not math.isfinite(value):
                self.is_over = self._exploded = True
                return
            self._values.append(value)
            self._average = self.SMOOTHING * self._average + (1 - self.SMOOTHING) * value
            self._curve.append(self._average / (1 - self.SMOOTHING ** (len(self._curve) + 1)))
            self._least = least = min(self._least, self._curve[-1])
            if self._curve[-1] > least + (EXPLODED - 1) * abs(least) and len(self._curve) > 10:
                self.is_over = self._exploded = True

    def end(self) -> None:
        """Suggest the rate at which the loss fell fastest."""
        self.suggested_lr = self._steepest()
        if self.suggested_lr is None:
            last = self.lr(max(len(self._curve), 1))
            self.verdict = f"no learning rate from {LEAST_LR:g} to {last:.2g} made the loss fall"
            return
        end = f"it exploded at {self.lr(len(self._curve)):.2g}" if self._exploded else "it did not explode"
        self.verdict = f"the loss fell fastest at a learning rate of {self.suggested_lr:.2g}; {end}"

    def _steepest(self) -> float | None:
        """Return where the loss falls fastest, the rate being on a log axis; None where it does not fall.

        Compares the means of the steps before and after each: single batches differ more than the rate matters.
        """
        values = self._values
        if len(values) < 3 or self._curve[0] - self._least < LEAST_FALL * abs(self._curve[0]):
            return None
        half = max(2, len(values) // 12)
        falls = []
        for i in range(half, len(values) - half):
            before, after = values[i - half : i], values[i + 1 : i + 1 + half]
            falls.append((math.fsum(after) - math.fsum(before), i))
        return self.lr(min(falls)[1] + 1) if falls and min(falls)[0] < 0 else None
