"""The values of a tensor of any kind in their places: as plain strided tensors, views wherever that is possible."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.safe_objects import class_name
from tui.kernel.tensor_blocks import NoValuesError, refuse_freed
from tui.kernel.variable_members import attribute

DENSE_LIMIT: Final = 1_000_000
"""Elements up to which a sparse tensor is laid out densely to be looked at."""
_NO_NUMBERS: Final = re.compile(r"bits|u?int[1-7]$|float4")
"""Dtypes that torch stores, but neither converts nor prints."""
_NOT_DETACHED: Final = (
    torch_private.is_lazy,
    torch_private.is_transformed,
    torch_private.dispatches_in_python,
)


def plain_class(tensor: Tensor) -> Tensor:
    """Return the same tensor detached and of torch's own class, so that what asks it runs no code of a subclass.

    To be called within `inference_mode` and `without_overrides`. Lazy tensors, those of a transform and those
    whose operations are Python code are returned as they are.
    """
    if any(test(tensor) for test in _NOT_DETACHED):
        return tensor
    try:
        return Tensor.detach(tensor)
    except (RuntimeError, NotImplementedError, TypeError):  # a layout that knows no detached copy
        return tensor


def plain_values(tensor: Tensor) -> Tensor:
    """Return a strided (or quantized) tensor of the plain class with the same values, names of dimensions gone.

    A view, but of sparse tensors.

    Args:
        tensor: what `plain_class` returned of one that `refuse_valueless` lets pass.

    Raises:
        NoValuesError: its values are not to be had cheaply, or are no numbers; the message says why.
    """
    dtype = str(tensor.dtype).removeprefix("torch.")
    if _NO_NUMBERS.match(dtype):
        raise NoValuesError(f"no numbers in {dtype}")
    plain = torch_private.without_names(tensor)
    if plain.layout is torch.strided:
        refuse_freed(plain)
        return plain
    if not torch_private.is_mkldnn(plain) and plain.numel() > DENSE_LIMIT:
        raise NoValuesError("sparse, too large to lay out densely")
    return plain.to_dense()


def nested_parts(tensor: Tensor, most: int) -> list[Tensor]:
    """Return the first `most` tensors of a nested tensor, as views.

    Of a jagged one their ends lie on its device: one small transfer.

    Raises:
        NoValuesError: they are laid out in a way that is not read here.
    """
    if attribute(tensor, "layout") is not torch.jagged:
        return [Tensor.detach(Tensor.select(tensor, 0, i)) for i in range(min(most, Tensor.size(tensor, 0)))]
    values = torch_private.stored_values(tensor)
    offsets, lengths, ragged_dim = torch_private.jagged_parts(tensor)
    if torch_private.dispatches_in_python(values) or offsets.device.type == "meta":
        raise NoValuesError(f"values are behind {class_name(values)}")
    if lengths is not None or ragged_dim != 1:
        raise NoValuesError("jagged with holes, or along another dimension than the second")
    ends = offsets[: most + 1].tolist()
    return [values.detach()[begin:end] for begin, end in pairwise(ends)]


def refuse_valueless(tensor: Tensor) -> None:
    """Raise `NoValuesError` for a tensor that has no values in this process."""
    if torch_private.is_transformed(tensor):
        raise NoValuesError("inside a torch.func transform, no values of its own")
    if torch_private.is_lazy(tensor):
        raise NoValuesError("uninitialized: gets its shape from the first input")
    if str(attribute(tensor, "device")).startswith("meta"):
        raise NoValuesError("meta: no values")
    if torch_private.dispatches_in_python(tensor) and attribute(tensor, "layout") is not torch.jagged:
        raise NoValuesError(f"values are behind {class_name(tensor)}")
