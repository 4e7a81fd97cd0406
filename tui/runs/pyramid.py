"""Block summaries of a growing array, so that a question about any range touches few numbers.

Level 0 is the array itself; an entry of level k+1 summarizes ``FAN`` whole entries of level k. Only whole
blocks are summarized, so an entry, once written, never changes while the array grows: growing is appending on
every level. A range is answered from the coarsest blocks that lie inside it and at most ``2 * FAN`` entries
of each finer level.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

FAN = 32

Scalar = TypeVar("Scalar", bound=np.generic)

LOW, HIGH, LOW_POSITIVE, SUM = range(4)
NAN, POS_INF, NEG_INF, NON_POSITIVE, FINITE = range(5)

Measures = NDArray[np.float64]
"""(4, n): smallest, largest, smallest positive finite value (+inf, -inf, +inf where there is none); sum."""
Counts = NDArray[np.int64]
"""(5, n): how many are NaN, +Inf, -Inf, finite and not positive, finite."""


def measure(values: NDArray[np.floating]) -> tuple[Measures, Counts]:
    """Return what the pyramid keeps of each single value."""
    exact = values.astype(np.float64)
    finite = np.isfinite(exact)
    measures = np.empty((4, *values.shape))
    measures[LOW] = np.where(finite, exact, np.inf)
    measures[HIGH] = np.where(finite, exact, -np.inf)
    measures[LOW_POSITIVE] = np.where(finite & (exact > 0), exact, np.inf)
    measures[SUM] = np.where(finite, exact, 0.0)
    counts = np.empty((5, *values.shape), dtype=np.int64)
    counts[NAN] = np.isnan(exact)
    counts[POS_INF] = exact == np.inf
    counts[NEG_INF] = exact == -np.inf
    counts[NON_POSITIVE] = finite & (exact <= 0)
    counts[FINITE] = finite
    return measures, counts


def combine(measures: Measures, counts: Counts) -> tuple[Measures, Counts]:
    """Reduce the last axis: (4, …, n) and (5, …, n) to (4, …) and (5, …)."""
    out = np.empty(measures.shape[:-1])
    out[LOW] = measures[LOW].min(axis=-1)
    out[HIGH] = measures[HIGH].max(axis=-1)
    out[LOW_POSITIVE] = measures[LOW_POSITIVE].min(axis=-1)
    out[SUM] = measures[SUM].sum(axis=-1)
    return out, counts.sum(axis=-1)


def nothing(columns: int) -> tuple[Measures, Counts]:
    """Return the summaries of ``columns`` empty ranges."""
    measures = np.zeros((4, columns))
    measures[LOW] = measures[LOW_POSITIVE] = np.inf
    measures[HIGH] = -np.inf
    return measures, np.zeros((5, columns), dtype=np.int64)


def _merge(measures: Measures, counts: Counts, more: Measures, more_counts: Counts) -> None:
    """Fold ``more`` into ``measures`` and ``counts``, in place."""
    np.minimum(measures[LOW], more[LOW], out=measures[LOW])
    np.maximum(measures[HIGH], more[HIGH], out=measures[HIGH])
    np.minimum(measures[LOW_POSITIVE], more[LOW_POSITIVE], out=measures[LOW_POSITIVE])
    measures[SUM] += more[SUM]
    counts += more_counts


class _Level:
    """The blocks of one level, in arrays that grow by half."""

    def __init__(self) -> None:
        self.length = 0
        self.measures: Measures = np.empty((4, 0))
        self.counts: Counts = np.empty((5, 0), dtype=np.int64)

    def append(self, measures: Measures, counts: Counts) -> None:
        end = self.length + measures.shape[1]
        if end > self.measures.shape[1]:
            capacity = max(end, self.length * 3 // 2, FAN)
            self.measures = _grown(self.measures, self.length, capacity)
            self.counts = _grown(self.counts, self.length, capacity)
        self.measures[:, self.length : end] = measures
        self.counts[:, self.length : end] = counts
        self.length = end

    def truncate(self, length: int) -> None:
        self.length = min(self.length, length)


def _grown(rows: NDArray[Scalar], length: int, capacity: int) -> NDArray[Scalar]:
    out = np.empty((rows.shape[0], capacity), dtype=rows.dtype)
    out[:, :length] = rows[:, :length]
    return out


class Pyramid:
    """Summaries of an array that its owner keeps and passes to every call.

    Memory: 72 bytes per block, that is less than 3.5 bytes per value with the slack of growth.
    """

    def __init__(self) -> None:
        self._levels: list[_Level] = []

    def extend(self, values: NDArray[np.floating]) -> None:
        """Summarize the whole blocks of ``values`` (all of the array) that are not summarized yet."""
        have = self._levels[0].length if self._levels else 0
        whole = len(values) // FAN
        chunk = 1 << 15
        for first in range(have, whole, chunk):
            last = min(first + chunk, whole)
            self._append(0, *combine(*measure(values[first * FAN : last * FAN].reshape(-1, FAN))))

    def _append(self, index: int, measures: Measures, counts: Counts) -> None:
        if index == len(self._levels):
            self._levels.append(_Level())
        level = self._levels[index]
        level.append(measures, counts)
        have = self._levels[index + 1].length if index + 1 < len(self._levels) else 0
        whole = level.length // FAN
        if whole > have:
            part = slice(have * FAN, whole * FAN)
            blocks = level.measures[:, part].reshape(4, -1, FAN), level.counts[:, part].reshape(5, -1, FAN)
            self._append(index + 1, *combine(*blocks))

    def truncate(self, length: int) -> None:
        """Forget what summarizes anything at or after index ``length`` of the array."""
        for level in self._levels:
            length //= FAN
            level.truncate(length)

    def query(
        self, values: NDArray[np.floating], first: NDArray[np.int64], last: NDArray[np.int64]
    ) -> tuple[Measures, Counts]:
        """Summarize the ranges ``values[first[c]:last[c]]``.

        Shape: first and last (C,); returns (4, C) and (5, C). Every value of a range counts exactly once.
        """
        measures, counts = nothing(len(first))
        left, right = first, last
        for index in range(len(self._levels) + 1):
            blocks_left = -(-left // FAN)
            inner_left = np.minimum(blocks_left * FAN, right)
            inner_right = np.maximum(right // FAN * FAN, inner_left)
            if index == len(self._levels):
                inner_left = inner_right = right  # no coarser level: all that is left is read here
            width = int(max((inner_left - left).max(initial=0), (right - inner_right).max(initial=0)))
            if width:
                _merge(measures, counts, *self._gather(values, index, left, inner_left, width))
                _merge(measures, counts, *self._gather(values, index, inner_right, right, width))
            left = np.where(inner_right > inner_left, inner_left // FAN, 0)
            right = np.where(inner_right > inner_left, inner_right // FAN, 0)
            if not right.any():
                break
        return measures, counts

    def _gather(
        self,
        values: NDArray[np.floating],
        index: int,
        left: NDArray[np.int64],
        right: NDArray[np.int64],
        width: int,
    ) -> tuple[Measures, Counts]:
        """Summarize entries [left, right) of one level, at most ``width`` of them in each column."""
        place = left[:, None] + np.arange(width)  # (C, width)
        outside = place >= right[:, None]
        place[outside] = 0
        if index == 0:
            measures, counts = measure(values[place])
        else:
            level = self._levels[index - 1]
            measures, counts = level.measures[:, place], level.counts[:, place]
        measures[LOW][outside] = measures[LOW_POSITIVE][outside] = np.inf
        measures[HIGH][outside] = -np.inf
        measures[SUM][outside] = 0.0
        counts[:, outside] = 0
        return combine(measures, counts)
