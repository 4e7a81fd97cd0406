"""The life of the session as the app leads it: coming up, dying, restarting, quitting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Button

from tests.ui.fake_session import STATUS, FakeSession, NotedApp, make_app, opened, screen_text, typed, until
from tui.client.launch import LaunchError
from tui.widgets.code_input import CodeInput
from tui.widgets.dialogs import Question
from tui.widgets.status_bar import StatusBar


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))


def bar(pilot: Pilot[int]) -> str:
    return pilot.app.screen.query_one(StatusBar).render_line(0).text


def connecting(session: FakeSession, failure: Exception | None = None) -> Callable[[], Awaitable[None]]:
    async def connect() -> None:
        if failure is not None:
            raise failure
        await session.start()

    return connect


async def asked(pilot: Pilot[int]) -> Question:
    """The question in front of the screen, once it is there."""
    await until(pilot, lambda: isinstance(pilot.app.screen, Question) and pilot.app.screen.query(Button))
    question = pilot.app.screen
    assert isinstance(question, Question)
    return question


async def answer(pilot: Pilot[int], button: str) -> None:
    """Press a button of the question."""
    (await asked(pilot)).query_one(f"#{button}", Button).press()
    await until(pilot, lambda: not isinstance(pilot.app.screen, Question))


async def test_keys_pressed_before_a_question_has_its_buttons_are_not_lost() -> None:
    answers = (("detach", "Detach"), ("stop", "Stop"), ("cancel", "Cancel"))
    given: list[str | None] = []

    class Pressing(Question):
        """Gets its keys before its first button can have the focus."""

        def on_mount(self) -> None:
            for key in ("tab", "tab", "enter"):
                self.app.post_message(Key(key, None))

    async with opened(make_app(FakeSession())) as pilot:
        pilot.app.push_screen(Pressing("Quit?", "", answers), given.append)
        await until(pilot, lambda: given)
        assert given == ["cancel"]


async def test_keys_pressed_faster_than_the_focus_moves_are_not_lost() -> None:
    answers = (("detach", "Detach"), ("stop", "Stop"), ("cancel", "Cancel"))
    given: list[str | None] = []
    async with opened(make_app(FakeSession())) as pilot:
        for keys, expected in (
            (("tab", "enter"), "stop"),
            (("tab", "tab", "enter"), "cancel"),
            (("enter",), "detach"),
        ):
            given.clear()
            question = Question("Quit?", "", answers)
            pilot.app.push_screen(question, given.append)
            await until(pilot, lambda question=question: question.focused is not None)  # type: ignore[misc]
            for key in keys:
                pilot.app.post_message(Key(key, None))
            await until(pilot, lambda: given)
            assert given == [expected]


# -- coming up ------------------------------------------------------------------------------------


async def test_the_first_frame_comes_before_the_kernel_and_its_state_is_told() -> None:
    session = FakeSession("starting")
    async with opened(make_app(session)) as pilot:
        assert "starting" in bar(pilot)
        await typed(pilot, "x = 1")
        assert pilot.app.screen.query_one(CodeInput).text == "x = 1"
        session.become("idle")
        await session.read_status()
        await pilot.pause()
        for expected in ("idle", "torch 2.13.0", "cpu", "ab12cd"):
            assert expected in bar(pilot)
        cell = session.cell("while True: pass", ends=False)
        await pilot.pause()
        assert "busy" in bar(pilot)
        session.end_cell(cell)
        await pilot.pause()
        assert "idle" in bar(pilot)


async def test_the_session_is_brought_up_and_its_status_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.session_app.STATUS_EVERY_S", 0.01)
    session = FakeSession("starting")
    async with opened(make_app(session, connect=connecting(session))) as pilot:
        await until(pilot, lambda: session.status is not None)
        assert session.calls == ["start"]
        session.kernel = replace(STATUS, torch="9.9.9")
        await until(pilot, lambda: "torch 9.9.9" in bar(pilot))


@pytest.mark.parametrize(("button", "exit_code"), [("quit", 1), ("stay", None)])
async def test_a_kernel_that_does_not_come_up_is_told_with_the_reason(
    button: str, exit_code: int | None
) -> None:
    session = FakeSession("starting")
    failure = LaunchError("no ipykernel [/foo]: pip install ipykernel")
    app = make_app(session, connect=connecting(session, failure))
    async with opened(app) as pilot:
        await asked(pilot)
        await pilot.pause()
        assert "no ipykernel [/foo]: pip install ipykernel" in screen_text(app)
        if button == "stay":
            await answer(pilot, button)
            assert app.is_running
        else:
            app.screen.query_one("#quit", Button).press()
            await quits(pilot, app)
    assert app.return_code == exit_code


# -- dying and restarting -------------------------------------------------------------------------


async def test_a_restart_is_offered_within_a_second_of_the_end() -> None:
    session = FakeSession("starting")
    async with opened(make_app(session, connect=connecting(session))) as pilot:
        await until(pilot, lambda: session.status is not None)
        session.die()
        await until(pilot, lambda: isinstance(pilot.app.screen, Question), timeout_s=1.0)


async def test_a_dead_kernel_is_told_with_the_reason_and_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.session_app.STATUS_EVERY_S", 0.01)
    session = FakeSession("starting")
    async with opened(make_app(session, connect=connecting(session))) as pilot:
        await until(pilot, lambda: session.status is not None)
        session.die("the kernel was killed by SIGSEGV", "Fatal Python error: [/foo]")
        await asked(pilot)
        await pilot.pause()
        text = screen_text(pilot.app)
        for expected in ("SIGSEGV", "Fatal Python error: [/foo]"):
            assert expected in text
        await answer(pilot, "restart")
        await until(pilot, lambda: session.calls == ["start", "restart"])
        await until(pilot, lambda: "idle" in bar(pilot))
        session.die("the kernel was killed by SIGKILL")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))


async def test_who_looks_around_can_restart_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.session_app.STATUS_EVERY_S", 0.01)
    session = FakeSession("starting")
    async with opened(make_app(session, connect=connecting(session))) as pilot:
        await until(pilot, lambda: session.status is not None)
        session.die()
        await asked(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Question))
        assert session.calls == ["start"]
        await pilot.press("ctrl+k")
        await until(pilot, lambda: session.calls == ["start", "restart"])


async def test_a_restart_of_a_live_kernel_is_asked_first(tmp_path: Path) -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        await pilot.press("ctrl+k")
        await asked(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Question))
        assert session.calls == []
        await session.train(tmp_path / "run")
        await pilot.press("f2", "ctrl+k")
        await asked(pilot)
        await pilot.pause()
        assert "checkpoint" in screen_text(pilot.app)
        await answer(pilot, "restart")
        await until(pilot, lambda: session.calls == ["restart"])


# -- quitting -------------------------------------------------------------------------------------


async def quits(pilot: Pilot[int], app: NotedApp) -> None:
    await until(pilot, lambda: not app.is_running or app.return_value is not None)


async def test_with_nothing_to_lose_ctrl_q_ends_the_kernel_and_the_app() -> None:
    session = FakeSession()
    app = make_app(session)
    async with opened(app) as pilot:
        await pilot.press("ctrl+q")
        await quits(pilot, app)
    assert session.calls == ["shutdown"]
    assert app.return_value == 0


@pytest.mark.parametrize("status", ["running", "paused"])
@pytest.mark.parametrize(("button", "calls"), [("detach", ["close"]), ("stop", ["shutdown"]), ("cancel", [])])
async def test_with_a_run_in_progress_it_asks(
    tmp_path: Path, status: str, button: str, calls: list[str]
) -> None:
    session = FakeSession()
    app = make_app(session)
    async with opened(app) as pilot:
        await session.train(tmp_path / "run", status)
        await pilot.press("ctrl+q")
        await asked(pilot)
        await pilot.pause()
        assert "torchtui attach ab12cd" in " ".join(screen_text(app).replace("│", " ").split())
        assert session.calls == []
        if button == "cancel":
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, Question))
            assert app.is_running
            assert app.return_value is None
        else:
            app.screen.query_one(f"#{button}", Button).press()
            await quits(pilot, app)
        assert session.calls == calls
    assert app.return_value == (None if button == "cancel" else 0)


async def test_enter_gives_the_answer_that_keeps_the_run(tmp_path: Path) -> None:
    session = FakeSession()
    app = make_app(session)
    async with opened(app) as pilot:
        await session.train(tmp_path / "run")
        await pilot.press("ctrl+q")
        await asked(pilot)
        await pilot.press("enter")
        await quits(pilot, app)
    assert session.calls == ["close"]


async def test_a_run_that_ended_is_no_reason_to_ask(tmp_path: Path) -> None:
    session = FakeSession()
    app = make_app(session)
    async with opened(app) as pilot:
        await session.train(tmp_path / "run", "finished")
        await pilot.press("ctrl+q")
        await quits(pilot, app)
    assert session.calls == ["shutdown"]


async def test_a_run_that_nobody_told_of_is_asked_for(tmp_path: Path) -> None:
    """It started since the status was read."""
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        await session.train(tmp_path / "run", "running")
        session.status = STATUS
        await pilot.press("ctrl+q")
        await asked(pilot)


@pytest.mark.parametrize(("button", "calls"), [("detach", ["close"]), ("stop", ["shutdown"])])
async def test_a_session_that_was_there_before_us_is_asked_about(button: str, calls: list[str]) -> None:
    session = FakeSession()
    app = make_app(session, keep_session=True)
    async with opened(app) as pilot:
        await pilot.press("ctrl+q")
        (await asked(pilot)).query_one(f"#{button}", Button).press()
        await quits(pilot, app)
    assert session.calls == calls


async def test_somebody_elses_kernel_is_let_alone(tmp_path: Path) -> None:
    session = FakeSession()
    session.foreign = True
    app = make_app(session)
    async with opened(app) as pilot:
        await session.train(tmp_path / "run")
        await pilot.press("ctrl+q")
        await quits(pilot, app)
    assert session.calls == ["close"]


@pytest.mark.parametrize("state", ["starting", "dead"])
async def test_a_kernel_that_cannot_answer_does_not_keep_the_app(state: str) -> None:
    session = FakeSession("starting")
    app = make_app(session)
    async with opened(app) as pilot:
        if state == "dead":
            session.die()
        await pilot.press("ctrl+q")
        await quits(pilot, app)
    assert session.calls == ["shutdown"]


async def test_a_kernel_that_hangs_does_not_keep_the_app() -> None:
    session = FakeSession()
    session.silent = True
    app = make_app(session)
    async with opened(app) as pilot:
        await pilot.press("ctrl+q")
        await quits(pilot, app)
    assert session.calls == ["shutdown"]


async def test_without_a_session_it_just_ends() -> None:
    app = make_app(None, first="training")
    async with opened(app) as pilot:
        await pilot.press("ctrl+q")
        await quits(pilot, app)
    assert app.return_value == 0
