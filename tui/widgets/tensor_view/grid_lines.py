"""The grid of values as lines of text: row and column numbers that stay, values right-aligned. Pure functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tui.widgets.live_lines import Span
from tui.widgets.tensor_view.dtypes import dtype_of
from tui.widgets.tensor_view.layout import Layout
from tui.widgets.tensor_view.numbers import Cell, NumberFormat, usual_width, write
from tui.widgets.tensor_view.scale import Limits, cell_style
from tui.widgets.tensor_view.viewport import Viewport

CellAt = Callable[[int, int], Cell | None]
GAP = 2
"""Blank cells between two columns."""


@dataclass(frozen=True)
class GridData:
    """What the grid shows, but for its place."""

    layout: Layout
    dtype: str
    how: NumberFormat
    limits: Limits | None
    """Of the colour scale; None: no colours."""
    cell: CellAt
    """Gives a cell; None where it has not come."""
    names: tuple[str, ...] = ()
    """Of the dimensions, empty or one for each."""
    message: str = ""
    """In the place of values, where there are none to show."""
    extent: tuple[int, int] = (0, 0)
    """Rows and columns of the matrix."""


def row_header_width(data: GridData, viewport: Viewport) -> int:
    """Return the cells that row numbers take, with the blank behind them; the corner names both dimensions."""
    highest = max(0, viewport.rows - 1) if viewport.rows < 10_000_000 else viewport.top + viewport.height
    return max(len(str(highest)), len(corner(data.layout, data.names))) + 1


def corner(layout: Layout, names: tuple[str, ...]) -> str:
    """Return what the corner says: which dimension goes down, which across: ``0↓ 1→``."""
    parts = [
        f"{(names[dim][:8] if dim < len(names) and names[dim] else dim)}{arrow}"
        for dim, arrow in ((layout.row_dim, "↓"), (layout.column_dim, "→"))
        if dim is not None
    ]
    return " ".join(parts)


def columns_that_fit(width: int, header: int, column: int) -> int:
    """Return how many whole columns fit, at least 1."""
    return max(1, (width - header) // (column + GAP))


def width_needed(data: GridData, viewport: Viewport, least: int) -> int:
    """Return the width of a column in which every value and column number in sight fits."""
    box = viewport.box
    width = max(least, usual_width(data.dtype, data.how), len(str(max(0, box.column + box.columns - 1))))
    for row in range(box.row, box.row + box.rows):
        for column in range(box.column, box.column + box.columns):
            cell = data.cell(row, column)
            if cell is not None:
                width = max(width, len(write(cell, data.dtype, data.how)))
    return width


def grid_lines(data: GridData, viewport: Viewport, column_width: int, width: int) -> list[list[Span]]:
    """Return the grid's lines: the column numbers, then a line for each row in sight."""
    if data.message:
        return [[], *([("  " + line, "dim")] for line in data.message.split("\n"))]
    header = row_header_width(data, viewport)
    box, boolean = viewport.box, dtype_of(data.dtype).kind == "bool"
    columns = range(box.column, box.column + box.columns)
    more_right = box.column + box.columns < viewport.columns
    head: list[Span] = [(f"{corner(data.layout, data.names):<{header}}", "label")]
    for column in columns:
        head.append((f" {column:>{column_width}} ", "number" if column == viewport.column else "label"))
    used = header + len(columns) * (column_width + GAP)
    if more_right and used + 2 <= width:
        head.append((" ›", "label"))
    lines = [head]
    for row in range(box.row, box.row + box.rows):
        line: list[Span] = [(f"{row:>{header - 1}} ", "number" if row == viewport.row else "label")]
        for column in columns:
            cell = data.cell(row, column)
            here = (row, column) == (viewport.row, viewport.column)
            text = "" if cell is None else write(cell, data.dtype, data.how)
            style = "" if cell is None else cell_style(cell, data.limits, boolean=boolean)
            around = style if style.startswith("heat") or style in ("nan", "inf") else ""
            line.append((" ", around))
            line.append((f"{text:>{column_width}}", "cursor" if here else style))
            line.append((" ", around))
        lines.append(line)
    return lines


def as_table(data: GridData, viewport: Viewport) -> str:
    """Return the values in sight as lines of tab-separated text, all digits that the format shows."""
    box = viewport.box
    rows = []
    for row in range(box.row, box.row + box.rows):
        cells = (data.cell(row, column) for column in range(box.column, box.column + box.columns))
        rows.append("\t".join("" if cell is None else write(cell, data.dtype, data.how) for cell in cells))
    return "\n".join(rows)
