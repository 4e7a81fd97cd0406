"""Lines of styled cells: foreign text made harmless, and what differs between two lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import get_character_cell_size

from tui.widgets.foreign import clean

MERGE_GAP = 14
"""Unchanged cells between two changes that are cheaper to send again than to jump over."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the screen."""

    cells: tuple[str, ...]
    """What each cell shows: a character with its combining marks; empty after a character two cells wide."""
    styles: tuple[str, ...]
    """Name of the style of each cell."""


class Row:
    """A line in the making."""

    def __init__(self, width: int) -> None:
        self.cells = [" "] * width
        self.styles = [""] * width

    def put(self, at: int, cells: list[str], style: str) -> int:
        """Write cells from column ``at`` on, as many as fit; return the column after them."""
        for index, cell in enumerate(cells, at):
            if 0 <= index < len(self.cells):
                self.cells[index] = cell
                self.styles[index] = style
        return at + len(cells)

    def line(self) -> Line:
        """Return the line; a wide character that would stick out at the end gives way to a space."""
        if self.cells and get_character_cell_size(self.cells[-1][:1] or " ") == 2:
            self.cells[-1] = " "
        return Line(tuple(self.cells), tuple(self.styles))


def to_cells(text: str) -> list[str]:
    """Return foreign text as cells of one line: made harmless, combining marks with the character they are on."""
    cells: list[str] = []
    for character in clean(text).replace("\n", " "):
        if (width := get_character_cell_size(character)) == 0:
            last = next((index for index in range(len(cells) - 1, -1, -1) if cells[index]), None)
            if last is not None and len(cells[last]) < 4:
                cells[last] += character
        else:
            cells.extend([character, ""][:width])
    return cells


def cut(cells: list[str], width: int) -> list[str]:
    """Return cells shortened to ``width``, with ``…`` at the end where some are lost."""
    if len(cells) <= width:
        return cells
    kept = cells[: max(0, width - 1)]
    while kept and get_character_cell_size(kept[-1][:1] or " ") == 2:
        kept.pop()
    return [*kept, "…"][:width]


def changed_spans(
    before: Line, after: Line, *, grounds: bool = False, own_ground: frozenset[str] = frozenset()
) -> Iterator[tuple[int, int]]:
    """Yield the [start, end) columns in which two lines of one width differ, near ones joined.

    No span begins or ends inside a wide character. `grounds`: whether styles have backgrounds of their own, so that
    a blank is another one in another style; `own_ground`: those that have, where it is not all of them.
    """
    start = end = -1
    for column, (old, new, old_style, new_style) in enumerate(
        zip(before.cells, after.cells, before.styles, after.styles, strict=True)
    ):
        if old == new and (
            old_style == new_style
            or (new == " " and not grounds and own_ground.isdisjoint((old_style, new_style)))
        ):
            continue
        if start < 0:
            start = column
        elif column - end > MERGE_GAP:
            yield _whole(before, after, start, end)
            start = column
        end = column + 1
    if start >= 0:
        yield _whole(before, after, start, end)


def _whole(before: Line, after: Line, start: int, end: int) -> tuple[int, int]:
    while start > 0 and "" in (before.cells[start], after.cells[start]):
        start -= 1
    while end < len(after.cells) and "" in (before.cells[end], after.cells[end]):
        end += 1
    return start, end
