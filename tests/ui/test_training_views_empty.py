"""The views of a run before there is anything to show: each says why, and what would fill it."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from textual.app import App

from tests.ui.fake_session import FakeSession, make_app, opened, screen_text, until
from tests.ui.written_runs import INFO, WrittenRun
from tui.protocol.run import RunError

LIVE = replace(
    INFO, status="running", ended_at=None, epoch=0, step=0, pid=os.getpid(), host=socket.gethostname(),
    pid_started_at=psutil.Process().create_time(),
)  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runs are read often, so that tests need not wait."""
    monkeypatch.setattr("screens.run_pane.REFRESH_S", 0.01)
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))


def words(app: App[int]) -> str:
    """What is on the screen, wherever its lines break."""
    return " ".join(screen_text(app).split())


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_run_that_has_just_begun_says_what_will_be_here(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    run = WrittenRun(tmp_path, LIVE)
    async with opened(make_app(None, first="training", folder=run.folder), size=size) as pilot:
        await until(pilot, lambda: "no step has been taken yet" in screen_text(pilot.app))
        await pilot.press("2")
        await until(pilot, lambda: "nothing sampled yet" in screen_text(pilot.app))
        await pilot.press("3")
        await until(pilot, lambda: "no evaluation yet" in screen_text(pilot.app))
        assert "confusion matrix" in screen_text(pilot.app)
        assert "E evaluates" not in screen_text(pilot.app)  # nobody here can ask for it
        await pilot.press("4")
        await until(pilot, lambda: "nothing looks wrong" in screen_text(pilot.app))


async def test_where_the_keys_steer_the_run_the_key_that_evaluates_is_named(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, LIVE)
    session = FakeSession()
    async with opened(make_app(session, first="training", folder=run.folder)) as pilot:
        await session.train(run.folder)
        await pilot.press("3")
        await until(pilot, lambda: "E evaluates now" in screen_text(pilot.app))


async def test_a_run_that_is_over_waits_for_nothing(tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, replace(INFO, status="stopped", epoch=0, step=3))
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        for key, said in (
            ("2", "was stopped before its layers"),
            ("3", "was stopped before it was evaluated"),
        ):
            await pilot.press(key)
            await until(pilot, lambda said=said: said in screen_text(pilot.app))  # type: ignore[misc]
            assert "yet" not in screen_text(pilot.app)


async def test_why_a_run_failed_is_told_in_full_and_not_three_times(tmp_path: Path) -> None:
    message = (
        "the loss is nan at step 2: " + "the first is the third of the blocks; " * 5 + "its input was finite"
    )
    info = replace(INFO, status="failed", epoch=0, step=2, error=RunError("NotFinite", message))
    run = WrittenRun(tmp_path, info)
    run.add("train/loss", [(1, 2.3), (2, float("nan"))])
    run.print(f"failed: {message}\n")
    async with opened(make_app(None, first="training", folder=run.folder), size=(80, 24)) as pilot:
        await until(pilot, lambda: "its input was finite" in words(pilot.app))  # the log has all of it
        assert "▲" not in screen_text(pilot.app)  # the head has said it
        await pilot.press("4")
        await until(pilot, lambda: "its input was finite" in words(pilot.app))
        assert "train/loss is nan" not in screen_text(pilot.app)
