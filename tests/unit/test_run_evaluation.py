"""What the Evaluation view says of a run: what explains its figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from screens.run_evaluation import evaluation_of
from tests.ui.written_runs import INFO, WrittenRun
from tui.protocol.run import RunStatus
from tui.protocol.views import Confusion
from tui.runs.reader import RunReader


def reader_of(root: Path, status: RunStatus, *tags: str) -> RunReader:
    run = WrittenRun(root, replace(INFO, status=status))
    for tag in tags:
        run.add(tag, [(10, 0.5)])
    reader = RunReader(run.folder)
    while reader.poll().more:
        pass
    return reader


@pytest.mark.parametrize(
    ("status", "note"),
    [
        ("running", "is looked at once: when the run has finished"),
        ("stopped", "it was stopped before the test set was looked at; r goes on"),
        ("failed", "it failed before the test set was looked at"),
    ],
)
def test_why_there_is_no_figure_of_the_test_set_yet(tmp_path: Path, status: RunStatus, note: str) -> None:
    (said,) = evaluation_of(reader_of(tmp_path, status, "val/loss"), {}, steered=False).notes
    assert note in said


@pytest.mark.parametrize("tags", [("val/loss",), ("val/loss", "test/loss")])
def test_a_finished_run_has_nothing_to_explain(tmp_path: Path, tags: tuple[str, ...]) -> None:
    assert evaluation_of(reader_of(tmp_path, "finished", *tags), {}, steered=False).notes == ()


def test_views_that_were_made_for_a_pause_say_that_they_are_newer_than_the_figures(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, "finished", "val/loss")
    for step, notes in ((10, ()), (14, ("below: the model of step 14, looked at anew for the pause",))):
        view = Confusion("val", step, ("a", "b"), ((1, 0), (0, 1)), 2)
        assert evaluation_of(reader, {"confusion": view}, steered=False).notes == notes
