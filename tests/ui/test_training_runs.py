"""The list of runs: ordered, filtered, labelled, deleted, compared; and sweeps asked for."""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from screens.compare_pane import ComparePane, compare_data
from screens.run_shelf import RunShelf, ShelfError
from tests.ui.fake_session import FakeSession, NotedApp, Shelf, make_app, opened, screen_text, until
from tests.ui.written_runs import INFO, WrittenRun
from tui.protocol.training import StartSweep, SweepState
from tui.runs.filtering import FilterError
from tui.runs.labels import read_labels
from tui.widgets.compare.panel import ComparePanel, table_lines
from tui.widgets.compare.scatter import scatter_lines
from tui.widgets.dialogs import Question
from tui.widgets.record_table import RecordTable
from tui.widgets.run.entries import PresetEntry
from tui.widgets.text_prompt import TextPrompt

PRESET = '''"""Learns nothing."""
lr: float = 0.1
def data(): ...
def model(): ...
def loss(): ...
def optimizer(parameters): ...
'''


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three runs that differ in their learning rate and in how well they did."""
    folder = tmp_path / "runs"
    for number, (lr, accuracy) in enumerate(((0.1, 0.5), (0.01, 0.9), (0.001, 0.7)), 1):
        info = replace(
            INFO, id=f"r{number}", name=f"run{number}", knobs={"lr": lr, "epochs": 4}, train_s=10.0 * number
        )
        run = WrittenRun(folder, replace(info, started_at=f"2026-01-0{number}T00:00:00+00:00"))
        run.add("val/accuracy", [(1, accuracy / 2), (2, accuracy)])
        run.add("train/loss", [(1, 2.0), (2, 1.0)])
    return folder


def names(pilot: Pilot[int]) -> list[str]:
    """The runs in the table, in order."""
    table = pilot.app.screen_stack[0].query_one("#runs", RecordTable)
    return [table.get_row_at(row)[1].plain for row in range(table.row_count)]


async def listed(pilot: Pilot[int]) -> None:
    """Wait for the runs, and put the cursor on the first."""
    await until(pilot, lambda: len(names(pilot)) == 3)
    pilot.app.screen.query_one("#runs", RecordTable).focus()
    await pilot.pause()


async def answered(pilot: Pilot[int], text: str) -> None:
    """Type an answer into the prompt."""
    await until(pilot, lambda: isinstance(pilot.app.screen, TextPrompt))
    prompt = pilot.app.screen
    await until(pilot, lambda: prompt.query(Input))
    prompt.query_one(Input).value = text
    await pilot.press("enter")


async def test_runs_are_ordered_and_told_by_what_differs(root: Path) -> None:
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await listed(pilot)
        assert names(pilot) == ["run3", "run2", "run1"]
        text = screen_text(pilot.app)
        for expected in ("lr=0.01", "val/accuracy 0.9", "3 runs · newest first"):
            assert expected in text
        assert "epochs=4" not in text
        await pilot.press("a")
        await until(pilot, lambda: names(pilot) == ["run2", "run3", "run1"])
        assert "best first" in screen_text(pilot.app)


async def test_a_filter_is_typed_corrected_and_taken_away(root: Path) -> None:
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await listed(pilot)
        await pilot.press("/")
        await answered(pilot, "lrr>1")
        await until(pilot, lambda: "did you mean 'lr'" in screen_text(pilot.app))
        await answered(pilot, "lr>=0.01 accuracy>0.6")
        await until(pilot, lambda: names(pilot) == ["run2"])
        assert "1 of 3 runs · lr>=0.01 accuracy>0.6" in screen_text(pilot.app)
        await pilot.press("/")
        await answered(pilot, "")
        await until(pilot, lambda: len(names(pilot)) == 3)


async def test_tags_and_notes_are_kept_with_the_run(root: Path) -> None:
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await listed(pilot)
        await pilot.press("#")
        await answered(pilot, "good, keep")
        await until(pilot, lambda: "good keep" in screen_text(pilot.app))
        await pilot.press("i")
        await answered(pilot, "the one for the paper [/x]")
        await until(pilot, lambda: read_labels(root / "r3").notes == "the one for the paper [/x]")
        assert read_labels(root / "r3").tags == ("good", "keep")


async def test_a_run_is_deleted_only_once_that_is_confirmed(root: Path) -> None:
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await listed(pilot)
        for answer, left in (("keep", 3), ("delete", 2)):
            await pilot.press("delete")
            await until(
                pilot, lambda: isinstance(pilot.app.screen, Question) and pilot.app.screen.query(Button)
            )
            pilot.app.screen.query_one(f"#{answer}", Button).press()
            await until(pilot, lambda: not isinstance(pilot.app.screen, Question))
            await until(pilot, lambda left=left: len(names(pilot)) == left)  # type: ignore[misc]
            assert (root / "r3").exists() == (answer == "keep")


def test_a_run_in_progress_is_not_deleted(root: Path) -> None:
    WrittenRun(root, replace(INFO, id="live", status="running"), name="live")
    shelf = RunShelf(root)
    shelf.load()
    with pytest.raises(ShelfError, match="stop it first"):
        shelf.delete(root / "live")
    assert (root / "live").is_dir()


def test_a_run_that_was_gone_on_with_since_the_list_was_read_is_not_deleted(root: Path) -> None:
    shelf = RunShelf(root)
    shelf.load()
    record = root / "r1" / "run.json"
    record.write_text(record.read_text().replace('"finished"', '"running"'))
    with pytest.raises(ShelfError, match=r"run1 is running \(it runs on elsewhere.*stop it first"):
        shelf.delete(root / "r1")
    assert record.exists()


def test_records_are_there_before_the_logs_are_read_and_newest_runs_are_read_first(root: Path) -> None:
    shelf = RunShelf(root)
    shelf.begin()
    assert [entry.name for entry in shelf.entries()] == ["run3", "run2", "run1"]
    assert {entry.best for entry in shelf.entries()} == {""}
    assert shelf.title == "3 runs · newest first · reading the curves of 3 more"
    with pytest.raises(FilterError, match=r"'accuracy'.*3 runs are still to be read"):
        shelf.set_filter("accuracy>0.6")
    assert shelf.read_more(0.0, lambda: False) == []
    found = shelf.read_more(60.0, lambda: False)
    assert [run.record.name for run in found] == ["run3", "run2", "run1"]
    shelf.take(found)
    assert [entry.best for entry in shelf.entries()] == [f"val/accuracy {best}" for best in (0.7, 0.9, 0.5)]
    assert shelf.title == "3 runs · newest first"
    (root / "r2" / "labels.json").write_text('{"tags": ["new"]}')
    record = root / "r1" / "run.json"
    record.write_text(record.read_text().replace('"name": "run1"', '"name": "again"'))
    log = next((root / "r1").glob("events*"))
    shutil.copy(log, log.with_name("events.out.tfevents.9999999999.again"))
    shelf.begin()  # what was known of it stays until it is read again
    assert [entry.tags for entry in shelf.entries()] == ["", "new", ""]
    assert [entry.best for entry in shelf.entries()] == [f"val/accuracy {best}" for best in (0.7, 0.9, 0.5)]
    assert [run.record.name for run in shelf.read_more(60.0, lambda: False)] == ["again"]
    record.write_text(record.read_text().replace('"name": "again"', '"name": "named"'))
    shelf.begin()  # its curves are as they were
    assert shelf.unread == 0
    assert [entry.name for entry in shelf.entries()] == ["run3", "run2", "named"]
    fresh = RunShelf(root)  # another time the logs need not be read at all
    fresh.begin()
    assert fresh.unread == 0
    assert [entry.best for entry in fresh.entries()] == [f"val/accuracy {best}" for best in (0.7, 0.9, 0.5)]


def test_reading_stops_between_two_pieces_of_a_log_and_begins_anew_later(root: Path) -> None:
    long = WrittenRun(root, replace(INFO, id="long", name="long", started_at="2026-02-01T00:00:00+00:00"))
    long.add("val/loss", ((step, 1.0) for step in range(40_000)))
    shelf = RunShelf(root)
    shelf.begin()
    assert shelf.read_more(60.0, lambda: True) == []
    shelf.load()
    assert shelf.unread == 0
    assert shelf.entries()[0].best == "val/loss 1"


async def test_marked_runs_are_laid_over_each_other(root: Path) -> None:
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await listed(pilot)
        await pilot.press("v")
        app = pilot.app
        assert isinstance(app, NotedApp)
        await until(pilot, lambda: any("mark at least two" in notice.message for notice in app.said))
        await pilot.press("space", "down", "space")
        await until(pilot, lambda: "2 marked" in screen_text(app))
        await pilot.press("v")
        pane = app.screen.query_one(ComparePane)
        await until(
            pilot, lambda: all(word in screen_text(app) for word in ("run2", "run3", "0.01", "0.001"))
        )
        await until(pilot, lambda: any(chart.data.curves for chart in pane.board.charts))
        panel = pane.query_one(ComparePanel)
        await pilot.press("k")
        await until(pilot, lambda: "val/accuracy (best of each run) by lr" in screen_text(app))
        await pilot.press("j")
        await until(pilot, lambda: "train/loss (best of each run) by lr" in screen_text(app))
        await pilot.press("d")
        await until(pilot, lambda: "(best of each run) by" not in screen_text(app))
        stops = sum(bool(chart.display and chart.data.title) for chart in pane.board.charts)
        for _ in range(stops):  # past the last chart lies the table
            await pilot.press("tab")
        assert panel.has_focus
        await pilot.press("tab")
        assert pane.board.charts[0].has_focus
        assert not app.screen.query_one("#runs").is_on_screen
        await until(pilot, lambda: "esc Runs" in screen_text(app))
        await pilot.press("left")  # escape now takes the cursor away
        await until(pilot, lambda: "esc Runs" not in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "esc Runs" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.query_one("#runs", RecordTable).has_focus)
        assert "3 runs" in screen_text(app)


def test_the_table_marks_the_best_and_says_what_does_not_fit(root: Path) -> None:
    shelf = RunShelf(root)
    shelf.load()
    shelf.marked = {root / "r1", root / "r2", root / "r3"}
    data = compare_data(shelf.marked_runs())
    head, lines = table_lines(data, 100)
    assert "".join(text for text, _ in head[0]).split() == ["run", "val/accuracy", "lr", "train/loss"]
    rows = ["".join(text for text, _ in line) for line in lines]
    assert [row.split()[1] for row in rows] == ["run2", "run3", "run1"]  # the best on top
    best = [text.strip() for line in lines for text, style in line if style == "good"]
    assert best == ["0.9", "1", "1", "1"]  # the lowest loss is one of all three
    narrow, _ = table_lines(data, 36)
    assert narrow[0][-1][0].endswith("2 more →")
    right, _ = table_lines(data, 36, first=2)
    assert "".join(text for text, _ in right[0]).split() == ["run", "←", "2", "train/loss"]
    assert data.scatter is not None
    plot = ["".join(text for text, _ in line) for line in scatter_lines(data.scatter, 40, 10)]
    marked = [line.split("│")[-1].split("┤")[-1] for line in plot[:8]]
    assert sorted("".join(marked).split()) == ["1", "2", "3★"] or sorted("".join(marked).split()) == [
        "1",
        "2★",
        "3",
    ]
    assert "lr (log)" in plot[-1]
    assert all(len(line) <= 40 for line in plot)


async def test_a_sweep_is_planned_corrected_and_sent(root: Path, tmp_path: Path) -> None:
    preset = tmp_path / "tiny.py"
    preset.write_text(PRESET)
    session = FakeSession()
    session.answers[StartSweep] = SweepState("tiny")
    shelf = Shelf([PresetEntry(preset, "tiny", "")], root)
    async with opened(make_app(session, first="training", shelf=shelf)) as pilot:
        table = pilot.app.screen.query_one("#presets", RecordTable)
        await until(pilot, lambda: table.row_count == 1)
        table.focus()
        await pilot.press("w")
        await answered(pilot, "rl=1,2")
        await until(pilot, lambda: "did you mean 'lr'" in screen_text(pilot.app))
        await answered(pilot, "lr=0.1,0.01")
        await until(pilot, lambda: session.of(StartSweep))
        (sweep,) = session.of(StartSweep)
        assert isinstance(sweep, StartSweep)
        assert [spec.knobs for spec in sweep.specs] == [{"lr": 0.1}, {"lr": 0.01}]
        assert sweep.name == "tiny lr=0.1,0.01"


async def test_runs_are_ordered_by_any_knob_or_metric_and_those_without_come_last(root: Path) -> None:
    bare = WrittenRun(root, replace(INFO, id="bare", name="bare", knobs={}, status="failed"), name="bare")
    bare.add("val/accuracy", [(1, math.nan)])
    shelf = RunShelf(root)
    shelf.load()
    orders = {
        "lr": ["run3", "run2", "run1", "bare"], "-lr": ["run1", "run2", "run3", "bare"],
        "val/accuracy": ["run2", "run3", "run1", "bare"], "accuracy": ["run2", "run3", "run1", "bare"],
        "-accuracy": ["run1", "run3", "run2", "bare"], "duration": ["run1", "run2", "run3", "bare"],
        "status": ["bare", "run3", "run2", "run1"],
    }  # fmt: skip
    for order, wanted in orders.items():
        shelf.set_order(order)
        assert [run.record.name for run in shelf.shown] == wanted, order
    assert "by status" in shelf.title
    with pytest.raises(FilterError, match="did you mean 'lr'"):
        shelf.set_order("lrr")
    shelf.next_order()
    assert shelf.order == "newest"
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await until(pilot, lambda: len(names(pilot)) == 4)
        pilot.app.screen.query_one("#runs", RecordTable).focus()
        await pilot.press("end", "A")
        await answered(pilot, "-lr")
        await until(pilot, lambda: names(pilot) == ["run1", "run2", "run3", "bare"])
        table = pilot.app.screen.query_one("#runs", RecordTable)
        await until(pilot, lambda: table.cursor_row == 0)


async def test_all_shown_are_marked_at_once_and_deleted_together(root: Path) -> None:
    live = replace(INFO, id="live", name="live", status="running")
    WrittenRun(root, live, name="live")
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await until(pilot, lambda: len(names(pilot)) == 4)
        pilot.app.screen.query_one("#runs", RecordTable).focus()
        await pilot.press("*")
        await until(pilot, lambda: "4 marked" in screen_text(pilot.app))
        await pilot.press("*")
        await until(pilot, lambda: "marked" not in screen_text(pilot.app))
        await pilot.press("*", "delete")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question) and pilot.app.screen.query(Button))
        pilot.app.screen.query_one("#delete-marked", Button).press()
        await until(pilot, lambda: "Delete 4 runs?" in screen_text(pilot.app))
        assert all(name in screen_text(pilot.app) for name in ("run1", "run2", "run3", "live"))
        pilot.app.screen.query_one("#delete", Button).press()
        await until(pilot, lambda: names(pilot) == ["live"])
        assert [path.name for path in root.iterdir()] == ["live"]
        assert isinstance(pilot.app, NotedApp)
        assert any("stop it first" in notice.message for notice in pilot.app.said)


async def test_marked_runs_that_the_filter_leaves_out_are_not_deleted(root: Path) -> None:
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await listed(pilot)
        await pilot.press("*")
        await until(pilot, lambda: "3 marked" in screen_text(pilot.app))
        await pilot.press("slash")
        await answered(pilot, "name!=run1")
        await until(pilot, lambda: len(names(pilot)) == 2)
        await pilot.press("delete")
        await until(pilot, lambda: "Delete 2 marked" in screen_text(pilot.app))
        pilot.app.screen.query_one("#delete-marked", Button).press()
        await until(
            pilot, lambda: "Kept: 1 more marked, which the filter leaves out" in screen_text(pilot.app)
        )
        pilot.app.screen.query_one("#delete", Button).press()
        await until(pilot, lambda: not names(pilot))
        assert [path.name for path in root.iterdir()] == ["r1"]


async def test_the_open_run_is_closed_when_it_is_deleted(root: Path) -> None:
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await listed(pilot)
        name = names(pilot)[0]
        await pilot.press("enter")
        await until(pilot, lambda: "✔ finished" in screen_text(pilot.app))
        await pilot.press("o")
        await listed(pilot)
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question) and pilot.app.screen.query(Button))
        pilot.app.screen.query_one("#delete", Button).press()
        await until(pilot, lambda: name not in names(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "Train a preset" in screen_text(pilot.app))


async def test_a_column_that_nothing_stands_in_takes_no_room(root: Path) -> None:
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await listed(pilot)
        table = pilot.app.screen.query_one("#runs", RecordTable)
        await until(pilot, lambda: "best" in [column.value for column in table.columns])
        assert {"tags", "note"}.isdisjoint(column.value for column in table.columns)
        await pilot.press("down", "i")
        await answered(pilot, "the\x1b[31m one")
        await until(pilot, lambda: "note" in [column.value for column in table.columns])
        assert table.cursor_row == 1
        assert "\x1b" not in screen_text(pilot.app)
        assert "one" in screen_text(pilot.app)


def test_runs_are_told_by_what_differs_within_their_experiment(root: Path) -> None:
    WrittenRun(root, replace(INFO, id="alone", name="alone", experiment="other", knobs={"width": 7}))
    shelf = RunShelf(root)
    shelf.load()
    differs = {entry.name: entry.differs for entry in shelf.entries()}
    assert differs == {"run1": "lr=0.1", "run2": "lr=0.01", "run3": "lr=0.001", "alone": "width=7 seed=3"}


def test_a_log_that_is_none_of_ours_is_called_one(root: Path, tmp_path: Path) -> None:
    shutil.move(root / "r1", tmp_path / "kept")
    (tmp_path / "kept" / "run.json").unlink()
    shutil.move(tmp_path / "kept", root / "version_0")
    shelf = RunShelf(root)
    shelf.load()
    shelf.set_filter("status=log")
    (entry,) = shelf.entries()
    assert (entry.name, entry.status, entry.summary) == ("version_0", "log", "")


async def test_a_run_that_begins_while_the_list_is_shown_comes_into_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screens.training_runs.REFRESH_S", 0.05)
    monkeypatch.setattr("screens.training_runs.REST", 0)
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await listed(pilot)
        WrittenRun(root, replace(INFO, id="late", name="late", started_at="2026-02-01T00:00:00+00:00"))
        await until(pilot, lambda: names(pilot) == ["late", "run3", "run2", "run1"])


def test_an_empty_list_says_where_runs_would_be(tmp_path: Path) -> None:
    shelf = RunShelf(tmp_path / "runs")
    shelf.load()
    assert shelf.title == f"there are none yet in {tmp_path / 'runs'}"


async def test_of_very_many_marked_runs_some_are_drawn_and_all_stand_in_the_table(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screens.compare_pane.MOST_CURVES", 2)
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await listed(pilot)
        await pilot.press("*", "v")
        app = pilot.app
        assert isinstance(app, NotedApp)
        await until(pilot, lambda: any("first 2 of 3 runs" in notice.message for notice in app.said))
        pane = app.screen.query_one(ComparePane)
        await until(pilot, lambda: any(chart.data.curves for chart in pane.board.charts))
        assert all(f"run{number}" in screen_text(app) for number in (1, 2, 3))
        assert {curve.role for chart in pane.board.charts for curve in chart.data.curves}


def test_a_scatter_over_words_names_them_under_it(root: Path) -> None:
    for number, act in enumerate(("relu", "tanh", "gelu"), 1):
        record = root / f"r{number}" / "run.json"
        record.write_text(record.read_text().replace('"knobs": {', f'"knobs": {{"act": "{act}", '))
    shelf = RunShelf(root)
    shelf.load()
    shelf.mark_all()
    data = compare_data(shelf.marked_runs())
    assert data.scatter is not None
    assert data.scatter.knob == "act"
    plot = ["".join(text for text, _ in line) for line in scatter_lines(data.scatter, 40, 8)]
    assert plot[-1].split() == ["gelu", "relu", "tanh"]
    assert all(len(line) <= 40 for line in plot)


async def test_before_a_log_is_deleted_it_is_said_that_somebody_may_still_write_it(root: Path) -> None:
    (root / "r3" / "run.json").unlink()
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await until(pilot, lambda: names(pilot) == ["r3", "run2", "run1"])
        pilot.app.screen.query_one("#runs", RecordTable).focus()
        await pilot.press("delete")
        await until(pilot, lambda: "may still be writing" in screen_text(pilot.app))
        await pilot.press("escape")
        os.utime(next((root / "r3").glob("events*")), (0.0, 0.0))
        await until(pilot, lambda: not isinstance(pilot.app.screen, Question))
        await pilot.press("delete")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, Question) and "for good" in screen_text(pilot.app)
        )
        assert "may still be writing" not in screen_text(pilot.app)
