"""Carries out the allowed operations of an expression, on plain tensors and with a bound on what they allocate."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.safe_objects import class_name, module_of
from tui.kernel.viewing.errors import ViewError, no_room
from tui.kernel.viewing.memory import room_bytes

BINARY: Final[dict[type[ast.operator], Callable[[object, object], object]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
UNARY: Final[dict[type[ast.unaryop], Callable[[object], object]]] = {
    ast.UAdd: lambda value: value,
    ast.USub: operator.neg,  # type: ignore[dict-item]
    ast.Invert: operator.invert,  # type: ignore[dict-item]
}
COMPARE: Final[dict[type[ast.cmpop], Callable[[object, object], object]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,  # type: ignore[dict-item]
    ast.LtE: operator.le,  # type: ignore[dict-item]
    ast.Gt: operator.gt,  # type: ignore[dict-item]
    ast.GtE: operator.ge,  # type: ignore[dict-item]
}
NUMBERS: Final = (bool, int, float, complex)
_PLAIN_CLASSES: Final = (Tensor, nn.Parameter, getattr(nn, "Buffer", nn.Parameter))
_UNGUARDED_BYTES: Final = 64 << 20
"""What may be allocated without asking how much memory is free."""
_MOST_READ_CPU: Final = 4_000_000_000
"""Values of an operand that are computed with: seconds, in which no other view is shown."""
_MOST_READ_ELSEWHERE: Final = 100_000_000_000
_LARGEST_INT_BITS: Final = 4096


def plain(tensor: Tensor, path: str) -> Tensor:
    """Return the tensor as one of torch's own class that tracks no gradients, without a copy.

    Raises:
        ViewError: operations on it run Python code of its class.
    """
    if type(tensor) in _PLAIN_CLASSES:
        # what is made under `no_grad` says all the same that it requires grad where it is a view of what does
        return Tensor.detach(tensor) if tensor.requires_grad else tensor
    if torch_private.dispatches_in_python(tensor):
        if module_of(type(tensor)).startswith("torch.nested."):
            return tensor
        words = f"{path} is a {class_name(tensor)}, whose operations run code of its own; assign the result in a cell."
        raise ViewError("bad expression", words)
    # of a sparse tensor torch makes no alias of another class, but a detached one is of its own
    strided = tensor.layout is torch.strided
    return Tensor.as_subclass(tensor, Tensor) if strided else Tensor.detach(tensor)


def guarded(
    text: str, function: Callable[..., object], args: Sequence[object], options: Mapping[str, object]
) -> object:
    """Return what the function returns, unless that would not fit beside what the user has in memory.

    Raises:
        ViewError: it would not; or torch refuses, in its own words.
    """
    tensors = list(_tensors((*args, *options.values())))
    device = next((tensor.device for tensor in tensors if tensor.dim()), torch.device("cpu"))
    if not tensors and all(type(arg) in NUMBERS for arg in args):
        _refuse_huge_numbers(function, args)
    needed = _result_bytes(function, args, options, tensors) if tensors else 0
    elements = max((tensor.numel() for tensor in tensors), default=0)
    if needed and elements > (_MOST_READ_CPU if device.type == "cpu" else _MOST_READ_ELSEWHERE):
        raise ViewError("too large", f"{text} would read {elements:,} values; look at a part of it.")
    if needed > _UNGUARDED_BYTES and needed > room_bytes(device):
        raise ViewError(
            "too large", f"{text} would take {needed / 1e9:,.1f} GB, and there is not enough free memory."
        )
    try:
        return function(*args, **options)
    except (MemoryError, torch.OutOfMemoryError):
        raise ViewError("too large", no_room(text)) from None
    except (IndexError, RuntimeError, TypeError, ValueError, ArithmeticError, NotImplementedError) as error:
        if "CUDA error" in str(error):
            raise
        first = (str(error).strip().splitlines() or [class_name(error)])[0]
        raise ViewError("bad expression", f"{text}: {first}") from error


def _tensors(values: Sequence[object]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif type(value) in (list, tuple) and isinstance(value, Sequence):
            yield from _tensors(value)


def _result_bytes(
    function: Callable[..., object],
    args: Sequence[object],
    options: Mapping[str, object],
    tensors: Sequence[Tensor],
) -> int:
    """Return what the results would take, from a try on the meta device, which has shapes and no values; 0 of views.

    An operation whose result depends on values has no such try; it is then taken to return the places of all values.
    """
    try:
        result = function(*map(_as_meta, args), **{name: _as_meta(value) for name, value in options.items()})
    except Exception:  # noqa: BLE001 - the real call says what is wrong with it
        elements = sum(tensor.numel() * max(1, tensor.dim()) for tensor in tensors)
        sizes = [arg for arg in (*args, *options.values()) if type(arg) is int]
        return 8 * max(elements, *(abs(size) for size in sizes), 0) if sizes else 8 * elements
    return sum(_new_bytes(tensor) for tensor in _tensors((result,)))


def _new_bytes(tensor: Tensor) -> int:
    return 0 if torch_private.is_view(tensor) else tensor.numel() * tensor.element_size()


def _as_meta(value: object) -> object:
    """Return an argument with its tensors on the meta device."""
    if isinstance(value, Tensor):
        if value.layout is not torch.strided or value.is_quantized or value.is_nested:
            raise NotImplementedError
        if value.dim() == 0 and value.device.type == "cpu":
            return value  # may be read as a number
        return torch.empty_strided(value.size(), value.stride(), dtype=value.dtype, device="meta")
    if type(value) is list:
        return [_as_meta(item) for item in value]
    if type(value) is tuple:
        return tuple(_as_meta(item) for item in value)
    return value


def _refuse_huge_numbers(function: Callable[..., object], args: Sequence[object]) -> None:
    """Raise `ViewError` for integers that Python would compute for minutes, as `10 ** 10 ** 10`."""
    sizes = [abs(arg) for arg in args if isinstance(arg, int)]
    bits = max((size.bit_length() for size in sizes), default=0)
    growing = function in (operator.pow, operator.lshift) and len(sizes) == 2
    if bits > _LARGEST_INT_BITS or (growing and max(1, sizes[0].bit_length()) * sizes[1] > _LARGEST_INT_BITS):
        raise ViewError("too large", "A view computes with numbers of at most 4,096 bits.")
