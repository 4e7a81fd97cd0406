"""Logical lines and how they wrap: pure functions of text and width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

Span = tuple[int, int, Style | str]
"""First and last-plus-one character, and a style or the name of one of the transcript's own."""


@dataclass(frozen=True, slots=True)
class StyledLine:
    """One logical line that is more than plain text."""

    plain: str
    """Clean text without a newline."""
    spans: tuple[Span, ...] = ()
    """Later ones win where they overlap."""
    indent: int = 0
    """Cells that continuation rows are moved in by."""
    right: str = ""
    """A dim note at the right end of the last row, where it fits."""
    by_words: bool = False
    """Whether to wrap between words; a terminal wraps anywhere."""


Line = str | StyledLine


def styled_lines(text: Text) -> list[Line]:
    """Split a rich Text into lines."""
    return [
        StyledLine(line.plain, tuple((span.start, span.end, span.style) for span in line.spans)) if line.spans
        else line.plain
        for line in text.split("\n", allow_blank=True)
    ]  # fmt: skip


def plain_of(line: Line) -> str:
    """Return the text of a line."""
    return line if isinstance(line, str) else line.plain


def rows_of(line: Line, width: int) -> int:
    """Return how many rows a line takes at this width: at least one."""
    plain = plain_of(line)
    if len(plain) <= width and plain.isascii():
        return 1
    if isinstance(line, str) and plain.isascii():
        return -(-len(plain) // max(width, 1))
    return len(wrap(line, width))


def wrap(line: Line, width: int) -> list[tuple[int, int]]:
    """Cut a line into rows of at most `width` cells; returns the character range of each."""
    plain = plain_of(line)
    indent, by_words = (0, False) if isinstance(line, str) else (line.indent, line.by_words)
    width = max(width, 1)
    if len(plain) <= width and cell_len(plain) <= width:
        return [(0, len(plain))]
    following = max(width - indent, 1)
    rows: list[tuple[int, int]] = []
    start, used, room = 0, 0, width
    space = -1  # after the last space of this row
    for position, character in enumerate(plain):
        size = 1 if character < "\x7f" else get_character_cell_size(character)
        if used + size > room and position > start:
            cut = position
            if by_words and space > start and cell_len(plain[space:position]) + size <= following:
                cut = space
            rows.append((start, cut))
            used = cell_len(plain[cut:position])
            start, room, space = cut, following, -1
        used += size
        if character == " ":
            space = position + 1
    rows.append((start, len(plain)))
    return rows


def segments(
    plain: str, spans: Iterable[tuple[int, int, Style]], base: Style, start: int, end: int
) -> Iterator[Segment]:
    """Yield the segments of characters `start` to `end`, neighbours of equal style joined."""
    inside = [
        (max(first, start), min(last, end), style)
        for first, last, style in spans
        if first < end and last > start
    ]
    if not inside:
        if end > start:
            yield Segment(plain[start:end], base)
        return
    if all(before[1] <= after[0] for before, after in pairwise(inside)):
        pieces = _side_by_side(inside, base, start, end)
    else:
        pieces = _overlapping(inside, base, start, end)
    held_text, held_style = "", base
    for first, last, style in pieces:
        if style == held_style:
            held_text += plain[first:last]
            continue
        if held_text:
            yield Segment(held_text, held_style)
        held_text, held_style = plain[first:last], style
    if held_text:
        yield Segment(held_text, held_style)


def _side_by_side(
    spans: list[tuple[int, int, Style]], base: Style, start: int, end: int
) -> Iterator[tuple[int, int, Style]]:
    """Yield pieces and their styles where no span overlaps another and they are in order."""
    position = start
    for first, last, style in spans:
        if first > position:
            yield position, first, base
        yield first, last, base + style
        position = last
    if position < end:
        yield position, end, base


def _overlapping(
    spans: list[tuple[int, int, Style]], base: Style, start: int, end: int
) -> Iterator[tuple[int, int, Style]]:
    cuts = sorted({start, end, *(edge for first, last, _ in spans for edge in (first, last))})
    for first, last in pairwise(cuts):
        style = base
        for span_first, span_last, span_style in spans:
            if span_first <= first and last <= span_last:
                style += span_style
        yield first, last, style
