"""What the preset's own `preview` returned, as a view."""

from __future__ import annotations

from typing import Final

import torch

from tui.kernel.summary import summarize
from tui.kernel.tensor_stats import tensor_stats
from tui.kernel.training.views.images import image_of
from tui.protocol.views import Image, Preview

MAX_IMAGES: Final = 16
MAX_CHARS: Final = 20_000


def preview_text(shown: object) -> str:
    """Return a text as it is, at most `MAX_CHARS` of it; a tensor by shape and statistics; for None nothing."""
    if isinstance(shown, torch.Tensor):
        return f"tensor {tuple(shown.shape)} {summarize(shown, tensor_stats(shown))}"
    text = "" if shown is None else str(shown)
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}… ({len(text):,} characters in all)"


def preview_view(shown: object, step: int, epoch: int) -> Preview:
    """Return what the preset's function returned; tensors that are no pictures by their summary alone."""
    if not isinstance(shown, torch.Tensor):
        return Preview(step, epoch, text=preview_text(shown))
    return Preview(step, epoch, images=_images(shown.detach()), summary=preview_text(shown))


def _images(tensor: torch.Tensor) -> tuple[Image, ...]:
    """Return (H, W) as one picture, (N, H, W) and (N, 1 or 3, H, W) as one each."""
    if tensor.is_complex() or tensor.is_meta or tensor.layout is not torch.strided or not tensor.numel():
        return ()
    if tensor.dim() == 2:
        return (image_of(tensor),)
    if tensor.dim() == 3 or (tensor.dim() == 4 and tensor.size(1) in (1, 3)):
        return tuple(map(image_of, tensor[:MAX_IMAGES]))
    return ()
