"""What a cell is made of: blocks of lines with a version, and where each line's rows start at a width."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence

from tui.widgets.transcript.lines import Line, StyledLine, rows_of
from tui.widgets.transcript.terminal import StreamLines

BLOCK_LINES = 2_000
"""Lines of one block that are kept."""


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
            for line in self.lines:
                row += rows_of(line, width)
                starts.append(row)
            self._starts = starts
            self._laid_out = (self.version, width)
        return self._starts

    def locate(self, row: int, width: int) -> tuple[Line, int]:
        """Return the line at a row and which of the line's rows it is."""
        starts = self._layout(width)
        index = bisect_right(starts, row) - 1
        return self.lines[index], row - starts[index]


class StreamBlock(Block):
    """What a cell wrote to one stream, until it wrote to another."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.stream = StreamLines()
        self._read_version = -1

    def feed(self, text: str) -> None:
        """Take what was written."""
        self.stream.feed(text)
        self.version += 1

    @property
    def lines(self) -> Sequence[Line]:
        """The tail, after a line that says how much is missing."""
        if self._read_version != self.version:
            lines = self.stream.lines()
            if self.stream.dropped:
                lines.insert(0, dropped_note(self.stream.dropped))
            self._lines = lines
            self._read_version = self.version
        return self._lines


def dropped_note(count: int) -> StyledLine:
    """Return the line that stands for those that were dropped."""
    text = f"… {count:,} earlier line{'s' if count != 1 else ''} dropped"
    return StyledLine(text, ((0, len(text), "dim"),))


def head(lines: list[Line]) -> list[Line]:
    """Cut a long list of lines, with a note of how many more there were."""
    if len(lines) <= BLOCK_LINES:
        return lines
    text = f"… {len(lines) - BLOCK_LINES:,} more lines"
    return [*lines[:BLOCK_LINES], StyledLine(text, ((0, len(text), "dim"),))]
