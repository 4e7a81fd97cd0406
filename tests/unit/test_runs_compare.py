"""Runs compared, filtered, labelled; sweeps planned from what is typed."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from tui.protocol.preset import Knob, PresetError, PresetInfo
from tui.protocol.run import RunInfo, RunLabels, RunSettings
from tui.runs.compare import ComparedRun, RunTable, differences, metrics_of, scatter, usual_metrics
from tui.runs.filtering import FilterError, matching, parse_filter
from tui.runs.labels import parse_tags, read_labels, write_labels
from tui.runs.metric_cache import Metric
from tui.runs.record import RunRecord
from tui.runs.series import Series
from tui.runs.sweep_plan import SweepError, plan_sweep

INFO = RunInfo("", "run", "finished", "digits", {}, "cpu", 0, "2026-11-23T10:00:00+00:00", 1, "here")


def made(
    name: str, knobs: dict[str, object] | None = None, tags: tuple[str, ...] = (), **fields: object
) -> ComparedRun:
    metrics = {tag: Metric(value, value) for tag, value in fields.pop("metrics", {}).items()}  # type: ignore[attr-defined]
    info = replace(INFO, id=name, name=name, knobs=knobs or {}, **fields)  # type: ignore[arg-type]
    return ComparedRun(RunRecord(Path(name), info.status, info), RunLabels(tags), metrics)


RUNS = (
    made("a", {"lr": 1e-3, "act": "relu"}, ("good",), metrics={"val/accuracy": 0.9, "val/loss": 0.3}),
    made(
        "b",
        {"lr": 1e-2, "act": "tanh"},
        metrics={"val/accuracy": 0.97, "test/accuracy": 0.5},
        device="cuda:0",
    ),
    made("c", {"lr": 1e-1, "act": "relu", "wide": True}, status="failed", experiment="moons"),
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "abc"), ("lr>=1e-2", "bc"), ("lr=0.01", "b"), ("lr!=0.01", "ac"), ("act=relu lr<0.05", "a"),
        ("status=failed", "c"), ("device=cuda:0", "b"), ("tag=good", "a"), ("good", "a"), ("moons", "c"),
        ("accuracy>0.95", "b"), ("val/loss<1", "a"), ("act~anh", "b"), ("wide=true", "c"), ("accuracy!=0.9", "bc"),
        ("name=a", "a"), ("nothing", ""),
        ("lr >= 1e-2 and act = relu", "c"), ("lr >1e-3 & lr< 0.1", "b"), ('name="a"', "a"), ("note=", "abc"),
        ("accuracy>=0.97", "b"), ("accuracy>0.97", ""), ("accuracy=0.9", "a"), ("duration<5m", ""),
    ],
)  # fmt: skip
def test_a_filter_keeps_the_runs_for_which_all_of_it_holds(text: str, names: str) -> None:
    assert "".join(run.record.name for run in matching(RUNS, parse_filter(text, RUNS))) == names


def test_a_filter_that_cannot_be_meant_is_said_with_the_nearest() -> None:
    with pytest.raises(FilterError, match="no run has a knob or metric 'lrr'; did you mean 'lr'"):
        parse_filter("lrr>1", RUNS)
    with pytest.raises(FilterError, match="lr> wants a number after it, not 'big'"):
        parse_filter("lr>big", RUNS)


def test_differences_are_the_knobs_that_are_not_equal_everywhere() -> None:
    settings = RunSettings(clip_norm=1.0)
    runs = (*RUNS[:2], made("d", {"lr": 1e-3, "act": "relu"}, settings=settings))
    found = {each.name: each.values for each in differences(runs)}
    assert found == {
        "lr": (1e-3, 1e-2, 1e-3),
        "act": ("relu", "tanh", "relu"),
        "clip_norm": (None, None, 1.0),
    }
    assert differences(RUNS[:1]) == ()


def test_a_scatter_takes_the_runs_that_have_both_numbers() -> None:
    points, no_names = scatter(RUNS, "lr", "val/accuracy")
    assert [(p.x, p.y, p.folder.name) for p in points] == [(1e-3, 0.9, "a"), (1e-2, 0.97, "b")]
    assert no_names == ()
    points, act_names = scatter(RUNS, "act", "val/accuracy")
    assert [(p.x, p.y) for p in points] == [(0, 0.9), (1, 0.97)]
    assert act_names == ("relu", "tanh")
    assert scatter((made("x", {"lr": 1.0}, metrics={"val/loss": math.nan}),), "lr", "val/loss") == ((), ())


def test_labels_are_kept_beside_the_record_and_a_broken_file_is_none(tmp_path: Path) -> None:
    assert read_labels(tmp_path) == RunLabels()
    labels = RunLabels(parse_tags("good, lr-test good"), "a note\nof two lines")
    write_labels(tmp_path, labels)
    assert read_labels(tmp_path) == labels
    assert labels.tags == ("good", "lr-test")
    assert [path.name for path in tmp_path.iterdir()] == ["labels.json"]
    (tmp_path / "labels.json").write_text("{")
    assert read_labels(tmp_path) == RunLabels()


def log(folder: Path, tag: str, values: list[float]) -> None:
    """Write a log with TensorBoard's own record writer."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.out.tfevents.1.here").open("ab") as file:
        writer = RecordWriter(file)
        for step, value in enumerate(values):
            event = Event(
                step=step, wall_time=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            )
            writer.write(event.SerializeToString())
        writer.flush()


