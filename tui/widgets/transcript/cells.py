"""The cells of a transcript and their outputs: no widget, no width but where rows are counted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from rich.text import Text

from tui.widgets import words
from tui.widgets.foreign import ansi, clean, one_line
from tui.widgets.transcript.blocks import Block, StreamBlock, dropped_note, head
from tui.widgets.transcript.highlight import python_spans
from tui.widgets.transcript.lines import Line, Span, StyledLine, styled_lines

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

    def __init__(self, cell_id: str, *, gap: bool) -> None:
        self.id = cell_id
        self.count: int | None = None
        self.code: str | None = None
        self.ours = True
        self.status: CellStatus = "running"
        self.elapsed_s: float | None = None
        self.version = 0
        """Raised whenever anything in the cell changes."""
        self._gap = Block("", ("",)) if gap else None
        self._input: Block | None = None
        self._dropped = 0
        self._outputs: list[Block] = []
        self._clear_at_next = False
        self._blocks: list[Block] | None = None
        self._height = (-1, -1, 0)  # version, width, rows

    @property
    def blocks(self) -> list[Block]:
        """All blocks from top to bottom."""
        if self._blocks is None:
            dropped = Block("dim", (dropped_note(self._dropped),)) if self._dropped else None
            above = (self._gap, self._input, dropped)
            self._blocks = [*(block for block in above if block is not None), *self._outputs]
        return self._blocks

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

    def locate(self, row: int, width: int) -> tuple[Block, Line, int]:
        """Return the block and the line at a row, and which of the line's rows it is."""
        for block in self.blocks:
            rows = block.rows(width)
            if row < rows:
                return block, *block.locate(row, width)
            row -= rows
        raise IndexError(row)

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
        self._changed()

    def stream(self, name: str, text: str) -> None:
        """Add what was written to a stream."""
        self._clear_if_asked()
        last = self._outputs[-1] if self._outputs else None
        if isinstance(last, StreamBlock) and last.style == name:
            last.feed(text)
            self.version += 1
            return
        block = StreamBlock(name)
        block.feed(text)
        self.output(block)

    def clear(self, wait: bool) -> None:
        """Forget the outputs, or do so when the next one comes."""
        self._clear_at_next = wait
        if not wait:
            self._outputs.clear()
            self._dropped = 0
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


def result_lines(data: dict[str, str], count: int | None) -> list[Line]:
    """Return the lines of something displayed: its text, and one line for each picture."""
    pictures = [mime for mime in data if mime.startswith("image/")]
    lines: list[Line] = []
    if "text/plain" in data:
        lines.extend(styled_lines(ansi(data["text/plain"])))
    elif not pictures and data:
        lines.append(_note(f"[{', '.join(one_line(mime, 40) for mime in data)}]"))
    for mime in pictures:
        size_bytes = len(data[mime]) * 3 // 4 if mime != "image/svg+xml" else len(data[mime])
        lines.append(_note(f"[{one_line(mime, 40)} {words.size(size_bytes)}]"))
    if count is None or not lines:
        return lines
    prompt = f"Out[{count}]: "
    if len(lines) > 1:
        return [StyledLine(prompt.rstrip(), ((0, len(prompt) - 1, "out"),)), *lines]
    only = lines[0] if isinstance(lines[0], StyledLine) else StyledLine(lines[0])
    spans = tuple((first + len(prompt), last + len(prompt), style) for first, last, style in only.spans)
    return [StyledLine(prompt + only.plain, ((0, len(prompt), "out"), *spans), indent=len(prompt))]


def failure_lines(kind: str, message: str, traceback: Iterable[str]) -> list[Line]:
    """Return the lines of an exception: IPython's traceback, or its kind and message where there is none."""
    # IPython begins with a rule of 75 dashes and pads its first line to it, which a narrow pane only wraps
    shown = [line for line in traceback if ansi(line).plain.strip("- \n")]
    text = re.sub(r" {8,}(?=\S*Traceback \(most)", "  ", "\n".join(shown))
    if text.strip():
        return styled_lines(ansi(text))
    kind, message = clean(kind) or "Error", clean(message)
    return styled_lines(Text(f"{kind}: {message}" if message else kind))


def notice_lines(text: str | Text) -> list[Line]:
    """Return the lines of a notice, wrapped between words."""
    styled = text if isinstance(text, Text) else Text(clean(text))
    return [
        StyledLine(line, by_words=True) if isinstance(line, str)
        else StyledLine(line.plain, line.spans, by_words=True)
        for line in styled_lines(styled)
    ]  # fmt: skip


def _note(text: str) -> StyledLine:
    return StyledLine(text, ((0, len(text), "dim"),))
