"""What each column of a chart needs to know of the points in it, and how it is kept from one picture to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

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
    Values,
    nothing,
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


def summarized(values: Values, pyramid: Pyramid, cut: Integers) -> Envelope:
    """Summarize ``values[cut[c]:cut[c+1]]`` for each column c.

    Shape:
        cut: (C+1,), ascending. Every field of the result: (C,).
    """
    first, last = cut[:-1], cut[1:]
    some = last > first
    measures, counts = nothing(len(first))
    measures[:, some], counts[:, some] = pyramid.query(values, first[some], last[some])
    ends = np.full((2, len(first)), np.nan)
    if len(values):
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


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which points an envelope was made of."""

    version: int
    cuts: int
    """How often points had been cut off or merged in."""
    last_x: float | None
    """Where the newest lay; None: there was none."""


class EnvelopeMemory:
    """The last envelope, to go on from while the same columns are asked for and points only come at the end."""

    def __init__(self) -> None:
        self._bounds: Floats | None = None
        self._stamp: Stamp | None = None
        self._envelope: Envelope | None = None

    def get(self, bounds: Floats, stamp: Stamp, make: Callable[[Floats], Envelope]) -> Envelope:
        """Return the envelope between ``bounds``, shape (C+1,), with ``make`` called for the columns that are new."""
        before, kept, start = self._stamp, self._envelope, 0
        if before is not None and kept is not None and np.array_equal(self._bounds, bounds):  # type: ignore[arg-type]
            if before == stamp:
                return kept
            if before.cuts == stamp.cuts and before.last_x is not None:
                # columns before the one that held the end are as they were
                start = max(0, int(np.searchsorted(bounds, before.last_x, side="right")) - 1)
                start = min(start, len(bounds) - 2)
        envelope = make(bounds[start:])
        if kept is not None and start:
            envelope = kept.followed_by(envelope, start)
        self._bounds, self._stamp, self._envelope = bounds.copy(), stamp, envelope
        return envelope
