"""Indexing: a number removes a dimension, a slice keeps it, None adds one, masks and index tensors copy."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final

import torch

from tui.kernel.operations.operation import Argument, Operation, names
from tui.kernel.operations.seen import ArraySeen, PlainSeen, SequenceSeen, TensorSeen
from tui.kernel.operations.words import Rules, listed, operand, plural, shape_of, shape_text, step
from tui.protocol.operations import DimRole, Step


def getitem(op: Operation) -> Step | None:
    """Explain `x[…]` of a tensor."""
    given = op.arguments[0]
    shape = shape_of(given.seen)
    if given.tensor is None:
        return None
    if shape is None:
        return step(op, "index")
    walk = _Walk(shape)
    for argument in _with_ellipsis(op.arguments[1:], len(shape)):
        walk.take(argument)
    inputs = [operand(given, walk.roles), *(operand(a) for a in op.arguments[1:] if a.tensor is not None)]
    walk.rest()
    out = shape_of(op.output)
    roles = walk.made if out is not None and len(walk.made) == len(out) else []
    return step(op, "index", *walk.notes(out), inputs=inputs, roles=roles)


def _with_ellipsis(index: Sequence[Argument], rank: int) -> list[Argument | None]:
    """Return the index with `...` written out as None, one for each dimension that it stands for."""
    used = sum(_takes(argument) for argument in index)
    out: list[Argument | None] = []
    for argument in index:
        if isinstance(argument.seen, PlainSeen) and argument.seen.value is ...:
            out += [None] * (rank - used)
        else:
            out.append(argument)
    return out


def _takes(argument: Argument) -> int:
    """Return how many dimensions an index uses up."""
    seen = argument.seen
    if isinstance(seen, PlainSeen) and (seen.value is None or seen.value is ...):
        return 0
    if isinstance(argument.node, ast.Slice):
        return 1
    if isinstance(seen, TensorSeen) and seen.dtype is torch.bool:
        return len(seen.shape or ())
    if isinstance(seen, ArraySeen) and seen.dtype == "bool":
        return len(seen.shape)
    return 1


class _Walk:
    """Goes through an index from left to right, a dimension at a time."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = shape
        self.dim = 0
        self.roles: list[DimRole] = ["kept"] * len(shape)
        self.made: list[DimRole] = []
        self.numbers: list[str] = []
        self.sliced: list[str] = []
        self.added = 0
        self.gathered: list[str] = []

    def take(self, argument: Argument | None) -> None:
        """Take one part of the index; None stands for a dimension of `...`."""
        if argument is None:
            self._keep()
            return
        seen = argument.seen
        if isinstance(argument.node, ast.Slice) or (
            isinstance(seen, PlainSeen) and type(seen.value) is slice
        ):
            if argument.text != ":" and self.dim < len(self.shape):
                self.sliced.append(
                    f"{argument.text} keeps part of dimension {self.dim} ({self.shape[self.dim]})"
                )
            self._keep()
        elif isinstance(seen, PlainSeen) and seen.value is None:
            self.added += 1
            self.made.append("new")
        elif isinstance(seen, PlainSeen) and type(seen.value) is int:
            if self.dim < len(self.shape):
                self.roles[self.dim] = "removed"
                self.numbers.append(
                    f"{seen.value} picks one place of dimension {self.dim} ({self.shape[self.dim]})"
                )
            self.dim += 1
        else:
            self._gather(argument)

    def rest(self) -> None:
        """Keep the dimensions that the index does not reach."""
        while self.dim < len(self.shape):
            self._keep()

    def _keep(self) -> None:
        self.dim += 1
        self.made.append("kept")

    def _gather(self, argument: Argument) -> None:
        seen, count = argument.seen, max(1, _takes(argument))
        for dim in range(self.dim, min(self.dim + count, len(self.shape))):
            self.roles[dim] = "removed"
        if isinstance(seen, TensorSeen | ArraySeen) and count == len(seen.shape or ()) and _is_mask(seen):
            self.gathered.append(
                f"the mask {argument.text} {shape_text(seen.shape or ())} keeps the values where it is True"
            )
        elif isinstance(seen, TensorSeen | ArraySeen):
            self.gathered.append(
                f"{argument.text} {shape_text(seen.shape or ())} names places of dimension {self.dim}; its shape takes"
                " that dimension's place"
            )
        else:
            length = seen.length if isinstance(seen, SequenceSeen) else 0
            self.gathered.append(f"{argument.text} names {plural(length, 'place')} of dimension {self.dim}")
        self.dim += count

    def notes(self, out: Sequence[int] | None) -> list[str]:
        """Return sentences on what became of the dimensions."""
        told = []
        if self.numbers:
            told.append(f"{listed(self.numbers)}: {'it is' if len(self.numbers) == 1 else 'they are'} gone")
        told += self.sliced
        if self.added:
            told.append(f"None adds {plural(self.added, 'dimension')} of size 1")
        told += self.gathered
        if self.gathered:
            self.made = []
            told.append("an index of tensors, lists or masks copies; numbers and slices give a view")
        if out == () and not self.gathered:
            told.append("one value, still a tensor: .item() makes it a Python number")
        return told


