"""The REPL screen over a fake session."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from screens.tensor_viewer import TensorViewer
from screens.tensors import TensorsScreen
from tests.ui.fake_session import FakeSession, make_app, opened, screen_text, shown, typed, until
from tui.client.errors import KernelRefused
from tui.client.news import CellEnded, CellPrinted, CellStarted, InputWanted
from tui.protocol.messages import ListVariables, Refusal, Variable, VariableTable
from tui.protocol.viewing import OpenView
from tui.widgets.code_input import CodeInput
from tui.widgets.transcript import Transcript
from tui.widgets.variables.grid import VariableGrid

W = Variable("w", "tensor", "Tensor", (2, 3), "float32", "cpu", "leaf", "", 24, "1", "x∈[-1, 1]", True)
LOSS = Variable("loss", "tensor", "Tensor", (), "float32", "cpu", "graph", "MseLossBackward0", 4)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))


def parts(pilot: Pilot[int]) -> tuple[Transcript, CodeInput, VariableGrid]:
    screen = pilot.app.screen
    assert isinstance(screen, TensorsScreen)
    return screen.query_one(Transcript), screen.query_one(CodeInput), screen.query_one(VariableGrid)


async def test_what_is_typed_is_run_and_its_news_are_shown_once() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        transcript, code_input, _ = parts(pilot)
        await typed(pilot, "x = 41\n")
        await until(pilot, lambda: session.cells_run)
        assert session.cells_run == ["x = 41"]
        assert code_input.text == ""
        session.play(prints="forty-one\n", value="'done'")
        for key in ("f3", "f4", "f5", "f2"):
            await pilot.press(key)
        session.cell("1 / 0", error=("ZeroDivisionError", "division by zero"))
        await pilot.pause()
        text = transcript.text
        for once in ("x = 41", "forty-one", "'done'", "1 / 0", "ZeroDivisionError"):
            assert text.count(once) == 1, once
        assert code_input.prompt == "In [3]"


async def test_the_prompt_and_the_transcript_are_right_for_cells_of_another_terminal() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        transcript, code_input, _ = parts(pilot)
        session.tell(CellStarted("theirs", "y = 2", 7, False))
        session.tell(CellEnded("theirs", "ok"))
        await pilot.pause()
        assert "y = 2" in transcript.text
        assert code_input.prompt == "In [8]"


async def test_a_cell_typed_before_the_kernel_is_up_runs_when_it_is() -> None:
    session = FakeSession("starting")
    async with opened(make_app(session)) as pilot:
        await typed(pilot, "a\n")
        await typed(pilot, "b\n")
        await pilot.pause()
        assert session.cells_run == []
        session.become("idle")
        assert session.cells_run == ["a", "b"]
        session.become("busy")
        session.become("idle")
        assert session.cells_run == ["a", "b"]


async def test_a_cell_that_waited_for_a_kernel_that_died_is_not_run_by_the_next() -> None:
    """The transcript said that it was aborted."""
    session = FakeSession("starting")
    async with opened(make_app(session)) as pilot:
        await typed(pilot, "delete_everything()\n")
        session.die("the kernel ended with exit code 1")
        await pilot.pause()
        session.become("starting")
        session.become("idle")
        assert session.cells_run == []


async def test_incomplete_code_goes_on_in_the_next_line() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        _, code_input, _ = parts(pilot)
        await typed(pilot, "if x:\n")
        await until(pilot, lambda: "\n" in code_input.text)
        assert session.cells_run == []
        await typed(pilot, "y\n")
        await pilot.press("enter")
        await until(pilot, lambda: session.cells_run)
        assert session.cells_run == ["if x:\n    y"]


async def test_ctrl_c_interrupts_the_running_cell_and_keeps_what_is_typed() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        _, code_input, _ = parts(pilot)
        cell = session.cell("while True: pass", ends=False)
        await typed(pilot, "next")
        await pilot.press("ctrl+c")
        assert session.calls == ["interrupt"]
        assert code_input.text == "next"
        session.end_cell(cell, "error")
        await pilot.press("ctrl+c")
        assert session.calls == ["interrupt"]
        assert code_input.text == ""


async def test_ctrl_c_interrupts_wherever_the_focus_is() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        _, _, table = parts(pilot)
        session.cell("while True: pass", ends=False)
        await pilot.press("ctrl+t", "ctrl+t")
        assert table.has_focus
        await pilot.press("ctrl+c")
        assert session.calls == ["interrupt"]


async def test_a_cell_that_does_not_yield_is_said_to_be_still_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.repl_pane.STILL_BUSY_S", 0.02)
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        transcript, _, _ = parts(pilot)
        cell = session.cell("time.sleep(99)", ends=False)
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "Still busy" in transcript.text)
        assert "cannot be interrupted" in transcript.text
        session.end_cell(cell, "error")
        await pilot.press("ctrl+l")
        cell = session.cell("obedient()", ends=False)
        await pilot.app.screen.run_action("interrupt")
        session.end_cell(cell, "error")
        cell = session.cell("time.sleep(99)", ends=False)
        before = transcript.text
        pilot.app.set_timer(0.06, lambda: session.end_cell(cell))  # longer than the notice would take
        await until(pilot, lambda: session.state == "idle")
        assert "Still busy" not in before + transcript.text


async def test_each_stuck_cell_is_said_to_be_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.repl_pane.STILL_BUSY_S", 0.02)
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        transcript, _, _ = parts(pilot)
        for _ in range(2):
            cell = session.cell("stuck()", ends=False)
            await pilot.press("ctrl+c")
            await until(pilot, lambda: "Still busy" in transcript.text)
            session.end_cell(cell, "error")
            await pilot.press("ctrl+l")


async def test_input_is_asked_and_answered_and_the_draft_comes_back() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        _, code_input, _ = parts(pilot)
        await typed(pilot, "draft")
        cell = session.cell("name = input('who? ')", ends=False)
        session.tell(InputWanted(cell, "who? ", False))
        await pilot.pause()
        assert "who?" in screen_text(pilot.app)
        await typed(pilot, "Ada if\n")
        await pilot.pause()
        assert session.answered == ["Ada if"]
        assert session.cells_run == ["name = input('who? ')"]
        assert code_input.text == "draft"


async def test_a_password_is_not_shown() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        cell = session.cell("getpass()", ends=False)
        session.tell(InputWanted(cell, "Password: ", True))
        await pilot.pause()
        await typed(pilot, "s3cret")
        assert "s3cret" not in screen_text(pilot.app)
        await pilot.press("enter")
        await pilot.pause()
        assert session.answered == ["s3cret"]
        await pilot.press("up")
        assert "s3cret" not in screen_text(pilot.app)


async def test_a_cell_that_ends_while_it_asks_gives_the_input_back() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        _, code_input, _ = parts(pilot)
        await typed(pilot, "draft")
        cell = session.cell("input()", ends=False)
        session.tell(InputWanted(cell, "", False))
        await pilot.press("ctrl+c")
        session.end_cell(cell, "error")
        await pilot.pause()
        assert session.calls == ["interrupt"]
        assert session.answered == []
        assert code_input.text == "draft"


async def test_a_kernel_that_dies_while_it_asks_gives_the_input_back() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        _, code_input, _ = parts(pilot)
        await typed(pilot, "draft")
        cell = session.cell("input()", ends=False)
        session.tell(InputWanted(cell, "who? ", False))
        await pilot.pause()
        session.die()
        await pilot.pause()
        assert code_input.text == "draft"


async def test_variables_are_asked_again_after_each_cell_and_shown() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        _, _, table = parts(pilot)
        await until(pilot, lambda: session.of(ListVariables))
        assert table.row_count == 0
        session.answers[ListVariables] = VariableTable((W, LOSS), {"cpu": 28})
        before = len(session.of(ListVariables))
        session.cell("w = torch.randn(2, 3)")
        await until(pilot, lambda: table.row_count == 2)
        assert len(session.of(ListVariables)) > before
        text = screen_text(pilot.app)
        assert "(2, 3)" in text
        assert "28 B" in text


async def test_variables_follow_a_run_while_it_trains(tmp_path: Path) -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        await until(pilot, lambda: session.of(ListVariables))
        before = len(session.of(ListVariables))
        await session.train(tmp_path / "run")
        await until(pilot, lambda: len(session.of(ListVariables)) > before)


async def test_the_row_under_the_cursor_is_told_in_full() -> None:
    session = FakeSession()
    session.answers[ListVariables] = VariableTable((W, LOSS), {"cpu": 28})
    async with opened(make_app(session)) as pilot:
        _, _, table = parts(pilot)
        await until(pilot, lambda: table.row_count == 2)
        await pilot.press("ctrl+t", "ctrl+t", "down")
        await until(pilot, lambda: "MseLossBackward0" in screen_text(pilot.app))
        assert table.current_key == "loss"
        await pilot.press("ctrl+t")
        assert parts(pilot)[1].has_focus


async def test_keys_of_one_burst_go_where_the_one_before_them_leads() -> None:
    """To the variables, a filter, back to the rows, the viewer: as a fast typist or a slow line sends them."""
    session = FakeSession()
    session.answers[ListVariables] = VariableTable((W, LOSS), {"cpu": 28})
    async with opened(make_app(session)) as pilot:
        _, code_input, table = parts(pilot)
        await until(pilot, lambda: table.row_count == 2)
        for name in ("ctrl+t", "ctrl+t", "slash", "l", "o", "s", "enter"):
            pilot.app.post_message(
                events.Key(name, {"slash": "/"}.get(name, name if len(name) == 1 else None))
            )
        await until(pilot, lambda: [entry.key for entry in table.entries] == ["loss"])
        assert table.has_focus
        assert code_input.text == ""


async def test_alt_v_looks_at_a_whole_line_where_the_cursor_is_at_no_name() -> None:
    session = FakeSession()
    session.answers[OpenView] = KernelRefused(Refusal("name", "there is no x"))
    async with opened(make_app(session)) as pilot:
        await typed(pilot, "(x @ x).sum(1)")
        screen = pilot.app.screen
        await pilot.press("alt+v")
        await until(pilot, lambda: session.of(OpenView))
        assert [request.view.expression for request in session.asked if isinstance(request, OpenView)] == [
            "(x @ x).sum(1)"
        ]
        await until(pilot, lambda: "there is no x" in screen_text(pilot.app))
        await pilot.press("escape")  # nothing was looked at: there is nothing to go back to in the viewer
        await until(pilot, lambda: pilot.app.screen is screen)


async def test_alt_v_looks_at_what_was_typed_before_it_and_types_nothing() -> None:
    session = FakeSession()
    session.answers[OpenView] = TimeoutError()
    async with opened(make_app(session)) as pilot:
        _, code_input, _ = parts(pilot)
        screen = pilot.app.screen
        for character in "w[0]":
            pilot.app.post_message(events.Key(character, character))
        pilot.app.post_message(events.Key("alt+v", "v"))  # as Textual reads it from a terminal
        await until(pilot, lambda: pilot.app.screen is not screen)
        assert isinstance(pilot.app.screen, TensorViewer)
        await until(pilot, lambda: session.of(OpenView))
        assert [request.view.expression for request in session.asked if isinstance(request, OpenView)] == [
            "w[0]"
        ]
        assert code_input.text == "w[0]"


@pytest.mark.parametrize("refusal", [KernelRefused(Refusal("torch", "torch is not there")), TimeoutError()])
async def test_a_table_that_cannot_be_had_leaves_the_screen_as_it_was(refusal: Exception) -> None:
    session = FakeSession()
    session.answers[ListVariables] = VariableTable((W,), {"cpu": 24})
    async with opened(make_app(session)) as pilot:
        _, _, table = parts(pilot)
        await until(pilot, lambda: table.row_count == 1)
        session.answers[ListVariables] = refusal
        before = len(session.of(ListVariables))
        session.cell("x")
        await until(pilot, lambda: len(session.of(ListVariables)) > before)
        await pilot.pause()
        assert table.row_count == 1
        assert pilot.app.is_running


async def test_foreign_text_reaches_the_screen_as_text() -> None:
    session = FakeSession()
    nasty = "[/foo]\x1b[2J\x1b]0;t\x07[red]x[mean]"
    hostile = Variable(nasty, "value", nasty, summary=nasty)
    session.answers[ListVariables] = VariableTable((hostile,), {nasty: 3})
    async with opened(make_app(session)) as pilot:
        _, _, table = parts(pilot)
        await until(pilot, lambda: table.row_count == 1)
        session.cell(f"print({nasty!r})", prints=nasty + "\n", value=nasty, error=(nasty, nasty))
        await pilot.pause()
        text = screen_text(pilot.app)
        assert not any(ord(character) < 32 and character != "\n" for character in text)
        assert "[/foo]" in text
        assert "[mean]" in text


@pytest.mark.parametrize("prompt", ["[/foo]", "[red]name[mean]", "[@click=app.exit]name", "\x1b[2Jname"])
async def test_the_prompt_of_input_is_foreign_text_too(prompt: str) -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        cell = session.cell(f"input({prompt!r})", ends=False)
        session.tell(InputWanted(cell, prompt, False))
        await pilot.pause()
        title = screen_text(pilot.app).splitlines()
        assert any(prompt.replace("\x1b", "␛") in row for row in title if "input(" not in row)


async def test_when_the_kernel_is_gone_the_reason_is_shown_and_code_is_kept() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        transcript, code_input, _ = parts(pilot)
        session.cell("os.abort()", ends=False)
        session.die("the kernel was killed by SIGABRT", "Fatal Python error: Aborted")
        await pilot.pause()
        assert "SIGABRT" in transcript.text
        assert "Fatal Python error" in transcript.text
        await typed(pilot, "x\n")
        await until(pilot, lambda: "ctrl+k" in transcript.text)
        assert code_input.text == "x"
        assert session.cells_run == ["os.abort()"]


async def test_an_end_that_was_asked_for_is_no_alarm() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        transcript, _, _ = parts(pilot)
        session.die("the kernel ended with exit code 0", expected=True)
        await pilot.pause()
        assert "gone" not in transcript.text


async def test_clearing_keeps_the_variables_and_the_line_that_is_typed() -> None:
    session = FakeSession()
    session.answers[ListVariables] = VariableTable((W,), {"cpu": 24})
    async with opened(make_app(session)) as pilot:
        transcript, code_input, table = parts(pilot)
        session.cell("print('out')", prints="out\n")
        await typed(pilot, "draft")
        await pilot.press("ctrl+l")
        await until(pilot, lambda: table.row_count == 1)
        assert "out" not in transcript.text
        assert code_input.text == "draft"


async def test_pages_scroll_the_output_from_the_input() -> None:
    session = FakeSession()
    async with opened(make_app(session)) as pilot:
        transcript, code_input, _ = parts(pilot)
        cell = session.cell("flood()", ends=False)
        session.tell(CellPrinted(cell, "stdout", "".join(f"line {n}\n" for n in range(200))))
        await until(
            pilot, lambda: transcript.max_scroll_y > 100 and transcript.scroll_y == transcript.max_scroll_y
        )
        await pilot.press("pageup")
        await until(pilot, lambda: transcript.scroll_y < transcript.max_scroll_y)
        await pilot.press("pagedown")
        await until(pilot, lambda: transcript.scroll_y == transcript.max_scroll_y)
        assert code_input.has_focus


async def test_the_detail_gives_way_in_a_narrow_terminal() -> None:
    async with opened(make_app(FakeSession()), size=(80, 24)) as pilot:
        detail = pilot.app.screen.query_one("#variable-detail")
        assert not shown(detail)
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: shown(detail))
