"""From what is read of a run to what the panel of its evaluation shows. Imports numpy, so it is loaded late."""

from __future__ import annotations

from collections.abc import Mapping

from tui.runs.reader import RunReader
from tui.runs.summary import best
from tui.runs.views import View
from tui.widgets.panels.evaluation import EvaluationData, Figure


def evaluation_of(reader: RunReader, views: Mapping[str, View]) -> EvaluationData:
    """Return the newest figures of test and validation set, test first, and the views there are."""
    figures = []
    for split in ("test/", "val/"):
        for tag, series in reader.series.items():
            point = series.last if tag.startswith(split) else None
            if point is None:
                continue
            top = best(tag, reader.series) if len(series) > 1 else None
            figures.append(
                Figure(tag, point.value, point.step, top.value if top else None, top.step if top else 0)
            )
    return EvaluationData(tuple(figures), views)
