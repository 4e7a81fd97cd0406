"""The values of a dense tensor as small one-dimensional blocks in row-major order, with no copy of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

BLOCK_CPU: Final = 1 << 20
"""Values of a block on the CPU: a few MB, and a millisecond until somebody looks whether to go on."""
BLOCK_ELSEWHERE: Final = 1 << 24
"""Values of a block elsewhere: an accelerator wants few, large operations."""


def block_size(device: torch.device) -> int:
    """Return how many values to look at together on a device."""
    return BLOCK_CPU if device.type == "cpu" else BLOCK_ELSEWHERE


def blocks_in_order(tensor: Tensor, size: int, *, start: int = 0) -> Iterator[tuple[int, Tensor]]:
    """Yield each block with the row-major place of its first value, from the place `start` on.

    A block has 1 to `size` values, and is a view wherever the strides allow. Iterative, for any number of dimensions.
    """
    waiting = [(0, tensor)]
    while waiting:
        place, here = waiting.pop()
        count = here.numel()
        if count == 0 or place + count <= start:
            continue
        if count <= size or here.dim() <= 1:
            flat = here.reshape(-1)  # copies, unless the strides allow a view; of one dimension it never does
            first = max(0, start - place)
            for piece in torch.split(flat[first:], size):
                yield place + first, piece
                first += piece.numel()
            continue
        inner = count // here.size(0)
        first = max(0, start - place) // inner
        rows = min(max(1, size // inner), here.size(0) - first)
        # what is left waits below the rows that come first: nothing is cut before its turn
        if first + rows < here.size(0):
            waiting.append((place + (first + rows) * inner, here[first + rows :]))
        rest = here[first : first + rows]
        waiting.append((place + first * inner, rest if rows > 1 else rest[0]))


def index_of(place: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the index of a row-major place."""
    index = []
    for size in reversed(shape):
        place, here = divmod(place, size)
        index.append(here)
    return tuple(reversed(index))


def place_of(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """Return the row-major place of an index."""
    place = 0
    for here, size in zip(index, shape, strict=True):
        place = place * size + here
    return place
