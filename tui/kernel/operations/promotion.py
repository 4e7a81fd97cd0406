"""Why a result has the dtype that it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch

from tui.kernel.operations.operation import Argument, Operation, names
from tui.kernel.operations.seen import ArraySeen, PlainSeen, TensorSeen, short

_KINDS: Final = ("bool", "integer", "floating point", "complex")
_BITWISE: Final = frozenset({"bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not"})
_DIVISIONS: Final = frozenset({"div", "divide", "true_divide"})
_COMPARISONS: Final = names(
    "eq ne lt le gt ge less less_equal greater greater_equal not_equal isclose isnan isinf ",
    "isfinite logical_not logical_and logical_or logical_xor",
)
_WRAPPING: Final = (torch.uint8, torch.int8, torch.int16)


def kind_of(dtype: torch.dtype) -> int:
    """Return 0 for bool, 1 for integers, 2 for floating point, 3 for complex."""
    if dtype is torch.bool:
        return 0
    return 3 if dtype.is_complex else 2 if dtype.is_floating_point else 1


def promotion(op: Operation, operands: Sequence[Argument]) -> list[str]:
    """Return sentences on the dtype of an elementwise result; none where all have the same."""
    out = op.output
    tensors = [a.tensor for a in operands if a.tensor is not None]
    if out is None or not tensors:
        return []
    if op.in_place:
        return _in_place(op, operands, out)
    if op.name in _COMPARISONS:
        return ["one bool for each value compared"] if op.name not in ("isnan", "isinf", "isfinite") else []
    numbers = [_number(a) for a in operands if _number(a) is not None]
    if any(isinstance(a.seen, ArraySeen) for a in operands):
        return []
    if op.name in _DIVISIONS and all(kind_of(t.dtype) < 2 for t in tensors) and kind_of(out.dtype) == 2:
        return [f"/ divides exactly, so integers give {out.dtype_name}; // stays with integers"]
    if op.name == "floor_divide":
        return [
            "// rounds down, towards minus infinity: -7 // 2 is -4",
            *_told(operands, tensors, numbers, out),
        ]
    if op.name in _BITWISE and out.dtype is torch.bool:
        return []
    return _told(operands, tensors, numbers, out)


def _number(argument: Argument) -> type | None:
    seen = argument.seen
    known = isinstance(seen, PlainSeen) and type(seen.value) in (bool, int, float, complex)
    return type(seen.value) if known and isinstance(seen, PlainSeen) else None


def _told(
    operands: Sequence[Argument],
    tensors: Sequence[TensorSeen],
    numbers: Sequence[type | None],
    out: TensorSeen,
) -> list[str]:
    dtypes = list(dict.fromkeys(t.dtype for t in tensors))
    if len(dtypes) > 1:
        return [_mixed(operands, dtypes, tensors, out)]
    dtype = dtypes[0]
    if out.dtype is not dtype:
        number = next((n for n in numbers if n in (float, complex, int)), None)
        if number is not None:
            return [
                f"a Python {number.__name__} makes {short(dtype)} {out.dtype_name}, the default for its kind"
            ]
        if kind_of(dtype) < 2 <= kind_of(out.dtype):
            return [f"{short(dtype)} values become {out.dtype_name}, since the results are no integers"]
        return [f"{short(dtype)} becomes {out.dtype_name}"]
    if float in numbers and dtype in (torch.float16, torch.bfloat16):
        return [f"a Python number does not widen a tensor: the result stays {short(dtype)}"]
    if dtype in _WRAPPING and len(operands) > 1:
        limits = torch.iinfo(dtype)
        return [f"{short(dtype)} holds {limits.min} to {limits.max} and wraps around beyond"]
    return []


def _mixed(
    operands: Sequence[Argument], dtypes: list[torch.dtype], tensors: Sequence[TensorSeen], out: TensorSeen
) -> str:
    names = " and ".join(map(short, dtypes))
    told = f"{names} → {out.dtype_name}: "
    kinds = [kind_of(t.dtype) for t in tensors]
    if max(kinds) > min(kinds):
        low, high = _KINDS[min(kinds)], _KINDS[max(kinds)]
        flat = [t for t in tensors if t.shape == () and kind_of(t.dtype) == max(kinds)]
        if flat and out.dtype is not flat[0].dtype:
            return told + f"a 0-d {high} tensor gives the kind, not the width"
        return told + f"{high} wins over {low}"
    if any(t.shape == () for t in tensors) and out.dtype in {t.dtype for t in tensors if t.shape != ()}:
        return told + "a 0-d tensor of the same kind does not widen the others"
    if out.dtype in dtypes:
        return told + "of one kind the wider wins"
    return told + "the narrowest dtype that holds both"


def _in_place(op: Operation, operands: Sequence[Argument], out: TensorSeen) -> list[str]:
    others = [a.tensor for a in operands[1:] if a.tensor is not None]
    if any(t.dtype is not out.dtype for t in others):
        return [f"in place, so the result is converted to {operands[0].text}'s {out.dtype_name}"]
    return []
