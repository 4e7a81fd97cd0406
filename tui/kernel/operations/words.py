"""Sentences and operands that the rules share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Literal

from tui.kernel.operations.operation import Argument, Operation
from tui.kernel.operations.seen import ArraySeen, PlainSeen, Seen, TensorSeen
from tui.protocol.operations import DimRole, Operand, Step

StepKind = Literal["elementwise", "matmul", "reduction", "reshape", "index", "convert", "module", "other"]
Rule = Callable[[Operation], Step | None]
Rules = Mapping[str, Rule]

_ORDINALS = ("first", "second", "third", "fourth", "fifth")


def shape_text(shape: Sequence[int]) -> str:
    """Return `(3, 4)`, `(3,)` or `()`."""
    return str(tuple(shape))


def sizes(text: str) -> tuple[int, ...]:
    """Return the sizes in `2, 3`, as messages of torch write them."""
    return tuple(int(part) for part in text.split(",") if part.strip())


def dim_name(dim: int, rank: int) -> str:
    """Return `the last dimension` and the like."""
    if dim == rank - 1 and rank > 1:
        return "the last dimension"
    return f"dimension {dim}"


def plural(count: int, word: str) -> str:
    """Return `1 value`, `2 values`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def listed(items: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def operand(argument: Argument, roles: Sequence[DimRole] = ()) -> Operand:
    """Return an argument as what went in."""
    return _operand(argument.text, argument.seen, roles)


def output(seen: Seen | None, roles: Sequence[DimRole] = ()) -> Operand:
    """Return a result."""
    return _operand("", seen, roles)


def _operand(text: str, seen: Seen | None, roles: Sequence[DimRole]) -> Operand:
    if isinstance(seen, TensorSeen):
        if seen.shape is None:
            text = text or "tensor"
        fits = seen.shape is not None and len(roles) == len(seen.shape)
        return Operand(
            text=text,
            shape=seen.shape,
            dtype=seen.dtype_name,
            device=seen.device,
            roles=tuple(roles) if fits and any(roles) else (),
            strides=seen.strides,
            contiguous=seen.contiguous,
            requires_grad=seen.requires_grad,
        )
    if isinstance(seen, ArraySeen):
        return Operand(text=text, shape=seen.shape, dtype=seen.dtype, device="numpy")
    if isinstance(seen, PlainSeen) and type(seen.value) in (bool, int, float, complex):
        return Operand(text=text, shape=None, dtype=type(seen.value).__name__)
    return Operand(text=text, shape=None)


def step(
    op: Operation,
    kind: StepKind,
    *notes: str,
    inputs: Sequence[Operand] | None = None,
    roles: Sequence[DimRole] = (),
    aligned: bool = False,
) -> Step:
    """Return a step; without `inputs` those are the tensors among the arguments. Empty notes are left out."""
    if inputs is None:
        inputs = [operand(argument) for argument in op.tensors]
    return Step(
        operation=op.symbol,
        text=op.text,
        kind=kind,
        inputs=tuple(inputs),
        output=output(op.output if op.output is not None else op.result, roles),
        aligned=aligned,
        notes=tuple(note for note in notes if note),
    )


def shape_of(seen: Seen | None) -> tuple[int, ...] | None:
    """Return the shape of a tensor or array, where it is known."""
    return seen.shape if isinstance(seen, TensorSeen | ArraySeen) else None


def elements(shape: Sequence[int]) -> int:
    """Return how many elements a shape has."""
    return prod(shape)


def broadcast_roles(shape: Sequence[int], out: Sequence[int]) -> tuple[DimRole, ...]:
    """Return for each dimension of an operand whether it was stretched to fit the result."""
    given = out[len(out) - len(shape) :] if len(out) >= len(shape) else ()
    return tuple(
        "stretched" if size == 1 and made != 1 else "" for size, made in zip(shape, given, strict=False)
    )


def same(left: Sequence[int], right: Sequence[int]) -> bool:
    """Whether two shapes are the same."""
    return tuple(left) == tuple(right)