def _is_mask(seen: TensorSeen | ArraySeen) -> bool:
    return seen.dtype is torch.bool or seen.dtype == "bool"


def setitem(op: Operation) -> Step | None:
    """Explain `x[…] = y`: written into x, so its views see it."""
    given, value = op.arguments[0], op.keywords.get("value")
    if given.tensor is None:
        return None
    inputs = [operand(given)]
    if value is not None and (value.tensor is not None or isinstance(value.seen, PlainSeen)):
        inputs.append(operand(value))
    notes = [f"written into {given.text} in place"]
    source = value.tensor if value is not None else None
    if source is not None and source.dtype is not given.tensor.dtype:
        notes.append(
            f"{source.dtype_name} values are converted to {given.tensor.dtype_name}, the dtype of {given.text}"
        )
    if isinstance(value.seen if value else None, PlainSeen):
        notes.append("the one value is written everywhere the index points")
    made = step(op, "index", *notes, inputs=inputs)
    return type(made)(
        **{**made.__dict__, "output": operand(Argument("", given.seen, given.node)), "storage": "same"}
    )


def pick(op: Operation) -> Step | None:
    """Explain gather, index_select, take and their like."""
    given, dim = op.argument(0, "input"), op.value(1, "dim")
    shape = shape_of(given.seen) if given is not None else None
    if given is None or shape is None or not shape:
        return step(op, "index")
    notes: list[str] = []
    if isinstance(dim, int) and type(dim) is int and op.name not in ("take", "masked_select"):
        place = dim + len(shape) if dim < 0 else dim
        told = {
            "index_select": f"the index names places of dimension {place} ({shape[place]})",
            "gather": f"for each place of the index, the value at that place of dimension {place} ({shape[place]})",
            "select": f"one place of dimension {place} ({shape[place]}), which is gone",
            "narrow": f"a part of dimension {place} ({shape[place]})",
            "scatter": f"values written to the places that the index names in dimension {place}",
            "scatter_add": f"values added at the places that the index names in dimension {place}",
            "index_add": f"values added at the places that the index names in dimension {place}",
        }.get(op.name, "")
        notes.append(told)
    if op.name in ("take", "masked_select"):
        notes.append("the result has one dimension, in the order of the values")
    if op.name == "nonzero":
        notes.append("one row of indices for each value that is not 0")
    return step(op, "index", *notes)


RULES: Final[Rules] = {
    "getitem": getitem,
    "setitem": setitem,
    **dict.fromkeys(
        names(
            "index_select gather select narrow take masked_select nonzero scatter scatter_add ",
            "index_add",
        ),
        pick,
    ),
}
