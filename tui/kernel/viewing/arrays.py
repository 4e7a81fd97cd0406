"""NumPy arrays as tensors over the same memory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeGuard

import torch
from torch import Tensor

from tui.kernel.safe_objects import is_a
from tui.kernel.viewing.errors import ViewError

if TYPE_CHECKING:
    import numpy as np


class _Alias:
    """Shows NumPy the memory of a read-only array as writable: torch would warn of it, and here nothing writes."""

    def __init__(self, array: np.ndarray) -> None:
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface
        self.kept = array


def is_array(obj: object) -> TypeGuard[np.ndarray]:
    """Whether it is exactly an array of NumPy's, where the user has imported that."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(obj) is getattr(numpy, "ndarray", None)


def tensor_of(obj: object) -> Tensor:
    """Return a tensor itself, and of an array a tensor over its memory; a copy only of one that runs backwards.

    Raises:
        ViewError: it is neither, or an array of what torch has no dtype for.
    """
    if is_a(obj, Tensor):
        return obj
    if not is_array(obj):
        raise TypeError(f"{type(obj).__name__} holds no values")
    if not obj.dtype.isnative:
        raise ViewError(
            "not a tensor", f"The array's dtype {obj.dtype} has the byte order of another machine."
        )
    backwards = [dim for dim, stride in enumerate(obj.strides) if stride < 0]
    forwards = obj[tuple(slice(None, None, -1 if dim in backwards else 1) for dim in range(obj.ndim))]
    try:
        shared = torch.from_numpy(forwards if forwards.flags.writeable else _writable(forwards))
    except (TypeError, ValueError) as error:
        words = f"An array of dtype {obj.dtype} has no values that a tensor can hold."
        raise ViewError("not a tensor", words) from error
    return shared.flip(backwards) if backwards else shared


def _writable(array: np.ndarray) -> np.ndarray:
    numpy = sys.modules["numpy"]
    alias: np.ndarray = numpy.asarray(_Alias(array))
    return alias
