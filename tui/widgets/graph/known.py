"""What is known of nodes in words, and what to ask for next."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from tui.protocol.autograd import Node

CAPACITY = 20_000
"""Nodes that are remembered; those that were looked at longest ago go first."""


class KnownNodes:
    """Nodes that were handed over, and those that were asked for."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._nodes: OrderedDict[int, Node] = OrderedDict()
        self._stale: set[int] = set()
        self._asked: set[int] = set()
        self.names: dict[int, str] = {}
        """Of all nodes that were ever handed over and have one."""

    def get(self, node: int) -> Node | None:
        """Return a node, None where it is not known."""
        found = self._nodes.get(node)
        if found is not None:
            self._nodes.move_to_end(node)
        return found

    def put(self, rows: Iterable[Node]) -> None:
        """Remember nodes."""
        for row in rows:
            self._nodes[row.node] = row
            self._nodes.move_to_end(row.node)
            self._stale.discard(row.node)
            if row.name:
                self.names[row.node] = row.name
        while len(self._nodes) > self._capacity:
            gone, _ = self._nodes.popitem(last=False)
            self._asked.discard(gone)
            self._stale.discard(gone)

    def ask(self, nodes: Iterable[int], limit: int) -> tuple[int, ...]:
        """Return those of some nodes that are wanted, in order; each is asked for once, until it has expired."""
        wanted: list[int] = []
        for node in nodes:
            if len(wanted) >= limit:
                break
            if (node not in self._nodes or node in self._stale) and node not in self._asked:
                wanted.append(node)
        self._asked.update(wanted)
        return tuple(wanted)

    def expire(self) -> None:
        """Let all be asked for again; what is known is shown until then."""
        self._stale = set(self._nodes)
        self._asked.clear()
