from __future__ import annotations

import asyncio
import codeop
import re
from pathlib import Path

import pytest
from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Static

from tui.protocol.completing import CompletionItem, CompletionList
from tui.widgets.code_input import CodeInput, History
from tui.widgets.code_input.completion import common_prefix, usable
from tui.widgets.code_input.indent import looks_complete, next_indent
from tui.widgets.code_input.popup import Popup, place

NAMES = ("torch.rand", "torch.randint", "torch.randn", "torch.zeros", "torch.zeros_like", "print", "_hidden")


async def check(code: str) -> tuple[str, str]:
    try:
        done = codeop.compile_command(code if code.rpartition("\n")[2].strip() else code + "\n")
    except SyntaxError:
        return "invalid", ""
    return ("complete", "") if done else ("incomplete", next_indent(code))


def bare(texts: tuple[str, ...], start: int, end: int) -> CompletionList:
    return CompletionList(start, end, more=texts)


async def complete(code: str, cursor: int) -> CompletionList:
    match = re.search(r"[\w.]*$", code[:cursor])
    assert match is not None
    return bare(tuple(name for name in NAMES if name.startswith(match.group())), match.start(), cursor)


class Host(App[None]):
    BINDINGS = [
        Binding("ctrl+c", "note('ctrl+c')"),
        Binding("f2", "note('f2')"),
        Binding("pageup", "note('pageup')"),
    ]
    CSS = "Static { height: 1fr; }"

    def __init__(self, code_input: CodeInput) -> None:
        super().__init__()
        self.code_input = code_input
        self.heard: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static()
        yield self.code_input

    def on_mount(self) -> None:
        self.code_input.focus()

    def action_note(self, what: str) -> None:
        self.heard.append(what)

    @on(CodeInput.Submitted)
    def note_code(self, event: CodeInput.Submitted) -> None:
        self.heard.append(event.code)

    @on(CodeInput.Answered)
    def note_answer(self, event: CodeInput.Answered) -> None:
        self.heard.append("answer: " + event.text)

    @on(CodeInput.HelpFound)
    def note_help(self, event: CodeInput.HelpFound) -> None:
        self.heard.append("help: " + event.text)


def make(history: History | None = None) -> Host:
    return Host(CodeInput(history=history, check_complete=check, complete=complete))


async def enter_text(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*text)


def popup_of(host: Host) -> Popup | None:
    return next((popup for popup in host.screen.query(Popup) if popup.display), None)


async def popup_shown(pilot: Pilot[None], host: Host) -> Popup:
    for _ in range(100):
        await pilot.pause()
        popup = popup_of(host)
        if popup is not None and popup.size:
            return popup
    raise AssertionError("no list came up")


async def text_becomes(pilot: Pilot[None], host: Host, text: str) -> None:
    for _ in range(100):
        if host.code_input.text == text:
            return
        await pilot.pause()
    assert host.code_input.text == text


async def test_enter_runs_complete_code() -> None:
    host = make()
    async with host.run_test() as pilot:
        await enter_text(pilot, "x=1")
        await pilot.press("enter")
        assert host.heard == ["x=1"]
        assert host.code_input.text == ""
        await pilot.press("enter")
        assert host.heard == ["x=1"]


async def test_enter_goes_on_in_an_open_block_and_ends_it_with_a_blank_line() -> None:
    host = make()
    async with host.run_test() as pilot:
        await enter_text(pilot, "if x:")
        await pilot.press("enter")
        await enter_text(pilot, "y")
        await pilot.press("enter")
        assert host.code_input.text == "if x:\n    y\n    "
        await pilot.press("enter")
        assert host.heard == ["if x:\n    y"]


async def test_enter_above_the_last_line_is_a_new_line() -> None:
    host = make()
    async with host.run_test() as pilot:
        host.code_input.restore("a\nb")
        await pilot.press("up", "enter")
        assert host.code_input.text == "a\n\nb"
        assert host.heard == []


@pytest.mark.parametrize("key", ["alt+enter", "shift+enter", "ctrl+j"])
async def test_some_keys_always_begin_a_line(key: str) -> None:
    host = make()
    async with host.run_test() as pilot:
        await pilot.press("a", key, "b")
        assert host.code_input.text == "a\nb"


async def test_keys_typed_while_completeness_is_asked_come_after_it() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(code: str) -> tuple[str, str]:
        asked.set()
        await answer.wait()
        return "complete", ""

    host = Host(CodeInput(check_complete=slow))
    async with host.run_test() as pilot:
        await enter_text(pilot, "one")
        for key in ("enter", "t", "w", "o"):
            host.code_input.post_message(events.Key(key, key if len(key) == 1 else None))
        await asked.wait()
        assert host.code_input.text == "one"
        answer.set()
        await text_becomes(pilot, host, "two")
        assert host.heard == ["one"]


