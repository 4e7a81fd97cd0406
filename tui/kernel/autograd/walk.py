"""Walks the graph behind a result, iteratively, and puts its nodes in the order in which autograd runs them.

NOTE [Identity of nodes]
torch makes the Python object of a C++ node when it is asked for and forgets it when nobody holds it; a later one may
get the same `id`. A walk holds every node that it found, so within it two nodes are the same exactly if their
objects are. What it holds keeps the graph alive, with all that its nodes saved.

NOTE [Order of autograd]
On the CPU, autograd keeps the nodes all of whose gradients have come in a heap and runs the one with the highest
sequence number: the one that was made last. A leaf has the highest number of all, so it runs as soon as it can. We
do the same. On several devices each has a heap of its own, so there the order is only one of those that are possible.
"""

from __future__ import annotations

import heapq
from array import array
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.autograd.errors import AutogradError
from tui.kernel.autograd.node_private import GraphNode, Saved, is_leaf_node, saved_of, sequence_of
from tui.kernel.autograd.release import let_go
from tui.kernel.variables import attribute

LIMIT: Final = 1_000_000
_LARGE: Final = 2000
"""Nodes from which on they are let go of one by one: see NOTE [Letting go of deep graphs] in `release`."""


@dataclass(eq=False)
class Walk:
    """The nodes behind a result. Holds the graph alive."""

    root: Tensor
    nodes: list[GraphNode]
    """In the order in which autograd runs them; the first is the root's `grad_fn`."""
    root_output: int
    """Which output of the first node the root is."""
    starts: array[int]
    """Where in `targets` the edges of each node begin; one more at the end."""
    targets: array[int]
    """For each edge the node that it leads to; -1 where no gradient goes (None), or past the limit."""
    slots: array[int]
    """For each edge which output of that node it stands for."""
    truncated: bool
    """Whether there are more nodes than were asked for."""
    memory: dict[int, list[Saved]] = field(default_factory=dict)
    """What nodes had saved before a backward freed it."""

    def __post_init__(self) -> None:
        self._users: list[list[int]] | None = None
        self._index = {id(node): i for i, node in enumerate(self.nodes)}

    def __del__(self) -> None:
        if len(self.__dict__.get("nodes", ())) > _LARGE:
            let_go(self.root, self.nodes, self.starts, self.targets)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.nodes)

    def index_of(self, node: object) -> int:
        """Return the place of a node; -1 where it is not of this graph."""
        found = self._index.get(id(node), -1)
        return found if found >= 0 and self.nodes[found] is node else -1

    def edges(self, node: int) -> list[tuple[int, int]]:
        """Return for each input of an operation the node that made it, or -1, and which of its outputs it was."""
        first, last = self.starts[node], self.starts[node + 1]
        return list(zip(self.targets[first:last], self.slots[first:last], strict=True))

    def users(self) -> list[list[int]]:
        """Return for each node those that lead to it."""
        users: list[list[int]] = [[] for _ in self.nodes]
        for node in range(len(self.nodes)):
            for target in self.targets[self.starts[node] : self.starts[node + 1]]:
                if target >= 0:
                    users[target].append(node)
        return users

    def users_of(self, node: int) -> list[int]:
        """Return the nodes that lead to one; the first call costs a pass over all edges."""
        if self._users is None:
            self._users = self.users()
        return self._users[node]

    def senders(self, node: int, slot: int) -> int:
        """Return how many edges lead to one output of a node."""
        return sum(self.edges(user).count((node, slot)) for user in set(self.users_of(node)))

    def packed_edges(self) -> array[int]:
        """Return for each node the number of its edges, then the targets of all edges."""
        counts = array("i", (self.starts[i + 1] - self.starts[i] for i in range(len(self.nodes))))
        return counts + self.targets

    def leaves(self) -> list[int]:
        """Return the nodes that stand for leaf tensors."""
        return [i for i, node in enumerate(self.nodes) if is_leaf_node(node)]

    def saved(self, node: int) -> list[Saved]:
        """Return what a node saved for backward; where a backward has freed it, what was remembered of it."""
        return self.memory.get(node) or saved_of(self.nodes[node])

    def is_current(self) -> bool:
        """Whether the root is still what this graph computed: an in-place operation gives it a new one."""
        with torch_private.without_overrides():
            return attribute(self.root, "grad_fn") is self.nodes[0]


