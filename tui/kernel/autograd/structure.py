"""The whole structure of a graph, packed for the wire."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Final, get_args

from tui.kernel.autograd.naming import Naming
from tui.kernel.autograd.node_private import saved_of
from tui.kernel.autograd.packing import packed
from tui.kernel.autograd.walk import Walk
from tui.kernel.autograd.words import kind_of, operation_of
from tui.protocol.autograd import GraphStructure, NodeKind

KINDS: Final = {kind: place for place, kind in enumerate(get_args(NodeKind))}


def structure_of(graph: Walk, naming: Naming) -> GraphStructure:
    """Return the nodes, edges, operations, kinds and modules of a graph."""
    operations: dict[str, int] = {}
    operation, kinds = array("i"), array("B")
    for node in graph.nodes:
        word = operation_of(node)
        operation.append(operations.setdefault(word, len(operations)))
        kinds.append(KINDS[kind_of(node)])
    return GraphStructure(
        nodes=len(graph),
        edges=packed("i", graph.packed_edges()),
        operations=tuple(operations),
        operation=packed("i", operation),
        kinds=packed("B", kinds),
        modules=tuple(naming.modules),
        module=packed("i", naming.module),
    )


def is_spent(graph: Walk, should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Whether a backward has freed what a node saved, so that no other can run through all of the graph.

    Looks at the nodes from the root on, and stops at the first that has something saved and still holds it: a
    backward frees each node right after it ran.
    """
    looked = 0
    for node in graph.nodes:
        states = {saved.state for saved in saved_of(node)}
        if "freed" in states:
            return True
        looked += bool(states - {"absent"})
        if looked >= _LOOKED or should_stop():
            return False
    return False


_LOOKED: Final = 1000
"""Nodes with something saved that are looked at; a part that was freed by the backward of another result may hide."""
