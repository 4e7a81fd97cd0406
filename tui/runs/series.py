"""One curve: the points of a tag, in memory, and its envelope over any x range in few operations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from threading import RLock

import numpy as np
from numpy.typing import ArrayLike

from tui.runs.envelope import Envelope, EnvelopeMemory, Floats, Integers, Stamp, summarized
from tui.runs.paged import PagedArray
from tui.runs.pyramid import FINITE, HIGH, LOW, Pyramid


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
    cannot hold, then float64. The newest points are in memory, the others in pages on disk: any of them can be read,
    and what is read is exact. See NOTE [Bounded memory].

    Reading and appending from two threads is safe; `steps`, `wall_times` and `values` are read with `lock` held.
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
        self._version = 0
        self._memory = EnvelopeMemory()
        self._steps: PagedArray[np.int64] = PagedArray(np.int64)
        self._wall_times: PagedArray[np.float64] = PagedArray(np.float64)
        self._values: PagedArray[np.floating] = PagedArray(np.float32)

    @classmethod
    def of(cls, steps: ArrayLike, values: ArrayLike, wall_times: ArrayLike | None = None) -> Series:
        """Build a series from arrays; without wall times they are all 0."""
        series = cls()
        value_array = np.asarray(values, dtype=np.float64)
        series.append(steps, np.zeros(len(value_array)) if wall_times is None else wall_times, value_array)
        return series

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def version(self) -> int:
        """A number that changes whenever the points do."""
        return self._version

    @property
    def steps(self) -> PagedArray[np.int64]:
        """Length N, ascending. To be sliced: of a long series all of them would not be in memory."""
        return self._steps

    @property
    def wall_times(self) -> PagedArray[np.float64]:
        """Length N: seconds since 1970."""
        return self._wall_times

    @property
    def values(self) -> PagedArray[np.floating]:
        """Length N: float32 or float64."""
        return self._values

    @property
    def first(self) -> Point | None:
        """The point of the lowest step; None while there is none."""
        with self.lock:
            return self.point(0) if len(self) else None

    @property
    def last(self) -> Point | None:
        """The newest point; None while there is none."""
        with self.lock:
            return self.point(len(self) - 1) if len(self) else None

    def x_range(self) -> tuple[float, float] | None:
        """Return the first and the last step; None while there is no point."""
        with self.lock:
            return (float(self._steps[0]), float(self._steps[-1])) if len(self) else None

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
            if len(self) and new_steps[0] < self._steps[-1]:
                new_steps, new_times, new_values = self._merged(new_steps, new_times, new_values)
            self._write(new_steps, new_times, new_values)
            self.pyramid.extend(self._values)
            self._version += 1

    def purge_from(self, step: int) -> int:
        """Drop every point at ``step`` or later; return how many there were."""
        with self.lock:
            keep = self.before(step)
            dropped = len(self) - keep
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
            last_step = float(self._steps[-1]) if len(self) else None
            stamp = Stamp(self._version, len(self.cuts), last_step)
            return self._memory.get(
                bounds,
                stamp,
                lambda part: summarized(self._values, self.pyramid, step_cuts(self._steps, part)),
            )

    def at(self, x: float) -> Point | None:
        """Return the newest point at step ``x`` or before; None where there is none."""
        with self.lock:
            index = self.up_to(x) - 1
            return self.point(index) if index >= 0 else None

    def up_to(self, x: float) -> int:
        """Return how many points are at step ``x`` or before."""
        whole = math.floor(max(-(2.0**62), min(x, 2.0**62)))
        with self.lock:
            return self._steps.find(whole, "right")

    def before(self, step: int) -> int:
        """Return how many points are at steps before ``step``."""
        with self.lock:
            return self._steps.find(step, "left")

    def first_after(self, x: float) -> float | None:
        """Return the first step after ``x`` that has a point; None where there is none."""
        with self.lock:
            index = self.up_to(x)
            return float(self._steps[index]) if index < len(self) else None

    def beside(
        self, low: float, high: float
    ) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
        """Return step and value of the newest point before ``low`` and of the first after ``high``, where there are."""
        with self.lock:
            left, right = self.up_to(math.ceil(low) - 1) - 1, self.up_to(high)
            return (
                (float(self._steps[left]), float(self._values[left])) if left >= 0 else None,
                (float(self._steps[right]), float(self._values[right])) if right < len(self) else None,
            )

    def best(self, *, largest: bool) -> Point | None:
        """Return the point of the largest or smallest finite value, the first of equals; None without any."""
        kind = HIGH if largest else LOW
        with self.lock:
            measures, counts = self.pyramid.query(self._values, np.array([0]), np.array([len(self)]))
            if not counts[FINITE, 0]:
                return None
            return self.point(self.pyramid.first_with(self._values, kind, float(measures[kind, 0])))

    def point(self, index: int) -> Point:
        """Return one of the points, counted from 0."""
        with self.lock:
            return Point(int(self._steps[index]), float(self._wall_times[index]), float(self._values[index]))

    def _merged(self, steps: Integers, times: Floats, values: Floats) -> tuple[Integers, Floats, Floats]:
        """Cut off the points after ``steps[0]``; return them merged with the new ones, in order of step."""
        keep = self._steps.find(int(steps[0]), "right")
        all_steps = np.concatenate((self._steps[keep:], steps))
        order = np.argsort(all_steps, kind="stable")
        all_times = np.concatenate((self._wall_times[keep:], times))[order]
        all_values = np.concatenate((self._values[keep:].astype(np.float64), values))[order]
        self._truncate(keep)
        return all_steps[order], all_times, all_values

    def _truncate(self, length: int) -> None:
        for each in (self._steps, self._wall_times, self._values):
            each.truncate(length)
        self.cuts.append(length)
        self.pyramid.truncate(length)

    def _write(self, steps: Integers, times: Floats, values: Floats) -> None:
        before = self._wall_times[-1] if len(self) else times[0]
        in_order = times[0] >= before and np.all(times[1:] >= times[:-1])
        if not (in_order and np.isfinite(times[0]) and np.isfinite(times[-1])):
            self.in_time = False
        if self._values.dtype == np.float32 and not _fits_float32(values):
            self._values = self._values.astype(np.float64)
        self._steps.append(steps)
        self._wall_times.append(times)
        self._values.append(values)


def step_cuts(steps: PagedArray[np.int64], edges: Floats) -> Integers:
    """Return, for each edge, the index of the first step at or after it; for the last one, after it."""
    whole = np.clip(np.ceil(edges), -(2.0**62), 2.0**62).astype(np.int64)
    cut = steps.search(whole, "left")
    cut[-1] = steps.find(int(np.clip(np.floor(edges[-1]), -(2.0**62), 2.0**62)), "right")
    return cut


def _fits_float32(values: Floats) -> bool:
    """Tell whether float32 holds every one of ``values`` without loss."""
    with np.errstate(over="ignore"):
        return bool(np.array_equal(values.astype(np.float32).astype(np.float64), values, equal_nan=True))
