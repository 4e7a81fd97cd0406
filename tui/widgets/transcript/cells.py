"""The cells of a transcript and their outputs: no widget, no width but where rows are counted."""

from __future__ import annotations

from typing import Literal

from rich.text import Text

from tui.widgets import words
from tui.widgets.drawn.highlight import python_spans
from tui.widgets.drawn.lines import Line, Span, StyledLine, styled_lines
from tui.widgets.foreign import clean
from tui.widgets.transcript.blocks import Block, StreamBlock, dropped_note, head, note_line
from tui.widgets.transcript.outputs import FailureBlock, ImageBlock, ResultBlock
from tui.widgets.transcript.spill import CellSpill

CellStatus = Literal["running", "ok", "error", "aborted"]
Severity = Literal["information", "warning", "error"]

MAX_BLOCKS = 500
"""Outputs of one cell that are kept."""
MAX_CELLS = 2_000
MAX_LINES = 100_000
"""Lines of all cells that are kept."""
SHOWN_FROM_S = 0.5
"""A cell that took longer shows its time."""


class Cell:
    """One cell: what was typed and what came of it; or a notice, which has no input."""

    def __init__(self, cell_id: str, *, gap: bool, spill: CellSpill | None = None) -> None:
        self.id = cell_id
        self.count: int | None = None
        self.code: str | None = None
        self.ours = True
        self.status: CellStatus = "running"
        self.elapsed_s: float | None = None
        self.version = 0
        """Raised whenever anything in the cell changes."""
        self.folded = False
        """Whether one line stands for the whole output."""
        self._spill = spill
        self._gap = Block("", ("",)) if gap else None
        self._input: Block | None = None
        self._dropped = 0
        self._outputs: list[Block] = []
        self._image: ImageBlock | None = None
        self._clear_at_next = False
        self._blocks: list[Block] | None = None
        self._height = (-1, -1, 0)  # version, width, rows

    @property
    def blocks(self) -> list[Block]:
        """All blocks from top to bottom."""
        if self._blocks is None:
            where = self._spill.note if self._spill is not None else ""
            dropped = Block("dim", (dropped_note(self._dropped, where),)) if self._dropped else None
            above = (self._gap, self._input, dropped)
            below = [self._fold_note()] if self.folded and self._outputs else self._outputs
            self._blocks = [*(block for block in above if block is not None), *below]
        return self._blocks

    def _fold_note(self) -> Block:
        lines = sum(len(block.lines) or 1 for block in self._outputs)
        return Block("dim", (note_line(f"▸ {lines:,} line{'s' if lines != 1 else ''} of output, folded"),))

    def line_count(self) -> int:
        """Return the number of lines."""
        return sum(len(block.lines) for block in self.blocks)

    def rows(self, width: int) -> int:
        """Return the number of rows at a width."""
        version, at_width, rows = self._height
        if (version, at_width) != (self.version, width):
            rows = sum(block.rows(width) for block in self.blocks)
            self._height = (self.version, width, rows)
        return rows

    def gap_rows(self, width: int) -> int:
        """Return the rows above the cell that are not its own."""
        return self._gap.rows(width) if self._gap is not None else 0

    def locate(self, row: int, width: int) -> tuple[Block, Line, int] | None:
        """Return the block and the line at a row, and which of the line's rows it is; None beyond the last row."""
        for block in self.blocks:
            rows = block.rows(width)
            if row < rows:
                return block, *block.locate(row, width)
            row -= rows
        return None

    def head_note(self, line: Line) -> None:
        """Show a line in place of the gap above."""
        self._gap = Block("dim", (line, ""))
        self._changed()

    # -- changes ----------------------------------------------------------------------------------

    def show_input(self) -> None:
        """Draw the prompt and the code anew."""
        if self.code is None:
            return
        lines = input_lines(self)
        if self._input is None:
            self._input = Block("", lines)
        else:
            self._input.replace(lines)
        self._changed()

    def output(self, block: Block) -> None:
        """Add an output; it must not change any more but through `stream`."""
        self._clear_if_asked()
        self._outputs.append(block)
        if len(self._outputs) > MAX_BLOCKS:
            oldest = self._outputs.pop(0)
            self._dropped += len(oldest.lines)
            if isinstance(oldest, StreamBlock):
                self._dropped += oldest.stream.dropped
            if self._spill is not None:
                self._spill.wanted()
        self._changed()

    def stream(self, name: str, text: str) -> None:
        """Add what was written to a stream."""
        self._clear_if_asked()
        if self._spill is not None:
            self._spill.name = f"cell-{self.count}" if self.count is not None else "cell"
            self._spill.write(text)
        last = self._outputs[-1] if self._outputs else None
        if isinstance(last, StreamBlock) and last.style == name:
            last.feed(text)
            if self.folded or self._dropped:
                self._changed()
            self.version += 1
            return
        block = StreamBlock(name, self._spill)
        block.feed(text)
        self.output(block)

    def clear(self, wait: bool) -> None:
        """Forget the outputs, or do so when the next one comes."""
        self._clear_at_next = wait
        if not wait:
            self._outputs.clear()
            self._dropped = 0
            self._changed()

    def end_stream(self) -> None:
        """Bring what is kept in a file to the disk: the cell is through."""
        if self._spill is None:
            return
        self._spill.close()
        last = self._outputs[-1] if self._outputs else None
        if isinstance(last, StreamBlock) and self._spill.note:
            last.end()
            self._changed()

    # -- what the user does with it -----------------------------------------------------------------

    @property
    def results(self) -> list[ResultBlock]:
        """The values that it showed."""
        return [block for block in self._outputs if isinstance(block, ResultBlock)]

    @property
    def output_text(self) -> str:
        """What copying the output takes: what was printed, the text of values, whole tracebacks."""
        return "\n".join(text for text in (block.copy_text.rstrip("\n") for block in self._outputs) if text)

    @property
    def can_fold(self) -> bool:
        """Whether there is an output to fold."""
        return bool(self._outputs)

    @property
    def can_unfold_traceback(self) -> bool:
        """Whether there is a traceback with frames to fold or unfold."""
        return not self.folded and any(
            isinstance(block, FailureBlock) and block.foldable for block in self._outputs
        )

    def fold(self) -> None:
        """Fold the whole output to one line, or unfold it."""
        self.folded = not self.folded
        self._changed()

    def toggle_traceback(self) -> None:
        """Unfold the tracebacks, or fold them again."""
        for block in self._outputs:
            if isinstance(block, FailureBlock) and block.foldable:
                block.toggle()
        self._changed()

    def toggle_drawing(self) -> None:
        """Show the values as their own text, or drawn again."""
        for block in self.results:
            if block.shown is not None:
                block.toggle()
        self._changed()

    def show_image(self, block: ImageBlock) -> None:
        """Put the image of a value at the end, in place of one that is there."""
        self.drop_image()
        self._image = block
        self.output(block)

    def drop_image(self) -> bool:
        """Take the image of a value away; returns whether there was one."""
        if self._image is None or self._image not in self._outputs:
            return False
        self._outputs.remove(self._image)
        self._image = None
        self._changed()
        return True

    def touch(self) -> None:
        """Note that one of the blocks has changed."""
        self._changed()

    def _clear_if_asked(self) -> None:
        if self._clear_at_next:
            self.clear(wait=False)

    def _changed(self) -> None:
        self._blocks = None
        self.version += 1


