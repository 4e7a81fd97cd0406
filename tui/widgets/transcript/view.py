"""The widget that shows a transcript and lets the user act on its cells."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from rich.text import Text

from tui.protocol.viewing import Pixels
from tui.widgets.drawn.images import NoImage, decode_image
from tui.widgets.drawn.lines import Line, StyledLine, styled_lines
from tui.widgets.foreign import ansi, clean
from tui.widgets.transcript.blocks import Block, head
from tui.widgets.transcript.cells import Cell, CellStatus, Severity, notice_lines
from tui.widgets.transcript.cursor import CellCursor
from tui.widgets.transcript.outputs import FailureBlock, ImageBlock, image_name, pixels_block, shown_blocks
from tui.widgets.transcript.spill import Spill


class Transcript(CellCursor, can_focus=True):
    """Cells with their outputs; the selected one is marked while the transcript has the focus."""

    DEFAULT_CSS = """
    Transcript {
        background: $background;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $panel;
        & .transcript--in { color: $text-success; }
        & .transcript--running { color: $text-warning; text-style: bold; }
        & .transcript--out { color: $text-accent; }
        & .transcript--stderr { color: $text-warning; }
        & .transcript--error { color: $text-error; }
        & .transcript--warning { color: $text-warning; }
        & .transcript--information { color: $text-secondary; }
        & .transcript--dim { color: $text-muted; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "transcript--in",
        "transcript--running",
        "transcript--out",
        "transcript--stderr",
        "transcript--error",
        "transcript--warning",
        "transcript--information",
        "transcript--dim",
    }

    def __init__(
        self, *, spill: Path | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        """Show an empty transcript; what it cannot hold goes to files in the folder `spill`, if one is given."""
        super().__init__(Spill(spill) if spill is not None else None, id=id, classes=classes)

    # -- what happened ----------------------------------------------------------------------------

    def start_cell(self, cell_id: str, count: int | None, code: str, ours: bool = True) -> None:
        """A cell runs. `ours` is False for one typed at another terminal."""
        cell = self._cells.get(cell_id)
        cell.count, cell.code, cell.ours, cell.status = count, code, ours, "running"
        cell.show_input()
        if not self.has_focus:
            self._cursor = None
        self._ask_layout()

    def stream(self, cell_id: str, name: str, text: str) -> None:
        """A cell wrote to ``stdout`` or ``stderr``."""
        self._cells.get(cell_id).stream("stderr" if name == "stderr" else "", text)
        self._ask_layout()

    def show(self, cell_id: str, data: dict[str, str], count: int | None = None) -> None:
        """A cell displayed something, or has a value: then `count` is the number in ``Out[n]``."""
        for block, mime in shown_blocks(data, count):
            cell = self._cells.get(cell_id)
            cell.output(block)
            if mime and isinstance(block, ImageBlock):
                self.run_worker(self._draw_image(cell, block, data[mime], mime), group="images")
            self._ask_layout()

    async def _draw_image(self, cell: Cell, block: ImageBlock, data: str, mime: str) -> None:
        try:
            block.become(await asyncio.to_thread(decode_image, data, mime), "")
        except NoImage as why:
            block.become(None, f"[{image_name(mime, data)} · {why}]")
        cell.touch()
        self._ask_layout()

    def show_pixels(self, cell_id: str, pixels: Pixels) -> None:
        """Put the image of a cell's tensor under it."""
        cell = self._cells.find(cell_id)
        if cell is not None:
            cell.show_image(pixels_block(pixels))
            self._changed_cell(cell)

    def fail(self, cell_id: str, kind: str, message: str, traceback: Iterable[str]) -> None:
        """A cell raised."""
        self._cells.get(cell_id).output(FailureBlock(kind, message, traceback))
        self._ask_layout()

    def page(self, cell_id: str, text: str) -> None:
        """A cell has a text for the pager: the answer to ``name?``."""
        self._cells.get(cell_id).output(Block("", head(styled_lines(ansi(text.rstrip())))))
        self._ask_layout()

    def clear(self, cell_id: str, wait: bool = False) -> None:
        """A cell's output is to be cleared; with `wait`, when the next output comes."""
        cell = self._cells.find(cell_id)
        if cell is not None:
            cell.clear(wait)
            self._ask_layout()

    def end(self, cell_id: str, status: CellStatus | str, elapsed_s: float | None = None) -> None:
        """A cell is through."""
        cell = self._cells.find(cell_id)
        if cell is None:
            return
        cell.status = status if status in ("ok", "error") else "aborted"
        cell.elapsed_s = elapsed_s
        cell.end_stream()
        cell.show_input()
        if self.has_focus:
            self.refresh_bindings()
        self._ask_layout()

    def notice(self, text: str | Text, severity: Severity = "information") -> None:
        """Show lines of ours: a welcome, a restart. A Text keeps its styles."""
        self._cells.notice(Block(severity, notice_lines(text)))
        self._ask_layout()

    def kernel_ended(self, reason: str, log_tail: Iterable[str] = ()) -> None:
        """The kernel is gone: its running cells ended with it."""
        for cell in self._cells.cells:
            if cell.code is not None and cell.status == "running":
                cell.status = "aborted"
                cell.end_stream()
                cell.show_input()
        lines: list[Line] = [StyledLine(f"■ The kernel is gone: {clean(reason)}", by_words=True)]
        for line in log_tail:
            plain = "  " + clean(line).replace("\n", " ")
            lines.append(StyledLine(plain, ((0, len(plain), "dim"),), indent=2))
        self._cells.notice(Block("error", head(lines)))
        self._ask_layout()

    def clear_all(self) -> None:
        """Forget everything but the cells that run."""
        self._cells.clear()
        self._follow = True
        self._cursor = None
        self._ask_layout()