def test_a_table_loads_what_changed_again_and_nothing_else(tmp_path: Path) -> None:
    for name in ("one", "two"):
        log(tmp_path / name, "val/accuracy", [0.5, 0.75, 0.25])
    table = RunTable(tmp_path)
    first = {run.record.id: run for run in table.load()}
    assert first["one"].metrics["val/accuracy"] == Metric(0.25, 0.75, 1)
    assert first["one"].main_metric == "val/accuracy"
    log(tmp_path / "one", "val/loss", [1.0])
    write_labels(tmp_path / "two", RunLabels(("new",)))
    second = {run.record.id: run for run in table.load()}
    assert set(second["one"].metrics) == {"val/accuracy", "val/loss"}
    assert second["two"].labels.tags == ("new",)
    third = {run.record.id: run for run in table.load()}
    assert third["one"] is second["one"]
    shutil.rmtree(tmp_path / "two")
    assert [run.record.id for run in table.load()] == ["one"]


KNOBS = (Knob("lr", "float", 1e-3, "", 1), Knob("width", "int", 8, "", 2), Knob("act", "str", "relu", "", 3))
PRESET = PresetInfo("digits", "digits.py", "", "", KNOBS, {})


def test_a_grid_is_every_combination_in_order() -> None:
    assert plan_sweep("lr=1e-3,1e-2 width=8,16", PRESET) == (
        {"lr": 1e-3, "width": 8}, {"lr": 1e-3, "width": 16}, {"lr": 1e-2, "width": 8}, {"lr": 1e-2, "width": 16},
    )  # fmt: skip
    assert plan_sweep("act=relu,tanh", PRESET) == ({"act": "relu"}, {"act": "tanh"})


