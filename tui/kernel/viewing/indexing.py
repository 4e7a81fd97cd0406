"""Indexing a tensor, and what was wrong with an index in the terms of that tensor."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from tui.kernel.viewing.errors import ViewError
from tui.kernel.viewing.operations import guarded


def index_tensor(tensor: Tensor, index: object, path: str, text: str) -> Tensor:
    """Return `tensor[index]`, a view of it wherever the index is of integers and slices.

    Raises:
        ViewError: the index does not fit; the message names the dimension and its size.
    """
    try:
        parts = tuple(map(_as_index, index if isinstance(index, tuple) else (index,)))
        _refuse_wrong(tensor, parts, path)
        if is_basic(parts):
            found: object = operator.getitem(cast("Any", tensor), parts)
        else:
            found = guarded(text, operator.getitem, (tensor, parts), {})
    except ViewError as error:
        raise ViewError("too large" if error.kind == "too large" else "bad index", str(error)) from None
    except (IndexError, RuntimeError, TypeError, ValueError, NotImplementedError) as error:
        if "CUDA error" in str(error):
            raise
        first = (str(error).strip().splitlines() or [""])[0]
        raise ViewError("bad index", f"{text}: {first}") from error
    assert isinstance(found, Tensor)
    return found


def is_basic(index: object) -> bool:
    """Whether an index is of integers, slices, None and `...` alone, so that torch makes a view."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is ... or type(part) in (int, slice) for part in parts)


def _as_index(part: object) -> object:
    """Return a list of indices as a tensor; an empty one takes nothing."""
    if type(part) is not list:
        return part
    return torch.tensor(part, dtype=torch.int64) if not part else torch.tensor(part)


def _refuse_wrong(tensor: Tensor, parts: Sequence[object], path: str) -> None:
    """Raise `ViewError` for what is plainly wrong, in words that torch has not."""
    if tensor.is_nested:
        return
    shape = tuple(Tensor.size(tensor))
    taken = sum(_dimensions(part) for part in parts)
    if taken > len(shape):
        many = f"{len(shape)} dimension{'' if len(shape) == 1 else 's'}"
        raise ViewError("bad index", f"{path} has {many}, {shape}, and the index asks for {taken}.")
    dim = 0
    for part in parts:
        if part is ...:
            dim = len(shape) - sum(_dimensions(later) for later in parts[_place(parts, part) + 1 :])
            continue
        if type(part) is int and not -shape[dim] <= part < shape[dim]:
            raise ViewError("bad index", _out_of_range(path, part, dim, shape))
        if type(part) is slice and part.step is not None and part.step <= 0:
            raise ViewError(
                "bad index", "The step of a slice of a tensor is at least 1; write .flip(dim) to reverse it."
            )
        if type(part) is str:
            raise ViewError("bad index", f"{path} is a tensor: its items have numbers, not names.")
        dim += _dimensions(part)


def _place(parts: Sequence[object], wanted: object) -> int:
    return next(place for place, part in enumerate(parts) if part is wanted)


def _dimensions(part: object) -> int:
    """Return how many dimensions of the tensor a part of an index takes."""
    if part is None or part is ... or type(part) is bool:
        return 0
    if isinstance(part, Tensor) and part.dtype in (torch.bool, torch.uint8):
        return part.dim()
    return 1


def _out_of_range(path: str, place: int, dim: int, shape: tuple[int, ...]) -> str:
    if shape[dim] == 0:
        return f"{path} is empty: dimension {dim} of {shape} has size 0."
    last = shape[dim] - 1
    words = f"Dimension {dim} of {path}, {shape}, has indices 0 to {last:,}"
    return f"{words}: there is no {place:,}."