async def test_where_completeness_cannot_be_told_a_guess_is_made() -> None:
    async def broken(code: str) -> tuple[str, str]:
        raise RuntimeError("the kernel is gone")

    host = Host(CodeInput(check_complete=broken))
    async with host.run_test() as pilot:
        await enter_text(pilot, "for x in y:")
        await pilot.press("enter")
        assert host.code_input.text == "for x in y:\n    "
        await pilot.press("p", "enter", "enter")
        assert host.heard == ["for x in y:\n    p"]


async def test_keys_of_the_screen_reach_it() -> None:
    host = make()
    async with host.run_test() as pilot:
        await enter_text(pilot, "ab")
        await pilot.press("ctrl+c", "f2", "pageup")
        assert host.heard == ["ctrl+c", "f2", "pageup"]
        assert host.code_input.text == "ab"


async def test_tab_indents_or_inserts_what_matches_share() -> None:
    host = make()
    async with host.run_test() as pilot:
        await pilot.press("tab")
        assert host.code_input.text == "    "
        await enter_text(pilot, "torch.r")
        await pilot.press("tab")
        await text_becomes(pilot, host, "    torch.rand")
        popup = await popup_shown(pilot, host)
        assert [popup.render_line(y).text.strip() for y in range(popup.size.height)] == [
            "rand",
            "randint",
            "randn",
        ]
        await pilot.press("down", "enter")
        assert host.code_input.text == "    torch.randint"
        assert popup_of(host) is None
        assert host.heard == []


async def test_a_single_match_is_inserted() -> None:
    host = make()
    async with host.run_test() as pilot:
        await enter_text(pilot, "pri")
        await pilot.press("tab")
        await text_becomes(pilot, host, "print")
        assert popup_of(host) is None


async def test_typing_narrows_the_list_and_escape_closes_it() -> None:
    host = make()
    async with host.run_test() as pilot:
        await enter_text(pilot, "torch.")
        await pilot.press("tab")
        popup = await popup_shown(pilot, host)
        assert popup.size.height == 5
        await pilot.press("z")
        await pilot.pause()
        assert popup.size.height == 2
        await pilot.press("q")
        assert popup_of(host) is None
        await pilot.press("backspace", "tab")
        await popup_shown(pilot, host)
        await pilot.press("escape")
        assert popup_of(host) is None
        assert host.code_input.text == "torch.zeros"


async def test_a_slow_or_failing_completer_does_not_hold_up_typing() -> None:
    release = asyncio.Event()

    async def slow(code: str, cursor: int) -> CompletionList:
        await release.wait()
        if code == "ab":
            raise RuntimeError("gone")
        return bare(("aardvark", "abacus"), 0, cursor)

    host = Host(CodeInput(complete=slow))
    async with host.run_test() as pilot:
        await pilot.press("a", "tab", "b")
        assert host.code_input.text == "ab"
        release.set()
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert popup_of(host) is None
        await pilot.press("tab")
        await pilot.app.workers.wait_for_complete()
        assert host.code_input.text == "ab"


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 6)])
async def test_the_list_is_never_off_the_screen(size: tuple[int, int]) -> None:
    async def many(code: str, cursor: int) -> CompletionList:
        return bare(tuple(f"{'x' * 60}{number}" for number in range(50)), 0, cursor)

    host = Host(CodeInput(complete=many))
    async with host.run_test(size=size) as pilot:
        await pilot.press("x", "tab")
        popup = await popup_shown(pilot, host)
        assert host.screen.region.contains_region(popup.region)
        cursor = host.code_input.cursor_screen_offset
        assert not popup.region.contains(*cursor)
        await pilot.press("up")
        assert popup.chosen == 49


def test_the_list_stands_where_there_is_room() -> None:
    from textual.geometry import Offset, Region, Size

    screen = Size(80, 24)
    assert place(Size(10, 5), Offset(4, 2), screen) == Region(4, 3, 10, 5)
    assert place(Size(10, 5), Offset(4, 21), screen) == Region(4, 16, 10, 5)
    assert place(Size(10, 5), Offset(78, 2), screen) == Region(70, 3, 10, 5)


