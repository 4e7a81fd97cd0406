"""A sweep on the Training screen: how it stands, its runs, ending it, and training what never began."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from screens.sweep_view import SweepView
from tests.sweep_cases import GONE, written_sweep
from tests.ui.fake_session import FakeSession, NotedApp, Shelf, make_app, opened, screen_text, until
from tests.ui.written_runs import INFO, WrittenRun
from tui.client.launch import KernelProcess
from tui.protocol.training import EndSweep, QueuedRun, StartSweep, SweepState
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
    """A run, the first of the sweeps here."""
    run = WrittenRun(tmp_path / "runs", replace(INFO, id="r1", name="first"), name="r1")
    run.add("val/accuracy", [(1, 0.5), (2, 0.75)])
    return tmp_path / "runs"


@pytest.fixture
def preset(tmp_path: Path) -> str:
    path = tmp_path / "tiny.py"
    path.write_text(PRESET)
    return str(path)


def session_of_this_process() -> FakeSession:
    """A session whose kernel is this process, which a sweep of these tests runs in."""
    session = FakeSession()
    assert session.info is not None
    session.process = KernelProcess(replace(session.info, pid=os.getpid()), None)
    return session


async def looked_at(pilot: Pilot[int]) -> None:
    """Open the newest sweep."""
    await until(pilot, lambda: pilot.app.screen.query_one("#runs", RecordTable).row_count == 1)
    await pilot.press("W")
    await until(
        pilot, lambda: isinstance(pilot.app.screen, SweepView) and pilot.app.screen.query(RecordTable)
    )
    await until(pilot, lambda: pilot.app.screen.query_one("#sweep-runs", RecordTable).row_count > 0)


def said(pilot: Pilot[int]) -> str:
    assert isinstance(pilot.app, NotedApp)
    return "\n".join(notice.message for notice in pilot.app.said)


async def test_a_sweep_in_progress_is_told_over_the_list_and_can_be_ended(root: Path) -> None:
    written_sweep(root, "finished", "running", "waiting!", "waiting!")
    session = session_of_this_process()
    session.answers[EndSweep] = SweepState("s", (QueuedRun(3, {}, "stopped"), QueuedRun(4, {}, "stopped")))
    async with opened(make_app(session, first="training", shelf=Shelf([], root))) as pilot:
        await until(pilot, lambda: "Sweep (W): run 2 of 4" in screen_text(pilot.app))
        await looked_at(pilot)
        await until(pilot, lambda: "val/accuracy 0.75" in screen_text(pilot.app))
        for text in ("run 2 of 4", "lr=1", "waiting", "x ends it"):
            assert text in screen_text(pilot.app)
        await pilot.press("r")  # there is no rest while it is in progress
        assert isinstance(pilot.app.screen, SweepView)
        await pilot.press("x")
        await until(pilot, lambda: "2 will not begin" in said(pilot))
        assert len(session.of(EndSweep)) == 1
        written_sweep(root, "finished", "finished", "stopped!", "stopped!", ended=True)
        await pilot.press("o")
        await until(pilot, lambda: "Sweep (W)" not in screen_text(pilot.app))


async def test_what_never_began_is_told_once_the_kernel_is_gone_and_trained_on_request(
    root: Path, preset: str
) -> None:
    written_sweep(root, "finished", "running", "waiting!", pid=GONE, preset=preset)
    session = FakeSession()
    session.answers[StartSweep] = SweepState("s")
    async with opened(make_app(session, first="training", shelf=Shelf([], root))) as pilot:
        await until(pilot, lambda: "1 never began, 1 was cut off" in screen_text(pilot.app))
        await looked_at(pilot)
        await until(pilot, lambda: "r trains the 2 that are left" in screen_text(pilot.app))
        assert "never began" in screen_text(pilot.app)
        assert "cut off" in screen_text(pilot.app)
        await pilot.press("r")
        await until(pilot, lambda: session.of(StartSweep))
        (request,) = session.of(StartSweep)
        assert isinstance(request, StartSweep)
        assert [spec.knobs for spec in request.specs] == [{"lr": 2.0}, {"lr": 3.0}]


async def test_a_death_of_the_kernel_says_how_many_never_began(root: Path) -> None:
    written_sweep(root, "running", "waiting!", "waiting!", pid=GONE)
    session = FakeSession()
    async with opened(make_app(session, first="training", shelf=Shelf([], root))) as pilot:
        session.die("killed")
        await until(pilot, lambda: "2 never began" in said(pilot))


async def test_a_run_of_it_is_shown_and_one_that_never_began_is_not(root: Path) -> None:
    written_sweep(root, "finished", "stopped!", ended=True, pid=GONE)
    async with opened(make_app(FakeSession(), first="training", shelf=Shelf([], root))) as pilot:
        await looked_at(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "never began" in said(pilot))
        await pilot.press("up", "enter")
        await until(
            pilot, lambda: not isinstance(pilot.app.screen, SweepView) and "first" in screen_text(pilot.app)
        )


async def test_without_a_kernel_a_sweep_can_only_be_looked_at(root: Path) -> None:
    written_sweep(root, "finished", "waiting!", pid=GONE)
    async with opened(make_app(None, first="training", shelf=Shelf([], root))) as pilot:
        await looked_at(pilot)
        await until(pilot, lambda: "open torchtui" in screen_text(pilot.app))
        await pilot.press("r")
        assert isinstance(pilot.app.screen, SweepView)


async def test_somebody_elses_sweep_is_ended_in_its_session(root: Path) -> None:
    WrittenRun(root, replace(INFO, id="r0", name="zero", session="ffee00"), name="r0")
    record = root / "r1" / "run.json"
    record.write_text(record.read_text().replace('"session": null', '"session": "ffee00"'))
    written_sweep(root, "finished", "running", "waiting!")
    session = FakeSession()
    async with opened(make_app(session, first="training", shelf=Shelf([], root))) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one("#runs", RecordTable).row_count == 2)
        await pilot.press("W")
        await until(pilot, lambda: "torchtui attach ffee00" in screen_text(pilot.app))
        await pilot.press("x")
        assert not session.of(EndSweep)


async def test_how_many_runs_a_sweep_has_is_said_while_it_is_typed(root: Path, preset: str) -> None:
    session = FakeSession()
    async with opened(
        make_app(session, first="training", shelf=Shelf([PresetEntry(Path(preset), "tiny", "")], root))
    ) as pilot:
        table = pilot.app.screen.query_one("#presets", RecordTable)
        await until(pilot, lambda: table.row_count == 1)
        table.focus()
        await pilot.press("w")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextPrompt) and pilot.app.screen.query(Input))
        field = pilot.app.screen.query_one(Input)
        field.value = "lr=x"
        await pilot.press("enter")
        await until(pilot, lambda: "lr takes float" in screen_text(pilot.app))
        field.value = "lr=1,2,3"
        await until(pilot, lambda: "that is 3 runs" in screen_text(pilot.app))
        assert "lr takes float" not in screen_text(pilot.app)
        assert not session.of(StartSweep)
