"""A small picture of a tensor of any kind, fit for its rank: a value, a row, a matrix, or the first matrices.

Numbers are made few on the tensor's own device and come to the host in one transfer; a second one only where a
sum was not finite, to tell an infinity from a sum out of range. Nothing here changes a tensor, tracks gradients,
or draws random numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, product
from math import ceil, inf, isfinite, prod
from typing import Final, Literal

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.drawing.plain_values import nested_parts, plain_class, plain_values, refuse_valueless
from tui.kernel.drawing.reduced import block_means, block_samples, to_host
from tui.kernel.drawing.sparse_blocks import is_large_sparse, sparse_block_means
from tui.kernel.tensor_blocks import NoValuesError
from tui.kernel.tensor_stats import TensorStats, Unavailable, words_of
from tui.kernel.variable_members import attribute
from tui.protocol.values import Picture, Reduction, Tile

VECTOR: Final = (1, 256)
"""Rows and columns of a drawn vector at most."""
MATRIX: Final = (32, 96)
TILE: Final = (16, 32)
"""Of each of several matrices."""
TILES: Final = 6
READ_LIMIT: Final = 10_000_000
"""Values past which blocks are not averaged but sampled."""
_SMALLEST_IMAGE: Final = 8
_SAFE: Final = 1e30
"""Magnitude of values of which `READ_LIMIT` may be added up in float32."""
_SAFE_DOUBLE: Final = 1e300

_Kind = Literal["vector", "matrix", "slices"]


def picture_of(tensor: Tensor, stats: TensorStats | Unavailable | None = None) -> Picture:
    """Return the picture of a tensor of any kind, one of kind `none` with the reason where it has no values here.

    Never raises for what the tensor is. A sync point on its device.

    Args:
        tensor: of any dtype, layout, device and class.
        stats: of the same tensor, where they are known: they tell that no sum leaves the range of its dtype, so
            that nothing need be read twice.
    """
    largest = inf
    if isinstance(stats, TensorStats) and not stats.sampled:
        largest = max(abs(stats.minimum or 0), abs(stats.maximum or 0))
    with torch.inference_mode(), torch_private.without_overrides():
        try:
            refuse_valueless(tensor)
            if attribute(tensor, "is_nested"):
                return _nested(tensor, largest)
            plain = plain_class(tensor)
            if is_large_sparse(plain):
                return _large_sparse(plain)
            return _picture(plain_values(plain), largest)
        except NoValuesError as error:
            return Picture("none", reason=str(error))
        except Exception as error:  # noqa: BLE001 - any kind of tensor has a result, with the error in words
            return Picture("none", reason=words_of(error))


def _picture(values: Tensor, largest: float) -> Picture:
    """Return the picture of a strided or quantized tensor."""
    if values.numel() == 0:
        return Picture("none")
    if values.dim() == 0:
        return Picture("scalar", tuple(to_host([values.reshape(1, 1)], means=False)))
    if values.dim() == 1:
        return _reduced("vector", [values.unsqueeze(0)], [""], VECTOR, largest)
    if values.dim() == 2:
        picture = _reduced("matrix", [values], [""], MATRIX, largest)
        return replace(picture, image=_is_image(values))
    leading = values.shape[:-2]
    places = list(islice(product(*map(range, leading)), TILES))
    labels = [f"[{', '.join(map(str, place))}]" for place in places]
    most = TILE if len(places) > 1 else MATRIX
    picture = _reduced("slices", [values[place] for place in places], labels, most, largest)
    return replace(picture, tiles_omitted=prod(leading) - len(places), image=_is_image(values))


def _nested(tensor: Tensor, largest: float) -> Picture:
    """Return the picture of a nested tensor: its first parts, where they are vectors or matrices."""
    count = Tensor.size(tensor, 0)
    parts = [(i, part) for i, part in enumerate(nested_parts(tensor, TILES)) if part.numel()]
    if not parts:
        return Picture("none")
    if any(part.dim() > 2 for _, part in parts):
        raise NoValuesError("nested, of more than three dimensions")
    matrices = [torch.atleast_2d(part) for _, part in parts]
    picture = _reduced("slices", matrices, [f"[{i}]" for i, _ in parts], TILE, largest)
    return replace(picture, tiles_omitted=count - len(parts))


def _large_sparse(tensor: Tensor) -> Picture:
    """Return the picture of a sparse matrix or vector that is never laid out densely."""
    kind: _Kind = "matrix" if tensor.dim() == 2 else "vector"
    means, block = sparse_block_means(tensor, MATRIX if kind == "matrix" else VECTOR)
    return Picture(kind, tuple(to_host([means], means=True)), block, "mean")


def _reduced(
    kind: _Kind, matrices: Sequence[Tensor], labels: Sequence[str], most: tuple[int, int], largest: float
) -> Picture:
    """Return a picture whose tiles have at most the given rows and columns, all reduced by the same block.

    `largest`: the largest magnitude of a finite value; infinite where it is not known.
    """
    height, width = (max(matrix.size(dim) for matrix in matrices) for dim in (0, 1))
    block = (ceil(height / most[0]), ceil(width / most[1]))
    reduction: Reduction = ""
    if block != (1, 1):
        reduction = "mean" if sum(matrix.numel() for matrix in matrices) <= READ_LIMIT else "sample"
    if reduction == "mean":
        tiles = _means(matrices, block, largest)
    else:
        tiles = to_host([block_samples(matrix, block) for matrix in matrices], means=False)
    named = (replace(tile, label=label) for tile, label in zip(tiles, labels, strict=True))
    return Picture(kind, tuple(named), block, reduction)


def _means(matrices: Sequence[Tensor], block: tuple[int, int], largest: float) -> list[Tile]:
    """Return the means of blocks, read again with care where a sum left the range of its dtype."""
    if matrices[0].is_quantized:
        matrices = [matrix.dequantize() for matrix in matrices]
    tiles = to_host([block_means(matrix, block) for matrix in matrices], means=True)
    in_range = largest < (_SAFE_DOUBLE if matrices[0].dtype in (torch.float64, torch.complex128) else _SAFE)
    if in_range or all(
        isfinite(number) for tile in tiles for row in (*tile.rows, *tile.imaginary) for number in row
    ):
        return tiles
    return to_host([block_means(matrix, block, careful=True) for matrix in matrices], means=True)


def _is_image(values: Tensor) -> bool:
    """Return whether the shape is an image's: (1 or 3, H, W), or of bytes also (H, W) and (H, W, 3)."""
    if values.is_complex():
        return False
    shape = tuple(values.shape)
    if len(shape) == 3 and shape[0] in (1, 3):
        return min(shape[1:]) >= _SMALLEST_IMAGE
    if values.dtype is torch.uint8 and (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
        return min(shape[:2]) >= _SMALLEST_IMAGE
    return False
