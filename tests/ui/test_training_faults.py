"""The Training screen where something is wrong: a dead kernel, odd names, broken files, records of another time."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from screens.run_shelf import RunShelf, ShelfError
from screens.training import TrainingScreen
from tests.ui.fake_session import FakeSession, Shelf, make_app, opened, screen_text, until
from tests.ui.written_runs import INFO, WrittenRun, finished_run
from tui.protocol.codec import encode
from tui.protocol.messages import ControlRun
from tui.protocol.run import LABELS_FILE, RECORD_FILE, VIEWS
from tui.protocol.views import Boundary, Confusion, Preview
from tui.widgets.record_table import RecordTable

ODD = "\x1b[31mred[/foo]\n[bold] \u202e"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))


def training(pilot: Pilot[int]) -> TrainingScreen:
    """The Training screen, whatever lies over it."""
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, TrainingScreen)
    return screen


@pytest.mark.parametrize("view", ["1", "2", "3", "4"])
async def test_a_run_whose_kernel_died_can_be_looked_at_and_not_steered(tmp_path: Path, view: str) -> None:
    run = WrittenRun(tmp_path, replace(INFO, status="running", ended_at=None))
    run.add("train/loss", ((step, 1.0 / step) for step in range(1, 50)))
    session = FakeSession()
    async with opened(make_app(session, first="training", shelf=Shelf([], tmp_path))) as pilot:
        await session.train(run.folder)
        await until(pilot, lambda: training(pilot).own_run is not None)
        await pilot.press(view)
        session.die()
        await until(pilot, lambda: training(pilot).own_run is None)
        await pilot.press("p", "n", "s")
        await pilot.pause()
        assert not session.of(ControlRun)
        assert "✗ dead" in screen_text(pilot.app)
        assert "run running" not in screen_text(pilot.app)


async def test_back_from_the_list_the_keys_are_the_runs(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    async with opened(
        make_app(None, first="training", shelf=Shelf([], tmp_path), folder=run.folder)
    ) as pilot:
        await until(pilot, lambda: "loss" in screen_text(pilot.app))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.focused, RecordTable))
        await pilot.press("escape")
        await until(pilot, lambda: "Charts" in screen_text(pilot.app))
        await pilot.pause()
        assert not isinstance(pilot.app.focused, RecordTable)
        assert "Compare" not in screen_text(pilot.app)


async def test_odd_names_and_odd_numbers_are_shown_in_every_view(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, replace(INFO, name=ODD, device=ODD, knobs={ODD: ODD}))
    for tag in (
        "train/loss",
        f"val/{ODD}",
        f"grad_norm/{ODD}",
        f"{ODD}/loss",
        "time/data_ms",
        "samples_per_s",
    ):
        run.add(tag, [(0, math.nan), (1, 1.0), (1, 2.0), (2, math.inf), (2**40, -math.inf)])
    run.print(f"{ODD}\n")
    views = {
        "confusion": Confusion(ODD, 1, (ODD, ODD), ((3, 1), (0, 2)), 6),
        "preview": Preview(1, 1, ODD * 50),
        "boundary": Boundary(1, 0, 1, 0, 1, (1, 1), "class", (math.nan,), (), ((math.nan, 0.5, math.inf),)),
    }
    (run.folder / VIEWS).mkdir()
    for name, view in views.items():
        (run.folder / VIEWS / f"{name}.json").write_text(json.dumps(encode(view)))
    (run.folder / VIEWS / "worst.json").write_text("{")
    async with opened(
        make_app(None, first="training", shelf=Shelf([], tmp_path), folder=run.folder)
    ) as pilot:
        for view, expected in (("1", "loss"), ("2", "gradient norm"), ("3", "confusion"), ("4", "alerts")):
            await pilot.press(view)
            await until(pilot, lambda expected=expected: expected in screen_text(pilot.app))  # type: ignore[misc]
            assert "\x1b" not in screen_text(pilot.app)
        await pilot.press("1", "y", "X", "x", "x", "+", "right", "f", "escape", "escape", "o")
        await until(pilot, lambda: "red[/foo]" in screen_text(pilot.app))
        assert "\x1b" not in screen_text(pilot.app)


async def test_a_folder_that_is_removed_while_it_is_shown_is_said_in_every_view(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    async with opened(
        make_app(None, first="training", shelf=Shelf([], tmp_path), folder=run.folder)
    ) as pilot:
        await until(pilot, lambda: "loss" in screen_text(pilot.app))
        shutil.rmtree(run.folder)
        training(pilot).pane.poke()
        for view in "2341":
            await pilot.press(view)
            await until(pilot, lambda: "its folder is gone" in screen_text(pilot.app))


async def test_a_record_of_an_older_version_is_listed_and_shown(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    record = json.loads((run.folder / RECORD_FILE).read_text())
    for name in ("settings", "changes", "verdict", "suggested_lr", "sweep", "warnings", "session"):
        del record[name]
    (run.folder / RECORD_FILE).write_text(json.dumps(record))
    async with opened(make_app(None, first="training", shelf=Shelf([], tmp_path))) as pilot:
        await until(pilot, lambda: "val/accuracy 0.8333" in screen_text(pilot.app))
        await pilot.press("enter")
        await until(
            pilot, lambda: "finished" in screen_text(pilot.app) and "epoch 4/4" in screen_text(pilot.app)
        )


def test_labels_that_cannot_be_written_are_said_and_nothing_changes(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    (run.folder / LABELS_FILE).mkdir()
    shelf = RunShelf(tmp_path)
    shelf.load()
    with pytest.raises(ShelfError, match="cannot write in"):
        shelf.set_tags(run.folder, "good")
    assert shelf.entries()[0].tags == ""
    assert sorted(path.name for path in run.folder.iterdir() if "labels" in path.name) == [LABELS_FILE]


async def test_the_next_run_of_a_sweep_leaves_the_list_to_whoever_looks_at_it(tmp_path: Path) -> None:
    first, second = (
        WrittenRun(tmp_path, replace(INFO, id=name, name=name, status="running", ended_at=None))
        for name in ("one", "two")
    )
    session = FakeSession()
    async with opened(make_app(session, first="training", shelf=Shelf([], tmp_path))) as pilot:
        await session.train(first.folder)
        await until(pilot, lambda: training(pilot).part == "run")
        await pilot.press("o")
        await until(pilot, lambda: training(pilot).part == "picker")
        await session.train(second.folder)
        await pilot.pause()
        assert training(pilot).part == "picker"
        await pilot.press("escape")
        await until(pilot, lambda: training(pilot).part == "run")
        third = WrittenRun(tmp_path, replace(INFO, id="three", name="three", status="running", ended_at=None))
        await session.train(third.folder)
        await until(pilot, lambda: "three" in screen_text(pilot.app))
