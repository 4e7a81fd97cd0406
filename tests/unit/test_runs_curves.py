"""What charts draw of a run, what is remembered of them, and what other programs get."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from tests.ui.written_runs import INFO, STARTED_S
from tui.protocol.run import RunChange, RunSettings
from tui.runs.chart_settings import MOST_EXPERIMENTS, ChartSettings, load, save
from tui.runs.curves import RunCurves
from tui.runs.export import write_csv, write_json
from tui.runs.record import RunRecord
from tui.runs.series import Series
from tui.runs.summary import progress, steps_per_epoch

INFO_CHANGED = replace(
    INFO,
    changes=(
        RunChange(40, "2026-01-01T00:00:04+00:00", "lr", "0.001", "0.0005"),
        RunChange(500, "2026-01-01T00:00:50+00:00", "lr", "0.0005", "0.1"),
    ),
)


@dataclass
class Run:
    """A run that was read."""

    record: RunRecord
    series: dict[str, Series] = field(default_factory=dict)


@pytest.fixture
def run() -> Run:
    steps = np.arange(1, 101)
    times = STARTED_S + steps * 2.0
    loss = Series.of(steps, 1 / steps, times)
    val = Series.of([25, 50, 75, 100], [0.5, 0.2, 0.3, 0.4], STARTED_S + np.array([25, 50, 75, 100]) * 2.0)
    record = RunRecord(Path("/r/one"), "finished", INFO_CHANGED)
    return Run(record, {"train/loss": loss, "val/loss": val})


def test_a_place_is_told_in_all_units(run: Run) -> None:
    curves = RunCurves(run)
    for unit, x in (("step", 50.0), ("epoch", 2.0), ("time", 98.0)):
        place = curves.place(x, unit)  # type: ignore[arg-type]
        assert place is not None
        assert (place.step, place.epoch, place.elapsed_s) == (50, 2.0, 98.0)
    assert curves.place(0.0, "step") is None


def test_steps_become_epochs_and_times(run: Run) -> None:
    curves = RunCurves(run)
    assert curves.x_of_step(50, "step") == 50
    assert curves.x_of_step(50, "epoch") == 2
    assert curves.x_of_step(50, "time") == 98
    assert curves.x_of_step(101, "time") is None


def test_changes_are_on_the_axis_once_something_was_logged_after_them(run: Run) -> None:
    curves = RunCurves(run)
    assert [(each.x, each.after) for each in curves.happenings("step")] == [(40, "0.0005"), (500, "0.1")]
    assert [(each.x, each.after) for each in curves.happenings("time")] == [(78, "0.0005")]


def test_without_steps_per_epoch_there_is_no_axis_of_epochs(run: Run) -> None:
    run.record = RunRecord(Path("/r/log"), "unknown")
    curves = RunCurves(run)
    assert curves.scale("epoch") is None
    assert curves.along("train/loss", "epoch") is None
    place = curves.place(50.0, "step")
    assert place is not None
    assert place.epoch is None


def test_accumulated_batches_make_fewer_steps(run: Run) -> None:
    info = replace(INFO, settings=RunSettings(accumulate=4, max_steps=10))
    assert steps_per_epoch(info) == 7
    run.record = RunRecord(Path("/r"), "finished", info)
    assert progress(run.record, run.series).total_steps == 10


def test_what_is_derived_is_kept_until_it_is_not_shown(run: Run) -> None:
    curves = RunCurves(run)
    average = curves.smoothed("train/loss", 0.9, log=False)
    assert average is not None
    assert curves.smoothed("train/loss", 0.9, log=False) is average
    assert curves.along("train/loss", "step", average) is curves.along("train/loss", "step", average)
    assert curves.smoothed("train/loss", 0.9, log=True) is not average
    average = curves.smoothed("train/loss", 0.9, log=False)
    curves.keep(("train/loss",), (), "step")
    assert curves.smoothed("train/loss", 0.9, log=False) is not average
    assert curves.smoothed("train/loss", 0.0, log=False) is None
    assert curves.smoothed("nothing", 0.9, log=False) is None


def test_the_best_follows_new_points(run: Run) -> None:
    curves = RunCurves(run)
    best = curves.best("val/loss")
    assert best is not None
    assert best.step == 50
    assert best.value == pytest.approx(0.2)
    run.series["val/loss"].append([125], [STARTED_S + 250], [0.1])
    best = curves.best("val/loss")
    assert best is not None
    assert best.step == 125


def test_settings_are_remembered_for_each_experiment(tmp_path: Path) -> None:
    path = tmp_path / "state" / "charts.json"
    mine = ChartSettings(0.9, "time", log_y=True, order=("lr", "loss"), hidden=("lr",))
    save("mine", mine, path)
    save("other", ChartSettings(log_x=True), path)
    assert load("mine", path) == mine
    assert load("unknown", path) == ChartSettings()
    save("mine", ChartSettings(), path)
    assert "mine" not in path.read_text()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"experiments": 3}', '{"experiments": {"a": {"smoothing": "x"}}}']
)
def test_a_broken_file_of_settings_is_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "charts.json"
    path.write_text(text)
    assert load("a", path) == ChartSettings()
    save("a", ChartSettings(log_x=True), path)
    assert load("a", path).log_x


def test_a_strength_that_there_is_not_is_forgotten_and_the_file_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "charts.json"
    save("a", ChartSettings(smoothing=0.1234), path)
    assert load("a", path) == ChartSettings()
    for number in range(MOST_EXPERIMENTS + 5):
        save(f"e{number}", ChartSettings(log_x=True), path)
    assert not load("e0", path).log_x
    assert load(f"e{MOST_EXPERIMENTS + 4}", path).log_x


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    save("a", ChartSettings(log_x=True), tmp_path / "file" / "charts.json")


def test_the_csv_is_read_back_as_it_was_logged(run: Run, tmp_path: Path) -> None:
    run.series['odd,"tag"\n\x1b'] = Series.of([1, 2, 3], [math.nan, math.inf, 0.1], [1.5, 2.5, 3.5])
    run.series["wide"] = Series.of([1], [1e300])
    path = tmp_path / "curves.csv"
    assert write_csv(run, path) == 108
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 108
    for tag, series in run.series.items():
        mine = [row for row in rows if row["tag"] == tag]
        assert [int(row["step"]) for row in mine] == series.steps.tolist()
        assert [float(row["wall_time_s"]) for row in mine] == series.wall_times.tolist()
        read = np.array([float(row["value"]) for row in mine], dtype=series.values.dtype)
        np.testing.assert_array_equal(read, series.values)
    assert any(row["value"] == "0.1" for row in rows)  # not 0.10000000149
    assert list(tmp_path.iterdir()) == [path]


def test_the_json_is_strict_and_holds_every_point(run: Run, tmp_path: Path) -> None:
    run.series["odd"] = Series.of([1, 2, 3], [math.nan, -math.inf, 0.1], [1.5, 2.5, 3.5])
    path = tmp_path / "curves.json"
    assert write_json(run, path) == 107

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = json.loads(path.read_text(), parse_constant=refuse)
    assert (found["run"], found["status"], found["experiment"]) == ("one", "finished", "digits_cnn")
    assert found["changes"][0] == {"step": 40, "name": "lr", "before": "0.001", "after": "0.0005"}
    assert found["curves"]["odd"]["values"] == ["NaN", "-Infinity", 0.1]
    assert found["curves"]["train/loss"]["steps"] == list(range(1, 101))
    assert [*map(len, found["curves"]["val/loss"].values())] == [4, 4, 4]


def test_an_export_that_fails_leaves_what_was_there(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("before")
    run.series["broken"] = None  # type: ignore[assignment]
    with pytest.raises((TypeError, AttributeError)):
        write_csv(run, path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
