"""What a y axis leaves out so that the rest can be read: values absurdly far from all others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tui.widgets.chart.model import Columns, Curve

FAR: Final = 100.0
"""So many times what the other curves reach to is absurd; and so many times the span that nearly all of a curve has."""
FAR_LOG: Final = 1e6
"""The same on a logarithmic axis, where powers of ten take little room."""
FAR_SET: Final = 1e4
"""The same for what is set by hand, as a learning rate: its values are meant, however far apart."""
FEW: Final = 0.05
"""The part of a curve's columns, at either end, that may be outliers."""

BESIDE: Final = 2.0
"""How far beyond the rest values are in sight: so many times what other curves reach to, or the span of a curve."""

Range = tuple[float, float]
Floats = NDArray[np.float64]


def without_outliers(curves: Sequence[Columns], *, log: bool, far: float = FAR) -> Range | None:
    """Return the range of the values that are no outliers; None where there are none.

    An outlier lies `FAR` times beyond what the middle one of the curves reaches to; or its curve has no more than `FEW`
    such columns, and all together they would leave less than a hundredth of the axis to the others.
    """
    ends = [
        (low, high) for each in curves if len(low := _usable(each.low_positive if log else each.low))
        and len(high := _usable(each.high)[-len(low) :])
    ]  # fmt: skip
    if not ends:
        return None
    peaks_of = [max(abs(float(low[0])), abs(float(high[-1]))) for low, high in ends]
    limit = sorted(peaks_of)[(len(ends) - 1) // 2] * (max(FAR_LOG, far) if log else far)
    if limit <= 0 or not math.isfinite(limit):
        return None
    others = [(low, high) for (low, high), peak in zip(ends, peaks_of, strict=True) if peak <= limit]
    reach = BESIDE * max(max(abs(float(low[0])), abs(float(high[-1]))) for low, high in others)
    far_ones = [
        (low[abs(low) <= reach], high[abs(high) <= reach])
        for (low, high), peak in zip(ends, peaks_of, strict=True) if peak > limit
    ]  # fmt: skip
    near = others + [(low, high) for low, high in far_ones if len(low) and len(high)]
    whole = _union([(float(low[0]), float(high[-1])) for low, high in near])
    total = _union([(float(low[0]), float(high[-1])) for low, high in ends])
    if not log:
        most = _union([_middle(low, high) for low, high in near])
        span = most[1] - most[0] or max(map(abs, most))
        if 0 < span * far < whole[1] - whole[0]:
            least, greatest = most[0] - BESIDE * span, most[1] + BESIDE * span
            ranges = [(low[low >= least], high[high <= greatest]) for low, high in near]
            whole = _union(
                [(float(low[0]), float(high[-1])) for low, high in ranges if len(low) and len(high)]
            )
    return whole if whole != total else None


def far_of(curves: Sequence[Curve]) -> float:
    """Return what is absurdly far for such curves."""
    return FAR_SET if any(curve.held for curve in curves) else FAR


def _usable(values: Floats) -> Floats:
    return np.sort(values[np.isfinite(values)])


def _middle(low: Floats, high: Floats) -> Range:
    """Return the range of a curve without its few lowest and highest columns; both are sorted."""
    few = math.floor(FEW * len(low)), math.ceil((1 - FEW) * len(high)) - 1
    return float(low[few[0]]), float(high[max(0, few[1])])


def _union(ranges: Sequence[Range]) -> Range:
    return min(low for low, _ in ranges), max(high for _, high in ranges)
