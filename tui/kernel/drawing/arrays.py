"""NumPy arrays described as tensors. Of exactly NumPy's own class; NumPy is never imported for it."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeGuard

import torch
from torch import Tensor

from tui.kernel.drawing.facts import tensor_facts
from tui.kernel.tensor_stats import TensorStats, Unavailable
from tui.protocol.values import TensorFacts

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[np.generic]]

COPY_LIMIT: Final = 10_000_000
"""Elements up to which an array is copied where torch cannot share its memory."""


def is_array(obj: object) -> TypeGuard[Array]:
    """Return whether it is a NumPy array, and of no class derived from it."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(obj) is getattr(numpy, "ndarray", None)


def as_tensor(array: Array, *, copy_limit: int = COPY_LIMIT) -> Tensor | None:
    """Return the values as a tensor, shared where torch can; None of a dtype that torch has not.

    Copied where the array is read-only (sharing it would warn), runs backwards or has another byte order; None
    where it has more elements than `copy_limit`.
    """
    if array.dtype.kind not in "biufc" or array.dtype.itemsize > 16:
        return None
    shared = array.flags.writeable and array.dtype.isnative and all(stride >= 0 for stride in array.strides)
    if not shared:
        if array.size > copy_limit:
            return None
        array = array.astype(array.dtype.newbyteorder("="), order="C", copy=True)
    try:
        return torch.from_numpy(array)
    except (TypeError, ValueError):  # long double; strides that are no multiples of the size
        return None


def array_facts(array: Array, tensor: Tensor, stats: TensorStats | Unavailable | None) -> TensorFacts:
    """Return the facts of an array, whose values `tensor` holds; in NumPy's words, with strides in elements."""
    size = array.dtype.itemsize
    owner = _owner(array)
    return replace(
        tensor_facts(tensor, stats),
        type_name="ndarray",
        dtype=str(array.dtype),
        size_bytes=array.nbytes,
        storage_bytes=None if owner is None else owner.nbytes,
        strides=tuple(stride // size for stride in array.strides),
        contiguous=bool(array.flags.c_contiguous),
        is_view=owner is not array,
    )


def _owner(array: Array) -> Array | None:
    """Return the array whose memory it is; None where it is no array's."""
    while not array.flags.owndata:
        base = array.base
        if not is_array(base):
            return None
        array = base
    return array
