"""Makes few numbers of many, on the tensor's own device, and brings them to the host in one transfer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from tui.protocol.values import Number, Tile

Rows = tuple[tuple[Number, ...], ...]

_EXACT_IN_DOUBLE: Final = frozenset(
    {torch.int32, torch.int64, torch.uint32, torch.uint64, torch.float64, torch.complex128}
)
_DIGITS: Final = {torch.float32: (7, 9), torch.float16: (4, 5), torch.bfloat16: (3, 4)}
"""Significant digits that do for most values of a dtype, and that tell any two of them apart."""
_DIGITS_OF_MEAN: Final = 7


def block_means(matrix: Tensor, block: tuple[int, int], *, careful: bool = False) -> Tensor:
    """Return the mean of each block of neighbours; those at the right and lower edge may be smaller.

    Shape: (H, W) -> (ceil(H / rows of a block), ceil(W / columns of a block))

    A block with a NaN, or with infinities of both signs, has the mean NaN. float32 (of 32-bit and 64-bit integers
    float64), where the sum of a block may leave the range: then its mean is not finite.

    Args:
        matrix: strided, of any dtype that converts to a float or complex one.
        block: rows and columns.
        careful: in float64 and divided before it is added, so that nothing leaves the range; takes a copy.
    """
    wide = careful or matrix.dtype in _EXACT_IN_DOUBLE
    if matrix.device.type == "mps":  # knows no float64
        wide = False
    if matrix.is_complex():
        dtype = torch.complex128 if wide else torch.complex64
    else:
        dtype = torch.float64 if wide else torch.float32
    # the dimension with the smaller stride first: that pass reads everything, in the order of memory
    for dim in sorted((0, 1), key=matrix.stride):
        if block[dim] > 1 or matrix.dtype is not dtype:
            matrix = _means_along(matrix, dim, block[dim], dtype, careful)
    return matrix


def _means_along(matrix: Tensor, dim: int, size: int, dtype: torch.dtype, careful: bool) -> Tensor:
    """Return the means of `size` neighbours along one dimension, in their order; of the rest at its end, if any."""
    if size == 1 or careful or not _adds_up(matrix.dtype):
        matrix = matrix.to(dtype)
    length = matrix.size(dim)
    whole = length // size
    pieces = []
    if whole:
        blocks = matrix.narrow(dim, 0, whole * size).unflatten(dim, (whole, size))
        pieces.append(_mean(blocks, dim + 1, dtype, careful))
    if length % size:
        rest = matrix.narrow(dim, whole * size, length % size)
        pieces.append(_mean(rest, dim, dtype, careful).unsqueeze(dim))
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim)


def _mean(values: Tensor, dim: int, dtype: torch.dtype, careful: bool) -> Tensor:
    if careful:
        return (values / values.size(dim)).sum(dim)
    return values.mean(dim, dtype=dtype)


def _adds_up(dtype: torch.dtype) -> bool:
    """Whether torch has sums of the dtype; it has none of the small floats and of most unsigned integers."""
    unsigned = dtype in (torch.uint16, torch.uint32, torch.uint64)
    return (
        not unsigned
        and not (dtype.is_floating_point and dtype.itemsize == 1)
        and dtype is not torch.complex32
    )


def block_samples(matrix: Tensor, block: tuple[int, int]) -> Tensor:
    """Return a view of one value out of each block, from its middle as far as the last block has one.

    Shape: (H, W) -> (ceil(H / rows of a block), ceil(W / columns of a block))
    """
    for dim, size in enumerate(block):
        start = min(size // 2, (matrix.size(dim) - 1) % size)
        matrix = matrix[(slice(None),) * dim + (slice(start, None, size),)]
    return matrix


def to_host(tiles: Sequence[Tensor], *, means: bool) -> list[Tile]:
    """Return matrices of one dtype and device as tiles without labels: one transfer, a sync point.

    Args:
        tiles: each of at least one element; together small.
        means: whether they are means, of which a few digits will do.
    """
    tiles = [tile.dequantize() if tile.is_quantized else tile for tile in tiles]
    dtype = tiles[0].dtype.to_real() if tiles[0].is_complex() else tiles[0].dtype
    flat = torch.cat([_simple(tile).reshape(-1) for tile in tiles])
    total = flat.numel()
    if flat.is_complex():
        flat = torch.view_as_real(flat).t().reshape(-1)  # the real parts of all, then the imaginary ones
    numbers: list[Number] = flat.cpu().tolist()
    if flat.is_floating_point():
        numbers = (
            [_cut(number, _DIGITS_OF_MEAN) for number in numbers] if means else _shortest(numbers, dtype)
        )
    found: list[Tile] = []
    begin = 0
    for tile in tiles:
        end, width = begin + tile.numel(), tile.size(1)
        imaginary = numbers[total + begin : total + end]
        found.append(Tile("", _rows(numbers[begin:end], width), _rows(imaginary, width)))
        begin = end
    return found


def _simple(tile: Tensor) -> Tensor:
    """Return a small tensor in a dtype that has every operation and loses nothing."""
    if tile.dtype is torch.bool:
        return tile.to(torch.uint8)
    if tile.dtype is torch.complex32:
        return tile.to(torch.complex64)
    if tile.dtype.is_floating_point and tile.dtype.itemsize < 4:
        return tile.to(torch.float32)
    return tile.resolve_conj().resolve_neg()


def _shortest(numbers: Sequence[Number], dtype: torch.dtype) -> list[Number]:
    """Return numbers with as few digits as make the same values of the dtype: they cross as text."""
    if dtype not in _DIGITS:
        return list(numbers)
    few, enough = _DIGITS[dtype]
    short = [_cut(number, few) for number in numbers]
    exact, rounded = torch.tensor((numbers, short), dtype=torch.float64, device="cpu").to(dtype)
    same = (exact == rounded).tolist()
    return [
        cut if kept else _cut(number, enough) for number, cut, kept in zip(numbers, short, same, strict=True)
    ]


def _cut(number: Number, digits: int) -> float:
    """Return the number rounded to so many significant digits."""
    return float(f"{number:.{digits}g}")


def _rows(numbers: Sequence[Number], width: int) -> Rows:
    return tuple(tuple(numbers[begin : begin + width]) for begin in range(0, len(numbers), width))
