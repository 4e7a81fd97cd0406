"""The rails as characters: any window of rows, without laying out all of them each time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from tui.widgets.graph.lanes import Lanes, Step
from tui.widgets.graph.row_graph import RowGraph

CAP: Final = 12
EVERY: Final = 256
"""Rows between two checkpoints, at least."""
NODE: Final = "●"
CROWD: Final = "⋯"
"""Stands for all the lanes that are not drawn."""

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_BOXES: Final = " ╵╷│╴╯╮┤╶╰╭├─┴┬┼"
"""Indexed by the directions that meet in a cell."""


class Rail(NamedTuple):
    """The rails of one row."""

    text: str
    """Its cells, without spaces at the end."""
    at: int
    """The cell in which the row itself stands, a `NODE`."""
    crowd: int
    """Where the number of lanes that are not drawn begins; -1: all are."""


def draw(step: Step, cap: int, ticked: bool = False) -> Rail:
    """Return the cells of a row; `ticked`: with a stub for an edge that leads to None."""
    here = min(step.column, cap)
    met = [min(column, cap) for column in step.met if column != step.column]
    crowded = bool(step.hidden_before or step.hidden_after)
    before, after = step.before, step.after
    if crowded:
        before |= bool(step.hidden_before) << cap
        after |= bool(step.hidden_after) << cap
    low, high = min([here, *met]), max([here, *met])
    last = max((before | after).bit_length() - 1, high)
    cells: list[str] = []
    for column in range(last + 1):
        bit = 1 << column
        across = low <= column < high
        if column == here:
            cells.append(NODE)
        elif column == cap:
            cells.append(CROWD)
        elif column in met:
            sides = (_LEFT if column > low else 0) | (_RIGHT if across else 0)
            cells.append(_BOXES[bool(before & bit) * _UP | bool(after & bit) * _DOWN | sides])
        elif before & after & bit:
            cells.append("│")  # what crosses it passes behind
        else:
            cells.append("─" if low < column < high else " ")
        cells.append("─" if across else " ")
    if ticked and cells[2 * here + 1] == " ":
        cells[2 * here + 1] = "╴"
    text = "".join(cells).rstrip()
    if not crowded:
        return Rail(text, 2 * here, -1)
    text += str(max(step.hidden_before, step.hidden_after))
    return Rail(text, 2 * here, 2 * cap + 1)


class Rails:
    """The rails of a graph of rows; remembers checkpoints on the way down."""

    def __init__(self, graph: RowGraph, cap: int = CAP, every: int = EVERY) -> None:
        self.graph = graph
        self.cap = cap
        self._every = every
        self._live = Lanes(cap)
        self._checkpoints = [self._live.copy()]
        self._drawn: dict[int, Rail] = {}

    def window(self, first: int, count: int) -> Sequence[Rail]:
        """Return the rails of rows `first` to `first + count`, as far as there are any."""
        last = min(first + count, self.graph.rows)
        missing = [row for row in range(first, last) if row not in self._drawn]
        if missing:
            if len(self._drawn) > 4096:
                self._drawn = {row: rail for row, rail in self._drawn.items() if first <= row < last}
            lanes = self._at(missing[0])
            while lanes.row <= missing[-1]:
                row = lanes.row
                self._drawn[row] = draw(lanes.step(self.graph), self.cap, bool(self.graph.ticked[row]))
                self._keep(lanes)
        return [self._drawn[row] for row in range(first, last)]

    def prepare(self, seconds: float) -> bool:
        """Lay out further rows for some time, so that going far down is quick; return whether all are done."""
        deadline = time.perf_counter() + seconds
        while self._checkpoints[-1].row + self._every <= self.graph.rows:
            known = self._checkpoints[-1].row
            if self._live.row < known:
                self._live = self._checkpoints[-1].copy()
            while len(self._checkpoints) and self._checkpoints[-1].row == known:
                if self._live.row >= self.graph.rows:
                    return True
                self._live.step(self.graph)
                self._keep(self._live)
            if time.perf_counter() > deadline:
                return False
        return True

    def _at(self, row: int) -> Lanes:
        """Return the lanes before a row."""
        index = self._before(row)
        if not self._checkpoints[index].row <= self._live.row <= row:
            self._live = self._checkpoints[index].copy()
        lanes = self._live
        while lanes.row < row:
            lanes.step(self.graph)
            self._keep(lanes)
        return lanes

    def _before(self, row: int) -> int:
        """Return the last checkpoint that is not after a row."""
        low, high = 0, len(self._checkpoints)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._checkpoints[middle].row <= row else (low, middle)
        return low

    def _keep(self, lanes: Lanes) -> None:
        """Remember the lanes if it is time: the more there are, the less often, so that copies stay cheap."""
        if lanes.row - self._checkpoints[-1].row >= max(self._every, len(lanes.ends) // 2):
            self._checkpoints.append(lanes.copy())
