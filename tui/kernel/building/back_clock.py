"""Time between two places of a program, on the device that computes: CUDA's own events there, else the host's clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor


class HostClock:
    """The clock of the host; `wait` is called first where a device computes on its own."""

    def __init__(self, wait: Callable[[], None] | None = None) -> None:
        self._wait = wait
        self._marks: list[float] = []

    def mark(self) -> int:
        """Note this place; return its number."""
        if self._wait is not None:
            self._wait()
        self._marks.append(time.perf_counter())
        return len(self._marks) - 1

    def seconds(self, pairs: Sequence[tuple[int, int]]) -> list[float]:
        """Return the time from the first to the second place of each pair."""
        return [self._marks[end] - self._marks[start] for start, end in pairs]


class CudaClock:
    """Events on the current stream of a CUDA device: a mark waits for nothing."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[torch.cuda.Event] = []
        _warm_up(device)

    def mark(self) -> int:
        """Note this place; return its number."""
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        self._marks.append(event)
        return len(self._marks) - 1

    def seconds(self, pairs: Sequence[tuple[int, int]]) -> list[float]:
        """Return the time between the places of each pair. Synchronizes the device."""
        torch.cuda.synchronize(self._device)
        return [self._marks[start].elapsed_time(self._marks[end]) / 1e3 for start, end in pairs]


Clock = HostClock | CudaClock


def clock_for(tensors: Iterable[Tensor]) -> Clock | None:
    """Return the clock of the device these are on; None where they have no values (meta)."""
    devices = {tensor.device for tensor in tensors}
    cuda = next((device for device in devices if device.type == "cuda"), None)
    if cuda is not None:
        return CudaClock(cuda)
    if any(device.type == "mps" for device in devices):
        return HostClock(torch.mps.synchronize)
    if any(device.type == "xpu" for device in devices):
        return HostClock(torch.xpu.synchronize)
    return None if devices and all(device.type == "meta" for device in devices) else HostClock()


def _warm_up(device: torch.device) -> None:
    """Have torch load its libraries now: the first product on a thread takes milliseconds, its layer would get them."""
    one = torch.ones(8, 8, device=device)
    torch.mm(one, one)
    torch.cuda.synchronize(device)
