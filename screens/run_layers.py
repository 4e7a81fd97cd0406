"""From a run's series to what the panel of layers shows. Imports numpy, so it is loaded late."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from screens.run_view import how_it_ended
from tui.runs.reader import RunReader
from tui.runs.series import Series
from tui.widgets.panels.layers import MEASURES, LayerRow, LayersData, Measure, columns_for


def layers_of(reader: RunReader, wanted: Measure, width: int) -> LayersData:
    """Return a measure of every layer over the whole run, for a panel so many cells wide."""
    series = reader.series
    offered = tuple(each for each in MEASURES if any(tag.startswith(each.prefix) for tag in series))
    measure = wanted if wanted in offered or not offered else offered[0]
    found = {
        tag.removeprefix(measure.prefix): each
        for tag, each in series.items()
        if tag.startswith(measure.prefix)
    }
    found = {name: each for name, each in found.items() if len(each)}
    if not found:
        return LayersData(measure, offered, empty=_why_none(reader))
    ranges = [each.x_range() or (0.0, 0.0) for each in found.values()]
    first, last = min(low for low, _ in ranges), max(high for _, high in ranges)
    points = max(len(each) for each in found.values())
    columns = max(1, min(columns_for(width, list(found)), points))
    edges = np.linspace(first, last + 1, columns + 1)
    rows = tuple(LayerRow(name, _columns(each, edges).tolist(), _last(each)) for name, each in found.items())
    return LayersData(measure, offered, rows, int(first), int(last), points)


def _why_none(reader: RunReader) -> str:
    """Return why no layer has been sampled, and what would bring samples."""
    record = reader.record
    if record.info is None:
        return "this log tells nothing of single layers: no tag begins with grad_norm/ or update_ratio/"
    if record.live:
        return "nothing sampled yet: each layer's gradient, update and activations are, every few seconds of training"
    return f"{how_it_ended(record.status)} before its layers were sampled"


def _columns(series: Series, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each column; one with no sample shows the one before it, one with a NaN is NaN, with
    an Inf alone is Inf.
    """
    found = series.envelope(edges)
    values = np.asarray(found.mean, dtype=np.float64).copy()
    odd = np.asarray(found.nan) + np.asarray(found.pos_inf) + np.asarray(found.neg_inf) > 0
    empty = ~odd & np.isnan(values)
    last_seen = np.maximum.accumulate(np.where(empty, -1, np.arange(len(values))))
    filled = np.where(last_seen >= 0, values[np.maximum(last_seen, 0)], np.nan)
    filled[odd] = np.nan
    filled[odd & (np.asarray(found.nan) + np.asarray(found.neg_inf) == 0)] = np.inf
    seen = np.flatnonzero(~empty)
    return filled[seen[0] :] if len(seen) else filled[:0]


def _last(series: Series) -> float:
    point = series.last
    return point.value if point is not None else float("nan")
