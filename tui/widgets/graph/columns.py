"""The columns of the graph, from 60 to 200 cells and more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Column = Literal["node", "module", "shape", "saved", "gradient", "line"]
GUTTER: Final = 2
"""Cells at the left in which it is told how far a backward is."""
NUMBER: Final = 8
"""Cells of a norm: ``1.23e-15``."""
_LEAST_NODE: Final = 26
_NODE: Final = 44
"""Cells for rails and name that are enough for most graphs: what is left beyond goes to other columns first."""
_LEAST_LINE: Final = 18
_GAP: Final = 2


@dataclass(frozen=True)
class Slot:
    """Where a column is."""

    column: Column
    start: int
    width: int

    @property
    def end(self) -> int:
        """The cell after its last."""
        return self.start + self.width


def lanes_for(width: int) -> int:
    """Return how many lanes are drawn one by one in so many cells."""
    return 12 if width >= 100 else 8 if width >= 76 else 6


def fit(width: int, *, gradients: bool, module_cells: int, lines: bool) -> list[Slot]:
    """Return the columns that there is room for, from left to right.

    Args:
        width: cells of a row.
        gradients: whether a backward has run.
        module_cells: cells of the longest path of a module, 0 where no node belongs to any.
        lines: whether lines of code are known.
    """
    found: dict[Column, int] = {}
    room = width - GUTTER - _LEAST_NODE

    def want(column: Column, cells: int) -> None:
        nonlocal room
        if room >= cells + _GAP:
            found[column] = cells
            room -= cells + _GAP

    if gradients:
        want("gradient", NUMBER + 1 + (5 if width < 64 else 7 if width < 76 else 8 if width < 110 else 12))
    want("shape", 13 if width < 90 else 16 if width < 130 else 20)
    if module_cells:
        module_cells = max(module_cells, len("module"))
        want(
            "module",
            min(module_cells, 14 if width < 90 else 20 if width < 110 else 24 if width < 140 else 36),
        )
    want("saved", 7)
    grown = min(room, _NODE - _LEAST_NODE)
    room -= grown
    if lines:
        want("line", max(_LEAST_LINE, min(room - _GAP, 60)))
    for column, most in (("gradient", NUMBER + 1 + 24), ("module", module_cells)):
        if column in found:
            found[column] += (more := max(0, min(room, most - found[column])))
            room -= more
    slots = [Slot("node", GUTTER, _LEAST_NODE + grown + room)]
    for column in ("module", "shape", "saved", "line", "gradient"):
        if column in found:
            slots.append(Slot(column, slots[-1].end + _GAP, found[column]))
    return slots
