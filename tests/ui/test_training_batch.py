"""What the batch has done, in the place of the log, while the run of this session is paused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.ui.fake_session import FakeSession, make_app, opened, screen_text, until
from tests.ui.keyboard import pressed
from tests.ui.test_screens_training import LIVE
from tests.ui.written_runs import INFO, WrittenRun
from tui.client.errors import KernelRefused
from tui.protocol.messages import Refusal, RunState
from tui.protocol.run import RunError
from tui.protocol.training import BatchLook, DryValue, ParameterLook, ReadBatch
from tui.widgets.run.batch_block import BatchBlock
from tui.widgets.run.header import RunLog

LOOK = BatchLook(
    "backward", 61, (DryValue("input", (32, 64), "float32", "cpu"),), 2.25, 1.5, None,
    (ParameterLook("fc.weight", 1.4),), 1,
)  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runs are read often, so that tests need not wait."""
    monkeypatch.setattr("screens.run_pane.REFRESH_S", 0.05)
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))


def block(pilot: Pilot[int]) -> BatchBlock:
    return pilot.app.screen.query_one(BatchBlock)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_paused_batch_is_told_until_the_run_goes_on(tmp_path: Path, size: tuple[int, int]) -> None:
    run = WrittenRun(tmp_path, replace(LIVE, status="paused", epoch=2, step=61))
    session = FakeSession()
    session.answers[ReadBatch] = LOOK
    async with opened(make_app(session, first="training"), size=size) as pilot:
        await session.train(run.folder, "paused")
        await until(pilot, lambda: "gradient norm 1.5 · fc.weight 1.4" in screen_text(pilot.app))
        assert "N let the optimizer step" in screen_text(pilot.app)
        assert not pilot.app.screen.query_one(RunLog).display
        await pressed(pilot, "3")
        await until(pilot, lambda: "no evaluation yet" in screen_text(pilot.app))
        assert "gradient norm 1.5" in screen_text(pilot.app)
        await session.train(run.folder, "running")
        await until(pilot, lambda: not block(pilot).display)


async def test_the_log_is_there_for_who_wants_it_and_where_nothing_is_told(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, replace(LIVE, status="paused", epoch=2, step=61))
    run.print("halfway\n")
    session = FakeSession()
    session.answers[ReadBatch] = KernelRefused(Refusal("no pause", "no run is paused in this kernel"))
    async with opened(make_app(session, first="training")) as pilot:
        await session.train(run.folder, "paused")
        await until(pilot, lambda: session.of(ReadBatch) and "halfway" in screen_text(pilot.app))
        assert not block(pilot).display
        session.answers[ReadBatch] = LOOK
        session.kernel = replace(
            session.kernel, run=RunState(run.folder.name, str(run.folder), "paused", 2, 61, phase="backward")
        )
        session.event("run", "paused")
        await until(pilot, lambda: block(pilot).display)
        await pressed(pilot, "l")
        await until(pilot, lambda: "halfway" in screen_text(pilot.app) and not block(pilot).display)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_result_of_a_run_stands_beside_its_status(tmp_path: Path, size: tuple[int, int]) -> None:
    run = WrittenRun(tmp_path, INFO)
    run.add("test/loss", [(100, 0.125)])
    run.add("test/accuracy", [(100, 0.975)])
    async with opened(make_app(None, first="training", folder=run.folder), size=size) as pilot:
        await until(pilot, lambda: "finished  test accuracy 0.975 · loss 0.125" in screen_text(pilot.app))


async def test_why_a_run_failed_is_told_in_full_where_its_alerts_are(tmp_path: Path) -> None:
    error = RunError(
        "NotFinite", "the loss is nan " + "since the layers before it were so " * 4 + "to the last word"
    )
    run = WrittenRun(tmp_path, replace(INFO, status="failed", error=error))
    async with opened(make_app(None, first="training", folder=run.folder), size=(80, 24)) as pilot:
        await until(pilot, lambda: "failed" in screen_text(pilot.app))
        assert "the last word" not in screen_text(pilot.app)
        await pressed(pilot, "4")
        await until(pilot, lambda: "last word" in screen_text(pilot.app))
