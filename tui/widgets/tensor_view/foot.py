"""The line below the grid: the cell under the cursor in all its digits, and what was just found or copied."""

from __future__ import annotations

from dataclasses import dataclass

from tui.widgets.foreign import clean, cut_cells
from tui.widgets.live_lines import Span
from tui.widgets.tensor_view.numbers import Cell, full, stored
from tui.widgets.tensor_view.painting import ValueLines


@dataclass(frozen=True)
class FootData:
    """What the foot says."""

    place: str = ""
    """The index notation of the cell under the cursor."""
    cell: Cell | None = None
    """None where it has not come."""
    dtype: str = ""
    details: Cell | None = None
    """The cell with its stored pattern, where that was asked for."""
    notice: str = ""
    """What was found, copied or refused."""


def foot_lines(data: FootData, width: int) -> list[list[Span]]:
    """Return the foot's lines: one, and a second for the stored pattern."""
    value = "" if data.cell is None else full(data.cell, data.dtype)
    notice = cut_cells(clean(data.notice), max(10, width * 2 // 3))
    room = width - len(notice) - len(value) - 7
    place = cut_cells(clean(data.place), max(8, room))
    left: list[Span] = [(f" {place}", "label")] if place else []
    if value:
        left += [(" = ", "dim"), (value, "title")]
    used = sum(len(text) for text, _ in left)
    line = left
    if notice:
        if used + len(notice) + 2 > width:
            line, used = [], 0
        line = [*line, (" " * max(1, width - used - len(notice) - 1), ""), (notice, "accent")]
    lines = [line]
    if data.details is not None:
        pattern = stored(data.details, data.dtype)
        lines.append([(" stored  ", "label"), (pattern or "no pattern of its own for this dtype", "")])
    return lines


class FootLine(ValueLines):
    """Shows a `FootData`."""

    DEFAULT_CSS = """
    FootLine { height: 1; background: $surface; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.data = FootData()
        """What it shows."""

    def show(self, data: FootData) -> None:
        """Show this."""
        self.data = data
        height = len(foot_lines(data, self.size.width or 80))
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self.show_lines()

    def lay_out(self, width: int, height: int) -> list[list[Span]]:
        """Return the lines."""
        return foot_lines(self.data, width)
