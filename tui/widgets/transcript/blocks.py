"""What a cell is made of: blocks of lines with a version, and where each line's rows start at a width."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence

from tui.widgets.drawn.lines import Line, StyledLine, plain_of, rows_of
from tui.widgets.transcript.spill import CellSpill
from tui.widgets.transcript.terminal import StreamLines

BLOCK_LINES = 2_000
"""Lines of one block that are kept."""

Draw = Callable[[int], Sequence[Line]]
"""From a width to lines."""


class Block:
    """Lines of one kind; `style` names the transcript's style for what has none of its own."""

    def __init__(self, style: str, lines: Sequence[Line] = ()) -> None:
        self.style = style
        self.version = 0
        """Raised whenever the lines change."""
        self._lines = lines
        self._laid_out = (-1, -1)  # version and width of `_starts`
        self._starts = array("L")  # the row of each line, then the number of rows

    @property
    def lines(self) -> Sequence[Line]:
        """The lines, as they are now."""
        return self._lines

    def lines_at(self, width: int) -> Sequence[Line]:
        """Return the lines at a width."""
        return self.lines

    @property
    def copy_text(self) -> str:
        """What copying a cell's output takes of this block."""
        return "\n".join(plain_of(line) for line in self.lines)

    def replace(self, lines: Sequence[Line]) -> None:
        """Show other lines."""
        self._lines = lines
        self.version += 1

    def rows(self, width: int) -> int:
        """Return the number of rows at a width."""
        return self._layout(width)[-1]

    def _layout(self, width: int) -> array[int]:
        if self._laid_out != (self.version, width):
            starts = array("L", [0])
            row = 0
            for line in self.lines_at(width):
                row += rows_of(line, width)
                starts.append(row)
            self._starts = starts
            self._laid_out = (self.version, width)
        return self._starts

    def locate(self, row: int, width: int) -> tuple[Line, int]:
        """Return the line at a row and which of the line's rows it is."""
        starts = self._layout(width)
        index = bisect_right(starts, row) - 1
        return self.lines_at(width)[index], row - starts[index]


class DrawnBlock(Block):
    """Lines that are drawn for a width, once."""

    def __init__(self, draw: Draw, style: str = "", copy_text: str = "") -> None:
        super().__init__(style)
        self._draw = draw
        self._copy_text = copy_text
        self._drawn_at = (-1, -1)  # version and width of `_lines`

    def lines_at(self, width: int) -> Sequence[Line]:
        """Return the lines at a width; those of the last width asked for are kept."""
        if self._drawn_at != (self.version, width):
            self._lines = head(list(self._draw(width)))
            self._drawn_at = (self.version, width)
        return self._lines

    def redraw(self, draw: Draw) -> None:
        """Show another drawing."""
        self._draw = draw
        self.version += 1

    @property
    def copy_text(self) -> str:
        """What it was given: a drawing itself is not copied."""
        return self._copy_text


class StreamBlock(Block):
    """What a cell wrote to one stream, until it wrote to another."""

    def __init__(self, name: str, spill: CellSpill | None = None) -> None:
        super().__init__(name)
        self.stream = StreamLines()
        self._spill = spill
        self._ended = False
        self._read = (-1, "")  # version and note of `_lines`

    def feed(self, text: str) -> None:
        """Take what was written."""
        self.stream.feed(text)
        self.version += 1
        if self._spill is not None and (self.stream.dropped or self.stream.cut):
            self._spill.wanted()

    def end(self) -> None:
        """Say at the end as well where all of it is: of a long output that is what is on the screen."""
        self._ended = True
        self.version += 1

    @property
    def lines(self) -> Sequence[Line]:
        """The tail, after a line that says how much is missing."""
        note = self._spill.note if self._spill is not None else ""
        if self._read != (self.version, note):
            lines = self.stream.lines()
            if self.stream.dropped:
                lines.insert(0, dropped_note(self.stream.dropped, note))
            if note and (self._ended or (self.stream.cut and not self.stream.dropped)):
                lines.append(note_line(f"… {note}"))
            self._lines = lines
            self._read = (self.version, note)
        return self._lines

    @property
    def copy_text(self) -> str:
        """The lines that are kept."""
        return "\n".join(plain_of(line) for line in self.stream.lines())


def note_line(text: str) -> StyledLine:
    """Return a dim line of ours."""
    return StyledLine(text, ((0, len(text), "dim"),))


def dropped_note(count: int, where: str = "") -> StyledLine:
    """Return the line that stands for those that were dropped; `where` says where they still are."""
    text = f"… {count:,} earlier line{'s' if count != 1 else ''} dropped"
    return note_line(f"{text} · {where}" if where else text)


def head(lines: list[Line]) -> list[Line]:
    """Cut a long list of lines, with a note of how many more there were."""
    if len(lines) <= BLOCK_LINES:
        return lines
    return [*lines[:BLOCK_LINES], note_line(f"… {len(lines) - BLOCK_LINES:,} more lines")]
