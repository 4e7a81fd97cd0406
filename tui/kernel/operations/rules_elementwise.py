"""Operations that meet value with value: arithmetic, comparisons, losses; how shapes are stretched to fit."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tui.kernel.operations.operation import Argument, Operation, names
from tui.kernel.operations.promotion import promotion
from tui.kernel.operations.seen import ArraySeen, PlainSeen, TensorSeen
from tui.kernel.operations.words import Rules, broadcast_roles, listed, operand, shape_of, shape_text, step
from tui.protocol.operations import Operand, Step

ARITHMETIC: Final = names(
    "add sub mul div true_divide divide multiply subtract rsub floor_divide remainder fmod ",
    "pow float_power atan2 maximum minimum fmax fmin hypot logaddexp logaddexp2 lerp where ",
    "addcmul addcdiv copysign heaviside xlogy bitwise_and bitwise_or bitwise_xor ",
    "bitwise_left_shift bitwise_right_shift logical_and logical_or logical_xor masked_fill ",
    "copy",
)
COMPARISONS: Final = names(
    "eq ne lt le gt ge less less_equal greater greater_equal not_equal isclose",
)
LOSSES: Final = frozenset(["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
LOSS_MODULES: Final = {"MSELoss": "mse_loss", "L1Loss": "l1_loss", "SmoothL1Loss": "smooth_l1_loss"}
UNARY: Final = names(
    "neg positive bitwise_not abs exp log log2 log10 log1p expm1 sqrt rsqrt square sin cos ",
    "tan asin acos atan sinh cosh tanh sigmoid relu relu6 leaky_relu elu selu celu gelu silu ",
    "mish hardtanh hardswish softplus softsign erf reciprocal sign floor ceil round trunc ",
    "frac clamp clip clamp_min clamp_max logical_not isnan isinf isfinite nan_to_num dropout ",
    "zero fill logsigmoid hardsigmoid tanhshrink angle",
)
_PAIRWISE: Final = frozenset({"sub", "subtract", "eq", "ne", "isclose", *LOSSES})


def binary(op: Operation) -> Step | None:
    """Explain an operation of two or three operands; their shapes are broadcast."""
    out = shape_of(op.output)
    operands = [argument for argument in op.arguments[:3] if _takes_part(argument)]
    shapes = [shape for argument in operands if (shape := shape_of(argument.seen)) is not None]
    if op.kind == "call" and op.name == "where" and len(op.arguments) == 1:
        return None
    if out is None or not shapes:
        return None
    inputs = [_operand(argument, out) for argument in operands]
    notes = (
        stretches(operands, out)
        + trap(op, operands)
        + promotion(op, _values(op, operands))
        + _no_product(op, shapes)
    )
    return step(op, "elementwise", *notes, inputs=inputs, aligned=len({*shapes, out}) > 1)


def _no_product(op: Operation, shapes: Sequence[Sequence[int]]) -> list[str]:
    """Return a hint where a matrix product may have been meant: two square matrices."""
    square = len(shapes) == 2 and tuple(shapes[0]) == tuple(shapes[1]) and len(shapes[0]) >= 2
    if op.symbol == "*" and square and shapes[0][-1] == shapes[0][-2] > 1:
        return ["value by value; @ is the matrix product"]
    return []


def _values(op: Operation, operands: Sequence[Argument]) -> Sequence[Argument]:
    """Return the operands whose values go into the result: a mask only chooses."""
    if op.name == "where":
        return operands[1:]
    return operands[:1] if op.name.startswith("masked_fill") else operands


def unary(op: Operation) -> Step | None:
    """Explain an operation on each value by itself."""
    notes = promotion(op, [argument for argument in op.arguments[:1] if _takes_part(argument)])
    return step(op, "elementwise", *notes)


def loss(op: Operation) -> Step | None:
    """Explain a loss that compares output and target value by value, and warn where it does not compare pairs."""
    operands = [argument for argument in op.arguments[:2] if argument.tensor is not None]
    shapes = [shape for argument in operands if (shape := shape_of(argument.seen)) is not None]
    if len(shapes) < 2:
        return step(op, "reduction")
    out = broadcast(shapes)
    if out is None:
        return step(op, "reduction")
    notes = stretches(operands, out) + trap(op, operands)
    reduction = op.value(9, "reduction", "mean")
    if op.module is not None:
        reduction = dict(op.module.settings).get("reduction", reduction)
    if reduction in ("mean", "sum"):
        count = 1
        for size in out:
            count *= size
        notes.append(f"one number: the {reduction} over {count:,} values")
    inputs = [_operand(argument, out) for argument in operands]
    return step(op, "reduction", *notes, inputs=inputs, aligned=len(set(shapes)) > 1)


def broadcast(shapes: Sequence[Sequence[int]]) -> tuple[int, ...] | None:
    """Return the shape to which these are broadcast; None where they do not fit."""
    rank = max(map(len, shapes), default=0)
    out: list[int] = []
    for place in range(-rank, 0):
        sizes = {shape[place] for shape in shapes if len(shape) >= -place} - {1}
        if len(sizes) > 1:
            return None
        out.append(sizes.pop() if sizes else 1)
    return tuple(out)


def stretches(operands: Sequence[Argument], out: Sequence[int]) -> list[str]:
    """Return a sentence for each operand that was stretched."""
    told = []
    for argument in operands:
        shape = shape_of(argument.seen)
        if shape is None or tuple(shape) == tuple(out):
            continue
        if shape == ():
            told.append(f"{argument.text} has no dimensions: its one value meets every value")
            continue
        parts = []
        missing = len(out) - len(shape)
        if missing > 0:
            parts.append(f"{shape_text(shape)} is taken as {shape_text((1,) * missing + tuple(shape))}")
        taken = (1,) * missing + tuple(shape)
        times = [
            f"dimension {dim} (1) is repeated {made} times"
            for dim, (size, made) in enumerate(zip(taken, out, strict=True))
            if size == 1 and made != 1
        ]
        parts += [listed(times)] if times else []
        told.append(f"{argument.text}: " + "; ".join(parts))
    return told


@dataclass(frozen=True)
class Trap:
    """Two operands that look like N pairs and became N x N."""

    flat: Argument
    column: Argument
    size: int


def trapped(operands: Sequence[Argument]) -> Trap | None:
    """Return the operands of shape (N) and (N, 1), N more than 1, unless the code asks for that."""
    shaped = [(a, shape) for a in operands if (shape := shape_of(a.seen)) is not None]
    if len(shaped) != 2:
        return None
    (first, one), (second, other) = shaped
    if len(one) > len(other):
        first, one, second, other = second, other, first, one
    if len(one) == 1 and len(other) == 2 and one[0] > 1 and tuple(other) == (one[0], 1):
        return None if _asked_for(first.node) or _asked_for(second.node) else Trap(first, second, one[0])
    return None


def trap(op: Operation, operands: Sequence[Argument]) -> list[str]:
    """Return a warning where N values against N values of shape (N, 1) gave N x N."""
    found = trapped(operands)
    if found is None:
        return []
    size, flat, column = found.size, found.flat.text, found.column.text
    sure = op.name in _PAIRWISE or op.name in LOSS_MODULES
    word = "Warning" if sure else "Careful"
    return [
        f"{word}: ({size},) against ({size}, 1) gives ({size}, {size}): every value of {flat} met every value of"
        f" {column}, {size * size:,} in all. For {size:,} pairs write {_wrapped(found.column)}.squeeze(1)"
    ]


def _wrapped(argument: Argument) -> str:
    simple = isinstance(argument.node, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
    return argument.text if simple else f"({argument.text})"


def _asked_for(node: ast.AST) -> bool:
    """Whether the code itself makes the new dimension: `x[:, None]`, `x.unsqueeze(1)`, `x.view(-1, 1)`."""
    if isinstance(node, ast.Subscript):
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return any(isinstance(item, ast.Constant) and item.value is None for item in items)
    made = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return made and node.func.attr in ("unsqueeze", "view", "reshape", "expand")  # type: ignore[attr-defined]


def _takes_part(argument: Argument) -> bool:
    seen = argument.seen
    if isinstance(seen, TensorSeen | ArraySeen):
        return True
    return isinstance(seen, PlainSeen) and type(seen.value) in (bool, int, float, complex)


def _operand(argument: Argument, out: Sequence[int]) -> Operand:
    shape = shape_of(argument.seen)
    return operand(argument, () if shape is None else broadcast_roles(shape, out))


RULES: Final[Rules] = {
    **dict.fromkeys(ARITHMETIC | COMPARISONS, binary),
    **dict.fromkeys(UNARY, unary),
    **dict.fromkeys(LOSSES, loss),
}
MODULES: Final[Rules] = dict.fromkeys(LOSS_MODULES, loss)
