"""Block means of a sparse tensor that is too large to be laid out densely, from what it stores alone."""

from __future__ import annotations

from math import ceil
from typing import Final

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.drawing.plain_values import DENSE_LIMIT
from tui.kernel.tensor_blocks import NoValuesError

_STORED_LIMIT: Final = 10_000_000
"""Stored values past which the blocks are not added up."""
_COMPRESSED: Final = (torch.sparse_csr, torch.sparse_csc)


def is_large_sparse(tensor: Tensor) -> bool:
    """Return whether it is sparse and too large to be laid out densely."""
    return tensor.layout in (torch.sparse_coo, *_COMPRESSED) and tensor.numel() > DENSE_LIMIT


def sparse_block_means(tensor: Tensor, most: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """Return the block means of a sparse matrix or vector, and the rows and columns of a block.

    What is not stored counts as 0. float64 or complex128, on the tensor's own device, in a few passes over what
    is stored.

    Shape: (H, W) or (W) -> at most `most`

    Raises:
        NoValuesError: it has more or dense dimensions, or stores too much.
    """
    plain = tensor
    if plain.layout in _COMPRESSED and plain.dim() == 2:
        plain = plain.to_sparse_coo()
    if plain.layout is not torch.sparse_coo or plain.dim() > 2 or plain.dense_dim():
        raise NoValuesError("sparse, too large to lay out densely")
    indices, values = torch_private.sparse_parts(plain)
    if values.numel() > _STORED_LIMIT:
        raise NoValuesError("sparse, too many stored values to draw")
    shape = (1, *plain.shape)[-2:]
    block = (ceil(shape[0] / most[0]), ceil(shape[1] / most[1]))
    height, width = ceil(shape[0] / block[0]), ceil(shape[1] / block[1])
    place = indices[-1] // block[1]
    if plain.dim() == 2:
        place = place + indices[0] // block[0] * width
    dtype = torch.complex128 if values.is_complex() else torch.float64
    sums = torch.zeros(height * width, dtype=dtype, device=values.device)
    sums.index_add_(0, place, values.to(dtype))
    rows, columns = (_sizes(shape[dim], block[dim], values.device) for dim in (0, 1))
    return sums.view(height, width) / (rows.unsqueeze(1) * columns), block


def _sizes(length: int, size: int, device: torch.device) -> Tensor:
    """Return how long each block is along one dimension; the last may be shorter."""
    starts = torch.arange(0, length, size, dtype=torch.float64, device=device)
    return (length - starts).clamp(max=size)
