"""The values that were read, kept for as long as they are worth it. Pure; knows neither kernel nor screen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from tui.protocol.viewing import ReadWindow, View, Window
from tui.widgets.tensor_view.layout import Layout
from tui.widgets.tensor_view.numbers import Cell
from tui.widgets.tensor_view.viewport import Box

MOST_VALUES: Final = 4096
"""What one window may hold."""
MOST_CELLS: Final = 32_768
"""Kept of one pane."""
MOST_PANES: Final = 6


@dataclass(frozen=True)
class Pane:
    """One matrix of a view: what the cells that are kept are cells of."""

    view: View
    layout: Layout
    with_bits: bool = False

    def request(self, box: Box) -> ReadWindow:
        """Return the request for some of its cells."""
        layout = self.layout
        return ReadWindow(
            self.view, layout.row_dim, layout.column_dim, layout.index,
            box.row, box.column, box.rows, box.columns, self.with_bits,
        )  # fmt: skip


@dataclass
class Kept:
    """The cells of one pane, and when they were read."""

    cells: dict[tuple[int, int], tuple[int, Cell]] = field(default_factory=dict)
    """By row and column: the age they were read in, and the cell. In the order in which they were read."""
    age: int = 0
    """Cells of an earlier age are shown until newer ones have come."""

    def get(self, row: int, column: int) -> Cell | None:
        """Return a cell of any age; None where none was read."""
        found = self.cells.get((row, column))
        return None if found is None else found[1]

    def missing(self, box: Box) -> Box | None:
        """Return the smallest box around the cells of `box` that are still to be read, no more than one window."""
        rows: list[int] = []
        first, last = box.column + box.columns, box.column - 1
        for row in range(box.row, box.row + box.rows):
            due = [c for c in range(box.column, box.column + box.columns) if self._is_due(row, c)]
            if due:
                rows.append(row)
                first, last = min(first, due[0]), max(last, due[-1])
        if not rows:
            return None
        columns = min(last - first + 1, MOST_VALUES)
        return Box(rows[0], first, min(rows[-1] - rows[0] + 1, max(1, MOST_VALUES // columns)), columns)

    def _is_due(self, row: int, column: int) -> bool:
        found = self.cells.get((row, column))
        return found is None or found[0] < self.age

    def add(self, window: Window, age: int) -> None:
        """Take in what was read when it was asked for in `age`."""
        for row, values in enumerate(window.values):
            imaginary = window.imaginary[row] if row < len(window.imaginary) else ()
            bits = window.bits[row] if row < len(window.bits) else ()
            for column, value in enumerate(values):
                cell = Cell(
                    value,
                    imaginary[column] if column < len(imaginary) else None,
                    bits[column] if column < len(bits) else None,
                )
                place = (window.row + row, window.column + column)
                self.cells.pop(place, None)  # what is read again is the newest
                self.cells[place] = (age, cell)
        if len(self.cells) > MOST_CELLS:
            for place in list(islice(self.cells, len(self.cells) - MOST_CELLS * 3 // 4)):
                del self.cells[place]

    def add_nothing(self, box: Box, age: int) -> None:
        """Note that the kernel has no values there, so that it is not asked again."""
        for row in range(box.row, box.row + box.rows):
            for column in range(box.column, box.column + box.columns):
                if self._is_due(row, column):
                    self.cells[row, column] = (age, Cell(None))

    def within(self, box: Box) -> Iterable[Cell]:
        """Yield the cells of a box that have been read."""
        for row in range(box.row, box.row + box.rows):
            for column in range(box.column, box.column + box.columns):
                found = self.cells.get((row, column))
                if found is not None:
                    yield found[1]


class Shelf:
    """The panes looked at last."""

    def __init__(self) -> None:
        self._panes: OrderedDict[Pane, Kept] = OrderedDict()

    def of(self, pane: Pane) -> Kept:
        """Return what is kept of a pane; with bits serves those without."""
        kept = self._panes.setdefault(pane, Kept())
        self._panes.move_to_end(pane)
        while len(self._panes) > MOST_PANES:
            self._panes.popitem(last=False)
        return kept

    def grow_old(self) -> None:
        """From now on every cell counts as to be read again; what was read is shown until then."""
        for kept in self._panes.values():
            kept.age += 1

    def clear(self) -> None:
        """Forget all cells."""
        self._panes.clear()