def test_a_random_sweep_draws_within_its_ranges_and_the_same_again() -> None:
    text = "random=100 lr=1e-5..1e-1 width=8..12 act=relu,tanh"
    runs = plan_sweep(text, PRESET)
    assert len(runs) == 100
    lrs, widths = [float(run["lr"]) for run in runs], {run["width"] for run in runs}
    assert all(1e-5 <= lr <= 1e-1 for lr in lrs)
    assert sum(lr < 1e-3 for lr in lrs) > 30  # evenly on a log scale: half of them
    assert widths == {8, 9, 10, 11, 12}
    assert {run["act"] for run in runs} == {"relu", "tanh"}
    assert plan_sweep(text, PRESET) == runs
    assert plan_sweep(text, PRESET, seed=1) != runs
    assert len(plan_sweep("lr=1e-5..1e-1", PRESET)) == 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs a knob with several values"), ("lr", "'lr' is not"), ("random=0 lr=1,2", "from 1 to 200"),
        ("lr=3..1", "the smaller one"), ("act=a..b", "list its values"),
        ("lr=" + ",".join(map(str, range(300))), "300 runs"),
    ],
)  # fmt: skip
def test_a_sweep_that_cannot_be_made_is_said(text: str, words: str) -> None:
    with pytest.raises(SweepError, match=words):
        plan_sweep(text, PRESET)
    with pytest.raises(PresetError, match="did you mean 'width'"):
        plan_sweep("widht=1,2", PRESET)
    with pytest.raises(PresetError, match="lr takes float"):
        plan_sweep("lr=fast,slow", PRESET)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lr=>1", "did you mean lr>=1"), ("lr =< 1", "did you mean lr<=1"), ("lr=~x", "did you mean lr~x"),
        (">=1", "missing before '>=1'"), ("lr>1 or lr<2", "no 'or'"), ("lr>", "wants a number after it, not ''"),
        ("duration>5x", "wants a number"),
    ],
)  # fmt: skip
def test_a_filter_with_wrong_syntax_is_told_what_would_be_right(text: str, words: str) -> None:
    with pytest.raises(FilterError, match=words):
        parse_filter(text, RUNS)


def test_a_metric_is_compared_as_float32_was_logged_and_as_it_is_shown() -> None:
    run = made("x", metrics={"val/accuracy": float(np.float32(0.9)), "val/loss": 0.123456})
    for text in ("accuracy=0.9", "accuracy>=0.9", "accuracy<=0.9", "loss=0.1235"):
        assert matching((run,), parse_filter(text, (run,))), text
    for text in ("accuracy>0.9", "accuracy<0.9", "accuracy!=0.9", "loss=0.1234"):
        assert not matching((run,), parse_filter(text, (run,))), text


def test_a_duration_is_asked_for_with_its_unit() -> None:
    run = made("x", train_s=300.0)
    for text, holds in (
        ("duration>=5m", True),
        ("duration<5m", False),
        ("duration=300", True),
        ("duration<1h", True),
    ):
        assert bool(matching((run,), parse_filter(text, (run,)))) == holds, text


def test_metrics_that_most_runs_have_come_first() -> None:
    assert usual_metrics(RUNS) == ["val/accuracy", "test/accuracy", "val/loss"]


def test_spaces_around_commas_and_signs_of_a_sweep_are_no_mistake() -> None:
    assert plan_sweep("lr = 1e-3, 1e-2  width=8 ,16", PRESET) == plan_sweep("lr=1e-3,1e-2 width=8,16", PRESET)
    assert plan_sweep("random=3 lr=1e-5 .. 1e-1", PRESET)[0].keys() == {"lr"}


def test_what_no_run_could_begin_with_is_said_before_any_does() -> None:
    preset = replace(PRESET, knobs=(*KNOBS, Knob("epochs", "int", 3, "", 4)))
    assert len(plan_sweep("epochs=1,2", preset)) == 2
    for text, words in (("epochs=0,2", "epochs must be 1"), ("lr=,", "lr= wants values")):
        with pytest.raises(SweepError, match=words):
            plan_sweep(text, preset)


@pytest.mark.parametrize(
    ("tags", "main"),
    [
        (("Loss/train", "Loss/val", "lr"), "Loss/val"),
        (("train_f1", "eval_f1", "eval_Loss"), "eval_Loss"),
        (("speed", "loss_train"), "loss_train"),
        (("Loss/val", "val/accuracy"), "val/accuracy"),
        (("a", "b"), "a"),
        ((), ""),
    ],
)
def test_a_foreign_log_is_told_by_its_loss_on_unseen_data(tags: tuple[str, ...], main: str) -> None:
    series = {tag: Series.of([1], [0.5]) for tag in tags}
    log = RunRecord(Path("log"), "unknown", None)
    assert ComparedRun(log, RunLabels(), metrics_of(series)).main_metric == main
