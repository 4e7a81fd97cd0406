from __future__ import annotations

import asyncio

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Static

from tui.protocol.completing import CompletionItem, CompletionList, SignatureTip
from tui.protocol.python_text import call_at_end
from tui.widgets.code_input import CodeInput
from tui.widgets.code_input.popup import Popup

PARAMETERS = ("input", "dim=None", "keepdim=False")


class Kernel:
    """Answers as a kernel would; counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.completed: list[str] = []
        self.hold: asyncio.Event | None = None

    async def signature(self, code: str, cursor: int) -> SignatureTip:
        self.asked.append(code[:cursor])
        if self.hold is not None:
            await self.hold.wait()
        call = call_at_end(code[:cursor])
        if call is None or call.callee != "torch.sum":
            return SignatureTip()
        active = PARAMETERS.index(f"{call.keyword}=None") if call.keyword else min(call.position, 2)
        return SignatureTip(call.callee, PARAMETERS, active, "Tensor", start=call.bracket)

    async def complete(self, code: str, cursor: int) -> CompletionList:
        self.completed.append(code[:cursor])
        start = code[:cursor].rfind(".") + 1
        typed = code[start:cursor]
        names = [name for name in ("abs", "acos", "add", "zeros", "zeta") if name.startswith(typed)]
        items = tuple(
            CompletionItem(name, "function", f"(input, {name}=None)", f"Computes {name}.")
            for name in names[:2]
        )
        return CompletionList(start, cursor, items, tuple(names[2:]))


class Host(App[None]):
    def __init__(self, kernel: Kernel) -> None:
        super().__init__()
        self.code_input = CodeInput(complete=kernel.complete, signature=kernel.signature)

    def compose(self) -> ComposeResult:
        yield Static("above")
        yield self.code_input

    def on_mount(self) -> None:
        self.code_input.focus()

    @property
    def tip(self) -> str:
        content = self.code_input._border_subtitle
        return content.plain if content is not None else ""

    @property
    def marked(self) -> list[str]:
        content = self.code_input._border_subtitle
        assert content is not None
        return [content.plain[span.start : span.end] for span in content.spans]


async def tip_becomes(pilot: Pilot[None], host: Host, text: str, marked: str = "") -> None:
    async with asyncio.timeout(10):
        while host.tip != text or (marked and host.marked != [marked]):
            await pilot.pause(0.01)


FULL = "sum(input, dim=None, keepdim=False) → Tensor"


async def test_an_open_call_shows_what_it_takes() -> None:
    host = Host(Kernel())
    async with host.run_test() as pilot:
        await pilot.press(*"torch.sum(")
        await tip_becomes(pilot, host, FULL, "input")
        await pilot.press(*"x, ")
        await tip_becomes(pilot, host, FULL, "dim=None")
        await pilot.press(*"[1, 2], ")
        await tip_becomes(pilot, host, FULL, "keepdim=False")
        await pilot.press(*")")
        await tip_becomes(pilot, host, "")


async def test_escape_sends_the_tip_away_until_the_next_call() -> None:
    kernel = Kernel()
    host = Host(kernel)
    async with host.run_test() as pilot:
        await pilot.press(*"torch.sum(")
        await tip_becomes(pilot, host, FULL)
        await pilot.press("escape")
        assert host.tip == ""
        asked = len(kernel.asked)
        await pilot.press(*"x, y", ")", *" + torch.sum(")
        await tip_becomes(pilot, host, FULL)
        assert set(kernel.asked[asked:]) == {"torch.sum(x, y) + torch.sum("}


async def test_typing_goes_on_while_the_kernel_is_slow() -> None:
    kernel = Kernel()
    kernel.hold = asyncio.Event()
    host = Host(kernel)
    async with host.run_test() as pilot:
        await pilot.press(*"torch.sum(")
        async with asyncio.timeout(10):
            while not kernel.asked:
                await pilot.pause(0.01)
        await pilot.press(*"x)")
        assert host.code_input.text == "torch.sum(x)"
        kernel.hold.set()
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert host.tip == ""  # an answer to what is no longer there


async def test_a_call_that_nobody_knows_has_no_tip() -> None:
    kernel = Kernel()
    host = Host(kernel)
    async with host.run_test() as pilot:
        await pilot.press(*"other(")
        async with asyncio.timeout(10):
            while not kernel.asked:
                await pilot.pause(0.01)
        await pilot.app.workers.wait_for_complete()
        assert host.tip == ""


async def test_a_burst_of_keys_asks_once() -> None:
    kernel = Kernel()
    host = Host(kernel)
    async with host.run_test() as pilot:
        host.code_input.put("torch.sum(a, b, c")
        await tip_becomes(pilot, host, FULL, "keepdim=False")
        assert kernel.asked == ["torch.sum(a, b, c"]


async def test_nothing_is_asked_while_a_cell_wants_a_line() -> None:
    kernel = Kernel()
    host = Host(kernel)
    async with host.run_test() as pilot:
        host.code_input.ask("Name: ")
        await pilot.press(*"torch.sum(")
        assert host.tip == "enter answers the cell"
        host.code_input.stop_asking()
        await pilot.press(*"torch.sum(x, ")
        await tip_becomes(pilot, host, FULL, "dim=None")
        assert set(kernel.asked) <= {"torch.sum(", "torch.sum(x", "torch.sum(x,", "torch.sum(x, "}


async def shown(pilot: Pilot[None], host: Host, first: str) -> Popup:
    async with asyncio.timeout(10):
        while True:
            popups = [popup for popup in host.screen.query(Popup) if popup.display and popup.size]
            if popups and first in popups[0].render_line(0).text:
                return popups[0]
            await pilot.pause(0.01)


async def test_the_list_tells_kinds_signatures_and_what_the_chosen_one_does() -> None:
    host = Host(Kernel())
    async with host.run_test(size=(80, 24)) as pilot:
        await pilot.press(*"torch.", "tab")
        popup = await shown(pilot, host, "abs")
        rows = [popup.render_line(y).text.rstrip() for y in range(popup.size.height)]
        assert rows[0].split() == ["abs", "function", "(input,", "abs=None)"]
        assert rows[2].strip() == "add"
        assert rows[-2:] == [" abs(input, abs=None)", " Computes abs."]
        await pilot.press("down")
        assert popup.render_line(popup.size.height - 1).text.strip() == "Computes acos."


async def test_rows_that_had_no_details_get_them_once_they_are_reached() -> None:
    kernel = Kernel()
    host = Host(kernel)
    async with host.run_test(size=(80, 24)) as pilot:
        await pilot.press(*"torch.", "tab")
        await shown(pilot, host, "abs")
        await pilot.press("z")
        popup = await shown(pilot, host, "function")
        assert "zeros" in popup.render_line(0).text
        assert kernel.completed == ["torch.", "torch.z"]
        assert popup.listed == 2