async def test_up_and_down_walk_through_history_with_the_prefix(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    for entry in ("x = 1", "y = 2", "def f():\n    pass"):
        history.append(entry)
    host = make(history)
    async with host.run_test() as pilot:
        await pilot.press("up")
        assert host.code_input.text == "def f():\n    pass"
        await pilot.press("up")
        assert host.code_input.text == "def f():\n    pass"
        await pilot.press("up")
        assert host.code_input.text == "y = 2"
        await pilot.press("down")
        assert host.code_input.text == "def f():\n    pass"
        await pilot.press("down")
        assert host.code_input.text == ""
        await pilot.press("x", "up")
        assert host.code_input.text == "x = 1"
        await pilot.press("enter")
    assert list(History(tmp_path / "history").entries)[-1] == "x = 1"


async def test_history_can_be_searched() -> None:
    history = History()
    for entry in ("import torch", "x = 1", "torch.rand(3)"):
        history.append(entry)
    host = make(history)
    async with host.run_test() as pilot:
        await pilot.press("ctrl+r", "t", "o")
        popup = await popup_shown(pilot, host)
        assert [popup.render_line(y).text.strip() for y in range(2)] == ["torch.rand(3)", "import torch"]
        await pilot.press("down", "enter")
        assert host.code_input.text == "import torch"
        assert host.heard == []


async def test_a_cell_can_ask_for_a_line() -> None:
    host = make()
    async with host.run_test() as pilot:
        await enter_text(pilot, "half")
        host.code_input.ask("Your [name]\x1b[2J: ")
        assert "\x1b" not in str(host.code_input.border_title)
        await enter_text(pilot, "for x:")
        await pilot.press("enter")
        assert host.heard == ["answer: for x:"]
        assert host.code_input.text == "half"
        assert list(host.code_input.past.entries) == []


async def test_a_password_is_not_shown() -> None:
    host = make()
    async with host.run_test() as pilot:
        host.code_input.ask("Password:", password=True)
        await enter_text(pilot, "secret")
        await pilot.pause()
        drawn = "".join(host.code_input.render_line(y).text for y in range(host.code_input.size.height))
        assert "secret" not in drawn
        assert "••••••" in drawn
        await pilot.press("enter")
        assert host.heard == ["answer: secret"]


async def test_shift_tab_dedents_or_asks_for_help() -> None:
    async def inspect(code: str, cursor: int) -> str:
        return f"{code}@{cursor}"

    host = Host(CodeInput(inspect=inspect))
    async with host.run_test() as pilot:
        await pilot.press("tab", "tab", "shift+tab")
        assert host.code_input.text == "    "
        await pilot.press("x", "shift+tab")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert host.heard == ["help:     x@5"]


async def test_backspace_in_the_indent_goes_to_the_tab_stop() -> None:
    host = make()
    async with host.run_test() as pilot:
        await pilot.press("tab", "space", "space", "backspace")
        assert host.code_input.text == "    "
        await pilot.press("a", "space", "space", "backspace")
        assert host.code_input.text == "    a "


async def test_pasted_text_is_whole_and_harmless() -> None:
    host = make()
    async with host.run_test() as pilot:
        host.code_input.post_message(events.Paste("x = 1\r\n\ty = 2\x1b[2J\u202e"))
        await text_becomes(pilot, host, "x = 1\n\ty = 2[2J")
        assert host.heard == []


async def test_a_paste_of_ten_thousand_lines_stays_usable() -> None:
    host = make()
    text = "\n".join(f"x{number} = {number}  # note" for number in range(10_000))
    async with host.run_test() as pilot:
        host.code_input.post_message(events.Paste(text))
        await text_becomes(pilot, host, text)
        await pilot.press("z")
        assert host.code_input.text == text + "z"
        assert host.code_input.size.height <= 10


async def test_it_grows_with_its_text_up_to_a_limit() -> None:
    host = make()
    async with host.run_test() as pilot:
        heights = []
        for lines in (1, 2, 3, 30):
            host.code_input.cancel_line()
            host.code_input.restore("\n".join("a" * lines))
            await pilot.pause()
            heights.append(host.code_input.size.height)
        assert heights == [1, 2, 3, 10]


async def test_python_is_highlighted() -> None:
    host = make()
    async with host.run_test() as pilot:
        await enter_text(pilot, "import os")
        await pilot.pause()
        styles = {segment.text: segment.style for segment in host.code_input.render_line(0)}
        keyword, name = (
            styles["import"],
            next(style for text, style in styles.items() if text.strip() == "os"),
        )
        assert keyword is not None
        assert name is not None
        assert keyword.color != name.color


async def test_code_that_could_not_run_comes_back_unless_more_is_typed() -> None:
    host = make()
    async with host.run_test() as pilot:
        host.code_input.restore("x = 1")
        assert host.code_input.text == "x = 1"
        host.code_input.restore("y = 2")
        assert host.code_input.text == "x = 1"
        host.code_input.cancel_line()
        assert host.code_input.text == ""
        await pilot.press("ctrl+z")
        assert host.code_input.text == "x = 1"


@pytest.mark.parametrize(
    ("code", "done"),
    [
        ("x", True),
        ("if x:", False),
        ("f(", False),
        ("a\\", False),
        ("if x:\n    y", False),
        ("if x:\n    y\n    ", True),
    ],
)
def test_a_guess_at_completeness(code: str, done: bool) -> None:
    assert looks_complete(code) is done


def test_matches_that_cannot_be_inserted_are_left_out() -> None:
    found = CompletionList(0, 0, (CompletionItem("__a", "method"),), ("_b", "c", "c", "x\x1b[2J", "a\nb", ""))
    assert usable(found) == (CompletionItem("c"), CompletionItem("_b"), CompletionItem("__a", "method"))
    assert common_prefix(["torch.rand", "torch.randn"]) == "torch.rand"
    assert common_prefix([]) == ""
