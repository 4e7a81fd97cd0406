"""From a traced graph to units: what one block of a design does, with the values that go in.

Each operation is a unit at first; an item taken from what a layer returns goes with the layer, and sizes
(`x.shape[0]`, `x.size(1)`) are written where they are used. `back_structure` puts units together.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Final, Literal

import torch
from torch import fx
from torch.nn import functional

from tui.kernel.building.back_trace import LINE, NotTraced
from tui.kernel.building.back_writing import flat_inputs, mark, operands_of, text_of, written

_ADDING: Final = (operator.add, operator.iadd, torch.add)
_JOINING: Final = (torch.cat, getattr(torch, "concat", None), getattr(torch, "concatenate", None))
_SIZES: Final = ("size", "dim", "numel", "ndimension")


@dataclass(eq=False)
class Unit:
    """What one block does."""

    kind: Literal["layer", "expression", "residual", "parallel"]
    out: fx.Node
    """Its value, as it runs on."""
    whole: fx.Node | None = None
    """Of a layer all that it returns; `out` may be an item of that."""
    operands: list[fx.Node] = field(default_factory=list)
    """The values that go in, each once, in order."""
    path: str = ""
    """Of the module that is called."""
    inputs: list[str] = field(default_factory=list)
    """Of a layer the arguments, those given by name as ``mask=…``."""
    take: str = ""
    text: str = ""
    """Of an expression, its operands as `mark` has them."""
    layer: str = ""
    """Of a function that is a layer of its own, such as ``nn.Dropout``; `text` has its arguments."""
    branches: list[list[Unit]] = field(default_factory=list)
    starts: list[fx.Node] = field(default_factory=list)
    """For each branch the value that it begins with."""
    dim: int = 1
    projection: str = ""
    """Of a residual the path of the module that projects what it adds; empty: nothing does."""
    joins: Literal["", "add", "concatenate"] = ""
    """Whether an expression does nothing but add its operands or concatenate them."""

    @property
    def line(self) -> int:
        """Of the source."""
        return int(self.out.meta.get(LINE, 0))


def units_of(graph: fx.Graph) -> list[Unit]:
    """Return the units of a graph in the order of the program; what nobody uses is left out.

    Raises:
        NotTraced: an operation cannot be written as an expression.
    """
    nodes = _alive(graph)
    ends, inlined = _written_inside(nodes)
    items = {out for out, _ in ends.values()}
    units = []
    for node in nodes:
        if node.op == "call_module":
            units.append(_layer(node, *ends[node], inlined))
        elif node.op != "placeholder" and node.op != "output" and node not in inlined and node not in items:
            units.append(_expression(node, inlined))
    return units


def output_unit(graph: fx.Graph) -> Unit | fx.Node:
    """Return the value of the whole, or what makes it of several values."""
    node = next(node for node in graph.nodes if node.op == "output")
    value = node.args[0]
    if isinstance(value, fx.Node):
        return value
    _, inlined = _written_inside(_alive(graph))
    return Unit("expression", node, operands=list(operands_of(value, inlined)), text=text_of(value, inlined))


def placeholders(graph: fx.Graph) -> list[fx.Node]:
    """Return the inputs."""
    return [node for node in graph.nodes if node.op == "placeholder"]


# -- which nodes are part of another ------------------------------------------------------------------


def _alive(graph: fx.Graph) -> list[fx.Node]:
    """Return the nodes that the output depends on, and the inputs."""
    needed: set[fx.Node] = set()
    nodes = list(graph.nodes)
    for node in reversed(nodes):
        if node.op in ("output", "placeholder") or any(user in needed for user in node.users):
            needed.add(node)
    return [node for node in nodes if node in needed]


def _written_inside(nodes: list[fx.Node]) -> tuple[dict[fx.Node, tuple[fx.Node, str]], set[fx.Node]]:
    """Return for each call what runs on of its output, with how that is taken, and what is written where it is used.

    The latter are sizes, and the other items of what a layer returns.
    """
    alive = set(nodes)
    ends: dict[fx.Node, tuple[fx.Node, str]] = {}
    inlined: set[fx.Node] = set()
    for node in nodes:
        if _is_size(node) or (_is_item(node) and node.args[0] in inlined):
            inlined.add(node)
        if node.op != "call_module":
            continue
        out, take = node, ""
        while True:
            users = [user for user in out.users if user in alive]
            if not users or not all(map(_is_item, users)):
                break
            inlined |= {*users, out} - {node}
            out = users[0]
            take += f"[{out.args[1]!r}]"
        ends[node] = (out, take)
    return ends, inlined - {out for out, _ in ends.values()}


def _parts(node: fx.Node) -> list[fx.Node]:
    """Return what a node adds up or concatenates, where that is all it does; else nothing."""
    if node.op != "call_function":
        return []
    parts: object = ()
    if node.target in _ADDING and len(node.args) == 2 and not node.kwargs:
        parts = node.args
    elif node.target in _JOINING:
        parts = node.args[0] if node.args else node.kwargs.get("tensors")
    if not isinstance(parts, tuple | list):
        return []
    found = [part for part in parts if isinstance(part, fx.Node) and not _is_size(part)]
    return found if len(found) == len(parts) else []


def _is_size(node: fx.Node) -> bool:
    """Whether it is a number or a shape: of a tensor, an item of one, or computed from such alone."""
    if node.op == "call_method":
        return node.target in _SIZES
    if node.op != "call_function":
        return False
    if node.target is getattr:
        return node.args[1] in ("shape", "ndim", "dtype", "device")
    inputs = list(flat_inputs(node))
    return bool(inputs) and all(_is_size(one) for one in inputs)


def _is_item(node: fx.Node) -> bool:
    """Whether it takes one item of a tuple, list or dictionary, or of a tensor's first dimension."""
    return node.op == "call_function" and node.target is operator.getitem and type(node.args[1]) in (int, str)


