"""Sessions that were left running: offered on the first screen until one is gone to or they are dismissed."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.ui.fake_session import FakeSession, NotedApp, make_app, opened, screen_rows, screen_text, until
from tui.client.registry import SessionInfo
from tui.offers import LeftRunning
from tui.widgets.dialogs import Question
from tui.widgets.offer_line import OfferLine

OTHER = SessionInfo("46af3e", 1, "/python", "/home/ada", 0.0, "train slow", "/nowhere")
IDLE = SessionInfo("77beef", 2, "/python", "/home/ada", 0.0, "torchtui", "/nowhere")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))


def offering(session: FakeSession, *, first: str = "tensors", count: int = 1) -> NotedApp:
    left = [LeftRunning(OTHER, "trains slow [/foo]"), LeftRunning(IDLE, "(torchtui)")][:count]
    return make_app(session, first=first, left_running=lambda: left)


def line(pilot: Pilot[int]) -> str:
    return next((row for row in screen_rows(pilot.app) if "without a terminal" in row), "")


@pytest.mark.parametrize("first", ["tensors", "training"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 16)])
async def test_the_offer_stays_on_the_first_screen_with_its_key(first: str, size: tuple[int, int]) -> None:
    async with opened(offering(FakeSession(), first=first), size) as pilot:
        await until(pilot, lambda: line(pilot))
        assert line(pilot).startswith(" F6 attach or dismiss")
        if size[0] >= 80:
            assert "46af3e trains slow" in line(pilot)
        await pilot.press("f3")
        await until(pilot, lambda: not line(pilot))
        await pilot.press("f2" if first == "tensors" else "f5")
        await until(pilot, lambda: line(pilot))
        row = pilot.app.screen.query_one(OfferLine).region
        assert (row.y, row.height) == (1, 1)


async def test_the_key_asks_and_going_there_leaves_this_session() -> None:
    session = FakeSession()
    app = offering(session, count=2)
    async with opened(app) as pilot:
        await until(pilot, lambda: line(pilot))
        assert "2 sessions running" in line(pilot)
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await until(pilot, lambda: "trains slow [/foo], in /home/ada" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: not app.is_running or app.return_value is not None)
    assert app.next_session == OTHER
    assert session.calls == ["shutdown"]


async def test_a_click_asks_too_and_dismissed_it_is_gone_with_its_key() -> None:
    app = offering(FakeSession())
    async with opened(app) as pilot:
        await until(pilot, lambda: line(pilot))
        await pilot.click(OfferLine)
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("escape")
        await until(pilot, lambda: line(pilot))
        await pilot.press("alt+6")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: not isinstance(app.screen, Question) and not app.screen.query(OfferLine))
        assert not app.check_action("offer", ())
        assert app.next_session is None
        await pilot.press("f6")
        await pilot.pause()
        assert not isinstance(app.screen, Question)


async def test_where_nothing_was_left_there_is_no_line_and_no_key() -> None:
    async with opened(make_app(FakeSession())) as pilot:
        await pilot.app.workers.wait_for_complete(
            [worker for worker in pilot.app.workers if worker.group == "offer"]
        )
        assert not pilot.app.screen.query(OfferLine)
        assert "f6" not in pilot.app.screen.active_bindings
