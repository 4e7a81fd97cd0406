"""Rows of the list beside the cursor, laid out in columns: pure functions of rows and a width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from rich.cells import cell_len

from tui.widgets.foreign import cut_cells, one_line

MAX_ROWS = 8
"""Rows that are seen at once."""
MOST_CELLS = 100
_LABEL_CELLS = 40
_MEASURED = 500


@dataclass(frozen=True)
class Row:
    """One row; all of it is foreign text."""

    label: str
    kind: str = ""
    detail: str = ""
    doc: str = ""


class Table:
    """Rows with the width of each column."""

    def __init__(self, rows: Sequence[Row], bounds: int) -> None:
        """`bounds`: cells that there are."""
        self.rows = tuple(rows)
        measured = self.rows[:_MEASURED]
        has_columns = any(row.kind or row.detail for row in measured)
        widest = max((cell_len(one_line(row.label, 200)) for row in measured), default=0)
        self.label_cells = min(widest, _LABEL_CELLS if has_columns else MOST_CELLS + 12)
        self.kind_cells = max((cell_len(row.kind) for row in measured), default=0)
        detail = max((cell_len(one_line(row.detail, 200)) for row in measured), default=0)
        columns = [self.label_cells, *filter(None, (self.kind_cells, detail))]
        doc = max((cell_len(one_line(row.doc, 200)) for row in measured), default=0)
        wanted = max(sum(columns) + 2 * (len(columns) - 1), min(doc, 60), 9) + 3
        self.width = min(wanted, bounds, MOST_CELLS if has_columns else bounds)

    @cached_property
    def has_footer(self) -> bool:
        """Whether the chosen row is told in full below: some have a signature or a documentation."""
        return any(row.detail or row.doc for row in self.rows[:_MEASURED])

    def cells(self, index: int) -> tuple[str, str]:
        """Return the label and what stands behind it, together `width` - 2 cells at most."""
        row, room = self.rows[index], self.width - 3
        label = one_line(row.label, min(self.label_cells, room))
        if not row.kind and not row.detail:
            return label, ""
        label += " " * (min(self.label_cells, room) - cell_len(label))
        kind = row.kind + " " * (self.kind_cells - cell_len(row.kind))
        rest = f"  {kind}  {one_line(row.detail, MOST_CELLS)}" if self.kind_cells else f"  {row.detail}"
        return label, cut_cells(rest.rstrip(), max(room - cell_len(label), 0))

    def footer(self, index: int) -> tuple[str, str]:
        """Return the chosen row's signature and the first line of its documentation, each cut to the width."""
        row, room = self.rows[index], self.width - 2
        text = (
            f"{row.label}{row.detail}"
            if row.detail.startswith("(") and row.kind not in _VALUES
            else row.detail
        )
        return cut_cells(one_line(text, 400), room), cut_cells(one_line(row.doc, 400), room)


_VALUES = frozenset({"tensor", "param", "value"})
