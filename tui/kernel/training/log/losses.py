"""The loss of every step, on its way to the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch

from tui.kernel.training.log.sampling import Readback

Losses = tuple[list[int], list[float], list[float]]
"""Steps, wall times in seconds since 1970, values."""


class LossLog(Protocol):
    """Takes a loss per step and gives them back in batches."""

    def add(self, step: int, wall_time_s: float, loss: torch.Tensor) -> float | None:
        """Note a step's loss; return its value where that is known at once."""

    def take(self, *, wait: bool = False) -> Iterator[Losses]:
        """Yield what is known by now; with `wait` all that was added."""


def loss_log(device: torch.device) -> LossLog:
    """Return the log that suits the device that the losses are on."""
    return HostLosses() if device.type == "cpu" else DeviceLosses(device)


class HostLosses:
    """Losses on the CPU, where a value costs nothing."""

    def __init__(self) -> None:
        self._losses: Losses = ([], [], [])

    def add(self, step: int, wall_time_s: float, loss: torch.Tensor) -> float:
        """Note a step's loss and return its value."""
        value = loss.item()
        steps, times, values = self._losses
        steps.append(step)
        times.append(wall_time_s)
        values.append(value)
        return value

    def take(self, *, wait: bool = False) -> Iterator[Losses]:
        """Yield all that was added."""
        losses, self._losses = self._losses, ([], [], [])
        if losses[0]:
            yield losses


class DeviceLosses:
    """Losses on an accelerator, kept there in slots and brought over many at a time.

    A step costs one small copy on the device and no synchronization. The slots are used again as soon as
    their copy is under way, since the stream keeps the order.
    """

    SLOTS = 2048

    def __init__(self, device: torch.device) -> None:
        self._buffer = torch.zeros(self.SLOTS, dtype=torch.float32, device=device)
        self._slots = self._buffer.unbind()
        self._steps: list[int] = []
        self._times: list[float] = []
        self._readback: Readback[tuple[list[int], list[float]]] = Readback(device)

    def add(self, step: int, wall_time_s: float, loss: torch.Tensor) -> None:
        """Note a step's loss; its value comes later."""
        loss = loss.detach()
        self._slots[len(self._steps)].copy_(loss if loss.dim() == 0 else loss.reshape(()), non_blocking=True)
        self._steps.append(step)
        self._times.append(wall_time_s)
        if len(self._steps) == self.SLOTS:
            self._send()

    def take(self, *, wait: bool = False) -> Iterator[Losses]:
        """Yield what has arrived; with `wait` all, which is a sync point."""
        self._send()
        for (steps, times), values in self._readback.take(wait=wait):
            yield steps, times, values

    def _send(self) -> None:
        if self._steps:
            self._readback.send((self._steps, self._times), self._buffer[: len(self._steps)])
            self._steps, self._times = [], []
