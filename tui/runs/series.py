"""One curve: the points of a tag, in memory, and its envelope over any x range in few operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from threading import Lock

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tui.runs.pyramid import (
    FINITE,
    HIGH,
    LOW,
    LOW_POSITIVE,
    NAN,
    NEG_INF,
    NON_POSITIVE,
    POS_INF,
    SUM,
    Pyramid,
    Scalar,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """What each column of a chart needs to know of its points. Shape (C,) each; NaN where there is none."""

    low: Floats
    """Smallest finite value."""
    high: Floats
    """Largest finite value."""
    low_positive: Floats
    """Smallest finite value above zero: the lower end of a log axis."""
    mean: Floats
    """Mean of the finite values."""
    first: Floats
    """The first value in the column, finite or not."""
    last: Floats
    """The last value in the column, finite or not."""
    finite: Integers
    """Count of finite values."""
    nan: Integers
    """Count of NaN."""
    pos_inf: Integers
    """Count of +Inf."""
    neg_inf: Integers
    """Count of -Inf."""
    non_positive: Integers
    """Count of finite values that are zero or less, which a log axis cannot show."""

    def followed_by(self, later: Envelope, start: int) -> Envelope:
        """Return the first `start` columns of this one with those of `later` behind them."""
        pairs = {
            field.name: (getattr(self, field.name), getattr(later, field.name)) for field in fields(self)
        }
        return Envelope(**{name: np.concatenate((old[:start], new)) for name, (old, new) in pairs.items()})


@dataclass(frozen=True, slots=True)
class Point:
    """One recorded value."""

    step: int
    wall_time_s: float
    """Seconds since 1970."""
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """An envelope as it was made, to go on from while the same columns are asked for and points only come."""

    edges: Floats
    version: int
    cuts: int
    """How often points had been cut off or merged in."""
    last_step: int
    envelope: Envelope


class Series:
    """Points of one tag, kept in order of their step.

    Points of the same step keep the order they came in. Values are float32 until one comes that float32
    cannot hold, then float64. Memory: 20 (float64: 24) bytes per point and less than 3.5 for the pyramid,
    with up to half again while it grows: at most 42 bytes per point.

    Reading and appending from two threads is safe.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._length = 0
        self._version = 0
        self._cut_count = 0
        self._kept: _Kept | None = None
        self._steps: Integers = np.empty(0, dtype=np.int64)
        self._wall_times: Floats = np.empty(0)
        self._values: NDArray[np.floating] = np.empty(0, dtype=np.float32)
        self._pyramid = Pyramid()

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
        with self._lock:
            return self._point(self._length - 1) if self._length else None

    def x_range(self) -> tuple[float, float] | None:
        """Return the first and the last step; None while there is no point."""
        with self._lock:
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
        with self._lock:
            if self._length and new_steps[0] < self._steps[self._length - 1]:
                new_steps, new_times, new_values = self._merged(new_steps, new_times, new_values)
            self._write(new_steps, new_times, new_values)
            self._pyramid.extend(self._values[: self._length])
            self._version += 1

    def purge_from(self, step: int) -> int:
        """Drop every point at ``step`` or later; return how many there were."""
        with self._lock:
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
        with self._lock:
            kept, start = self._kept, 0
            if kept is not None and kept.version == self._version and np.array_equal(kept.edges, bounds):
                return kept.envelope
            if kept is not None and kept.cuts == self._cut_count and np.array_equal(kept.edges, bounds):
                # points came at the end alone: columns before the one that held the end are as they were
                start = max(0, int(np.searchsorted(bounds, kept.last_step, side="right")) - 1)
                start = min(start, len(bounds) - 2)
            envelope = self._summary(bounds[start:])
            if kept is not None and start:
                envelope = kept.envelope.followed_by(envelope, start)
            if self._length:
                last_step = int(self._steps[self._length - 1])
                self._kept = _Kept(bounds.copy(), self._version, self._cut_count, last_step, envelope)
        return envelope

    def _summary(self, bounds: Floats) -> Envelope:
        steps, values = self._steps[: self._length], self._values[: self._length]
        cut = _cuts(steps, bounds)
        first, last = cut[:-1], cut[1:]
        measures, counts = self._pyramid.query(values, first, last)
        some = last > first
        ends = np.full((2, len(first)), np.nan)
        if self._length:
            ends[0, some] = values[first[some]]
            ends[1, some] = values[last[some] - 1]
        finite = counts[FINITE]
        empty = finite == 0
        measures[LOW][empty] = measures[HIGH][empty] = np.nan
        low_positive = measures[LOW_POSITIVE]
        low_positive[np.isinf(low_positive)] = np.nan
        with np.errstate(over="ignore"):
            mean = np.divide(measures[SUM], finite, out=np.full(len(first), np.nan), where=~empty)
        return Envelope(
            low=measures[LOW], high=measures[HIGH], low_positive=low_positive, mean=mean,
            first=ends[0], last=ends[1], finite=finite, nan=counts[NAN], pos_inf=counts[POS_INF],
            neg_inf=counts[NEG_INF], non_positive=counts[NON_POSITIVE],
        )  # fmt: skip

    def best(self, *, largest: bool) -> Point | None:
        """Return the point of the largest or smallest finite value, the first of equals; None without any."""
        with self._lock:
            values = self._values[: self._length]
            finite = np.isfinite(values)
            if not finite.any():
                return None
            worst = -np.inf if largest else np.inf
            ranked = np.where(finite, values, worst)
            return self._point(int(ranked.argmax() if largest else ranked.argmin()))

    def _point(self, index: int) -> Point:
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
        self._cut_count += 1
        self._pyramid.truncate(length)

    def _write(self, steps: Integers, times: Floats, values: Floats) -> None:
        end = self._length + len(steps)
        if end > len(self._steps):
            capacity = max(end, self._length * 3 // 2, 64)
            self._steps = _resized(self._steps, self._length, capacity)
            self._wall_times = _resized(self._wall_times, self._length, capacity)
            self._values = _resized(self._values, self._length, capacity)
        if self._values.dtype == np.float32 and not _fits_float32(values):
            self._values = self._values.astype(np.float64)
        self._steps[self._length : end] = steps
        self._wall_times[self._length : end] = times
        self._values[self._length : end] = values
        self._length = end


def _cuts(steps: Integers, edges: Floats) -> Integers:
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
