"""Which lane of the rails each row stands in, and which lanes begin, end and meet there.

NOTE [Lanes]
Rows are laid out from the root down; a lane is a column that leads to a row further down.
- The *trunk* of a row is the last of those that it leads to, but not a parameter, what only passes one on, or
  another dead end, if it can be helped. Its own lane goes on to the trunk: a chain is a straight line, and of a
  residual connection the stream is straight.
- What only it leads to branches off its own lane where its row comes (``├─●``): it needs no lane until then. So does
  a parameter that is all it leads to, or the last one (``╰─■``).
- What others lead to as well has a lane from each of them, and they meet in its row (``●─╯``). From the third on, and
  at once where it is a parameter, they join the lane that is there already (``●─┤``).
Columns past `cap` are not drawn one by one: what is in them shares the column ``⋯``.

Everything is a function of the rows so far, and each step costs as many operations as the row has edges; a copy of
the state is a checkpoint.
"""

from __future__ import annotations

import heapq
from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

from tui.widgets.graph.row_graph import PARAMETER_ROW, WEIGHT, RowGraph

PARALLEL = 3
"""Lanes that lead to one row side by side."""
CARRIES = tuple(name in ("parameter", "carrier") for name in WEIGHT)


class Step(NamedTuple):
    """What happens to the lanes in a row. Columns from `cap` on are hidden."""

    column: int
    """Where the row stands."""
    before: int
    """Bit mask of the drawn columns that come from above."""
    after: int
    """Bit mask of the drawn columns that go on below."""
    met: tuple[int, ...]
    """Columns that the row is linked with, in no order."""
    hidden_before: int
    """Hidden lanes that come from above."""
    hidden_after: int


@dataclass
class Lanes:
    """The lanes between two rows."""

    cap: int
    """Columns that are drawn one by one."""
    row: int = 0
    """The row that comes next."""
    mask: int = 0
    """Bit mask of the drawn columns in use."""
    hidden: int = 0
    """Hidden columns in use."""
    ends: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """The columns that lead to a row; ``~column`` where it branches off at the lane's end."""
    owners: dict[int, tuple[int, int]] = field(default_factory=dict)
    """For a row from whose lane some have yet to branch off: its column, and how many."""
    free: list[int] = field(default_factory=list)
    """Hidden columns that were used and are free, as a heap."""
    fresh: int = 0
    """The first hidden column that was never used, from `cap`."""

    def copy(self) -> Lanes:
        """Return a checkpoint."""
        return Lanes(
            self.cap, self.row, self.mask, self.hidden, self.ends.copy(), self.owners.copy(), self.free.copy(),
            self.fresh,
        )  # fmt: skip

    def step(self, graph: RowGraph) -> Step:
        """Lay out the next row."""
        row = self.row
        self.row = row + 1
        before, hidden_before = self.mask, self.hidden
        column, met, freed = self._arrive(graph, row)
        starts = graph.starts
        if starts[row] == starts[row + 1]:
            freed.append(column)
        else:
            goes_on, links = self._leave(graph, row, column)
            met.extend(links)
            if not goes_on:
                freed.append(column)
        for each in freed:
            self._release(each)
        return Step(column, before, self.mask, tuple(met), hidden_before, self.hidden)

    # -- from above -------------------------------------------------------------------------------

    def _arrive(self, graph: RowGraph, row: int) -> tuple[int, list[int], list[int]]:
        """Return the column of a row, those that it is linked with above, and those that end here."""
        ends = self.ends.pop(row, None)
        if ends is None:
            parent = graph.parent[row]
            owner = self.owners.get(parent) if parent >= 0 else None
            if owner is None:  # the root
                return self._take(-1), [], []
            lane, count = owner
            if count > 1:
                self.owners[parent] = lane, count - 1
            else:
                del self.owners[parent]
            return self._take(lane), [lane], []
        first = ends[0]
        if first < 0:
            return self._take(~first), [~first], [~first]
        if len(ends) == 1 and first < self.cap:
            return first, [], []
        column, others = min(ends), sorted(ends)[1:]
        if column >= self.cap and self.mask + 1 < 1 << self.cap:
            others = [column, *others]
            column = self._take(-1)
        return column, others, list(others)

    # -- below ------------------------------------------------------------------------------------

    def _leave(self, graph: RowGraph, row: int, column: int) -> tuple[bool, list[int]]:
        """Lead on to the targets of a row; return whether its own lane goes on, and the columns it is linked with."""
        targets = graph.targets[graph.starts[row] : graph.starts[row + 1]]
        parent, weight = graph.parent, graph.weight
        only = targets[0]
        if len(targets) == 1 and weight[only] != PARAMETER_ROW and not self._crowded(only, False):
            self._lead(only, column)
            return True, []
        trunk = self._trunk(targets, graph)
        elbow = trunk >= 0 and CARRIES[weight[trunk]]
        links: list[int] = []
        branches = 0
        for target in reversed(targets):
            if target == trunk:
                continue
            if parent[target] >= 0 and target < trunk:
                branches += 1
            else:
                links.append(self._link(graph, target, column))
        if trunk < 0:
            return False, links
        if branches:
            self.owners[row] = column, branches
        elif parent[trunk] < 0 and self._crowded(trunk, False):
            links.append(self._nearest(trunk, column))
            return False, links
        self._lead(trunk, ~column if elbow else column)
        return True, links

    @staticmethod
    def _trunk(targets: array[int], graph: RowGraph) -> int:
        """Return the row that the own lane leads to; -1: none."""
        dead_end = alone = -1
        for target in reversed(targets):
            weight = graph.weight[target]
            if not weight:
                return target
            if not CARRIES[weight]:
                dead_end = max(dead_end, target)
            elif graph.parent[target] >= 0:
                alone = max(alone, target)
        return dead_end if dead_end >= 0 else alone

    def _link(self, graph: RowGraph, target: int, column: int) -> int:
        """Return the column of a lane from a row in `column` to a target: one that is there, or a new one."""
        shared = graph.parent[target] < 0
        is_parameter = graph.weight[target] == PARAMETER_ROW
        if shared and self._crowded(target, is_parameter):
            return self._nearest(target, column)
        aside = self.cap // 3 - 1 if shared and is_parameter else 0  # it has a long way to go
        new = self._take(max(column, aside))
        self._lead(target, new)
        return new

    def _crowded(self, target: int, shared_weight: bool) -> bool:
        """Whether one more lane to a row joins one that is there."""
        ends = self.ends.get(target)
        return ends is not None and (shared_weight or len(ends) >= PARALLEL)

    def _nearest(self, target: int, column: int) -> int:
        return min(self.ends[target], key=lambda each: (abs(each - column), each))

    def _lead(self, target: int, column: int) -> None:
        self.ends[target] = (*self.ends.get(target, ()), column)

    # -- columns ----------------------------------------------------------------------------------

    def _take(self, right_of: int) -> int:
        """Take the first free column right of one; else the first that is free."""
        unused = ~self.mask & ((1 << self.cap) - 1)
        if right_of < self.cap:
            unused = unused >> (right_of + 1) << (right_of + 1) or unused
        if unused:
            bit = unused & -unused
            self.mask |= bit
            return bit.bit_length() - 1
        self.hidden += 1
        if self.free:
            return heapq.heappop(self.free)
        self.fresh += 1
        return self.cap + self.fresh - 1

    def _release(self, column: int) -> None:
        if column < self.cap:
            self.mask &= ~(1 << column)
        else:
            self.hidden -= 1
            heapq.heappush(self.free, column)
