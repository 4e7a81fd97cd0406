"""Which part of a matrix is on the screen, and where the cursor is in it. Immutable; pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Box:
    """A rectangle of cells of a matrix."""

    row: int
    column: int
    rows: int
    columns: int

    @property
    def area(self) -> int:
        """How many cells it has."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Viewport:
    """A window of whole rows and columns over a matrix, and the cell under the cursor."""

    rows: int
    """Of the matrix."""
    columns: int
    height: int = 1
    """Rows that fit the screen, at least 1."""
    width: int = 1
    """Columns that fit the screen, at least 1."""
    top: int = 0
    """First row on the screen."""
    left: int = 0
    row: int = 0
    """Of the cursor."""
    column: int = 0

    @property
    def box(self) -> Box:
        """The cells on the screen."""
        return Box(
            self.top,
            self.left,
            max(0, min(self.height, self.rows - self.top)),
            max(0, min(self.width, self.columns - self.left)),
        )

    def sized(self, height: int, width: int) -> Viewport:
        """Return the viewport for a screen of another size; the cursor stays in sight."""
        return replace(self, height=max(1, height), width=max(1, width))._tidy()

    def over(self, rows: int, columns: int) -> Viewport:
        """Return the viewport over a matrix of another size."""
        return replace(self, rows=rows, columns=columns)._tidy()

    def moved(self, rows: int, columns: int) -> Viewport:
        """Return the viewport with the cursor moved; it scrolls only where the cursor would leave the screen."""
        return replace(self, row=self.row + rows, column=self.column + columns)._tidy()

    def paged(self, down: int, across: int) -> Viewport:
        """Return the viewport a page further, the cursor at the same place of the screen."""
        rows, columns = down * self.height, across * self.width
        return replace(
            self,
            top=self._clamp(self.top + rows, self.rows - self.height),
            left=self._clamp(self.left + columns, self.columns - self.width),
            row=self.row + rows,
            column=self.column + columns,
        )._tidy()

    def scrolled(self, rows: int, columns: int) -> Viewport:
        """Return the viewport with another part in sight; the cursor comes along only where it must."""
        top = self._clamp(self.top + rows, self.rows - self.height)
        left = self._clamp(self.left + columns, self.columns - self.width)
        row = min(max(self.row, top), top + self.height - 1)
        column = min(max(self.column, left), left + self.width - 1)
        return replace(self, top=top, left=left, row=row, column=column)._tidy()

    def at(self, row: int, column: int) -> Viewport:
        """Return the viewport with the cursor on a cell, which is in the middle unless it was in sight."""
        there = replace(self, row=row, column=column)
        if not self.top <= row < self.top + self.height:
            there = replace(there, top=self._clamp(row - self.height // 2, self.rows - self.height))
        if not self.left <= column < self.left + self.width:
            there = replace(there, left=self._clamp(column - self.width // 2, self.columns - self.width))
        return there._tidy()

    def next_page(self, before: Viewport) -> Box | None:
        """Return the cells that come into sight if it goes on as it came from `before`; None where it did not move."""
        down = (self.top > before.top) - (self.top < before.top)
        across = (self.left > before.left) - (self.left < before.left)
        if not down and not across:
            return None
        ahead = self.paged(down, across).box
        return ahead if ahead != self.box and ahead.area else None

    def _tidy(self) -> Viewport:
        row = self._clamp(self.row, self.rows - 1)
        column = self._clamp(self.column, self.columns - 1)
        top = min(max(self.top, row - self.height + 1), row)
        left = min(max(self.left, column - self.width + 1), column)
        return replace(
            self,
            row=row,
            column=column,
            top=self._clamp(top, self.rows - self.height),
            left=self._clamp(left, self.columns - self.width),
        )

    @staticmethod
    def _clamp(value: int, highest: int) -> int:
        return max(0, min(value, highest))
