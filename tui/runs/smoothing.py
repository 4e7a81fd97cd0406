"""A series smoothed by a debiased exponential moving average, over all of its points.

With the strength w in [0, 1) and the finite values x_1 … x_k up to a point, its smoothed value is

    s_k = (w^(k-1) x_1 + … + w x_(k-1) + x_k) / (w^(k-1) + … + w + 1)
        = (1 - w) / (1 - w^k) · Σ_i w^(k-i) x_i

the weighted mean that TensorBoard draws: it begins at x_1, and does not lean to zero where there are few points.
On a logarithmic axis the same mean is taken of the logarithms: a weighted geometric mean. Values that have no place
in it (NaN, Inf; zero and less among logarithms) are passed over: they neither count nor change what comes after, and
the smoothed series has NaN there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from tui.runs.envelope import Floats
from tui.runs.paged import PagedArray
from tui.runs.pyramid import Pyramid
from tui.runs.series import Series

STRENGTHS: Final = (0.0, 0.6, 0.9, 0.97, 0.99, 0.999)
"""What one can choose; 0 is off."""
CHUNK: Final = 1 << 16
"""Points that are smoothed at a time, and between two states that are kept to go on from."""
_BLOCK = 128


@dataclass(frozen=True, slots=True)
class _State:
    """How far the sum had come before a point."""

    sum: float
    """(1 - w) Σ w^(k-i) x_i."""
    count: int
    """k: how many values are in it."""


class Smoothed:
    """A series under a moving average: a value for each of its points, and their pyramid.

    The newest are in memory, as those of the series are: see NOTE [Bounded memory].
    """

    def __init__(self, series: Series, strength: float, *, log: bool = False) -> None:
        """`log`: whether the mean is that of the logarithms."""
        self.series = series
        self.strength = strength
        self.log = log
        self.pyramid = Pyramid()
        self._values: PagedArray[np.floating] = PagedArray(np.float32)
        self._seen_cuts = 0
        self._states: list[_State] = []  # before each chunk
        self._state = _State(0.0, 0)  # after the last point

    @property
    def values(self) -> PagedArray[np.floating]:
        """Length N: of the points that have been smoothed. Read with the lock of the series held."""
        return self._values

    @property
    def behind(self) -> int:
        """How many points of the series are not smoothed yet."""
        with self.series.lock:
            self._follow_cuts()
            return len(self.series) - len(self._values)

    def update(self) -> None:
        """Smooth what is new in the series. A thread may do it: nothing is held for longer than a chunk."""
        while self._next_chunk():
            pass

    def _next_chunk(self) -> bool:
        with self.series.lock:
            self._follow_cuts()
            first, count = len(self._values), len(self.series)
            if first >= count:
                return False
            last = min(count, (first // CHUNK + 1) * CHUNK)
            if first % CHUNK == 0:
                self._states.append(self._state)
            raw = self.series.values
            if self._values.dtype != raw.dtype:
                self._values = self._values.astype(raw.dtype)
            smooth, self._state = _smoothed(
                raw[first:last].astype(np.float64), self.strength, self._state, log=self.log
            )
            self._values.append(smooth)
            self.pyramid.extend(self._values)
            return last < count

    def _follow_cuts(self) -> None:
        """Go back to the last state before the points that the series dropped or moved."""
        cuts = self.series.cuts[self._seen_cuts :]
        if not cuts:
            return
        self._seen_cuts += len(cuts)
        if min(cuts) >= len(self._values):
            return
        chunk = min(min(cuts) // CHUNK, len(self._states) - 1)
        self._state = self._states[chunk]
        del self._states[chunk:]
        self._values.truncate(chunk * CHUNK)
        self.pyramid.truncate(chunk * CHUNK)


def _smoothed(values: Floats, strength: float, before: _State, *, log: bool) -> tuple[Floats, _State]:
    """Return the smoothed values, NaN where one was passed over, and the state after them."""
    used = np.isfinite(values)
    if log:
        used &= values > 0
    numbers = values[used]
    out = np.full(len(values), np.nan)
    if not len(numbers):
        return out, before
    if log:
        numbers = np.log(numbers)
    sums = recurrence(numbers * (1 - strength), strength, before.sum)
    after = _State(float(sums[-1]), before.count + len(numbers))
    with np.errstate(over="ignore"):
        if strength > 0:
            counts = np.arange(before.count + 1, after.count + 1)
            sums = sums / -np.expm1(counts * math.log(strength))
        out[used] = np.exp(sums) if log else sums
    return out, after


def recurrence(added: Floats, factor: float, before: float) -> Floats:
    """Return y with y[j] = factor * y[j-1] + added[j], where y[-1] is ``before``: in numpy, and stable.

    Rows of a block each are summed side by side; what each hands to the next is again such a recurrence, of fewer.
    """
    if len(added) <= _BLOCK:
        out = np.empty(len(added))
        for index, number in enumerate(added.tolist()):
            before = before * factor + number
            out[index] = before
        return out
    rows = -(-len(added) // _BLOCK)
    sums = np.zeros((_BLOCK, rows))  # a column is a block: the loop below runs along memory
    sums.T.flat[: len(added)] = added
    for index in range(1, _BLOCK):
        sums[index] += factor * sums[index - 1]
    ends = recurrence(sums[-1], factor**_BLOCK, before)
    handed = np.concatenate(([before], ends[:-1]))
    sums += factor ** np.arange(1, _BLOCK + 1)[:, None] * handed
    return sums.T.ravel()[: len(added)]
