"""Lines in the making: pieces of text with named styles, put one after the other or flowed into a width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.style import Style

from tui.widgets.drawn.lines import Span, StyledLine, wrap
from tui.widgets.foreign import clean, cut_cells

Piece = tuple[str, str]
"""Clean text and the name of its style."""


class Pen:
    """Writes one line, piece by piece."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._spans: list[Span] = []
        self._length = 0
        self.cells = 0
        """Cells written so far."""

    def write(self, text: str, style: Style | str = "") -> Pen:
        """Add clean text; neighbours of one style become one span."""
        if not text:
            return self
        end = self._length + len(text)
        if style:
            if self._spans and self._spans[-1][1] == self._length and self._spans[-1][2] == style:
                self._spans[-1] = (self._spans[-1][0], end, style)
            else:
                self._spans.append((self._length, end, style))
        self._texts.append(text)
        self._length = end
        self.cells += len(text) if text.isascii() else cell_len(text)
        return self

    def draw(self, line: StyledLine) -> Pen:
        """Add a line with its styles."""
        start = self._length
        self._spans.extend((first + start, last + start, style) for first, last, style in line.spans)
        self._texts.append(line.plain)
        self._length += len(line.plain)
        self.cells += cell_len(line.plain)
        return self

    def pad(self, column: int) -> Pen:
        """Fill with spaces up to a column."""
        return self.write(" " * max(column - self.cells, 0))

    def last_style(self) -> Style | str:
        """Return the style of what was written last."""
        return self._spans[-1][2] if self._spans and self._spans[-1][1] == self._length else ""

    def line(self) -> StyledLine:
        """Return the line."""
        return StyledLine("".join(self._texts), tuple(self._spans))


def one(text: str, style: str = "") -> StyledLine:
    """Return a line of one style."""
    return Pen().write(text, style).line()


def pieces_line(pieces: Iterable[Piece], width: int) -> StyledLine:
    """Return pieces on one line, cut to a width with ``…``."""
    pen = Pen()
    for text, style in pieces:
        room = width - pen.cells
        if cell_len(text) > room:
            return pen.write(cut_cells(text, room) if room > 0 else "", style).line()
        pen.write(text, style)
    return pen.line()


def flow(chunks: Sequence[Piece], width: int, *, lead: Piece = ("", ""), indent: int = 2) -> list[StyledLine]:
    """Put chunks on as few lines as they need, parted by a space and never cut where they fit on a line.

    `lead` goes before the first; the lines after the first are moved in by `indent`.
    """
    lines: list[StyledLine] = []
    pen = Pen().write(*lead)
    fresh = True  # whether nothing stands on this line yet but the lead or the indent
    for text, style in chunks:
        size = cell_len(text)
        if not fresh and pen.cells + 1 + size > width:
            lines.append(pen.line())
            pen, fresh = Pen().write(" " * indent), True
        room = width - pen.cells - (0 if fresh else 1)
        pen.write("" if fresh else " ").write(cut_cells(text, max(room, 1)), style)
        fresh = False
    lines.append(pen.line())
    return lines


def dotted(texts: Sequence[str], style: str = "dim") -> list[Piece]:
    """Return short facts as pieces to flow, parted by ``·``."""
    return [(f"{text} ·" if index < len(texts) - 1 else text, style) for index, text in enumerate(texts)]


def sentence(
    text: str, width: int, style: str = "", *, lead: Piece = ("", ""), indent: int = 0
) -> list[StyledLine]:
    """Return foreign words wrapped between words; every line but the first is moved in by `indent`."""
    lines: list[StyledLine] = []
    for number, part in enumerate(clean(text).split("\n")):
        first = lead if number == 0 else (" " * indent, "")
        room = max(width - max(cell_len(first[0]), indent), 8)
        for index, (start, end) in enumerate(wrap(StyledLine(part, by_words=True), room)):
            pen = Pen().write(*first) if index == 0 else Pen().write(" " * indent)
            lines.append(pen.write(part[start:end].rstrip(), style).line())
    return lines
