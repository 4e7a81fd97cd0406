"""Scalars that a writer stored as a tensor of one element, as TensorFlow 2's do."""

from __future__ import annotations

import struct

import numpy as np

from tui.runs.proto import Tensor, Value

_FLOAT, _DOUBLE, _INT32, _INT64, _BOOL, _BFLOAT16, _HALF = 1, 2, 3, 9, 10, 14, 19
_FORMATS = {_FLOAT: "<f", _DOUBLE: "<d", _INT32: "<i", _INT64: "<q", _BOOL: "<?", _HALF: "<e"}


def scalar(value: Value) -> float | None:
    """Return the number in a value's tensor; None where there is none: no tensor, several elements, text."""
    if not value.HasField("tensor"):
        return None
    tensor = value.tensor
    if any(dim.size != 1 for dim in tensor.tensor_shape.dim):
        return None
    return _from_content(tensor) if tensor.tensor_content else _from_list(tensor)


def _from_content(tensor: Tensor) -> float | None:
    if tensor.dtype == _BFLOAT16 and len(tensor.tensor_content) == 2:
        return _bfloat16(int.from_bytes(tensor.tensor_content, "little"))
    form = _FORMATS.get(tensor.dtype)
    if form is None or struct.calcsize(form) != len(tensor.tensor_content):
        return None
    return float(struct.unpack(form, tensor.tensor_content)[0])


def _from_list(tensor: Tensor) -> float | None:
    """Read the field of the tensor's dtype; an empty one stands for 0, as proto3 leaves out defaults."""
    match tensor.dtype:
        case 1:
            numbers: list[float] | list[int] | list[bool] = tensor.float_val
        case 2:
            numbers = tensor.double_val
        case 3:
            numbers = tensor.int_val
        case 9:
            numbers = tensor.int64_val
        case 10:
            numbers = tensor.bool_val
        case 14:
            return _bfloat16(tensor.half_val[0] if tensor.half_val else 0)
        case 19:
            return _half(tensor.half_val[0] if tensor.half_val else 0)
        case _:
            return None
    return float(numbers[0]) if len(numbers) else 0.0


def _half(bits: int) -> float:
    return float(np.uint16(bits & 0xFFFF).view(np.float16))


def _bfloat16(bits: int) -> float:
    return float(np.uint32((bits & 0xFFFF) << 16).view(np.float32))
