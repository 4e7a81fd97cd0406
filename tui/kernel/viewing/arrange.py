"""Sorts or reduces a view along one dimension, for the part of it that is looked at alone.

A page of a matrix sorted along its rows needs the rows on screen sorted and no others; so the other dimensions are
narrowed first. What was arranged last is remembered (see `memo`), for scrolling along the dimension itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from tui.kernel.viewing.errors import ViewError
from tui.kernel.viewing.memo import MEMO
from tui.kernel.viewing.strided import strided_of, workable
from tui.protocol.values import TensorFacts
from tui.protocol.viewing import Arrangement, View

if TYPE_CHECKING:
    from tui.kernel.viewing.opened import Opened

_MOST_SORTED_CPU: Final = 50_000_000
"""Values that are sorted for one answer: seconds, in which no other view is shown, and 12 bytes of memory each."""
_MOST_SORTED_ELSEWHERE: Final = 500_000_000
_MOST_REDUCED: Final = 4_000_000_000
_ORDERED: Final = frozenset({"sort ascending", "sort descending", "min", "max"})
Range = tuple[int, int]
"""First index and length in one dimension."""


def arranged_facts(facts: TensorFacts, view: View, tensor: Tensor) -> TensorFacts:
    """Return the facts of the arranged tensor, which is not computed for it.

    Raises:
        ViewError: it cannot be arranged so.
    """
    dim = dimension_of(view, facts.shape)
    if facts.layout not in ("strided", "quantized"):
        raise ViewError(
            "bad expression",
            f"A {facts.layout} tensor cannot be arranged; write {view.expression}.to_dense().",
        )
    if tensor.dtype.is_complex and view.arrangement in _ORDERED:
        raise ViewError(
            "bad expression", f"Complex values have no order: look at {view.expression}.abs() instead."
        )
    size = facts.shape[dim]
    if size == 0 and view.arrangement in ("min", "max"):
        raise ViewError("no values", f"Dimension {dim} is empty: it has no smallest and no largest value.")
    shape = (
        facts.shape
        if view.arrangement.startswith("sort")
        else (*facts.shape[:dim], 1, *facts.shape[dim + 1 :])
    )
    dtype = _dtype(tensor.dtype, view.arrangement)
    elements = torch.Size(shape).numel()
    return replace(
        facts,
        type_name="Tensor",
        shape=shape,
        dtype=str(dtype).removeprefix("torch."),
        elements=elements,
        size_bytes=elements * dtype.itemsize,
        storage_bytes=None,
        layout="strided",
        strides=None,
        contiguous=True,
        is_view=False,
        grad="",
        grad_fn="",
    )


def dimension_of(view: View, shape: tuple[int, ...]) -> int:
    """Return the dimension that the view is arranged along, counted from the front."""
    if not -len(shape) <= view.along < len(shape):
        many = f"{len(shape)} dimension{'' if len(shape) == 1 else 's'}"
        raise ViewError(
            "bad index", f"{view.expression} has {many}, {shape}: there is no dimension {view.along}."
        )
    return view.along % len(shape)


def _dtype(dtype: torch.dtype, arrangement: Arrangement) -> torch.dtype:
    """Return the dtype of the arranged tensor."""
    result = _computed(
        torch.zeros((1, 1), dtype=dtype) if not _is_quantized(dtype) else torch.zeros((1, 1)), 1, arrangement
    )
    return result.dtype


def _is_quantized(dtype: torch.dtype) -> bool:
    return dtype in (torch.qint8, torch.quint8, torch.qint32)


def region(opened: Opened, ranges: list[Range]) -> Tensor:
    """Return the values of a view in a box of indices: a view of the user's memory where nothing is arranged.

    Args:
        opened: a view of a strided or quantized tensor.
        ranges: for each dimension.
    """
    arrangement = opened.view.arrangement
    if not arrangement:
        return _narrowed(strided_of(opened), ranges)
    dim = dimension_of(opened.view, opened.shape)
    start, length = ranges[dim]
    others: list[Range] = [*ranges[:dim], (0, opened.tensor.size(dim)), *ranges[dim + 1 :]]

    def compute() -> Tensor:
        values = _narrowed(strided_of(opened), others)
        _refuse_large(opened, values)
        return _computed(values, dim, arrangement)

    key = ("arranged", opened.key, arrangement, dim, tuple(others))
    arranged = MEMO.result(key, opened.evaluated.operands, compute)
    assert isinstance(arranged, Tensor)
    return arranged.narrow(dim, start, length)


def arranged_whole(opened: Opened) -> Tensor:
    """Return all values of a view of a strided or quantized tensor."""
    return region(opened, [(0, size) for size in opened.shape])


def _narrowed(values: Tensor, ranges: list[Range]) -> Tensor:
    for dim, (start, length) in enumerate(ranges):
        if (start, length) != (0, values.size(dim)):
            values = values.narrow(dim, start, length)
    return values


def _refuse_large(opened: Opened, values: Tensor) -> None:
    count = values.numel()
    most = _MOST_REDUCED
    if opened.view.arrangement.startswith("sort"):
        most = _MOST_SORTED_CPU if values.device.type == "cpu" else _MOST_SORTED_ELSEWHERE
    if count > most:
        words = f"A view arranges up to {most:,} values at a time, and this needs {count:,} of {opened.name}"
        raise ViewError("too large", f"{words}; look at a part of it.")


def _computed(values: Tensor, dim: int, arrangement: Arrangement) -> Tensor:
    """Return the values arranged; NaN sorts behind +Inf and carries through reductions, as in torch."""
    values = workable(values)
    if arrangement.startswith("sort"):
        return torch.sort(values, dim=dim, descending=arrangement == "sort descending").values
    if arrangement in ("mean", "std", "norm") and not (values.is_floating_point() or values.is_complex()):
        values = values.to(torch.float32 if values.device.type == "mps" else torch.float64)
    if arrangement == "std" and values.size(dim) < 2:  # of which torch warns
        return torch.full_like(
            values.real.narrow(dim, 0, 1) if values.size(dim) else _empty(values, dim), float("nan")
        )
    reductions: dict[str, Callable[[], Tensor]] = {
        "mean": lambda: values.mean(dim, keepdim=True),
        "sum": lambda: values.sum(dim, keepdim=True),
        "min": lambda: values.amin(dim, keepdim=True),
        "max": lambda: values.amax(dim, keepdim=True),
        "std": lambda: values.std(dim, keepdim=True),
        "norm": lambda: torch.linalg.vector_norm(values, dim=dim, keepdim=True),
    }
    return reductions[arrangement]()


def _empty(values: Tensor, dim: int) -> Tensor:
    return values.real.sum(dim, keepdim=True)
