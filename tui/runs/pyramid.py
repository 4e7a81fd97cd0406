"""Block summaries of a growing array, so that a question about any range touches few numbers.

Level 0 is the array itself; an entry of level k+1 summarizes ``FAN`` whole entries of level k. Only whole
blocks are summarized, so an entry, once written, never changes while the array grows: growing is appending on
every level. A range is answered from the coarsest blocks that lie inside it and at most ``2 * FAN`` entries
of each finer level. The levels are as long as they must be: what is not in memory of them lies in pages.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tui.runs.paged import PagedArray

FAN = 32
BLOCKS_IN_MEMORY = 1 << 11
"""Entries of each level that are kept in memory at most."""

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


Values = NDArray[np.floating] | PagedArray[np.floating]


class _Level(PagedArray[np.float64]):
    """The blocks of one level: an entry is the four measures of a block and its five counts, which float64 holds."""

    def __init__(self) -> None:
        super().__init__(np.float64, (9,), in_memory=BLOCKS_IN_MEMORY)

    def add(self, measures: Measures, counts: Counts) -> None:
        """Add blocks, (4, n) and (5, n)."""
        self.append(np.concatenate((measures, counts.astype(np.float64))).T)

    def read(self, places: NDArray[np.int64] | slice) -> tuple[Measures, Counts]:
        """Return the blocks at indices of any shape."""
        blocks = self[places]
        rows = blocks.transpose(blocks.ndim - 1, *range(blocks.ndim - 1))
        return rows[:4].copy(), rows[4:].astype(np.int64)


class Pyramid:
    """Summaries of an array that its owner keeps and passes to every call.

    Memory: 72 bytes per block, at most `BLOCKS_IN_MEMORY` of each level.
    """

    def __init__(self) -> None:
        self._levels: list[_Level] = []

    def extend(self, values: Values) -> None:
        """Summarize the whole blocks of ``values`` (all of the array) that are not summarized yet."""
        have = len(self._levels[0]) if self._levels else 0
        whole = len(values) // FAN
        chunk = 1 << 15
        for first in range(have, whole, chunk):
            last = min(first + chunk, whole)
            self._append(0, *combine(*measure(values[first * FAN : last * FAN].reshape(-1, FAN))))

    def _append(self, index: int, measures: Measures, counts: Counts) -> None:
        if index == len(self._levels):
            self._levels.append(_Level())
        level = self._levels[index]
        level.add(measures, counts)
        have = len(self._levels[index + 1]) if index + 1 < len(self._levels) else 0
        whole = len(level) // FAN
        if whole > have:
            more, more_counts = level.read(slice(have * FAN, whole * FAN))
            self._append(index + 1, *combine(more.reshape(4, -1, FAN), more_counts.reshape(5, -1, FAN)))

    def truncate(self, length: int) -> None:
        """Forget what summarizes anything at or after index ``length`` of the array."""
        for level in self._levels:
            length //= FAN
            level.truncate(length)

    def first_with(self, values: Values, measure_index: int, wanted: float) -> int:
        """Return the index of the first value whose `LOW` or `HIGH` is `wanted`: one of them is."""
        first, last = 0, len(self._levels[-1]) if self._levels else len(values)
        for index in range(len(self._levels), -1, -1):
            part = slice(first, last)
            entries = (self._levels[index - 1].read(part) if index else measure(values[part]))[0]
            hits = np.flatnonzero(entries[measure_index] == wanted)
            if index == 0:
                return first + int(hits[0])
            if len(hits):
                first = (first + int(hits[0])) * FAN
                last = first + FAN
            else:  # in none of these blocks: in what comes after the last of them
                first = last * FAN
                last = len(self._levels[index - 2]) if index > 1 else len(values)
        raise AssertionError("the last level is the values")

    def query(
        self, values: Values, first: NDArray[np.int64], last: NDArray[np.int64]
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
            starts, ends = np.concatenate((left, inner_right)), np.concatenate((inner_left, right))
            width = int((ends - starts).max(initial=0))
            if width:
                more, more_counts = self._gather(values, index, starts, ends, width)
                for side in (slice(None, len(first)), slice(len(first), None)):
                    _merge(measures, counts, more[:, side], more_counts[:, side])
            left = np.where(inner_right > inner_left, inner_left // FAN, 0)
            right = np.where(inner_right > inner_left, inner_right // FAN, 0)
            if not right.any():
                break
        return measures, counts

    def _gather(
        self,
        values: Values,
        index: int,
        left: NDArray[np.int64],
        right: NDArray[np.int64],
        width: int,
    ) -> tuple[Measures, Counts]:
        """Summarize entries [left, right) of one level, at most ``width`` of them in each column."""
        place = left[:, None] + np.arange(width)  # (C, width)
        outside = place >= right[:, None]
        place = np.minimum(place, np.maximum(right - 1, 0)[:, None])  # no page is read for nothing
        if index == 0:
            measures, counts = measure(values[place])
        else:
            measures, counts = self._levels[index - 1].read(place)
        measures[LOW][outside] = measures[LOW_POSITIVE][outside] = np.inf
        measures[HIGH][outside] = -np.inf
        measures[SUM][outside] = 0.0
        counts[:, outside] = 0
        return combine(measures, counts)
