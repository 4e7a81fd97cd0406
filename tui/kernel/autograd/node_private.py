"""The private names of autograd's nodes, found by feature: what they saved, the shapes of what they made.

NOTE [Saved tensors]
What a node saved may be packed by hooks: `save_on_cpu` keeps a copy elsewhere, checkpointing keeps nothing and runs
forward again. To ask ``_saved_x`` calls their unpack hook. So we ask the `SavedTensor` behind ``_raw_saved_x``
first, and ``_saved_x`` only where it has no hook; in a torch that does not tell, we do not look.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final, Literal, Protocol

import torch
from torch import Tensor


class GraphNode(Protocol):
    """What `torch.autograd.graph.Node` offers."""

    @property
    def next_functions(self) -> tuple[tuple[GraphNode | None, int], ...]:
        """For each input of the operation the node that made it and which of its outputs it was."""

    @property
    def metadata(self) -> dict[str, Any]:
        """Notes that anybody may leave; anomaly mode leaves the traceback."""

    def name(self) -> str:
        """Return autograd's name of it."""

    def register_prehook(self, function: Any) -> Any:
        """Call the function with the gradients that come in."""

    def register_hook(self, function: Any) -> Any:
        """Call the function with the gradients that go out and those that came in."""


SavedState = Literal["here", "absent", "freed", "packed", "changed"]
"""Kept as it was · the operation had none · freed by a backward · held by hooks, which we do not call · kept, but
changed in place since, so that backward will refuse it."""

CHECKPOINT_MODULE: Final = "torch.utils.checkpoint"
CHECKPOINT_NAMES: Final = ("CheckpointFunctionBackward",)
LEAF_NAME: Final = "torch::autograd::AccumulateGrad"
_UNSIGNED: Final = 1 << 63


@dataclass(frozen=True)
class Saved:
    """One tensor that a node saved for backward."""

    name: str
    """``self``, ``mat1``, ``result``; ``indices[0]`` of a list."""
    state: SavedState
    tensor: Tensor | None = None
    """As stored: a result of the node itself comes detached. None unless `here` or `changed`."""
    reason: str = ""
    """Of `changed`: torch's own words; of `packed`: ``checkpoint`` where it is computed again in backward."""


def sequence_of(node: GraphNode) -> int:
    """Return the number that orders nodes: autograd runs the highest first; leaves have the highest of all."""
    ask = getattr(node, "_sequence_nr", None)
    return 0 if ask is None else int(ask())


def current_sequence() -> int:
    """Return the number that the next node of this thread gets; -1 where torch does not tell."""
    ask = getattr(torch._C._autograd, "_get_sequence_nr", None)
    return -1 if ask is None else int(ask())


def output_shapes(node: GraphNode) -> list[tuple[tuple[int, ...], str, torch.device | None]]:
    """Return shape, dtype and device of each output of the operation; -1 for a dimension that varies."""
    found = []
    for one in getattr(node, "_input_metadata", ()):
        try:
            shape = tuple(size if type(size) is int else -1 for size in one.shape)
            found.append((shape, str(one.dtype).removeprefix("torch."), one.device))
        except (RuntimeError, TypeError, AttributeError):  # a nested tensor of C++ has no shape
            found.append(((), "", None))
    return found


def is_leaf_node(node: GraphNode) -> bool:
    """Whether the node stands for a leaf tensor."""
    return type(node).__name__ == "AccumulateGrad" and hasattr(type(node), "variable")


def leaf_of(node: GraphNode) -> Tensor | None:
    """Return the leaf tensor that a node accumulates into; None for other nodes."""
    if not is_leaf_node(node):
        return None
    variable: Tensor | None = node.variable  # type: ignore[attr-defined]
    return variable


def is_python_node(node: GraphNode) -> bool:
    """Whether it belongs to an `autograd.Function` written in Python."""
    return isinstance(node, torch.autograd.function.BackwardCFunction)


