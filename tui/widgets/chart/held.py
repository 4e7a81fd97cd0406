"""Curves of what is recorded only when it changes: between two points the value holds, and after the last one too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tui.widgets.chart.model import Columns, Points
    from tui.widgets.chart.scale import Axis


@dataclass(frozen=True, slots=True, eq=False)
class HeldColumns:
    """Points by column, as ``Columns``: columns without a point of their own have the value that holds there."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    low_positive: NDArray[np.float64]
    mean: NDArray[np.float64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]
    finite: NDArray[np.int64]
    nan: NDArray[np.int64]
    pos_inf: NDArray[np.int64]
    neg_inf: NDArray[np.int64]
    non_positive: NDArray[np.int64]


def held(columns: Columns, points: Points, axis: Axis, until: float | None) -> HeldColumns:
    """Return the columns with each value held up to the next point, and the last one up to ``until``.

    Args:
        until: where on the x axis the last value ends; None: at the last point.
    """
    count = len(columns.low)
    places = np.arange(count)
    has = columns.finite + columns.nan + columns.pos_inf + columns.neg_inf > 0
    source = np.maximum.accumulate(np.where(has, places, -1))
    before, after = points.beside(axis.low, axis.high)
    value = np.where(source >= 0, columns.last[np.maximum(source, 0)], before[1] if before else math.nan)
    end = count if after is not None else int(np.max(places[has], initial=-1)) + 1
    if until is not None and after is None:
        fraction = axis.fraction(until)
        end = max(end, min(count, math.ceil(fraction * count)) if math.isfinite(fraction) else 0)
    fill = ~has & np.isfinite(value) & (places < end)
    positive = np.where(value > 0, value, math.nan)
    return HeldColumns(
        low=np.where(fill, value, columns.low),
        high=np.where(fill, value, columns.high),
        low_positive=np.where(fill, positive, columns.low_positive),
        mean=np.where(fill, value, columns.mean),
        first=np.where(fill, value, columns.first),
        last=np.where(fill, value, columns.last),
        finite=np.where(fill, 1, columns.finite),
        nan=columns.nan, pos_inf=columns.pos_inf, neg_inf=columns.neg_inf, non_positive=columns.non_positive,
    )  # fmt: skip
