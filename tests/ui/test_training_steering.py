"""Steering on the Training screen as it is told: which keys, what is going to happen, what a start waits for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from screens.training import TrainingScreen
from tests.ui.fake_session import STATUS, FakeSession, NotedApp, Shelf, make_app, opened, screen_text, until
from tests.ui.written_runs import INFO, WrittenRun, finished_run
from tui.client.errors import KernelRefused
from tui.protocol.messages import ControlRun, Refusal, RunState, StartRun
from tui.protocol.run import RunSpec
from tui.widgets.dialogs import Question
from tui.widgets.help import HelpScreen
from tui.widgets.key_bar import KeyBar
from tui.widgets.record_table import RecordTable
from tui.widgets.run.entries import PresetEntry
from tui.widgets.run.header import RunHeader

NAME = "20260101-101112-slow-0001"
LIVE = replace(INFO, id=NAME, name="slow", status="running", ended_at=None, epoch=0, step=0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("screens.run_pane.REFRESH_S", 0.01)
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))


def screen_of(pilot: Pilot[int]) -> TrainingScreen:
    assert isinstance(pilot.app.screen, TrainingScreen)
    return pilot.app.screen


def header(pilot: Pilot[int]) -> str:
    widget = screen_of(pilot).query_one(RunHeader)
    return "\n".join(widget.render_line(y).text.rstrip() for y in range(widget.size.height))


def bar(pilot: Pilot[int]) -> str:
    return pilot.app.screen.query_one(KeyBar).render_line(0).text


def said(pilot: Pilot[int]) -> list[str]:
    assert isinstance(pilot.app, NotedApp)
    return [notice.message for notice in pilot.app.said]


def keep_checkpoint(run: WrittenRun) -> None:
    (run.folder / "checkpoints").mkdir()
    (run.folder / "checkpoints" / "last.pt").write_bytes(b"kept")


# -- the keys that matter -------------------------------------------------------------------------


async def test_the_key_bar_says_what_can_be_done_with_the_run_as_it_is(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, LIVE)
    keep_checkpoint(run)
    session = FakeSession()
    async with opened(make_app(session, first="training"), (80, 24)) as pilot:
        await session.train(run.folder)
        await until(pilot, lambda: bar(pilot).startswith(" p Pause  s Stop  t Tune"))
        for expected in ("k Save", "E Eval", "Quit", "Help"):
            assert expected in bar(pilot)
        run.record(status="paused")
        await session.train(run.folder, "paused")
        await until(pilot, lambda: bar(pilot).startswith(" p Go on  n Step  N Phase"))
        run.record(status="stopped")
        await session.train(run.folder, "stopped")
        await until(pilot, lambda: bar(pilot).startswith(" r Resume  e Export  o Open"))
        for dead in ("Pause", "Stop", "Tune"):
            assert dead not in bar(pilot)
        await pilot.resize_terminal(120, 40)
        await session.train(run.folder, "running")
        run.record(status="running")
        await until(pilot, lambda: "n Step  e Export  l Log" in bar(pilot))


async def test_what_cannot_be_steered_or_resumed_takes_no_room(tmp_path: Path) -> None:
    finished = finished_run(tmp_path)
    for session in (None, FakeSession()):
        async with opened(make_app(session, first="training", folder=finished.folder), (80, 24)) as pilot:
            await until(pilot, lambda: "finished" in header(pilot))
            assert bar(pilot).split() == ["e", "Export", "o", "Open", "l", "Log", "^q", "Quit", "f1", "Help"]


async def test_help_tells_the_runs_keys_before_those_of_the_charts_and_the_apps(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    async with opened(make_app(FakeSession(), first="training", folder=run.folder), (80, 24)) as pilot:
        await until(pilot, lambda: "finished" in header(pilot))
        await pilot.press("f1")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, HelpScreen) and "esc closes" in screen_text(pilot.app)
        )
        first_page = screen_text(pilot.app)
        for expected in (
            "Pause between two steps",
            "Finish the step",
            "Evaluate after this step",
            "The curves, a",
        ):
            assert expected in first_page
        modal = pilot.app.screen
        assert isinstance(modal, HelpScreen)
        told = [str(cell) for cell in modal.table().columns[0].cells]
        assert told.index("This screen") < told.index("Chart board") < told.index("Everywhere")


# -- what is going to happen ----------------------------------------------------------------------


async def test_a_pause_that_waits_for_its_step_is_told_at_once_and_not_taken_back_by_another_p(
    tmp_path: Path,
) -> None:
    run = WrittenRun(tmp_path, LIVE)
    session = FakeSession()
    async with opened(make_app(session, first="training")) as pilot:
        await session.train(run.folder)
        await until(pilot, lambda: "running" in header(pilot))
        await pilot.press("p")
        await until(pilot, lambda: "pausing after this step" in header(pilot))
        await until(pilot, lambda: session.of(ControlRun) == [ControlRun("pause")])
        await pilot.press("p")
        await until(pilot, lambda: any("pausing already" in text for text in said(pilot)))
        assert session.of(ControlRun) == [ControlRun("pause")]
        run.record(status="paused")
        await session.train(run.folder, "paused")
        await until(pilot, lambda: "Ⅱ paused" in header(pilot) and "pausing" not in header(pilot))
        await pilot.press("p")
        await until(pilot, lambda: session.of(ControlRun)[1:] == [ControlRun("resume")])


async def test_a_pause_that_another_terminal_took_back_is_not_waited_for(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, LIVE)
    session = FakeSession()
    async with opened(make_app(session, first="training")) as pilot:
        await session.train(run.folder)
        session.answers[ControlRun] = RunState(NAME, str(run.folder), "running", 0, 5)
        await until(pilot, lambda: "running" in header(pilot))
        await pilot.press("p")
        await until(pilot, lambda: "pausing after this step" in header(pilot))
        session.kernel = replace(session.kernel, run=RunState(NAME, str(run.folder), "running", 0, 9))
        await session.read_status()
        await until(pilot, lambda: "pausing" not in header(pilot))
        await pilot.press("p")
        await until(pilot, lambda: session.of(ControlRun) == [ControlRun("pause"), ControlRun("pause")])


async def test_a_stop_is_told_until_the_run_has_ended(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, LIVE)
    session = FakeSession()
    async with opened(make_app(session, first="training"), (80, 24)) as pilot:
        await session.train(run.folder)
        await until(pilot, lambda: "running" in header(pilot))
        await pilot.press("s")
        await until(pilot, lambda: "stopping after this step" in header(pilot))
        await pilot.press("p")
        await until(pilot, lambda: any("stopping already" in text for text in said(pilot)))
        assert session.of(ControlRun) == [ControlRun("stop")]
        run.record(status="stopped")
        await session.train(run.folder, "stopped")
        await until(pilot, lambda: "stopped" in header(pilot) and "stopping" not in header(pilot))


async def test_what_is_refused_is_not_promised(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, LIVE)
    session = FakeSession()
    session.answers[ControlRun] = KernelRefused(Refusal("ended", "the run has ended"))
    async with opened(make_app(session, first="training")) as pilot:
        await session.train(run.folder)
        await until(pilot, lambda: "running" in header(pilot))
        await pilot.press("p")
        await until(pilot, lambda: "the run has ended" in said(pilot))
        assert "pausing" not in header(pilot)


# -- what a start waits for -----------------------------------------------------------------------

SPEC = RunSpec("/presets/slow.py", "/nowhere/runs", experiment="slow")


def training_at_once(session: FakeSession) -> NotedApp:
    app = make_app(session, first="training")
    wire = app._wire

    def wired() -> object:
        wiring = wire()
        maker = wiring.screens["training"]

        def make() -> object:
            screen = maker()
            assert isinstance(screen, TrainingScreen)
            screen.train(SPEC)
            return screen

        wiring.screens["training"] = make  # type: ignore[assignment]
        return wiring

    app._wire = wired  # type: ignore[assignment]
    return app


async def test_what_a_start_waits_for_is_shown_from_the_first_frame_until_the_run_is_there(
    tmp_path: Path,
) -> None:
    session = FakeSession("starting")
    answered = asyncio.Event()
    ask = session.ask

    async def slowly(request: object, *, timeout_s: float | None = None) -> object:
        if isinstance(request, StartRun):
            await answered.wait()
        return await ask(request, timeout_s=timeout_s)  # type: ignore[arg-type]

    session.ask = slowly  # type: ignore[method-assign, assignment]
    async with opened(training_at_once(session), (80, 24)) as pilot:
        await until(pilot, lambda: "slow  ▶ starting  the kernel is starting" in header(pilot))
        assert "Train a preset" not in screen_text(pilot.app)
        session.kernel = replace(STATUS, torch_state="importing")
        session.become("idle")
        await session.read_status()
        await until(pilot, lambda: "torch is being imported" in header(pilot))
        session.kernel = STATUS
        await session.read_status()
        await until(pilot, lambda: "its file is read and run" in header(pilot))
        assert "o Open" in bar(pilot)
        run = WrittenRun(tmp_path, replace(LIVE, parameters=None))
        state = RunState(NAME, str(run.folder), "running", 0, 0)
        session.answers[StartRun] = state
        session.kernel = replace(STATUS, run=state)
        answered.set()
        await until(pilot, lambda: "▶ starting  data and model are being made" in header(pilot))
        run.record(parameters=12)
        run.add("train/loss", [(1, 1.0)])
        await until(pilot, lambda: "being made" not in header(pilot) and "12 parameters" in header(pilot))


async def test_a_run_that_could_not_be_started_says_why_for_good() -> None:
    session = FakeSession()
    session.answers[StartRun] = KernelRefused(Refusal("refused", "slow.py:3: there is no model() [/foo]"))
    async with opened(training_at_once(session), (80, 24)) as pilot:
        await until(pilot, lambda: "could not be started" in header(pilot))
        assert "✘ failed" in header(pilot)
        assert "slow.py:3: there is no model() [/foo]" in header(pilot)
        await pilot.press("o")
        await until(pilot, lambda: "Train a preset" in screen_text(pilot.app))


async def test_another_run_can_be_looked_at_while_one_is_being_started(tmp_path: Path) -> None:
    old = finished_run(tmp_path)
    session = FakeSession("starting")
    async with opened(training_at_once(session), (80, 24)) as pilot:
        await until(pilot, lambda: "the kernel is starting" in header(pilot))
        screen_of(pilot).open_run(old.folder)
        await until(pilot, lambda: "digits  ✔ finished" in header(pilot))
        session.kernel = replace(STATUS, torch_state="importing")
        session.silent = True
        session.become("idle")
        session.event("torch")
        await pilot.pause(0.05)
        assert "digits  ✔ finished" in header(pilot)


# -- when the kernel is gone ----------------------------------------------------------------------


async def test_a_kernel_that_dies_during_a_run_says_what_is_kept_and_how_it_goes_on(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, LIVE, name=NAME)
    keep_checkpoint(run)
    session = FakeSession("starting")
    async with opened(make_app(session, first="training", connect=session.start), (80, 24)) as pilot:
        await until(pilot, lambda: session.status is not None)
        await session.train(run.folder)
        session.die()
        await until(pilot, lambda: isinstance(pilot.app.screen, Question) and pilot.app.screen.query(Button))
        await pilot.pause()
        text = " ".join(screen_text(pilot.app).replace("│", " ").split())
        assert "The run slow was lost with it, at step 0" in text
        assert "checkpoints/last.pt" in text
        assert "after a restart, r" in text


# -- the list of presets --------------------------------------------------------------------------

TOLD = (
    "What it is, told at such a length that no terminal of eighty columns could ever have room for all of it"
)
MANY = [PresetEntry(Path(f"/presets/preset_{n}.py"), f"preset_{n}", f"{n}: {TOLD}") for n in range(12)]


async def test_end_goes_to_the_last_preset_and_home_to_the_first() -> None:
    app = make_app(FakeSession(), first="training", shelf=Shelf(MANY))
    async with opened(app, (80, 24)) as pilot:
        table = screen_of(pilot).query_one("#presets", RecordTable)
        await until(pilot, lambda: table.row_count == 12)
        for key, name in (("end", "preset_11"), ("home", "preset_0")):
            await pilot.press(key)
            await until(pilot, lambda name=name: table.current_key == f"/presets/{name}.py")  # type: ignore[misc]
        await pilot.press("end", "enter")
        await until(pilot, lambda: screen_of(pilot).starting)
        assert screen_of(pilot).start_view.preset is not None
        await until(pilot, lambda: "preset_11" in screen_text(app))


async def test_a_preset_is_told_as_far_as_there_is_room_and_no_scrollbar_takes_a_row(tmp_path: Path) -> None:
    finished_run(tmp_path).record(knobs={f"a_knob_with_a_name_{n}": n for n in range(9)})
    app = make_app(FakeSession(), first="training", shelf=Shelf(MANY, tmp_path))
    async with opened(app, (80, 24)) as pilot:
        table = screen_of(pilot).query_one("#presets", RecordTable)
        await until(pilot, lambda: "0: What it is" in screen_text(app))
        for size in ((80, 24), (120, 40), (60, 16)):
            await pilot.resize_terminal(*size)
            await until(
                pilot,
                lambda size=size: (  # type: ignore[misc]
                    app.screen.size == size and table.size.width > size[0] - 3
                    and 0 <= table.scrollable_content_region.width - table.virtual_size.width <= 2
                ),
            )  # fmt: skip
            told = table.get_row_at(0)[1].plain
            assert told.endswith(("…", "all of it"))
        runs = screen_of(pilot).query_one("#runs", RecordTable)
        await until(pilot, lambda: runs.virtual_size.width > runs.size.width)
        for each in (table, runs):
            assert each.scrollable_content_region.height == each.container_size.height


async def test_one_row_alone_looks_chosen(tmp_path: Path) -> None:
    finished_run(tmp_path)
    app = make_app(FakeSession(), first="training", shelf=Shelf(MANY, tmp_path))
    async with opened(app, (80, 24)) as pilot:
        presets, runs = screen_of(pilot).query(RecordTable)
        await until(pilot, lambda: presets.row_count == 12 and runs.row_count == 1)

        def grounds(table: RecordTable) -> set[str]:
            """The backgrounds of what is written in the table's rows, below its titles."""
            return {
                segment.style.bgcolor.name
                for y in range(1, 3)
                for segment in table.render_line(y)
                if segment.style is not None and segment.style.bgcolor is not None
            }

        await until(pilot, lambda: len(grounds(presets)) == 2 and len(grounds(runs)) == 1)
        await pilot.press("tab")
        await until(pilot, lambda: len(grounds(presets)) == 1 and len(grounds(runs)) == 2)
