"""One curve: the points of a tag, in memory, and its envelope over any x range in few operations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from threading import RLock

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tui.runs.envelope import Envelope, EnvelopeMemory, Floats, Integers, Stamp, summarized
from tui.runs.pyramid import Pyramid, Scalar


@dataclass(frozen=True, slots=True)
class Point:
    """One recorded value."""

    step: int
    wall_time_s: float
    """Seconds since 1970."""
    value: float


class Series:
    """Points of one tag, kept in order of their step.

    Points of the same step keep the order they came in. Values are float32 until one comes that float32
    cannot hold, then float64. Memory: 20 (float64: 24) bytes per point and less than 3.5 for the pyramid,
    with up to half again while it grows: at most 42 bytes per point.

    Reading and appending from two threads is safe.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        """Held by every call; hold it to read several things of one moment."""
        self.cuts: list[int] = []
        """How many points were kept, each time some were dropped or merged in: in this order."""
        self.in_time = True
        """Whether all wall times are finite, and none is before that of a step before."""
        self.pyramid = Pyramid()
        """Summaries of the values."""
        self._length = 0
        self._version = 0
        self._memory = EnvelopeMemory()
        self._steps: Integers = np.empty(0, dtype=np.int64)
        self._wall_times: Floats = np.empty(0)
        self._values: NDArray[np.floating] = np.empty(0, dtype=np.float32)

    @classmethod
    def of(cls, steps: ArrayLike, values: ArrayLike, wall_times: ArrayLike | None = None) -> Series:
        """Build a series from arrays; without wall times they are all 0."""
        series = cls()
        value_array = np.asarray(values, dtype=np.float64)
        series.append(steps, np.zeros(len(value_array)) if wall_times is None else wall_times, value_array)
        return series

    def __len__(self) -> int:
        return self._length

    @property
    def version(self) -> int:
        """A number that changes whenever the points do."""
        return self._version

    @property
    def steps(self) -> Integers:
        """Shape (N,), ascending. A view of now: what is appended later is not in it."""
        return self._steps[: self._length]

    @property
    def wall_times(self) -> Floats:
        """Shape (N,): seconds since 1970."""
        return self._wall_times[: self._length]

    @property
    def values(self) -> NDArray[np.floating]:
        """Shape (N,): float32 or float64."""
        return self._values[: self._length]

    @property
    def last(self) -> Point | None:
        """The newest point; None while there is none."""
        with self.lock:
            return self.point(self._length - 1) if self._length else None

    def x_range(self) -> tuple[float, float] | None:
        """Return the first and the last step; None while there is no point."""
        with self.lock:
            if not self._length:
                return None
            return float(self._steps[0]), float(self._steps[self._length - 1])

    def append(self, steps: ArrayLike, wall_times: ArrayLike, values: ArrayLike) -> None:
        """Add points, shape (n,) each.

        Steps may come in any order: points before the last step are merged in, at the cost of what lies
        after them.
        """
        new_steps = np.asarray(steps, dtype=np.int64)
        new_times = np.asarray(wall_times, dtype=np.float64)
        new_values = np.asarray(values, dtype=np.float64)
        if not len(new_steps):
            return
        if np.any(new_steps[1:] < new_steps[:-1]):
            order = np.argsort(new_steps, kind="stable")
            new_steps, new_times, new_values = new_steps[order], new_times[order], new_values[order]
        with self.lock:
            if self._length and new_steps[0] < self._steps[self._length - 1]:
                new_steps, new_times, new_values = self._merged(new_steps, new_times, new_values)
            self._write(new_steps, new_times, new_values)
            self.pyramid.extend(self._values[: self._length])
            self._version += 1

    def purge_from(self, step: int) -> int:
        """Drop every point at ``step`` or later; return how many there were."""
        with self.lock:
            keep = int(np.searchsorted(self._steps[: self._length], step, side="left"))
            dropped = self._length - keep
            if dropped:
                self._truncate(keep)
                self._version += 1
            return dropped

    def envelope(self, edges: Sequence[float] | Floats) -> Envelope:
        """Summarize the columns between ``edges``: column c holds the steps in [edges[c], edges[c+1]).

        The last column also holds the last edge.

        Shape:
            edges: (C+1,), ascending. Every field of the result: (C,).
        """
        bounds = np.asarray(edges, dtype=np.float64)
        with self.lock:
            last_step = float(self._steps[self._length - 1]) if self._length else None
            stamp = Stamp(self._version, len(self.cuts), last_step)
            return self._memory.get(
                bounds, stamp, lambda part: summarized(self.values, self.pyramid, step_cuts(self.steps, part))
            )

    def at(self, x: float) -> Point | None:
        """Return the newest point at step ``x`` or before; None where there is none."""
        with self.lock:
            index = self.up_to(x) - 1
            return self.point(index) if index >= 0 else None

    def up_to(self, x: float) -> int:
        """Return how many points are at step ``x`` or before."""
        with self.lock:
            return int(
                np.searchsorted(self.steps, math.floor(max(-(2.0**62), min(x, 2.0**62))), side="right")
            )

    def first_after(self, x: float) -> float | None:
        """Return the first step after ``x`` that has a point; None where there is none."""
        with self.lock:
            index = self.up_to(x)
            return float(self._steps[index]) if index < self._length else None

    def beside(
        self, low: float, high: float
    ) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
        """Return step and value of the newest point before ``low`` and of the first after ``high``, where there are."""
        with self.lock:
            left, right = self.up_to(math.ceil(low) - 1) - 1, self.up_to(high)
            return (
                (float(self._steps[left]), float(self._values[left])) if left >= 0 else None,
                (float(self._steps[right]), float(self._values[right])) if right < self._length else None,
            )

    def best(self, *, largest: bool) -> Point | None:
        """Return the point of the largest or smallest finite value, the first of equals; None without any."""
        with self.lock:
            values = self._values[: self._length]
            finite = np.isfinite(values)
            if not finite.any():
                return None
            worst = -np.inf if largest else np.inf
            ranked = np.where(finite, values, worst)
            return self.point(int(ranked.argmax() if largest else ranked.argmin()))

    def point(self, index: int) -> Point:
        """Return one of the points, counted from 0."""
        return Point(int(self._steps[index]), float(self._wall_times[index]), float(self._values[index]))

    def _merged(self, steps: Integers, times: Floats, values: Floats) -> tuple[Integers, Floats, Floats]:
        """Cut off the points after ``steps[0]``; return them merged with the new ones, in order of step."""
        keep = int(np.searchsorted(self._steps[: self._length], steps[0], side="right"))
        tail = slice(keep, self._length)
        all_steps = np.concatenate((self._steps[tail], steps))
        order = np.argsort(all_steps, kind="stable")
        all_times = np.concatenate((self._wall_times[tail], times))[order]
        all_values = np.concatenate((self._values[tail].astype(np.float64), values))[order]
        self._truncate(keep)
        return all_steps[order], all_times, all_values

    def _truncate(self, length: int) -> None:
        self._length = length
        self.cuts.append(length)
        self.pyramid.truncate(length)

    def _write(self, steps: Integers, times: Floats, values: Floats) -> None:
        before = self._wall_times[self._length - 1] if self._length else times[0]
        in_order = times[0] >= before and np.all(times[1:] >= times[:-1])
        if not (in_order and np.isfinite(times[0]) and np.isfinite(times[-1])):
            self.in_time = False
        end = self._length + len(steps)
        if end > len(self._steps):
            capacity = max(end, self._length * 3 // 2, 64)
            self._steps = _resized(self._steps, self._length, capacity)
            self._wall_times = _resized(self._wall_times, self._length, capacity)
            self._values = _resized(self._values, self._length, capacity)
        if self._values.dtype == np.float32 and not _fits_float32(values):
            with np.errstate(invalid="ignore"):  # of room that nothing was written to yet
                self._values = self._values.astype(np.float64)
        self._steps[self._length : end] = steps
        self._wall_times[self._length : end] = times
        self._values[self._length : end] = values
        self._length = end


def step_cuts(steps: Integers, edges: Floats) -> Integers:
    """Return, for each edge, the index of the first step at or after it; for the last one, after it."""
    whole = np.clip(np.ceil(edges), -(2.0**62), 2.0**62).astype(np.int64)
    cut = np.searchsorted(steps, whole, side="left")
    last = np.clip(np.floor(edges[-1]), -(2.0**62), 2.0**62).astype(np.int64)
    cut[-1] = np.searchsorted(steps, last, side="right")
    return np.asarray(cut, dtype=np.int64)


def _resized(array: NDArray[Scalar], length: int, capacity: int) -> NDArray[Scalar]:
    out = np.empty(capacity, dtype=array.dtype)
    out[:length] = array[:length]
    return out


def _fits_float32(values: Floats) -> bool:
    """Tell whether float32 holds every one of ``values`` without loss."""
    with np.errstate(over="ignore"):
        return bool(np.array_equal(values.astype(np.float32).astype(np.float64), values, equal_nan=True))
