"""Steering a run in progress: the tuning panel, the learning rate by one key, stop now, keep, evaluate."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from textual.pilot import Pilot

from screens.training import TrainingScreen
from tests.ui.fake_session import FakeSession, NotedApp, R, make_app, opened, screen_text, shown, until
from tests.ui.keyboard import pressed
from tests.ui.written_runs import INFO, WrittenRun
from tui.client.errors import KernelRefused
from tui.protocol.messages import ControlRun, Refusal, Request
from tui.protocol.run import RunChange
from tui.protocol.training import Freeze, ReadTuning, Tune, TuneField, TuneLayer, TuneTable
from tui.widgets.dialogs import Question
from tui.widgets.key_bar import KeyBar, fitting
from tui.widgets.tune.panel import TunePanel

LIVE = replace(
    INFO, status="running", ended_at=None, epoch=0, step=0, pid=os.getpid(), host=socket.gethostname(),
    pid_started_at=psutil.Process().create_time(),
)  # fmt: skip
TABLE = TuneTable(
    (TuneField("betas", "(0.9, 0.999)", 0), TuneField("lr", "0.001", 0), TuneField("amsgrad", "False", 0),
     TuneField("clip_norm", "None")),
    (TuneLayer("body [/b]", "Conv2d", 640, frozen=False), TuneLayer("head", "Linear", 650, frozen=True)),
)  # fmt: skip


class TunedSession(FakeSession):
    """A session whose kernel does what it is asked to change."""

    def __init__(self) -> None:
        super().__init__()
        self.table = TABLE
        self.refusal: str = ""

    async def ask(self, request: Request[R], *, timeout_s: float | None = None) -> R:
        await asyncio.sleep(0)
        table = self.table
        if isinstance(request, Tune | Freeze) and self.refusal:
            self.asked.append(request)
            raise KernelRefused(Refusal("ValueError", self.refusal))
        if isinstance(request, Tune):
            fields = tuple(
                replace(one, text=request.text)
                if (one.name, one.group) == (request.name, request.group)
                else one
                for one in table.fields
            )
            self.table = replace(table, fields=fields)
        if isinstance(request, Freeze):
            layers = tuple(
                replace(one, frozen=request.frozen) if one.path == request.path else one
                for one in table.layers
            )
            self.table = replace(table, layers=layers)
        self.answers |= dict.fromkeys((ReadTuning, Tune, Freeze), self.table)
        return await super().ask(request, timeout_s=timeout_s)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("screens.run_pane.REFRESH_S", 0.05)
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))


@asynccontextmanager
async def steered(
    run: WrittenRun, session: FakeSession, status: str = "running", size: tuple[int, int] = (120, 40)
) -> AsyncIterator[Pilot[int]]:
    """A run of the session, on the screen."""
    async with opened(make_app(session, first="training"), size) as pilot:
        await session.train(run.folder, status)
        await until(
            pilot, lambda: screen_of(pilot).own_run is not None and run.info.name in screen_text(pilot.app)
        )
        yield pilot


@pytest.fixture
def run(tmp_path: Path) -> WrittenRun:
    found = WrittenRun(tmp_path, LIVE)
    found.add("train/loss", ((step, 1 / step) for step in range(1, 31)))
    return found


def screen_of(pilot: Pilot[int]) -> TrainingScreen:
    assert isinstance(pilot.app.screen, TrainingScreen)
    return pilot.app.screen


def panel(pilot: Pilot[int]) -> TunePanel:
    return screen_of(pilot).query_one(TunePanel)


def said(pilot: Pilot[int]) -> list[tuple[str, str]]:
    assert isinstance(pilot.app, NotedApp)
    return [(notice.severity, notice.message) for notice in pilot.app.said]


async def open_panel(pilot: Pilot[int]) -> None:
    await pressed(pilot, "t")
    await until(pilot, lambda: panel(pilot).current_key == "field:0:lr")


@pytest.mark.parametrize("status", ["running", "paused"])
async def test_the_learning_rate_is_under_the_cursor_and_edited(run: WrittenRun, status: str) -> None:
    session = TunedSession()
    run.record(status=status)
    async with steered(run, session, status) as pilot:
        await open_panel(pilot)
        for expected in ("betas", "(0.9, 0.999)", "clip_norm", "body [/b]", "1 of 2 frozen"):
            assert expected in screen_text(pilot.app)
        await pressed(pilot, "enter", "ctrl+u", "0", ".", "5", "enter")
        await until(pilot, lambda: session.of(Tune) == [Tune("lr", "0.5", 0)])
        await until(
            pilot, lambda: "from the next step" in screen_text(pilot.app) and not panel(pilot).editing
        )
        run.record(changes=(RunChange(31, "2026-01-01T00:00:31+00:00", "lr", "0.001", "0.5"),))
        session.event("run", status)
        await until(pilot, lambda: "from step 31" in screen_text(pilot.app))


async def test_a_refusal_stands_in_its_row_and_what_was_typed_stays(run: WrittenRun) -> None:
    session = TunedSession()
    session.refusal = "lr takes a number above 0 [/l]"
    async with steered(run, session) as pilot:
        await open_panel(pilot)
        await pressed(pilot, "enter", "ctrl+u", "minus", "1", "enter")
        await until(pilot, lambda: "above 0 [/l]" in screen_text(pilot.app))
        assert "-1" in screen_text(pilot.app)
        assert panel(pilot).editing
        await pressed(pilot, "escape")
        await until(
            pilot, lambda: "above 0" not in screen_text(pilot.app) and "0.001" in screen_text(pilot.app)
        )
        assert shown(panel(pilot))


async def test_space_freezes_thaws_and_switches(run: WrittenRun) -> None:
    session = TunedSession()
    async with steered(run, session) as pilot:
        await open_panel(pilot)
        panel(pilot).go_to("layer:body [/b]")
        await pressed(pilot, "space")
        await until(pilot, lambda: "2 of 2 frozen" in screen_text(pilot.app))
        await pressed(pilot, "down", "space")
        await until(pilot, lambda: session.of(Freeze) == [Freeze("body [/b]", True), Freeze("head", False)])
        panel(pilot).go_to("field:0:amsgrad")
        await pressed(pilot, "space")
        await until(pilot, lambda: session.of(Tune) == [Tune("amsgrad", "True", 0)])
        assert session.of(ControlRun) == []  # space pauses elsewhere


async def test_keys_typed_in_a_value_steer_nothing(run: WrittenRun) -> None:
    session = TunedSession()
    async with steered(run, session) as pilot:
        await open_panel(pilot)
        await pressed(pilot, "enter", "p", "s", "n", "space", "less_than_sign")
        assert panel(pilot).editing
        await pressed(pilot, "escape", "p")
        await until(pilot, lambda: session.of(ControlRun) == [ControlRun("pause")])
        assert session.of(Tune) == []


async def test_t_and_escape_close_the_panel_and_the_end_of_the_run_does(run: WrittenRun) -> None:
    session = TunedSession()
    async with steered(run, session) as pilot:
        for key in ("t", "escape"):
            await open_panel(pilot)
            await pressed(pilot, key)
            await until(pilot, lambda: not shown(panel(pilot)))
        await open_panel(pilot)
        await pressed(pilot, "o")
        await until(pilot, lambda: not shown(panel(pilot)))
        await pressed(pilot, "escape")
        await open_panel(pilot)
        await session.train(run.folder, "finished")
        await until(pilot, lambda: not shown(panel(pilot)))
        assert screen_of(pilot).check_action("tune", ()) is None


async def test_two_presses_quarter_the_rate(run: WrittenRun) -> None:
    session = TunedSession()
    async with steered(run, session) as pilot:
        await pressed(pilot, "less_than_sign", "less_than_sign", "greater_than_sign")
        await until(pilot, lambda: len(session.of(Tune)) == 3)
        assert session.of(Tune) == [
            Tune("lr", "0.0005", 0),
            Tune("lr", "0.00025", 0),
            Tune("lr", "0.0005", 0),
        ]
        await until(pilot, lambda: ("information", "lr 0.00025 → 0.0005 from the next step") in said(pilot))


async def test_each_group_is_scaled_by_itself(run: WrittenRun) -> None:
    session = TunedSession()
    session.table = TuneTable((TuneField("lr", "0.1", 0), TuneField("lr", "0.01", 1)))
    async with steered(run, session) as pilot:
        await pressed(pilot, "greater_than_sign")
        await until(pilot, lambda: session.of(Tune) == [Tune("lr", "0.2", 0), Tune("lr", "0.02", 1)])


async def test_a_refused_scaling_is_told(run: WrittenRun) -> None:
    session = TunedSession()
    session.refusal = "the run has ended [/e]"
    async with steered(run, session) as pilot:
        await pressed(pilot, "less_than_sign")
        await until(pilot, lambda: ("error", "the run has ended [/e]") in said(pilot))


async def test_stop_now_asks_once(run: WrittenRun) -> None:
    session = FakeSession()
    async with steered(run, session) as pilot:
        await pressed(pilot, "S")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pressed(pilot, "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrainingScreen))
        assert session.of(ControlRun) == []
        await pressed(pilot, "S")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pressed(pilot, "enter")
        await until(pilot, lambda: session.of(ControlRun) == [ControlRun("stop_now")])


@pytest.mark.parametrize(("key", "action"), [("k", "checkpoint"), ("E", "evaluate")])
async def test_a_checkpoint_or_an_evaluation_is_asked_for_and_said(
    run: WrittenRun, key: str, action: Any
) -> None:
    session = FakeSession()
    async with steered(run, session) as pilot:
        await pressed(pilot, key)
        await until(pilot, lambda: session.of(ControlRun) == [ControlRun(action)])
        await until(pilot, lambda: any("end of this step" in message for _, message in said(pilot)))


async def test_without_a_run_in_progress_nothing_is_steered(run: WrittenRun) -> None:
    session = FakeSession()
    run.record(status="finished")
    async with opened(make_app(session, first="training", folder=run.folder)) as pilot:
        await until(pilot, lambda: "finished" in screen_text(pilot.app))
        await pressed(pilot, "t", "less_than_sign", "S", "k", "E")
        await pilot.pause()
        assert session.asked == []
        assert not shown(panel(pilot))
        assert isinstance(pilot.app.screen, TrainingScreen)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 16)])
async def test_the_panel_has_room_and_the_footers_keys_are_all_there(
    run: WrittenRun, size: tuple[int, int]
) -> None:
    async with steered(run, TunedSession(), size=size) as pilot:
        await open_panel(pilot)
        region = panel(pilot).region
        assert pilot.app.screen.region.contains_region(region)
        assert region.width >= 36
        assert region.height >= 8
        assert "0.001" in screen_text(pilot.app)
        assert "< halves lr · > doubles it" in screen_text(pilot.app)
        bar = pilot.app.screen.query_one(KeyBar)
        if size[0] >= 80:
            assert "Halve lr" in screen_text(pilot.app)
            assert len(fitting(bar.entries, size[0])) == len(bar.entries)
