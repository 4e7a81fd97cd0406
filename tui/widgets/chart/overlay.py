"""The legend of several runs: a value for each of them, in columns, on as many lines as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tui.widgets.cells import Line, Row, cut, to_cells
from tui.widgets.chart.looks import Heading, Look
from tui.widgets.chart.model import LEFT, Points
from tui.widgets.chart.odd_words import Part, odd_parts
from tui.widgets.chart.ticks import count_text, value_text

ROOM_FOR_COUNT: Final = 70
"""From so many cells on it is told how many points there are."""
_SPARED_LINES: Final = 2
"""Of the lines there may be these are only for the value of one curve of each run, not for all curves."""
_VALUE_CELLS: Final = 8
"""Of each curve of several runs, so that they stand below each other and none moves."""


@dataclass(frozen=True)
class _Layout:
    """Where the values of several runs stand."""

    looks: Sequence[Look]
    named: bool
    """Whether with their names."""
    places: list[tuple[int, int]]
    """Line and column of each."""
    odds: list[Part]
    """What follows them."""
    left_out: int = 0
    """How many there is no room for."""


def overlaid_lines(heading: Heading, width: int, most: int) -> list[Line]:
    """Return lines with a value for every run: for each of its curves, where there is no room for the main one."""
    title = to_cells(heading.title)
    how = list(f" {heading.smoothing}") if heading.smoothing and width >= ROOM_FOR_COUNT else []
    lead = min(len(title) + len(how) + 1, max(0, width // 2))
    found = _layout(heading, lead, width, most)
    rows = [Row(width) for _ in range(1 + max([line for line, _ in found.places], default=0))]
    rows[0].put(LEFT + len(cut(title, lead)), how[: max(0, lead - len(title))], "dim")
    rows[0].put(LEFT, cut(title, lead), "title")
    at = LEFT + lead
    for look, (line, column) in zip(found.looks, found.places, strict=True):
        at = _put_entry(rows[line], column, look, heading.cursor, named=found.named)
    if found.left_out:
        at = rows[-1].put(at, list(f"+{found.left_out}"), "dim") + 1
    if sum(len(cells) for cells, _ in found.odds) > width - at and len(rows) < most:
        rows.append(Row(width))
        at = LEFT - 1
    for cells, style in found.odds:
        at = rows[-1].put(at, cells, style)
    if len(rows) == 1:
        put_count(rows[0], heading.looks, at)
    return [row.line() for row in rows]


def _layout(heading: Heading, lead: int, width: int, most: int) -> _Layout:
    """Return where the values stand, with as many of them, and as much of what follows, as there is room for."""
    every, main = list(heading.looks), _main_curves(heading.looks)
    odds = {details: list(odd_parts(heading, details)) for details in (3, 1, 0)}
    tails = {details: sum(len(cells) for cells, _ in parts) for details, parts in odds.items()}
    for looks, lines in ((every, max(1, most - _SPARED_LINES)), (main, most)):
        for details in (3, 1, 0):
            places = _places(looks, lead, tails[details], width, lines)
            if places is None or (details and tails[details] > width - LEFT):
                continue
            named = _places(
                looks, lead, tails[details], width, places[-1][0] + 1 if places else 1, named=True
            )
            return _Layout(looks, named is not None, named or places, odds[details])
    names = list(odd_parts(heading, -1))
    tail = sum(len(cells) for cells, _ in names)
    for count in range(len(main), 0, -1):
        left_out = len(main) - count
        places = _places(main[:count], lead, tail + len(f"+{left_out} ") * (left_out > 0), width, most)
        if places is not None:
            return _Layout(main[:count], False, places, names, left_out)
    return _Layout([], False, [], odds[0])


def _put_entry(row: Row, column: int, look: Look, cursor: float | None, *, named: bool) -> int:
    """Write a curve's mark and value; return the column after what is kept for them."""
    at = row.put(column, list(look.glyphs or "─"), look.line_style) + 1
    if named:
        at = row.put(at, to_cells(look.curve.label), look.line_style) + 1
    value = value_at(look.curve.points, cursor)
    smooth = value_at(look.curve.smooth, cursor) if look.curve.smooth is not None else None
    told = smooth if smooth is not None and cursor is None else value
    if told is None:
        row.put(at, ["–"], "dim")
    else:
        row.put(at, list(value_text(told)), value_style(told))
    return column + _entry_cells(look, named=named)


def _entry_cells(look: Look, *, named: bool) -> int:
    name = len(to_cells(look.curve.label)) + 1 if named else 0
    return len(look.glyphs or "─") + 1 + name + _VALUE_CELLS + 1


def _places(
    looks: Sequence[Look], lead: int, tail: int, width: int, most: int, *, named: bool = False
) -> list[tuple[int, int]] | None:
    """Return line and column of each curve's value; None where ``most`` lines do not hold them and what follows."""
    line, column = 0, LEFT + lead
    places = []
    for look in looks:
        cells = _entry_cells(look, named=named)
        if column + cells - 1 > width and column > LEFT:
            line, column = line + 1, LEFT
        places.append((line, column))
        column += cells
    lines = line + 1 + (column + tail > width)
    return places if lines <= most else None


def _main_curves(looks: Sequence[Look]) -> list[Look]:
    """Return a curve of each run: that of its validation where it has one, else its first."""
    chosen: dict[str, Look] = {}
    for look in looks:
        name = look.curve.run.glyph if look.curve.run is not None else ""
        if name not in chosen or (look.curve.role == "val" and chosen[name].curve.role != "val"):
            chosen[name] = look
    return list(chosen.values())


def value_style(value: float) -> str:
    """Return the style that a value is told in."""
    return "bad" if value_text(value)[-1] in "Nf" else "value"


def value_at(points: Points, cursor: float | None) -> float | None:
    """Return the value at or before the cursor, without one the newest; None where there is none."""
    found = points.last if cursor is None else points.at(cursor)
    return None if found is None else found.value


def put_count(row: Row, looks: Sequence[Look], at: int) -> None:
    """Tell how many points there are, where there is room behind what is told already."""
    width = len(row.cells)
    count = f"{count_text(sum(len(look.curve.points) for look in looks))} points"
    if looks and width >= ROOM_FOR_COUNT and at + len(count) + 2 <= width:
        row.put(width - len(count), list(count), "dim")
