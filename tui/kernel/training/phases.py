"""Where a step's time goes: data, forward, backward, optimizer."""

from __future__ import annotations

from collections import deque
from time import perf_counter
from typing import Final

import torch

from tui.protocol.run import PHASES

DATA: Final = 0
FORWARD: Final = 1
BACKWARD: Final = 2
OPTIMIZER: Final = 3


class PhaseClock:
    """Times the phases on the host's clock, which is right on the CPU."""

    def __init__(self) -> None:
        self._seconds = [0.0] * len(PHASES)
        self._steps = 0
        self._last_s = perf_counter()

    def start(self) -> None:
        """Begin a step, or go on after something that belongs to no phase."""
        self._last_s = perf_counter()

    def mark(self, phase: int) -> float:
        """End a phase that began at the last mark or start; return the time, as `perf_counter` tells it."""
        now_s = perf_counter()
        self._seconds[phase] += now_s - self._last_s
        self._last_s = now_s
        return now_s

    def interrupt(self, phase: int) -> None:
        """Leave out what comes next, inside a phase or right after it, until `start`."""
        PhaseClock.mark(self, phase)

    def step_done(self) -> None:
        """End a step."""
        self._steps += 1

    def take(self) -> dict[str, float]:
        """Return the mean of each phase since the last call, in milliseconds; empty before the first step."""
        steps, self._steps = self._steps, 0
        seconds, self._seconds = self._seconds, [0.0] * len(PHASES)
        if not steps:
            return {}
        return {phase: 1e3 * total_s / steps for phase, total_s in zip(PHASES, seconds, strict=True)}


class CudaPhaseClock(PhaseClock):
    """Times what the GPU does with CUDA events on some steps, and the loading of data on the host.

    A step is timed at most every `INTERVAL_S`, so that events cost next to nothing. Nothing waits: a timed
    step is read once its last event has happened.
    """

    INTERVAL_S = 0.02

    def __init__(self) -> None:
        super().__init__()
        self._current: list[torch.cuda.Event] | None = None
        self._pool: list[list[torch.cuda.Event]] = []
        self._flying: deque[list[torch.cuda.Event]] = deque()
        self._next_at_s = 0.0

    def mark(self, phase: int) -> float:
        """End a phase; after the data, decide whether this step is timed on the device."""
        now_s = super().mark(phase)
        if phase == DATA:
            if now_s >= self._next_at_s and len(self._flying) < 64:
                self._next_at_s = now_s + self.INTERVAL_S
                self._current = self._pool.pop() if self._pool else _events()
                self._current[0].record()
        elif self._current is not None:
            self._current[phase].record()
            if phase == OPTIMIZER:
                self._flying.append(self._current)
                self._current = None
        return now_s

    def interrupt(self, phase: int) -> None:
        """Leave out what comes next; this step is not timed on the device."""
        super().interrupt(phase)
        if self._current is not None:
            self._pool.append(self._current)
            self._current = None

    def take(self) -> dict[str, float]:
        """Return the means, those of the device over the timed steps that have ended by now."""
        means = super().take()
        timed = 0
        total_ms = [0.0] * len(PHASES)
        while self._flying and self._flying[0][-1].query():
            events = self._flying.popleft()
            for phase in (FORWARD, BACKWARD, OPTIMIZER):
                total_ms[phase] += events[phase - 1].elapsed_time(events[phase])
            timed += 1
            self._pool.append(events)
        if means and timed:
            means.update({PHASES[i]: total_ms[i] / timed for i in (FORWARD, BACKWARD, OPTIMIZER)})
        return means


def _events() -> list[torch.cuda.Event]:
    return [torch.cuda.Event(enable_timing=True) for _ in PHASES]


def phase_clock(device: torch.device) -> PhaseClock:
    """Return the clock that suits the device."""
    return CudaPhaseClock() if device.type == "cuda" else PhaseClock()
