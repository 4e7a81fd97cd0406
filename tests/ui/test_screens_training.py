"""The Training screen over a fake session and written run directories."""

from __future__ import annotations

import math
import os
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from textual.pilot import Pilot

from screens.training import TrainingScreen
from tests.ui.fake_session import FakeSession, NotedApp, Shelf, make_app, opened, screen_text, shown, until
from tests.ui.written_runs import INFO, WrittenRun, finished_run
from tui.client.errors import KernelRefused
from tui.protocol.messages import ControlRun, Refusal, RunState, StartRun
from tui.protocol.run import RunError, RunSpec
from tui.widgets.chart import Chart
from tui.widgets.record_table import RecordTable
from tui.widgets.run.entries import PresetEntry
from tui.widgets.run.header import RunHeader, RunLog
from tui.widgets.run.picker import RunPicker

LIVE = replace(
    INFO, status="running", ended_at=None, epoch=0, step=0, pid=os.getpid(), host=socket.gethostname(),
    pid_started_at=psutil.Process().create_time(),
)  # fmt: skip
PRESETS = [
    PresetEntry(Path("/presets/digits_cnn.py"), "digits_cnn", "Handwritten digits"),
    PresetEntry(Path("/presets/broken.py"), "broken", "[/foo] has no model", usable=False),
]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runs are read often, so that tests need not wait."""
    monkeypatch.setattr("screens.run_pane.REFRESH_S", 0.01)
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))


def screen_of(pilot: Pilot[int]) -> TrainingScreen:
    assert isinstance(pilot.app.screen, TrainingScreen)
    return pilot.app.screen


def lines_of(widget: RunHeader | RunLog) -> list[str]:
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


def header(pilot: Pilot[int]) -> str:
    return "\n".join(lines_of(screen_of(pilot).query_one(RunHeader)))


def charts(pilot: Pilot[int]) -> list[Chart]:
    return [chart for chart in screen_of(pilot).pane.query(Chart) if chart.display]


def titles(pilot: Pilot[int]) -> list[str]:
    return [chart.data.title for chart in charts(pilot)]


def points(pilot: Pilot[int]) -> int:
    """Points of the curves that are shown."""
    return sum(len(curve.points) for chart in charts(pilot) for curve in chart.data.curves)


def said(pilot: Pilot[int]) -> list[tuple[str, str]]:
    assert isinstance(pilot.app, NotedApp)
    return [(notice.severity, notice.message) for notice in pilot.app.said]


def keep_checkpoint(run: WrittenRun) -> None:
    (run.folder / "checkpoints").mkdir()
    (run.folder / "checkpoints" / "last.pt").write_bytes(b"kept")


# -- the list -------------------------------------------------------------------------------------


async def test_presets_and_runs_are_listed_and_enter_enter_trains(tmp_path: Path) -> None:
    session = FakeSession()
    run = finished_run(tmp_path)
    run.record(name="mine")
    shelf = Shelf(PRESETS, tmp_path)
    async with opened(make_app(session, first="training", shelf=shelf)) as pilot:
        presets, runs = screen_of(pilot).query(RecordTable)
        await until(pilot, lambda: presets.row_count == 2 and runs.row_count == 1)
        await until(pilot, lambda: "val/accuracy 0.8333" in screen_text(pilot.app))
        text = screen_text(pilot.app)
        for expected in (
            "digits_cnn",
            "Handwritten digits",
            "[/foo] has no model",
            "mine",
            "finished",
        ):
            assert expected in text
        assert presets.has_focus
        await pilot.press("enter", "enter")
        await until(pilot, lambda: session.of(StartRun))
        assert session.of(StartRun) == [
            StartRun(RunSpec("/presets/digits_cnn.py", "/nowhere/runs", "digits_cnn"))
        ]
        assert shelf.planned == [PRESETS[0].path]


async def test_a_preset_that_breaks_the_contract_is_refused_and_nothing_is_asked() -> None:
    session = FakeSession()
    async with opened(make_app(session, first="training", shelf=Shelf(PRESETS))) as pilot:
        await until(pilot, lambda: screen_of(pilot).query_one("#presets", RecordTable).row_count == 2)
        await pilot.press("down", "enter")
        await until(pilot, lambda: said(pilot))
        assert said(pilot) == [("error", "/presets/broken.py:3: has no model [/foo]")]
        assert session.of(StartRun) == []
        assert "has no model [/foo]" in screen_text(pilot.app)


async def test_a_refusal_of_the_kernel_is_told_where_it_was_started() -> None:
    session = FakeSession()
    session.answers[StartRun] = KernelRefused(Refusal("busy", "another run [/foo] trains"))
    async with opened(make_app(session, first="training", shelf=Shelf(PRESETS))) as pilot:
        await until(pilot, lambda: screen_of(pilot).query_one("#presets", RecordTable).row_count == 2)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: "another run [/foo] trains" in screen_text(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: shown(screen_of(pilot).query_one(RunPicker)))


async def test_a_run_chosen_before_the_kernel_is_up_is_asked_for_when_it_is() -> None:
    session = FakeSession("starting")
    async with opened(make_app(session, first="training", shelf=Shelf(PRESETS))) as pilot:
        await until(pilot, lambda: screen_of(pilot).query_one("#presets", RecordTable).row_count == 2)
        await pilot.press("enter", "enter")
        await pilot.pause()
        assert session.asked == []
        session.become("idle")
        await until(pilot, lambda: session.of(StartRun))


async def test_training_asked_of_a_dead_kernel_is_told() -> None:
    session = FakeSession()
    async with opened(make_app(session, first="training", shelf=Shelf(PRESETS))) as pilot:
        session.die()
        await until(pilot, lambda: screen_of(pilot).query_one("#presets", RecordTable).row_count == 2)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: "the kernel is dead" in screen_text(pilot.app))


async def test_an_old_run_is_opened_and_back_and_forth(tmp_path: Path) -> None:
    finished_run(tmp_path)
    shelf = Shelf(PRESETS, tmp_path)
    async with opened(make_app(FakeSession(), first="training", shelf=shelf)) as pilot:
        runs = screen_of(pilot).query_one("#runs", RecordTable)
        await until(pilot, lambda: runs.row_count == 1)
        runs.focus()
        await pilot.press("enter")
        await until(pilot, lambda: points(pilot) > 300)
        assert "100/100" in header(pilot)
        await pilot.press("o")
        picker = screen_of(pilot).query_one(RunPicker)
        await until(pilot, lambda: shown(picker))
        await pilot.press("escape")
        await until(pilot, lambda: not shown(picker))
        assert "100/100" in header(pilot)


async def test_without_a_kernel_there_is_nothing_to_train(tmp_path: Path) -> None:
    finished_run(tmp_path)
    shelf = Shelf(PRESETS, tmp_path)
    async with opened(make_app(None, first="training", shelf=shelf)) as pilot:
        [runs] = screen_of(pilot).query(RecordTable)
        await until(pilot, lambda: runs.row_count == 1)
        assert "digits_cnn" not in screen_text(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: points(pilot) > 300)
        await pilot.press("p", "n", "s")
        assert pilot.app.is_running


# -- a run, followed ------------------------------------------------------------------------------


async def test_a_finished_run_is_shown_whole(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: points(pilot) > 300)
        assert titles(pilot) == ["loss", "accuracy", "lr", "grad_norm"]
        assert [(curve.role, len(curve.points)) for curve in charts(pilot)[0].data.curves] == [
            ("train", 100),
            ("val", 4),
        ]
        for expected in ("digits", "finished", "epoch 4/4", "100/100", "1:23", "12,345", "seed 3"):
            assert expected in header(pilot)
        await until(pilot, lambda: "epoch 4 of 4" in screen_text(pilot.app))


async def test_a_live_run_is_followed_to_its_end(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, LIVE)
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: "running" in header(pilot))
        run.add("train/loss", ((step, 1 / step) for step in range(1, 31)))
        await until(pilot, lambda: "30/100" in header(pilot))
        assert "epoch 2/4" in header(pilot)
        run.add("train/loss", ((step, 1 / step) for step in range(31, 61)))
        run.print("halfway [/foo]\n")
        await until(pilot, lambda: "60/100" in header(pilot) and "halfway [/foo]" in screen_text(pilot.app))
        assert points(pilot) == 60
        run.record(status="stopped", train_s=6.0, step=60)
        await until(pilot, lambda: "stopped" in header(pilot))


async def test_a_run_that_failed_says_why(tmp_path: Path) -> None:
    error = RunError("ValueError", "no such layer [/foo]\x1b[2J", "net.py:7 in model")
    run = WrittenRun(tmp_path, replace(INFO, status="failed", error=error))
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: "failed" in header(pilot))
        for expected in ("ValueError", "no such layer [/foo]", "net.py:7 in model"):
            assert expected in header(pilot)
        assert "\x1b" not in screen_text(pilot.app)


async def test_a_run_whose_process_is_gone_is_lost_and_says_how_to_go_on(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, replace(LIVE, pid_started_at=1.0))
    keep_checkpoint(run)
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: "lost" in header(pilot))
        assert f"torchtui train --resume {run.info.id}" in header(pilot)


@pytest.mark.parametrize("damage", ["record", "events", "gone"])
async def test_damage_is_told_and_does_no_harm(tmp_path: Path, damage: str) -> None:
    run = finished_run(tmp_path)
    if damage == "record":
        (run.folder / "run.json").write_text("{broken")
    elif damage == "events":
        with run.events.open("r+b") as file:
            file.truncate(run.events.stat().st_size - 5)
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: points(pilot) > 300)
        if damage == "gone":
            shutil.rmtree(run.folder)
        told = {"record": "run.json", "events": "tfevents", "gone": "folder is gone"}[damage]
        await until(pilot, lambda: told in header(pilot), timeout_s=3.0)
        assert points(pilot) > 300
        assert pilot.app.is_running


async def test_values_that_are_not_finite_are_told(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path)
    run.add("train/loss", [(1, 1.0), (2, math.nan), (3, math.inf)])
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: points(pilot) == 3)
        await until(pilot, lambda: "NaN" in screen_text(pilot.app))


async def test_hostile_tags_and_names_are_text(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, replace(INFO, name="[/foo]\x1b[2J"))
    run.add("val/\x1b]0;t\x07[/bar]", [(1, 1.0), (2, 2.0)])
    run.print("\x1b[2J[/foo]\n")
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: points(pilot) == 2)
        await until(pilot, lambda: "[/bar]" in screen_text(pilot.app))
        text = screen_text(pilot.app)
        assert text.count("[/foo]") >= 2
        assert "\x1b" not in text
        assert "\x07" not in text


async def test_curves_of_one_chart_can_be_told_apart(tmp_path: Path) -> None:
    """A folder of several writers has the same metric several times."""
    run = WrittenRun(tmp_path)
    for tag in ("train/loss", "train_loss", "val/loss"):
        run.add(tag, [(1, 1.0), (2, 0.5)])
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: points(pilot) == 6)
        for chart in charts(pilot):
            labels = [curve.label for curve in chart.data.curves]
            assert len(set(labels)) == len(labels)


async def test_more_charts_are_on_further_pages(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    for number in range(5):
        run.add(f"val/metric_{number}", [(25, 0.5), (50, 0.6)])
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: points(pilot) > 100)
        seen = [titles(pilot)]
        for _ in range(2):
            await pilot.press("right_square_bracket")
            await until(pilot, lambda: titles(pilot) != seen[-1])
            seen.append(titles(pilot))
        shown_titles = [title for page in seen for title in page if title]
        assert len(shown_titles) == len(set(shown_titles)) == 9
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: titles(pilot) == seen[0])
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: titles(pilot) == seen[2])


async def test_the_log_can_be_had_tall(tmp_path: Path) -> None:
    run = finished_run(tmp_path)
    run.print("".join(f"printed {number}\n" for number in range(40)))
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        log = screen_of(pilot).query_one(RunLog)
        await until(pilot, lambda: "printed 39" in "\n".join(lines_of(log)))
        short = log.size.height
        await pilot.press("l")
        await until(pilot, lambda: log.size.height > short + 5)
        await until(pilot, lambda: lines_of(log)[-1] == "printed 39" and "printed 30" in lines_of(log))
        await pilot.press("l")
        await until(pilot, lambda: log.size.height == short)


async def test_nothing_is_painted_while_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = WrittenRun(tmp_path, replace(LIVE, status="paused"))
    run.add("train/loss", ((step, 1 / step) for step in range(1, 31)))
    async with opened(make_app(FakeSession(), first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: "30/100" in header(pilot))
        await pilot.pause(0.1)  # whatever the first paint brought along
        polls = 0
        painted: list[str] = []
        reader = screen_of(pilot).pane.reader
        assert reader is not None
        poll = reader.poll

        def counted() -> object:
            nonlocal polls
            polls += 1
            return poll()

        monkeypatch.setattr(reader, "poll", counted)
        for widget in screen_of(pilot).walk_children():
            monkeypatch.setattr(
                widget, "refresh", lambda *_, name=str(widget), **__: painted.append(name), raising=False
            )
        await until(pilot, lambda: polls >= 5)
        assert painted == []


# -- the run of this session ----------------------------------------------------------------------


async def test_the_own_run_opens_by_itself_and_is_steered(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, LIVE)
    session = FakeSession()
    async with opened(make_app(session, first="training", shelf=Shelf(PRESETS))) as pilot:
        await session.train(run.folder)
        await until(pilot, lambda: "running" in header(pilot))
        await pilot.press("p")
        await until(pilot, lambda: session.of(ControlRun) == [ControlRun("pause")])
        await session.train(run.folder, "paused")
        for key, action in (("n", "step"), ("p", "resume"), ("space", "resume"), ("s", "stop")):
            session.asked.clear()
            await pilot.press(key)
            await until(pilot, lambda action=action: session.of(ControlRun) == [ControlRun(action)])  # type: ignore[misc]


async def test_a_run_goes_on_phase_by_phase_and_says_where_it_is(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, replace(LIVE, status="paused", epoch=2, step=61))
    session = FakeSession()
    async with opened(make_app(session, first="training")) as pilot:
        await session.train(run.folder, "paused")
        await until(pilot, lambda: "paused" in header(pilot))
        assert "after" not in header(pilot)
        await pilot.press("N")
        await until(pilot, lambda: session.of(ControlRun) == [ControlRun("phase")])
        state = RunState(run.folder.name, str(run.folder), "paused", 2, 61, phase="loss", batch=12)
        for phase, batch, told in (
            ("loss", 12, "paused after loss  epoch 3/4 batch 12"),
            ("step", 25, "paused after step  epoch 3/4 batch 25"),
            ("", 25, "paused  epoch 3/4 ·"),
        ):
            session.kernel = replace(session.kernel, run=replace(state, phase=phase, batch=batch))  # type: ignore[arg-type]
            session.event("run", "paused")
            await until(pilot, lambda told=told: told in header(pilot))  # type: ignore[misc]
        other = WrittenRun(tmp_path, replace(LIVE, status="paused"), name="other")
        session.kernel = replace(session.kernel, run=state)
        session.event("run", "paused")
        await until(pilot, lambda: "paused after loss" in header(pilot))
        screen_of(pilot).open_run(other.folder)
        await until(pilot, lambda: "epoch 1/4 ·" in header(pilot))
        assert "after" not in header(pilot)


async def test_a_step_that_is_refused_is_told(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, LIVE)
    session = FakeSession()
    session.answers[ControlRun] = KernelRefused(Refusal("ended", "the run has ended [/foo]"))
    async with opened(make_app(session, first="training")) as pilot:
        await session.train(run.folder)
        await until(pilot, lambda: "running" in header(pilot))
        await pilot.press("n")
        await until(pilot, lambda: ("error", "the run has ended [/foo]") in said(pilot))


async def test_a_foreign_run_is_not_steered_though_one_of_ours_runs(tmp_path: Path) -> None:
    own, other = WrittenRun(tmp_path, LIVE, name="own"), WrittenRun(tmp_path, LIVE, name="other")
    session = FakeSession()
    async with opened(make_app(session, first="training")) as pilot:
        screen = screen_of(pilot)
        await session.train(own.folder)
        await until(pilot, lambda: screen.check_action("pause", ()) is True)
        screen.open_run(other.folder)
        await until(pilot, lambda: "running" in header(pilot))
        assert not screen.check_action("pause", ())
        assert not screen.check_action("control", ("stop",))
        session.asked.clear()
        await pilot.press("p", "n", "s")
        await pilot.pause()
        assert session.asked == []
        screen.open_run(own.folder)
        assert screen.check_action("control", ("stop",)) is True


async def test_the_keys_are_greyed_once_the_run_has_ended(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, LIVE)
    session = FakeSession()
    async with opened(make_app(session, first="training")) as pilot:
        await session.train(run.folder)
        await until(pilot, lambda: screen_of(pilot).check_action("pause", ()) is True)
        await session.train(run.folder, "finished")
        assert not screen_of(pilot).check_action("pause", ())
        await pilot.press("s")
        await pilot.pause()
        assert session.of(ControlRun) == []


async def test_the_screen_stays_on_what_was_chosen_while_the_own_run_goes_on(tmp_path: Path) -> None:
    own, other = (
        WrittenRun(tmp_path, LIVE, name="own"),
        WrittenRun(tmp_path, replace(LIVE, name="other"), name="other"),
    )
    session = FakeSession()
    async with opened(make_app(session, first="training")) as pilot:
        await session.train(own.folder)
        screen_of(pilot).open_run(other.folder)
        await until(pilot, lambda: "other" in header(pilot))
        await session.train(own.folder)
        session.event("run", "paused")
        await pilot.pause()
        assert "other" in header(pilot)


async def test_when_the_run_changes_its_status_the_kernel_is_asked_at_once(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, LIVE)
    session = FakeSession()
    async with opened(make_app(session, first="training")) as pilot:
        await session.train(run.folder)
        await until(pilot, lambda: screen_of(pilot).check_action("pause", ()) is True)
        ended = RunState(run.folder.name, str(run.folder), "finished", 4, 100)
        session.kernel = replace(session.kernel, run=ended)
        session.event("run", "finished")
        await until(pilot, lambda: not screen_of(pilot).check_action("pause", ()))
        assert session.status is not None
        assert session.status.run == ended


# -- a run that was stopped -------------------------------------------------------------------------

STOPPED = replace(INFO, id="20260101-101112-digits-0001", status="stopped", epoch=1, step=37)


async def test_a_stopped_run_says_where_what_is_kept_and_how_it_goes_on(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, STOPPED)
    keep_checkpoint(run)
    async with opened(make_app(FakeSession(), first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: "stopped" in header(pilot))
        for expected in (
            "■ stopped",
            "at step 37/100",
            "1/4 epochs",
            "checkpoints/last.pt kept",
            "r resumes",
        ):
            assert expected in header(pilot)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "torchtui train --resume 20260101-101112" in header(pilot))


async def test_a_run_stopped_without_a_checkpoint_promises_nothing(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, STOPPED)
    session = FakeSession()
    async with opened(make_app(session, first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: "no checkpoint was kept" in header(pilot))
        assert "--resume" not in header(pilot)
        await pilot.press("r")
        await until(pilot, lambda: said(pilot))
        assert "no checkpoint" in said(pilot)[0][1]
        assert session.of(StartRun) == []


async def test_r_goes_on_with_a_stopped_run_from_its_checkpoint(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, replace(STOPPED, device="cuda:1"))
    keep_checkpoint(run)
    session = FakeSession()
    shelf = Shelf(PRESETS)
    async with opened(make_app(session, first="training", folder=run.folder, shelf=shelf)) as pilot:
        await until(pilot, lambda: "r resumes" in header(pilot))
        await pilot.press("r")
        await until(pilot, lambda: session.of(StartRun))
        (asked,) = session.of(StartRun)
        assert isinstance(asked, StartRun)
        assert asked.spec.resume == str(run.folder)
        assert asked.spec.device == "cuda:1"
        assert asked.spec.experiment == "digits_cnn"


async def test_a_run_without_a_kernel_offers_no_key(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, STOPPED)
    keep_checkpoint(run)
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: "torchtui train --resume" in header(pilot))
        assert "r resumes" not in header(pilot)


async def test_what_a_search_for_a_learning_rate_has_found_stays_on_the_screen(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, replace(INFO, verdict="the loss falls fastest at lr 0.01"))
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: "the loss falls fastest at lr 0.01" in header(pilot))
