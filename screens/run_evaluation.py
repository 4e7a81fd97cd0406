"""From what is read of a run to what the panel of its evaluation shows. Imports numpy, so it is loaded late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from screens.run_view import how_it_ended
from tui.protocol.metrics import has_a_better
from tui.protocol.views import Confusion, WorstSamples
from tui.runs.reader import RunReader
from tui.runs.summary import best
from tui.runs.views import View
from tui.widgets.panels.evaluation import EvaluationData, Figure


def evaluation_of(reader: RunReader, views: Mapping[str, View], *, steered: bool) -> EvaluationData:
    """Return the newest figures of test and validation set, test first, and the views there are.

    `steered`: whether the keys that steer the run work here.
    """
    figures = []
    for split in ("test/", "val/"):
        for tag, series in reader.series.items():
            point = series.last if tag.startswith(split) else None
            if point is None:
                continue
            top = best(tag, reader.series) if len(series) > 1 and has_a_better(tag) else None
            figures.append(
                Figure(tag, point.value, point.step, top.value if top else None, top.step if top else 0)
            )
    if not figures:
        return EvaluationData((), views, empty=_why_none(reader, steered=steered))
    return EvaluationData(tuple(figures), views, notes=_notes(reader, figures, views))


def _notes(reader: RunReader, figures: Sequence[Figure], views: Mapping[str, View]) -> tuple[str, ...]:
    """Return what explains the figures: why there is none of the test set, and why views are newer than they are."""
    notes = []
    record = reader.record
    is_training = record.info is not None and record.info.settings.kind == "train"
    if is_training and not any(figure.tag.startswith("test/") for figure in figures):
        if record.live:
            notes.append(
                "data()'s test set, where it gives one, is looked at once: when the run has finished"
            )
        elif record.status != "finished":
            notes.append(
                f"{how_it_ended(record.status)} before the test set was looked at; r goes on to the end"
            )
    newest = max(figure.step for figure in figures)
    later = [view.step for view in views.values() if isinstance(view, Confusion | WorstSamples)]
    if later and max(later) > newest:
        notes.append(f"below: the model of step {max(later):,}, looked at anew for the pause")
    return tuple(notes)


def _why_none(reader: RunReader, *, steered: bool) -> str:
    """Return why there is no figure of an evaluation, and what would bring one."""
    record = reader.record
    if record.info is None:
        return "this log has no figures of an evaluation: no tag begins with val/ or test/"
    if not record.live:
        ended = how_it_ended(record.status)
        return f"{ended} before it was evaluated once" if record.status != "finished" else NONE_GIVEN
    if record.info.settings.kind != "train":
        return "nothing is evaluated: this run is to find something out about the training alone"
    if record.info.epoch:
        return (
            "no evaluation yet: data() gives no 'val'; what it gives for 'test' is looked at once, at the end"
        )
    now = "; E evaluates now" if steered else ""
    first = (
        f"no evaluation yet: it comes after each epoch, if data() gives 'val', and at the end for 'test'{now}"
    )
    return f"{first}\n{PICTURES}"


PICTURES: Final = (
    "Then classifiers have their confusion matrix and their worst examples here, regressions their worst examples, "
    "models of two inputs the plane, and every preset what its preview(model) returns."
)
NONE_GIVEN: Final = "nothing is evaluated: data() gives neither 'val' nor 'test'"
