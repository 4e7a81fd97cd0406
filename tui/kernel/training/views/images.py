"""Tensors as small pictures of numbers."""

from __future__ import annotations

import math
from typing import Final

import torch

from tui.protocol.views import Image

MAX_SIDE: Final = 64
"""Larger pictures are thinned out: every second, third, ... row and column."""
MIN_SIDE: Final = 3
"""What is smaller is no picture but a list of vectors."""
DIGITS: Final = 4
"""Of the largest value; the others have as many places."""


def picture_shape(shape: tuple[int, ...]) -> bool:
    """Return whether a tensor of this shape, without the batch, is a picture: (H, W), (1, H, W) or (3, H, W)."""
    if len(shape) == 3 and shape[0] not in (1, 3):
        return False
    return len(shape) in (2, 3) and min(shape[-2:]) >= MIN_SIDE


def thinned(pictures: torch.Tensor) -> torch.Tensor:
    """Return a view of (…, H, W) that is at most `MAX_SIDE` high and wide."""
    height, width = pictures.shape[-2:]
    every = max(1, -(-max(height, width) // MAX_SIDE))
    return pictures[..., ::every, ::every]


def image_of(picture: torch.Tensor) -> Image:
    """Return (H, W), (1, H, W) or (3, H, W) as a picture. This is a sync point."""
    picture = thinned(picture.detach())
    if picture.dim() == 3:
        picture = (
            picture.squeeze(0) if picture.size(0) == 1 else picture.permute(1, 2, 0)
        )  # (H, W) or (H, W, 3)
    return Image(tuple(picture.shape), rounded(picture))


def rounded(values: torch.Tensor) -> tuple[float, ...]:
    """Return numbers row by row with as many places as are of use, so that their text is short. A sync point."""
    wide = values.detach().to("cpu", torch.float64).reshape(-1)
    finite = wide[torch.isfinite(wide)]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    if largest > 0.0:
        places = DIGITS - 1 - math.floor(math.log10(largest))
        if abs(places) < 300:
            wide = torch.round(wide, decimals=places)
    return tuple(wide.tolist())
