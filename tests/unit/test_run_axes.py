"""How long the axis is that the charts of runs share."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from screens.run_view import Axes, ShownRun, axes_of, chart_of, is_held, looks_of_runs
from tests.ui.written_runs import INFO
from tui.protocol.run import RunStatus
from tui.runs.chart_settings import ChartSettings
from tui.runs.curves import RunCurves
from tui.runs.record import RunRecord
from tui.runs.series import Series
from tui.widgets.chart import View, XUnit
from tui.widgets.chart.scale import Axis
from tui.widgets.run.groups import chart_groups


class Run:
    """A run that was read, of 100 epochs of 25 steps."""

    def __init__(self, steps: int, status: RunStatus | None = "finished", *, ended_s: float = 0.0) -> None:
        info = replace(INFO, epochs=100, status=status) if status is not None else None
        self.record = RunRecord(Path("/r/one"), status or "unknown", info)
        at = np.arange(1, steps + 1)
        times = ended_s - steps * 0.1 + at * 0.1
        self.series = {
            "train/loss": Series.of(at, 1 / at, times),
            "lr": Series.of([1, steps // 2], [0.1, 0.05], times[[0, steps // 2 - 1]]),
        }


def shown(*runs: Run) -> list[ShownRun]:
    labels = [f"run{place}" for place in range(len(runs))]
    return [
        ShownRun(label, RunCurves(run), 2500, look)
        for label, run, look in zip(labels, runs, looks_of_runs(labels), strict=True)
    ]


def axis_of(*runs: Run, unit: XUnit = "step", before: Axis | None = None) -> Axes:
    found = axes_of(shown(*runs), chart_groups(runs[0].series), unit, log=False, before=before)
    assert found is not None
    return found


@pytest.mark.parametrize(("unit", "end"), [("step", 1010), ("epoch", 1010 / 25), ("time", 100.9)])
def test_the_axis_of_runs_that_have_ended_ends_with_the_data(unit: XUnit, end: float) -> None:
    axis = axis_of(Run(400), Run(1010), unit=unit).whole
    assert end <= axis.high <= 1.031 * end


@pytest.mark.parametrize("status", ["running", "paused", None])
def test_while_a_run_goes_on_the_axis_has_some_seconds_to_spare(status: RunStatus | None) -> None:
    now = time.time()
    moved = set()
    before: Axis | None = None
    for steps in range(300, 1500, 10):  # ten steps a second, from the 30th second on
        before = axis_of(Run(steps, status, ended_s=now), before=before).whole
        assert steps <= before.high <= 1.45 * steps
        moved.add(before.high)
    assert len(moved) <= 14
    after = axis_of(Run(1490), before=before).whole
    assert after.high <= 1.031 * 1490


def test_a_log_that_nothing_comes_to_has_no_room_to_spare() -> None:
    first = axis_of(Run(1000, None, ended_s=time.time() - 3600)).whole
    second = axis_of(Run(1100, None, ended_s=time.time() - 3600), before=first).whole
    assert second.high <= 1.031 * 1100


def test_the_axis_goes_no_further_than_the_plan() -> None:
    before = axis_of(Run(2300, "running")).whole
    assert axis_of(Run(2450, "running"), before=before).whole.high == 2500


def test_what_is_set_is_held_up_to_the_step_of_the_run() -> None:
    run = Run(400)
    group = next(group for group in chart_groups(run.series) if group.title == "lr")
    [curve] = chart_of(shown(run), group, ChartSettings(), View()).curves
    assert curve.held
    assert curve.until == 400
    loss = chart_groups(run.series)[0]
    assert not any(curve.held for curve in chart_of(shown(run), loss, ChartSettings(), View()).curves)
    assert [tag for tag in ("lr", "lr-Adam", "opt/learning_rate", "lrs", "train/lr_loss") if is_held(tag)] == [
        "lr", "lr-Adam", "opt/learning_rate",
    ]  # fmt: skip


def test_one_run_or_one_split_is_in_front() -> None:
    two = shown(Run(40), Run(50))
    group = chart_groups(["train/loss"])[0]
    fronts = [curve.front for curve in chart_of(two, group, ChartSettings(), View(), "run1").curves]
    assert fronts == [False, True]
    fronts = [curve.front for curve in chart_of(two[:1], group, ChartSettings(), View(), "train").curves]
    assert fronts == [False]  # run0 has a look of its own: it is told by its name
    alone = shown(Run(40))
    assert [curve.front for curve in chart_of(alone, group, ChartSettings(), View(), "train").curves] == [
        True
    ]
