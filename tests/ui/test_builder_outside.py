"""Models from outside the session: a class of a file, a run's model, the design of another terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ui.fake_builder import BuilderSession, add, builder, settled
from tests.ui.fake_session import screen_text, typed, until
from tui.client.errors import KernelRefused
from tui.protocol.building import Block, Design
from tui.protocol.messages import ListModules, ModuleTree, Refusal
from tui.protocol.models import (
    ClassesFound,
    FileClass,
    Imported,
    ImportModel,
    ListClasses,
    OpenRun,
    RunOpened,
)
from tui.widgets.builder.slots import claim
from tui.widgets.builder.storing import Kept, load, save
from tui.widgets.file_prompt import FilePrompt

NET = Imported(Design("Net", body=(Block(1, "layer", layer="nn.ReLU"),)))
CLASSES = ClassesFound((FileClass("Part", "width", True), FileClass("Net", "depth=2", False, "A net [/b]")))


def outside() -> BuilderSession:
    session = BuilderSession()
    session.answers[ListModules] = ModuleTree(())
    session.answers[ListClasses] = CLASSES
    session.answers[ImportModel] = NET
    return session


# -- files ------------------------------------------------------------------------------------------


async def test_a_class_of_a_file_is_opened_once_enter_has_said_that_the_file_may_run(tmp_path: Path) -> None:
    path = tmp_path / "nets.py"
    path.write_text("")
    session = outside()
    async with builder(session) as (pilot, screen):
        await pilot.press("o")
        await until(pilot, lambda: "file…" in screen_text(pilot.app))
        await typed(pilot, "file\n")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilePrompt))
        await typed(pilot, f"{path}\n")
        await until(pilot, lambda: screen.chooser.wish == "class")
        assert session.of(ListClasses) == [ListClasses(str(path))]
        assert "enter runs nets.py, and makes" in " ".join(screen_text(pilot.app).split())
        assert "A net [/b]" in screen_text(pilot.app)
        assert session.cells_run == []
        await typed(pilot, "Part\n")
        await until(pilot, lambda: "Part needs arguments: Part(width)" in screen_text(pilot.app))
        for _ in "Part":
            await pilot.press("backspace")
        await typed(pilot, "Net(depth=3)\n")
        await until(pilot, lambda: session.cells_run)
        cell = session.cells_run[-1]
        assert f"spec_from_file_location('nets', {str(path)!r})" in cell
        assert cell.endswith("\nnet = nets.Net(depth=3)")
        assert session.of(ImportModel) == []
        session.end_cell(session.cell_ids[-1])
        await until(pilot, lambda: screen.control.design.name == "Net")
        assert session.of(ImportModel) == [ImportModel("net")]


async def test_a_file_that_raises_or_is_no_python_is_said(tmp_path: Path) -> None:
    path = tmp_path / "nets.py"
    path.write_text("")
    session = outside()
    async with builder(session) as (pilot, screen):
        await pilot.press("o")
        await typed(pilot, f"{path}\n")
        await until(pilot, lambda: screen.chooser.wish == "class")
        await pilot.press("enter")
        await until(pilot, lambda: session.cells_run)
        session.play(error=("ValueError", "no data [/b]"))
        await until(pilot, lambda: "nets.py raised ValueError: no data [/b]" in screen_text(pilot.app))
        assert screen.control.design.name == "Model"

        refused = Refusal("bad file", "nets.py is no Python: line 3 [/b]")
        session.answers[ListClasses] = KernelRefused(refused)
        await pilot.press("o")
        await typed(pilot, f"{path}\n")
        await until(pilot, lambda: "no Python: line 3 [/b]" in screen_text(pilot.app))


# -- runs -------------------------------------------------------------------------------------------


async def test_the_model_of_a_run_is_opened_with_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path))
    folder = tmp_path / "runs" / "20260101-000000-digits-abcd"
    folder.mkdir(parents=True)
    record = {
        "schema": 1, "id": folder.name, "name": "digits", "status": "finished", "experiment": "digits_cnn",
        "knobs": {}, "device": "cpu", "seed": 0, "started_at": "2026-01-01T00:00:00+00:00", "pid": 1, "host": "here",
        "epoch": 3, "epochs": 3,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    session = outside()
    session.answers[OpenRun] = RunOpened("trained", "best.pt, epoch 3")
    async with builder(session) as (pilot, screen):
        await pilot.press("o")
        await until(pilot, lambda: "run…" in screen_text(pilot.app))
        await typed(pilot, "run\n")
        await until(pilot, lambda: "finished · epoch 3/3" in screen_text(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: screen.control.design.name == "Net")
        assert session.of(OpenRun) == [OpenRun(str(folder))]
        assert session.of(ImportModel) == [ImportModel("trained")]
        await until(pilot, lambda: "trained has the weights of best.pt, epoch 3" in screen_text(pilot.app))


async def test_where_there_are_no_runs_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path))
    async with builder(outside()) as (pilot, _):
        await pilot.press("o")
        await until(pilot, lambda: "run…" in screen_text(pilot.app))
        await typed(pilot, "run\n")
        await until(pilot, lambda: "there are no runs" in screen_text(pilot.app))


# -- two terminals ----------------------------------------------------------------------------------


async def test_a_second_terminal_keeps_its_design_beside_that_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "design.json"
    first = Kept(Design("First", body=(Block(1, "layer", layer="nn.ReLU"),)))
    save(path, first)
    held = claim(path)
    assert held is not None
    session = outside()
    async with builder(session, store=path) as (pilot, screen):
        await until(pilot, lambda: "this one keeps design-2.json" in screen_text(pilot.app))
        assert screen.control.design == Design()
        await add(pilot, "flat")
        await until(pilot, lambda: settled(screen))
        await pilot.press("o")
        await until(pilot, lambda: "design.json" in screen_text(pilot.app))
        await typed(pilot, "design.json\n")
        await until(pilot, lambda: screen.control.design.name == "First")
    held.release()
    assert load(path) == first
    second = load(path.with_name("design-2.json"))
    assert second is not None
    assert second.design.name == "First"
    async with builder(outside(), store=path) as (_, screen):
        assert screen.control.design == first.design
