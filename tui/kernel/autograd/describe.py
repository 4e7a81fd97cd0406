"""One node of a graph in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.autograd.naming import Naming
from tui.kernel.autograd.node_private import GraphNode, Saved, output_shapes, saved_of
from tui.kernel.autograd.walk import Walk
from tui.kernel.autograd.words import CHECKPOINT, VIEWS, cpp_name, kind_of, operation_of
from tui.kernel.drawing.facts import tensor_facts
from tui.kernel.summary import number
from tui.kernel.variables import storages_of
from tui.protocol.autograd import Node

_BROADCASTS: Final = frozenset(
    ["add", "sub", "mul", "div", "pow", "where", "maximum", "minimum", "lerp", "addcmul", "addcdiv", "atan2"]
)
_IN_PLACE: Final = frozenset(("CopySlices", "CopyBackwards", "IndexPutImplBackward0"))
_SAVED_SHOWN: Final = 12


def describe(
    graph: Walk, node: int, naming: Naming, *, line_of: Callable[[GraphNode], str] = lambda node: ""
) -> Node:
    """Return what there is to say of a node, but for its gradient; calls no hook of anybody's, never raises.

    Args:
        graph: a graph.
        node: a place in it.
        naming: names and modules of its nodes.
        line_of: the line of code that made a node; empty where that is not known.
    """
    with torch_private.without_overrides():
        return _described(graph, node, naming, line_of)


def _described(graph: Walk, node: int, naming: Naming, line_of: Callable[[GraphNode], str]) -> Node:
    one = graph.nodes[node]
    outputs = output_shapes(one)
    kept = saved_of(one)
    return Node(
        node=node,
        operation=operation_of(one),
        cpp_name=cpp_name(one),
        kind=kind_of(one),
        shapes=tuple(shape for shape, _, _ in outputs),
        dtype=next((dtype for _, dtype, _ in outputs if dtype), ""),
        name=naming.names.get(node, ""),
        module=naming.module_of(node),
        line=line_of(one),
        saved_bytes=bytes_of(kept),
        saved=_saved_words(kept),
        traits=tuple(_traits(graph, node, naming, kept)),
    )


def with_gradient(node: Node, norm: float | None, nonfinite: int) -> Node:
    """Return the node with what came in at the last backward."""
    return replace(node, gradient_norm=norm, gradient_nonfinite=nonfinite)


def bytes_of(kept: list[Saved]) -> int:
    """Return the bytes of what a node saved; a storage that several share counts once."""
    storages: dict[str, int] = {}
    for saved in kept:
        if saved.tensor is not None:
            storages.update(_storages(saved.tensor))
    return sum(storages.values())


def _storages(tensor: Tensor) -> dict[str, int]:
    try:
        return storages_of(tensor)
    except (RuntimeError, NotImplementedError, AttributeError):
        return {}


def _saved_words(kept: list[Saved]) -> tuple[str, ...]:
    words = []
    for saved in kept:
        if saved.state == "absent":
            continue
        if saved.tensor is None:
            packed = "computed again in backward" if saved.reason == CHECKPOINT else "packed by a hook"
            words.append(f"{saved.name} {packed}" if saved.state == "packed" else "freed")
            continue
        if saved.state == "here" and _is_number(saved.tensor):
            words.append(f"{saved.name} = {number(saved.tensor.item())}")
            continue
        facts = tensor_facts(saved.tensor)
        shape = ", ".join(map(str, facts.shape)) + ("," if len(facts.shape) == 1 else "")
        changed = ", changed in place since" if saved.state == "changed" else ""
        words.append(f"{saved.name} ({shape}) {facts.dtype}{changed}")
    distinct = list(dict.fromkeys(words))
    more = len(distinct) - _SAVED_SHOWN
    return (*distinct[:_SAVED_SHOWN], *((f"{more} more",) if more > 0 else ()))


def _is_number(tensor: Tensor) -> bool:
    """Whether it is one real number on the CPU: torch keeps a Python number so."""
    return (
        type(tensor) is Tensor
        and not tensor.shape
        and str(tensor.device) == "cpu"
        and not tensor.is_complex()
    )


def _traits(graph: Walk, node: int, naming: Naming, kept: list[Saved]) -> list[str]:
    one = graph.nodes[node]
    operation, name = operation_of(one), cpp_name(one)
    outputs = output_shapes(one)
    traits = []
    if operation in VIEWS:
        traits.append("view")
    if name in _IN_PLACE:
        traits.append("in place")
    if node in naming.versions:
        times = naming.versions[node]
        traits.append("changed in place" + (f" {times:,} times" if times > 1 else ""))
    if len(outputs) > 1:
        traits.append(f"{len(outputs):,} outputs")
    if operation in _BROADCASTS and outputs and _broadcasts(graph, node, outputs[0][0]):
        traits.append("broadcast")
    if any(saved.state == "packed" and saved.reason == CHECKPOINT for saved in kept):
        traits.append("checkpointed")
    if node == 0:
        traits.append("root")
    if any(saved.state == "changed" for saved in kept):
        traits.append("a saved value was changed")
    if any(saved.state == "freed" for saved in kept):
        traits.append("spent")
    return traits


def _broadcasts(graph: Walk, node: int, shape: tuple[int, ...]) -> bool:
    """Whether an input that requires grad is smaller than the result."""
    for target, slot in graph.edges(node):
        if target < 0:
            continue
        shapes = output_shapes(graph.nodes[target])
        if slot < len(shapes) and shapes[slot][0] != shape and -1 not in shapes[slot][0]:
            return True
    return False
