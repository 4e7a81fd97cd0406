"""A chart without a curve: its title, and what it waits for. Without plotext or numpy, for the first screen."""

from __future__ import annotations

from tui.widgets.cells import Line, Row, cut, to_cells
from tui.widgets.chart.model import LEFT


def waiting_lines(title: str, text: str, width: int, height: int) -> list[Line]:
    """Return the lines of a chart that has no curve."""
    head = Row(width)
    head.put(LEFT, cut(to_cells(title), max(0, width - LEFT)), "title")
    return [head.line(), *waiting_body(text, width, height - 1)][:height]


def waiting_body(text: str, width: int, height: int) -> list[Line]:
    """Return the lines below the title, the text in their middle."""
    rows = [Row(width) for _ in range(height)]
    if rows:
        cells = cut(to_cells(text), width)
        rows[(len(rows) - 1) // 2].put((width - len(cells)) // 2, cells, "dim")
    return [row.line() for row in rows]