def walk_graph(root: Tensor, *, name: str = "the result", limit: int = LIMIT) -> Walk:
    """Return the graph behind a result; costs some microseconds per node, whatever its depth and width.

    Args:
        root: a tensor with a `grad_fn`.
        name: what the user calls it, for the words of a refusal.
        limit: nodes at most; those nearest to the root are kept.

    Raises:
        AutogradError: ``no graph``, with the reason why there is none.
    """
    with torch_private.without_overrides():
        grad_fn = attribute(root, "grad_fn")
        if grad_fn is None:
            raise AutogradError("no graph", why_no_graph(root, name))
        output = int(attribute(root, "output_nr"))  # type: ignore[call-overload]
    nodes, edges, truncated = _found(grad_fn, max(1, limit))  # type: ignore[arg-type]
    order = _run_order(nodes, edges)
    place = array("i", [0]) * (len(nodes) + 1)
    for new, old in enumerate(order):
        place[old] = new
    place[-1] = -1  # where -1 leads
    starts, targets, slots = array("i", [0]), array("i"), array("i")
    for old in order:
        first, last = edges.starts[old], edges.starts[old + 1]
        targets.extend([place[target] for target in edges.targets[first:last]])
        slots.extend(edges.slots[first:last])
        starts.append(len(targets))
    return Walk(root, [nodes[old] for old in order], output, starts, targets, slots, truncated)


class _Edges(NamedTuple):
    """As in `Walk`."""

    starts: array[int]
    targets: array[int]
    slots: array[int]


def _found(root: GraphNode, limit: int) -> tuple[list[GraphNode], _Edges, bool]:
    """Return the nodes, those nearest to the root first, their edges, and whether some were left out."""
    nodes, truncated = [root], False
    index = {id(root): 0}
    starts, targets, slots = array("i", [0]), array("i"), array("i")
    for node in nodes:  # grows on the way
        for target, slot in node.next_functions:
            if target is None:
                targets.append(-1)
                slots.append(0)
                continue
            place = index.get(id(target), -1)
            if place < 0 and len(nodes) < limit:
                place = index[id(target)] = len(nodes)
                nodes.append(target)
            truncated = truncated or place < 0
            targets.append(place)
            slots.append(slot)
        starts.append(len(targets))
    return nodes, _Edges(starts, targets, slots), truncated


def _run_order(nodes: list[GraphNode], edges: _Edges) -> list[int]:
    """Return the nodes in the order in which autograd runs them. See NOTE [Order of autograd]."""
    starts, targets = edges.starts, edges.targets
    waiting = array("i", [0]) * (len(nodes) + 1)
    for target in targets:
        waiting[target] += 1  # of -1 the last place, which nobody reads
    priority = [-sequence_of(node) for node in nodes]
    ready, order = [(priority[0], 0)], []
    while ready:
        node = heapq.heappop(ready)[1]
        order.append(node)
        for target in targets[starts[node] : starts[node + 1]]:
            if target >= 0:
                waiting[target] -= 1
                if not waiting[target]:
                    heapq.heappush(ready, (priority[target], target))
    return order


def why_no_graph(tensor: Tensor, name: str) -> str:
    """Return why a tensor without `grad_fn` has none, and what to do."""
    dtype = attribute(tensor, "dtype")
    assert isinstance(dtype, torch.dtype)
    if attribute(tensor, "requires_grad"):
        return f"{name} is a leaf: nothing computed it. Point at a result that was computed from it."
    if not (dtype.is_floating_point or dtype.is_complex):
        kind = str(dtype).removeprefix("torch.")
        return f"{name} is {kind}: only floating point and complex tensors can have a graph."
    if Tensor.is_inference(tensor):
        return f"{name} was made in inference mode: autograd recorded nothing. Compute it outside of that."
    return (
        f"{name} has no graph: it was detached, or made under no_grad, or nothing it was computed from has"
        " requires_grad=True."
    )
