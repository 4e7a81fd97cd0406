"""Graphs made by hand, packed as they cross the wire, and drawn as lines of text."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Sequence

import numpy as np

from tui.protocol.autograd import (
    GraphOpened,
    GraphStructure,
    Node,
    NodeKind,
)
from tui.protocol.values import TensorFacts
from tui.widgets.graph.rails import Rails
from tui.widgets.graph.row_graph import RowGraph, contract
from tui.widgets.graph.structure import KINDS, Structure, unpack

Edges = Sequence[Sequence[int]]
LETTERS: dict[str, NodeKind] = {
    "o": "operation", "p": "parameter", "i": "input", "c": "custom", "k": "checkpoint",
}  # fmt: skip
FACTS = TensorFacts("Tensor", (), "float32", "cpu", 1, 4)


def pack(kind: str, numbers: Sequence[float]) -> str:
    """Return numbers as they cross: ``i`` int32, ``B`` uint8, ``d`` float64."""
    return base64.b64encode(array(kind, numbers).tobytes()).decode()


def packed(
    edges: Edges, kinds: str = "", operations: Sequence[str] = (), modules: Sequence[str] = ()
) -> GraphStructure:
    """Return a graph; for each node the nodes that its edges lead to, a letter of its kind, operation and module."""
    count = len(edges)
    operations = operations or ["op"] * count
    modules = modules or [""] * count
    names, paths = tuple(dict.fromkeys(operations)), tuple(dict.fromkeys(["", *modules]))
    flat = [target for each in edges for target in each]
    return GraphStructure(
        nodes=count,
        edges=pack("i", [*map(len, edges), *flat]),
        operations=names,
        operation=pack("i", [names.index(each) for each in operations]),
        kinds=pack("B", [KINDS.index(LETTERS[each]) for each in kinds or "o" * count]),
        modules=paths,
        module=pack("i", [paths.index(each) for each in modules]),
    )


def structure(
    edges: Edges, kinds: str = "", operations: Sequence[str] = (), modules: Sequence[str] = ()
) -> Structure:
    """Return the same, unpacked."""
    return unpack(packed(edges, kinds, operations, modules))


def opened(graph: GraphStructure, expression: str = "loss", number: int = 1) -> GraphOpened:
    """Return an answer to `OpenGraph`."""
    return GraphOpened(number, expression, FACTS, graph, spent=False)


def node_rows(graph: GraphStructure, names: dict[int, str] | None = None) -> list[Node]:
    """Return the nodes of a graph in words."""
    model = unpack(graph)
    return [
        Node(
            node, model.operation_of(node), f"{model.operation_of(node).title()}Backward0", model.kind_of(node),
            ((2, node),), "float32", name=(names or {}).get(node, ""), module=model.module_of(node),
        )
        for node in range(model.nodes)
    ]  # fmt: skip


def row_graph(graph: Structure, firsts: Sequence[int] | None = None) -> RowGraph:
    """Return the graph of rows; by default each node is one."""
    rows = range(graph.nodes) if firsts is None else firsts
    return contract(graph, np.array(rows, np.int32))


def drawn(edges: Edges, kinds: str = "", *, cap: int = 12, every: int = 256) -> list[str]:
    """Return the rails of all nodes, with the signs of parameters and inputs."""
    rails = Rails(row_graph(structure(edges, kinds)), cap, every)
    signs = {"p": "■", "i": "▲"}
    return [
        rail.text[: rail.at] + signs.get(kind, "●") + rail.text[rail.at + 1 :]
        for rail, kind in zip(rails.window(0, len(edges)), kinds or "o" * len(edges), strict=True)
    ]


def chain(count: int) -> Edges:
    """Return nodes each of which leads to the next."""
    return [[node + 1] for node in range(count - 1)] + [[]]


def residual_blocks(count: int) -> tuple[Edges, str]:
    """Return blocks of ``x + linear(relu(linear(x)))`` down to an input."""
    edges: list[list[int]] = []
    for first in range(0, count * 8, 8):
        add, linear, bias, relu, inner, weight, below = range(first, first + 7)
        assert (add, relu) == (first, first + 3)
        edges += [
            [linear, first + 8],
            [bias, -1, relu],
            [],
            [inner],
            [weight, below],
            [],
            [first + 7],
            [first + 8],
        ]
    return [*edges, []], "oopoopoo" * count + "i"
