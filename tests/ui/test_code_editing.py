from __future__ import annotations

import time

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from tui.widgets.code_input import CodeInput, History
from tui.widgets.code_input.popup import Popup


class Host(App[None]):
    def __init__(self, code_input: CodeInput) -> None:
        super().__init__()
        self.code_input = code_input
        self.sent: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.code_input

    def on_mount(self) -> None:
        self.code_input.focus()

    def on_code_input_submitted(self, event: CodeInput.Submitted) -> None:
        self.sent.append(event.code)


async def until_text(pilot: Pilot[None], area: CodeInput, text: str) -> None:
    for _ in range(200):
        if area.text == text:
            return
        await pilot.pause()
    assert area.text == text


def styled(area: CodeInput, component: str) -> list[str]:
    """The characters that are drawn as a component is."""
    wanted = area.get_component_rich_style(component, partial=True)
    return [
        text
        for y in range(area.size.height)
        for segment in area.render_line(y)
        if segment.style is not None
        and segment.style.color == wanted.color
        and segment.style.underline == wanted.underline
        and segment.style.bold == wanted.bold
        for text in segment.text
    ]


async def test_the_bracket_at_the_cursor_and_its_partner_are_marked() -> None:
    host = Host(CodeInput())
    async with host.run_test() as pilot:
        area = host.code_input
        area.put("f(a[0], ')')")
        await pilot.pause()
        assert styled(area, "code-area--bracket") == ["(", ")"]
        area.move_cursor((0, 3))
        await pilot.pause()
        assert "]" in styled(area, "code-area--bracket")
        area.move_cursor((0, 0))
        await pilot.pause()
        assert styled(area, "code-area--bracket") == []


async def test_a_bracket_that_closes_nothing_is_marked() -> None:
    host = Host(CodeInput())
    async with host.run_test() as pilot:
        area = host.code_input
        area.put("f(a]) + ')'")
        area.move_cursor((0, 0))
        await pilot.pause()
        assert styled(area, "code-area--wrong-bracket") == ["]"]


async def test_tab_shifts_the_selected_lines_in_one_step() -> None:
    host = Host(CodeInput())
    async with host.run_test() as pilot:
        area = host.code_input
        area.put("if x:\ny\n\nz")
        area.move_cursor((1, 0))
        await pilot.press("shift+down", "shift+down", "shift+end", "tab")
        assert area.text == "if x:\n    y\n\n    z"
        await pilot.press("shift+tab")
        assert area.text == "if x:\ny\n\nz"
        await pilot.press("ctrl+z")
        assert area.text == "if x:\n    y\n\n    z"
        await pilot.press("ctrl+z")
        assert area.text == "if x:\ny\n\nz"
        await pilot.press("ctrl+y")
        assert area.text == "if x:\n    y\n\n    z"


@pytest.mark.parametrize("key", ["ctrl+underscore", "ctrl+slash"])
async def test_a_key_makes_comments_and_code_again(key: str) -> None:
    host = Host(CodeInput())
    async with host.run_test() as pilot:
        area = host.code_input
        area.put("a = 1\nb = 2")
        await pilot.press(key)
        assert area.text == "a = 1\n# b = 2"
        assert area.cursor_location == (1, 7)
        await pilot.press(key)
        assert area.text == "a = 1\nb = 2"
        area.selection = type(area.selection)((0, 2), (1, 1))
        await pilot.press(key)
        assert area.text == "# a = 1\n# b = 2"
        await pilot.press("ctrl+z")
        assert area.text == "a = 1\nb = 2"


async def test_enter_after_what_leaves_a_block_steps_back() -> None:
    host = Host(CodeInput())
    async with host.run_test() as pilot:
        await pilot.press(*"def f():", "enter", *"return 1", "alt+enter", *"x")
        assert host.code_input.text == "def f():\n    return 1\nx"


async def test_brackets_are_not_closed_unasked() -> None:
    host = Host(CodeInput())
    async with host.run_test() as pilot:
        await pilot.press("f", "left_parenthesis")
        assert host.code_input.text == "f("
        host.code_input.auto_close = True
        await pilot.press("left_square_bracket", "1", "right_square_bracket", "right_parenthesis")
        assert host.code_input.text == "f([1])"
        await pilot.press("left_parenthesis", "backspace")
        assert host.code_input.document.text == "f([1])"


async def test_wide_and_combined_characters_are_one_step() -> None:
    host = Host(CodeInput())
    async with host.run_test() as pilot:
        area = host.code_input
        area.put("漢e\u0301👍🏽x")
        await pilot.pause()
        columns = [area.cursor_location[1]]
        for _ in range(4):
            await pilot.press("left")
            columns.append(area.cursor_location[1])
        assert columns == [6, 5, 3, 1, 0]
        await pilot.press("right", "right", "backspace")
        assert area.text == "漢👍🏽x"
        assert area.cursor_screen_offset.x - area.content_region.x == 2


async def test_a_paste_of_ten_thousand_lines_is_quick_and_runs_nothing() -> None:
    host = Host(CodeInput(signature=None))
    text = "\n".join(f"print({number}, [{number}])  # note" for number in range(10_000)) + "\n"
    async with host.run_test() as pilot:
        started_s = time.perf_counter()
        host.code_input.post_message(events.Paste(text))
        await until_text(pilot, host.code_input, text)
        await pilot.pause()
        assert time.perf_counter() - started_s < 5  # measured: well under 1 s on an idle machine
        assert host.sent == []


async def test_put_code_can_be_undone() -> None:
    host = Host(CodeInput())
    async with host.run_test() as pilot:
        await pilot.press("a")
        host.code_input.put("b = 1\nb")
        assert host.code_input.cursor_location == (1, 1)
        await pilot.press("ctrl+z")
        assert host.code_input.text == "a"


async def test_code_put_while_a_cell_asks_comes_after_the_answer() -> None:
    host = Host(CodeInput())
    async with host.run_test() as pilot:
        host.code_input.ask("Name: ")
        host.code_input.put("x = 1")
        await pilot.press("a", "enter")
        assert host.code_input.text == "x = 1"


async def test_a_search_that_finds_nothing_goes_on() -> None:
    history = History()
    for entry in ("old = 1", "def f(x):\n    return x", "y = 2"):
        history.append(entry)
    host = Host(CodeInput(history=history))
    async with host.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+r")
        popup = host.screen.query_one(Popup)
        for _ in range(100):
            await pilot.pause()
            if popup.size.height == 3:
                break
        assert [popup.render_line(y).text.strip() for y in range(3)] == [
            "y = 2",
            "def f(x): ⏎ return x",
            "old = 1",
        ]
        assert "type to search" in str(host.code_input.border_subtitle)
        await pilot.press(*"qq")
        assert popup.size.height == 1
        await pilot.press("backspace", "backspace", *"ret", "tab", "up", "enter")
        assert host.code_input.text == "def f(x):\n    return x"
        assert popup.styles.display == "none"
        assert str(host.code_input.border_subtitle) == ""
        assert host.sent == []
