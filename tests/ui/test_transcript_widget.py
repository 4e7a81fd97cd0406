from __future__ import annotations

import time

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Input

from tui.widgets.transcript import Transcript
from tui.widgets.transcript.rows import GUTTER


class Host(App[None]):
    def compose(self) -> ComposeResult:
        yield Transcript()
        yield Input()

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)


def rows_on_screen(transcript: Transcript) -> list[str]:
    return [transcript.render_line(y).text[GUTTER:].rstrip() for y in range(transcript.size.height)]


async def settled(pilot: Pilot[None]) -> Transcript:
    transcript = pilot.app.query_one(Transcript)
    transcript.lay_out()
    await pilot.pause()
    return transcript


async def test_a_cell_is_shown_from_start_to_end() -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.start_cell("a", 3, "x = 1\nprint(x)", True)
        assert transcript.text.startswith("In [*]: x = 1\n   ...: print(x)")
        transcript.stream("a", "stdout", "hello\n")
        transcript.show("a", {"text/plain": "tensor([1., 2.])", "text/html": "<b>"}, 3)
        transcript.end("a", "ok", 1.2)
        lines = transcript.text.split("\n")
        assert lines[0].startswith("In [3]: x = 1 ")
        assert lines[0].endswith("1.2 s")
        assert lines[1:] == ["   ...: print(x)", "hello", "Out[3]: tensor([1., 2.])"]


async def test_foreign_text_is_not_markup_and_commands_nothing() -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.start_cell("a", 1, "'[/foo]'\x1b[2J", True)
        transcript.stream("a", "stdout", "x[mean] [/foo]\x1b]0;t\x07\n")
        transcript.fail("a", "Bad\x1b[2J", "[red]", ["\x1b[31mBad\x1b[0m: [red]\x1b[5n"])
        transcript.notice("[bold]hi[/bold] \x9b2J")
        assert "\x1b" not in transcript.text
        for expected in ("'[/foo]'", "x[mean] [/foo]", "Bad: [red]", "[bold]hi[/bold]"):
            assert expected in transcript.text


async def test_progress_bars_overwrite_and_repaint_their_line_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.start_cell("a", 1, "train()", True)
        transcript.stream("a", "stderr", "\r 10%")
        transcript = await settled(pilot)
        painted: list[Region] = []
        refresh = transcript.refresh

        def note(*regions: Region, **options: bool) -> Transcript:
            painted.extend(regions or [transcript.region])
            return refresh(*regions, **options)

        monkeypatch.setattr(transcript, "refresh", note)
        transcript.stream("a", "stderr", "\r 20%")
        await settled(pilot)
        assert {region.y for region in painted} == {1}
        painted.clear()
        await settled(pilot)
        assert painted == []
        assert rows_on_screen(transcript)[:3] == ["In [*]: train()", " 20%", ""]


async def test_it_follows_the_output_until_the_user_scrolls_up() -> None:
    async with Host().run_test(size=(60, 12)) as pilot:
        transcript = await settled(pilot)
        transcript.stream("a", "stdout", "".join(f"{number}\n" for number in range(100)))
        await settled(pilot)
        assert rows_on_screen(transcript)[-1] == "99"
        transcript.scroll_pages(-1)
        seen = rows_on_screen(transcript)
        assert "99" not in seen
        transcript.stream("a", "stdout", "more\n")
        await settled(pilot)
        assert rows_on_screen(transcript) == seen
        transcript.action_newest()
        assert rows_on_screen(transcript)[-1] == "more"
        transcript.stream("a", "stdout", "and more\n")
        await settled(pilot)
        assert rows_on_screen(transcript)[-1] == "and more"


async def test_lines_wrap_anew_when_the_width_changes() -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.stream("a", "stdout", "x" * 100)
        await settled(pilot)
        width = transcript.scrollable_content_region.width - GUTTER
        assert transcript.text.split("\n") == ["x" * width, "x" * (100 - width)]
        await pilot.resize_terminal(30, 24)
        await settled(pilot)
        narrow = transcript.scrollable_content_region.width - GUTTER
        assert narrow < 30
        assert transcript.text.split("\n")[0] == "x" * narrow
        assert rows_on_screen(transcript)[0] == "x" * narrow


async def test_output_is_cleared_at_once_or_with_the_next() -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.start_cell("a", 1, "plot()", True)
        transcript.stream("a", "stdout", "old\n")
        transcript.clear("a", wait=True)
        assert "old" in transcript.text
        transcript.stream("a", "stdout", "new\n")
        assert transcript.text == "In [*]: plot()\nnew"
        transcript.clear("a")
        assert transcript.text == "In [*]: plot()"


async def test_clearing_everything_keeps_the_running_cell() -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        for cell in ("a", "b"):
            transcript.start_cell(cell, 1, cell, True)
            transcript.stream(cell, "stdout", "out\n")
        transcript.end("a", "ok", 0.1)
        transcript.clear_all()
        assert transcript.text == "In [*]: b"
        transcript.stream("b", "stdout", "more\n")
        assert transcript.text == "In [*]: b\nmore"


async def test_the_end_of_the_kernel_is_told() -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.start_cell("a", 1, "os.abort()", True)
        transcript.kernel_ended("ended by signal 6", ("Fatal Python error: Aborted",))
        lines = transcript.text.split("\n")
        assert lines[0].endswith("aborted")
        assert lines[2:] == ["■ The kernel is gone: ended by signal 6", "  Fatal Python error: Aborted"]


async def test_a_flood_costs_little_and_keeps_its_tail() -> None:
    async with Host().run_test(size=(80, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.start_cell("a", 1, "flood()", True)
        started = time.perf_counter()
        for number in range(0, 200_000, 100):
            transcript.stream(
                "a", "stdout", "".join(f"line {index}\n" for index in range(number, number + 100))
            )
        await settled(pilot)
        assert time.perf_counter() - started < 5
        assert rows_on_screen(transcript)[-1] == "line 199999"
        transcript.action_oldest()
        assert rows_on_screen(transcript)[:3] == [
            "In [*]: flood()",
            "… 198,000 earlier lines dropped",
            "line 198000",
        ]


async def test_what_came_before_there_was_a_size_is_shown() -> None:
    class Early(Host):
        def on_mount(self) -> None:
            self.transcript.notice("welcome")

    async with Early().run_test(size=(60, 24)) as pilot:
        await pilot.pause()
        assert rows_on_screen(pilot.app.query_one(Transcript))[0] == "welcome"


async def test_selected_text_can_be_copied() -> None:
    async with Host().run_test(size=(60, 24)) as pilot:
        transcript = await settled(pilot)
        transcript.stream("a", "stdout", "first line\nsecond line\n")
        await settled(pilot)
        await pilot.mouse_down(transcript, offset=(7, 0))
        await pilot.hover(transcript, offset=(7, 1))
        await pilot.mouse_up(transcript, offset=(7, 1))
        copied = pilot.app.screen.get_selected_text()
        assert copied is not None
        assert copied.startswith("line\nsecond")
