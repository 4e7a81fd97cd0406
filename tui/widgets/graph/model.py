"""A graph that is looked at: its rows, folded or filtered, and a cursor that stays on its node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

import numpy as np

from tui.protocol.autograd import (
    BackwardDone,
    GraphOpened,
    Node,
    NodeKind,
)
from tui.widgets.graph.folding import Folds, Rows, filtered_rows, folded_rows, matching
from tui.widgets.graph.gradients import Gradients, Progress, gradients_of
from tui.widgets.graph.known import KnownNodes
from tui.widgets.graph.rails import CAP, Rail, Rails
from tui.widgets.graph.row_graph import contract
from tui.widgets.graph.structure import INPUT, KINDS, PARAMETER, Bools, unpack

FOLDED_FROM: Final = 400
"""Rows from which a graph whose modules are known is folded at first."""
_NAMES_WANTED: Final = 5000
"""Nodes whose names a filter asks for."""
_CARRIERS: Final = frozenset(
    ["leaf", "t", "view", "transpose", "expand", "clone", "permute", "reshape", "unsqueeze"]
)
"""Operations that say little of what a folded module does."""


class GraphModel:
    """All that is shown of a graph, but for how."""

    def __init__(self, opened: GraphOpened, cap: int = CAP) -> None:
        self.opened = opened
        self.structure = unpack(opened.structure)
        self.known = KnownNodes()
        self.folds = Folds(self.structure)
        self.gradients: Gradients | None = None
        self.now: int | None = None
        """The node whose turn it is in a backward that is stepped through."""
        self.cursor = 0
        """A node; in a row of several it may be any of them."""
        self.query = ""
        """The filter that holds."""
        self.searched = ""
        """The last filter, which `match` goes on with."""
        self._cap = cap
        self.folds.fold_to(self._first_level())
        self._lay_out()

    def _first_level(self) -> int:
        folds = self.folds
        if self.structure.nodes <= FOLDED_FROM:
            return folds.deepest
        for level in range(folds.deepest, 1, -1):
            folds.fold_to(level)
            if np.count_nonzero(folds.heads()) <= FOLDED_FROM:
                return level
        return min(2, folds.deepest)

    def _lay_out(self) -> None:
        self.rows: Rows = filtered_rows(self.matches(self.query)) if self.query else folded_rows(self.folds)
        self.rails = Rails(contract(self.structure, self.rows.firsts), self._cap)

    # -- rows -------------------------------------------------------------------------------------

    @property
    def cursor_row(self) -> int:
        """The row of the cursor."""
        return self.rows.row_of(self.cursor)

    @property
    def current(self) -> int:
        """The node that the row of the cursor stands for: its first."""
        return self.rows.span(self.cursor_row)[0]

    @cached_property
    def kind_counts(self) -> dict[NodeKind, int]:
        """How many nodes there are of each kind."""
        counts = np.bincount(self.structure.kinds, minlength=len(KINDS))
        return dict(zip(KINDS, counts.tolist(), strict=True))

    @cached_property
    def module_cells(self) -> int:
        """How long the path of a module is at most."""
        return max(map(len, self.structure.modules))

    def rail_window(self, first: int, count: int) -> Sequence[Rail]:
        """Return the rails of some rows."""
        return self.rails.window(first, count)

    def set_cap(self, cap: int) -> None:
        """Draw so many lanes."""
        if cap != self._cap:
            self._cap = cap
            self.rails = Rails(self.rails.graph, cap)

    def progress(self, row: int) -> Progress:
        """Return how far a row is in a backward that is stepped through."""
        if self.now is None:
            return ""
        first, end = self.rows.span(row)
        if self.gradients is None:
            return "now" if first <= self.now < end else ""
        return self.gradients.progress(first, end, self.now)

    def summary(self, row: int) -> str:
        """Return what a folded row holds: ``23 nodes: 2 conv2d, 2 batch_norm, relu``."""
        first, end = self.rows.span(row)
        counts = Counter(self.structure.operation[first:end].tolist())
        names = [
            (self.structure.operations[operation], count)
            for operation, count in counts.most_common()
            if self.structure.operations[operation] not in _CARRIERS
        ]
        words = ", ".join(name if count == 1 else f"{count} {name}" for name, count in names)
        return f"{end - first:,} nodes" + (f": {words}" if words else "")

    # -- the cursor -------------------------------------------------------------------------------

    def go_to_row(self, row: int) -> None:
        """Put the cursor on a row; on the nearest where there is no such one."""
        row = max(0, min(row, len(self.rows) - 1))
        if row != self.cursor_row:
            self.cursor = self.rows.span(row)[0]

    def go_to(self, node: int) -> None:
        """Put the cursor on a node, and unfold what hides it; a filter that hides it ends."""
        if not 0 <= node < self.structure.nodes:
            return
        self.cursor = node
        hidden = bool(self.query) and not self.matches(self.query)[node]
        if hidden:
            self.query = ""
        if (not self.query and self.folds.reveal(node)) or hidden:
            self._lay_out()

    def next_parameter(self) -> bool:
        """Go to the next parameter, from the last to the first; return whether there is one."""
        kinds = self.structure.kinds
        wanted = kinds == PARAMETER if (kinds == PARAMETER).any() else kinds == INPUT
        if self.query:
            wanted = wanted & self.matches(self.query)
        return self._go_on(wanted, 1)

    def match(self, direction: int) -> bool:
        """Go to the next or previous node that the filter keeps, or the last one did; return whether there is one."""
        query = self.query or self.searched
        return bool(query) and self._go_on(self.matches(query), direction)

    def _go_on(self, wanted: Bools, direction: int) -> bool:
        places = np.flatnonzero(wanted)
        if not places.size:
            return False
        if direction > 0:
            index = int(np.searchsorted(places, self.cursor, side="right"))
        else:
            index = int(np.searchsorted(places, self.cursor, side="left")) - 1
        self.go_to(int(places[index % len(places)]))
        return True

    def previous_user(self) -> bool:
        """Go to the nearest node above that uses the output of this one; return whether there is one."""
        first = self.current
        users = self.structure.users(first)
        if not users:
            return False
        self.go_to(users[-1])
        return True

    # -- folds and the filter ---------------------------------------------------------------------

    def toggle_fold(self) -> bool:
        """Unfold the row of the cursor, or fold the innermost module around it; return whether anything changed."""
        stretch = None if self.query else self.folds.folded_at(self.cursor)
        if stretch is None:
            return self.fold_around()
        self.folds.set(stretch, False)
        self._lay_out()
        return True

    def fold_around(self) -> bool:
        """Fold the innermost module around the row of the cursor; return whether there is one."""
        stretch = None if self.query else self.folds.open_around(self.cursor)
        if stretch is None:
            return False
        self.folds.set(stretch, True)
        self._lay_out()
        return True

    def fold_by(self, levels: int) -> bool:
        """Fold all modules deeper or less deep than before, also those that were folded one by one.

        Returns whether the rows are others now.
        """
        if self.query:
            return False
        before = self.rows.firsts
        self.folds.fold_to(self.folds.level + levels)
        self._lay_out()
        return not np.array_equal(before, self.rows.firsts)

    def matches(self, query: str) -> Bools:
        """Return which nodes a filter keeps."""
        return matching(self.structure, query, self.known.names)

    def filter(self, query: str) -> None:
        """Show only what has these words in its operation, module or name; empty: all again."""
        if query == self.query:
            return
        self.query = query
        if query:
            self.searched = query
            kept = self.matches(query)
            if kept.any() and not kept[self.cursor]:
                places = np.flatnonzero(kept)
                index = int(np.searchsorted(places, self.cursor))
                self.cursor = int(places[min(index, len(places) - 1)])
        else:
            self.folds.reveal(self.cursor)
        self._lay_out()

    # -- what it is handed ------------------------------------------------------------------------

    def put(self, rows: Sequence[Node]) -> None:
        """Take nodes in words; a filter may keep some for their names."""
        named = len(self.known.names)
        self.known.put(rows)
        if self.query and len(self.known.names) != named:
            matches = self.matches(self.query)
            if self.rows.matches is None or not np.array_equal(matches, self.rows.matches):
                self._lay_out()

    def put_backward(self, done: BackwardDone) -> None:
        """Take what a backward told; what nodes had saved may be gone now."""
        self.gradients = gradients_of(done, self.structure.nodes)
        self.known.expire()

    def wanted(self, first: int, count: int, limit: int) -> tuple[int, ...]:
        """Return nodes to ask for: those of some rows and a page around them, then those that a filter may find."""
        return self.known.ask(self._of_interest(first, count), limit)

    def _of_interest(self, first: int, count: int) -> Iterator[int]:
        last = min(first + 2 * count, len(self.rows))
        for row in (*range(first, last), *range(max(0, first - count), first)):
            if self.rows.kind(row) != "gap":
                yield int(self.rows.firsts[row])
        if self.query:
            leaves = np.flatnonzero((self.structure.kinds == PARAMETER) | (self.structure.kinds == INPUT))
            yield from leaves[:_NAMES_WANTED].tolist()
            yield from range(min(self.structure.nodes, _NAMES_WANTED))