# -- layers -------------------------------------------------------------------------------------------


def _layer(node: fx.Node, out: fx.Node, take: str, inlined: set[fx.Node]) -> Unit:
    given = {name: value for name, value in node.kwargs.items() if value is not None}
    inputs = [text_of(arg, inlined) for arg in node.args]
    inputs += [f"{name}={text_of(value, inlined)}" for name, value in given.items()]
    operands = list(operands_of((node.args, given), inlined))
    if not operands:
        raise NotTraced(f"it calls {node.target} with no tensor")
    return Unit("layer", out, node, operands, path=str(node.target), inputs=inputs, take=take)


def _layer_of(node: fx.Node) -> tuple[str, str] | None:
    """Return a layer with its arguments for a function that draws random numbers in training mode."""
    if node.op != "call_function" or node.target is not functional.dropout:
        return None
    p = node.kwargs.get("p", node.args[1] if len(node.args) > 1 else 0.5)
    return "nn.Dropout", "" if p == 0.5 else f"p={p!r}"


# -- expressions --------------------------------------------------------------------------------------


def _expression(node: fx.Node, inlined: set[fx.Node]) -> Unit:
    layer = _layer_of(node)
    if layer is not None:
        value = node.args[0] if node.args else node.kwargs["input"]
        assert isinstance(value, fx.Node)
        return Unit("layer", node, operands=[value], inputs=[mark(value)], layer=layer[0], text=layer[1])
    if node.op == "call_method" and str(node.target).endswith("_") and not str(node.target).endswith("__"):
        raise NotTraced(f"it changes a tensor in place, with {node.target}")
    operands = list(operands_of((node.args, node.kwargs), inlined))
    unit = Unit("expression", node, operands=operands, text=written(node, inlined))
    if not unit.operands:
        raise NotTraced("it makes a tensor of nothing that comes in")
    parts = _parts(node)
    dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
    if len(parts) > 1 and node.target in _ADDING:
        unit.joins, unit.operands = "add", parts
    elif len(parts) > 1 and type(dim) is int:
        unit.joins, unit.operands, unit.dim = "concatenate", parts, dim
    return unit
