"""How often to take a measurement that costs time, and how its result comes to the host without waiting."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import torch

T = TypeVar("T")


class Allowance:
    """Lets something be done as often as keeps its cost under a share of the time."""

    def __init__(self, share: float, min_interval_s: float = 0.0) -> None:
        self._share = share
        self._min_interval_s = min_interval_s
        self.next_at_s = float("-inf")
        """When it may be done next, on the clock of `time.perf_counter`."""

    def spent(self, start_s: float, end_s: float) -> None:
        """Note that it was done between these two times."""
        self.next_at_s = end_s + max(self._min_interval_s, (end_s - start_s) / self._share)


class Readback(Generic[T]):
    """Vectors on their way from the device to the host, each with what belongs to it.

    On CUDA a vector is copied to pinned memory behind the kernels that make it, and is ready once its event
    has happened: nothing waits. The caller may overwrite the vector at once in the same stream. Elsewhere the
    vector is read at once, which on MPS waits for the device.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_cuda = device.type == "cuda"
        self._ready: deque[tuple[T, list[float]]] = deque()
        self._flying: deque[tuple[T, torch.Tensor, torch.cuda.Event]] = deque()

    def send(self, what: T, vector: torch.Tensor) -> None:
        """Bring a one-dimensional vector to the host."""
        if not self._on_cuda:
            self._ready.append((what, vector.tolist()))
            return
        host = torch.empty(vector.shape, dtype=vector.dtype, pin_memory=True)
        host.copy_(vector, non_blocking=True)
        event = torch.cuda.Event()
        event.record()
        self._flying.append((what, host, event))

    def take(self, *, wait: bool = False) -> list[tuple[T, list[float]]]:
        """Return what has arrived, oldest first.

        Args:
            wait: whether to wait for what is still under way. This is a sync point.
        """
        while self._flying and (wait or self._flying[0][2].query()):
            what, host, event = self._flying.popleft()
            event.synchronize()
            self._ready.append((what, host.tolist()))
        taken = list(self._ready)
        self._ready.clear()
        return taken
