"""All cells of a transcript, in order, with the caps on them."""

from __future__ import annotations

from bisect import bisect_right

from tui.widgets.drawn.lines import Line, StyledLine
from tui.widgets.transcript.blocks import Block
from tui.widgets.transcript.cells import MAX_CELLS, MAX_LINES, Cell
from tui.widgets.transcript.spill import Spill


class Cells:
    """The cells of a transcript."""

    def __init__(self, spill: Spill | None = None) -> None:
        self._spill = spill
        self.cells: list[Cell] = []
        self._by_id: dict[str, Cell] = {}
        self._notices = 0
        self._dropped = 0
        self._lines: dict[int, tuple[int, int]] = {}  # id of cell object -> version, lines

    def get(self, cell_id: str) -> Cell:
        """Return a cell; one that is not known yet stands at the end."""
        cell = self._by_id.get(cell_id)
        if cell is None:
            spill = self._spill.cell() if self._spill is not None else None
            cell = Cell(cell_id, gap=bool(self.cells), spill=spill)
            self._by_id[cell_id] = cell
            self.cells.append(cell)
        return cell

    def find(self, cell_id: str) -> Cell | None:
        """Return a cell that is known."""
        return self._by_id.get(cell_id)

    def has(self, cell: Cell) -> bool:
        """Return whether a cell is still kept."""
        return self._by_id.get(cell.id) is cell

    def notice(self, block: Block) -> None:
        """Add lines that belong to no cell."""
        self._notices += 1
        self.get(f"notice {self._notices}").output(block)

    def clear(self) -> None:
        """Forget all cells but those that run, which lose their outputs."""
        running = [cell for cell in self.cells if cell.code is not None and cell.status == "running"]
        self.cells.clear()
        self._by_id.clear()
        self._lines.clear()
        self._dropped = 0
        for old in running:
            cell = self.get(old.id)
            cell.count, cell.code, cell.ours = old.count, old.code, old.ours
            cell.show_input()

    def trim(self) -> None:
        """Drop the oldest cells while there are too many cells or lines; the newest stays."""
        total = 0
        for cell in self.cells:
            version, lines = self._lines.get(id(cell), (-1, 0))
            if version != cell.version:
                lines = cell.line_count()
                self._lines[id(cell)] = (cell.version, lines)
            total += lines
        drop = 0
        while drop < len(self.cells) - 1 and (len(self.cells) - drop > MAX_CELLS or total > MAX_LINES):
            cell = self.cells[drop]
            total -= self._lines.pop(id(cell))[1]
            self._by_id.pop(cell.id, None)
            drop += 1
        if drop:
            del self.cells[:drop]
            self._dropped += drop
            self._note_dropped()

    def _note_dropped(self) -> None:
        text = f"… {self._dropped:,} earlier cell{'s' if self._dropped != 1 else ''} dropped"
        self.cells[0].head_note(StyledLine(text, ((0, len(text), "dim"),)))


class Layout:
    """Which row of a transcript belongs to which cell, at one width."""

    def __init__(self, cells: list[Cell], width: int) -> None:
        self.width = width
        self.cells = tuple(cells)
        self.starts: list[int] = []
        self.rows = 0
        """The number of rows."""
        for cell in self.cells:
            self.starts.append(self.rows)
            self.rows += cell.rows(width)

    def locate(self, row: int) -> tuple[Block, Line, int] | None:
        """Return the block and the line at a row, and which of the line's rows it is.

        None where the cell has fewer rows by now: it may have changed since it was laid out.
        """
        index = bisect_right(self.starts, row) - 1
        return self.cells[index].locate(row - self.starts[index], self.width)

    def anchor(self, row: int) -> tuple[Cell, int] | None:
        """Return the cell at a row and how far in the row is; None beyond the end."""
        index = bisect_right(self.starts, row) - 1
        if index < 0 or row >= self.rows:
            return None
        return self.cells[index], row - self.starts[index]

    def place(self, cell: Cell) -> tuple[int, int] | None:
        """Return the first row of a cell, without the gap above it, and the row after its last; None if it is gone."""
        if cell not in self.cells:
            return None
        start = self.starts[self.cells.index(cell)]
        return start + cell.gap_rows(self.width), start + cell.rows(self.width)

    def cell_at(self, row: int) -> Cell | None:
        """Return the cell at a row, the last one for rows beyond the end."""
        return self.cells[bisect_right(self.starts, row) - 1] if self.cells and row >= 0 else None

    def row_of(self, anchor: tuple[Cell, int]) -> int:
        """Return the row of an anchor taken from another layout; the first where its cell is gone."""
        cell, offset = anchor
        for candidate, start in zip(self.cells, self.starts, strict=True):
            if candidate is cell:
                return start + min(offset, max(cell.rows(self.width) - 1, 0))
        return 0
