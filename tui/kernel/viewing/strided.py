"""The values of a dense tensor in a form that torch can compute with."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.drawing.plain_values import refuse_valueless
from tui.kernel.safe_objects import class_name
from tui.kernel.tensor_blocks import NoValuesError, refuse_freed
from tui.kernel.viewing.memo import MEMO
from tui.kernel.viewing.operations import guarded, plain

if TYPE_CHECKING:
    from tui.kernel.viewing.opened import Opened

_PER_TENSOR: Final = (torch.per_tensor_affine, torch.per_tensor_symmetric)
_WIDENED: Final = {
    torch.uint16: torch.int64,
    torch.uint32: torch.int64,
    torch.uint64: torch.float64,  # reaches past int64
    torch.complex32: torch.complex64,
}
"""Dtypes that torch stores and hardly computes with, and those that hold their values."""
_WHOLE: Final = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def strided_of(opened: Opened) -> Tensor:
    """Return a strided or quantized tensor of the plain class with the values of a view, not arranged.

    The user's memory, but for layouts that torch cannot take a part of: those are laid out anew, and remembered.

    Raises:
        NoValuesError: it has none here; why, in words.
    """
    tensor = opened.tensor
    refuse_valueless(tensor)
    if torch_private.dispatches_in_python(tensor):
        raise NoValuesError(f"values are behind {class_name(tensor)}")
    tensor = plain(tensor, opened.name)
    if tensor.is_quantized:
        return tensor if tensor.qscheme() in _PER_TENSOR else _laid_out(opened, Tensor.dequantize)
    tensor = torch_private.without_names(tensor.detach())
    if tensor.layout is not torch.strided:
        return _laid_out(opened, Tensor.to_dense)
    refuse_freed(tensor)
    return tensor


def _laid_out(opened: Opened, function: object) -> Tensor:
    assert callable(function)

    def compute() -> object:
        return guarded(opened.name, function, (opened.tensor,), {})

    result = MEMO.result(("laid out", opened.key), opened.evaluated.operands, compute)
    assert isinstance(result, Tensor)
    return result


def workable(values: Tensor) -> Tensor:
    """Return the values in a dtype in which torch sorts, adds and compares; the same tensor wherever it already can."""
    if values.is_quantized:
        return values.dequantize()
    if values.is_floating_point() and values.dtype not in _WHOLE:
        return values.float()
    wider = _WIDENED.get(values.dtype)
    if wider is not None:
        return values.to(wider)
    return values.resolve_conj().resolve_neg() if values.is_conj() or values.is_neg() else values


def magnitudes(values: Tensor) -> Tensor:
    """Return real values in a workable dtype: magnitudes of complex ones, 0 and 1 of bool."""
    values = workable(values)
    if values.is_complex():
        return values.abs()
    return values.to(torch.uint8) if values.dtype is torch.bool else values


def elements_in(shape: tuple[int, ...]) -> int:
    """Return how many elements a shape has; of one that varies, of what is known."""
    return prod(max(0, size) for size in shape)