def saved_of(node: GraphNode) -> list[Saved]:
    """Return what the node saved for backward; calls no hook of anybody's, never raises."""
    if is_python_node(node):
        return list(_saved_by_function(node))
    found: list[Saved] = []
    for attribute in _raw_names(type(node)):
        name = attribute.removeprefix("_raw_saved_")
        try:
            raw = getattr(node, attribute)
        except RuntimeError:
            found.append(Saved(name, "freed"))
            continue
        if isinstance(raw, tuple | list):
            found += [_look(node, f"{name}[{i}]", name, one, i) for i, one in enumerate(raw)]
        else:
            found.append(_look(node, name, name, raw, -1))
    return found


_NAMES: dict[type, tuple[str, ...]] = {}


def _raw_names(cls: type) -> tuple[str, ...]:
    """Return the attributes of a class of nodes that hold saved tensors."""
    known = _NAMES.get(cls)
    if known is None:
        known = _NAMES[cls] = tuple(name for name in dir(cls) if name.startswith("_raw_saved_"))
    return known


def _saved_by_function(node: GraphNode) -> Iterator[Saved]:
    try:
        raws = getattr(node, "_raw_saved_tensors", None) or ()
    except RuntimeError:
        yield Saved("saved_tensors", "freed")
        return
    for i, raw in enumerate(raws):
        name = f"saved_tensors[{i}]"
        if _hooked(raw):
            yield Saved(name, "packed", reason=_packer(raw))
        elif isinstance(raw.data, Tensor):
            yield Saved(name, "here", raw.data)
        else:
            yield Saved(name, "absent")


def _hooked(raw: Any) -> bool:
    """Whether a saved tensor is packed by hooks, or torch does not tell."""
    return not hasattr(raw, "data") or getattr(raw, "unpack_hook", raw) is not None


def _packer(raw: Any) -> str:
    hook = getattr(raw, "unpack_hook", None)
    return "checkpoint" if isinstance(hook, FunctionType) and hook.__module__ == CHECKPOINT_MODULE else ""


def _look(node: GraphNode, label: str, attribute: str, raw: Any, index: int) -> Saved:
    if _hooked(raw):
        return Saved(label, "packed", reason=_packer(raw))
    data = raw.data
    tensor = data if isinstance(data, Tensor) else None
    try:
        value = getattr(node, f"_saved_{attribute}")  # has no hook to call: see NOTE [Saved tensors]
    except RuntimeError as error:
        text = str(error)
        if "modified by an inplace operation" in text:
            return Saved(label, "changed", tensor, text)
        return Saved(label, "freed" if tensor is None else "here", tensor)
    if index >= 0:
        value = value[index] if index < len(value) else None
    if tensor is None:
        return Saved(label, "absent" if value is None else "freed")
    return Saved(label, "here", tensor)


def constants_of(node: GraphNode) -> dict[str, object]:
    """Return the numbers, sizes and flags that the operation was called with, as autograd keeps them."""
    tensors = {name.removeprefix("_raw") for name in _raw_names(type(node))}
    found: dict[str, object] = {}
    for attribute in _constant_names(type(node)):
        if attribute in tensors:
            continue
        try:
            found[attribute.removeprefix("_saved_")] = _signed(getattr(node, attribute))
        except (RuntimeError, TypeError, AttributeError):
            continue
    return found


_CONSTANTS: dict[type, tuple[str, ...]] = {}


def _constant_names(cls: type) -> tuple[str, ...]:
    known = _CONSTANTS.get(cls)
    if known is None:
        known = _CONSTANTS[cls] = tuple(name for name in dir(cls) if name.startswith("_saved_"))
    return known


def _signed(value: object) -> object:
    """Return the value with negative numbers as they were: autograd shows a dimension of -1 as 2**64 - 1."""
    if type(value) is int and value >= _UNSIGNED:
        return value - 2 * _UNSIGNED
    if isinstance(value, tuple | list):
        return tuple(_signed(item) for item in value)
    return value
