"""Sizes and norms of gradients of any kind, in few operations and few transfers."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, sqrt
from typing import Final

import torch
from torch import Tensor

from tui.kernel import torch_private

Gradients = tuple[Tensor | None, ...]
LARGE_BYTES: Final = 4 << 20
"""What a tensor counts for that does not lie in memory value by value."""


def detached(gradients: Gradients) -> Gradients:
    """Return the gradients without a graph of their own, which `create_graph` gives them."""
    if any(one is not None and one.requires_grad for one in gradients):
        return tuple(None if one is None else one.detach() for one in gradients)
    return gradients


def small_norms(gradients: list[Tensor]) -> list[float]:
    """Return the norms of many small tensors of one dtype on the CPU, at the price of a few operations."""
    with torch.inference_mode():
        flat = torch.cat([one.reshape(-1) for one in gradients])
        squares = flat.abs().to(torch.float64).square_()
        lengths = torch.tensor([one.numel() for one in gradients])
        sums: Tensor = torch.segment_reduce(squares, "sum", lengths=lengths, initial=0.0)
        norms: list[float] = sums.sqrt_().tolist()
    return norms


def norm_of(values: Tensor) -> Tensor | float:
    """Return the 2-norm of strided values: a number where it is ready on the host, else a 0-d tensor."""
    if (
        values.device.type == "cpu"
        and values.dtype in (torch.float32, torch.float64)
        and values.is_contiguous()
    ):
        flat = values.reshape(-1)
        square = float(torch.dot(flat, flat))  # half the time of vector_norm
        return sqrt(square) if square == square else nan
    norm: Tensor = torch.linalg.vector_norm(values, dtype=wide(values.dtype))
    return norm


def memory_of(tensor: Tensor) -> tuple[int, int]:
    """Return address and bytes of the memory that a tensor keeps."""
    try:
        storage = tensor.untyped_storage()
        return storage.data_ptr(), storage.nbytes()
    except (RuntimeError, NotImplementedError):
        return id(tensor), tensor.element_size() * (tensor._nnz() if tensor.is_sparse else 1)


def bytes_of(tensor: Tensor) -> int:
    """Return what the values take; of a tensor that does not lie in memory value by value, a lot."""
    return tensor.numel() * tensor.element_size() if tensor.layout is torch.strided else LARGE_BYTES


def is_plain(tensor: Tensor) -> bool:
    kinds = tensor.layout is torch.strided and not tensor.is_nested and tensor.device.type != "meta"
    return kinds and type(tensor) is Tensor and not torch_private.is_transformed(tensor)


def wide(dtype: torch.dtype) -> torch.dtype | None:
    """Return the dtype to add squares in; None for the tensor's own."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else None


def widest(dtype: torch.dtype) -> torch.dtype:
    return torch.complex128 if dtype.is_complex else torch.float64


def fetched(numbers: Sequence[Tensor | float]) -> list[float]:
    """Return 0-d tensors as numbers, one transfer per device and dtype."""
    found = [one if isinstance(one, float) else nan for one in numbers]
    groups: dict[tuple[torch.device, torch.dtype], list[tuple[int, Tensor]]] = {}
    for place, number in enumerate(numbers):
        if not isinstance(number, float):
            groups.setdefault((number.device, number.dtype), []).append((place, number))
    with torch.no_grad():
        for group in groups.values():
            values = torch.stack([number for _, number in group]).to(torch.float64).tolist()
            for (place, _), value in zip(group, values, strict=True):
                found[place] = value
    return found
