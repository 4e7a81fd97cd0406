"""Where a step's time goes: data, forward, backward, optimizer."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from time import perf_counter
from typing import Final

import torch

from tui.protocol.run import PHASES

DATA: Final = 0
FORWARD: Final = 1
BACKWARD: Final = 2
OPTIMIZER: Final = 3

Mark = tuple[int, torch.cuda.Event]
"""A phase, and the event of its end."""


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
        self._current: list[Mark] | None = None  # of the step that is timed just now
        self._pool: list[torch.cuda.Event] = []
        self._flying: deque[list[Mark]] = deque()
        self._next_at_s = 0.0

    def mark(self, phase: int) -> float:
        """End a phase; after the data, decide whether this step is timed on the device.

        A step that is made of several batches marks some phases several times, and the optimizer once, at its end.
        """
        now_s = super().mark(phase)
        if self._current is not None:
            self._record(self._current, phase)
            if phase == OPTIMIZER:
                self._flying.append(self._current)
                self._current = None
        elif phase == DATA and now_s >= self._next_at_s and len(self._flying) < 64:
            self._next_at_s = now_s + self.INTERVAL_S
            self._current = []
            self._record(self._current, phase)
        return now_s

    def _record(self, marks: list[Mark], phase: int) -> None:
        event = self._pool.pop() if self._pool else torch.cuda.Event(enable_timing=True)
        event.record()
        marks.append((phase, event))

    def interrupt(self, phase: int) -> None:
        """Leave out what comes next; this step is not timed on the device."""
        super().interrupt(phase)
        if self._current is not None:
            self._pool += [event for _, event in self._current]
            self._current = None

    def take(self) -> dict[str, float]:
        """Return the means, those of the device over the timed steps that have ended by now."""
        means = super().take()
        timed = 0
        total_ms = [0.0] * len(PHASES)
        while self._flying and self._flying[0][-1][1].query():
            marks = self._flying.popleft()
            for (_, before), (phase, event) in pairwise(marks):
                total_ms[phase] += before.elapsed_time(event)
            timed += 1
            self._pool += [event for _, event in marks]
        if means and timed:
            means.update({PHASES[i]: total_ms[i] / timed for i in (FORWARD, BACKWARD, OPTIMIZER)})
        return means


def phase_clock(device: torch.device) -> PhaseClock:
    """Return the clock that suits the device."""
    return CudaPhaseClock() if device.type == "cuda" else PhaseClock()