def input_lines(cell: Cell) -> list[Line]:
    """Return the prompt and the code of a cell, as lines."""
    number = "*" if cell.status == "running" or cell.count is None else str(cell.count)
    prompt, more = f"In [{number}]: ", "...: ".rjust(len(f"In [{number}]: "))
    indent = len(prompt)
    code = clean((cell.code or "").rstrip())
    lines: list[Line] = []
    for index, (line, spans) in enumerate(zip(code.split("\n"), python_spans(code), strict=False)):
        lead = prompt if index == 0 else more
        style = ("running" if cell.status == "running" else "in") if index == 0 else "dim"
        moved: list[Span] = [(first + indent, last + indent, name) for first, last, name in spans]
        right = input_note(cell) if index == 0 else ""
        lines.append(StyledLine(lead + line, ((0, indent, style), *moved), indent=indent, right=right))
    return head(lines)


def input_note(cell: Cell) -> str:
    """Return what stands at the right of a cell's first line."""
    parts = [] if cell.ours else ["other terminal"]
    if cell.status == "aborted":
        parts.append("aborted")
    if cell.elapsed_s is not None and cell.elapsed_s > SHOWN_FROM_S:
        parts.append(words.duration(cell.elapsed_s))
    return " · ".join(parts)


def notice_lines(text: str | Text) -> list[Line]:
    """Return the lines of a notice, wrapped between words."""
    styled = text if isinstance(text, Text) else Text(clean(text))
    return [
        StyledLine(line, by_words=True) if isinstance(line, str)
        else StyledLine(line.plain, line.spans, by_words=True)
        for line in styled_lines(styled)
    ]  # fmt: skip
