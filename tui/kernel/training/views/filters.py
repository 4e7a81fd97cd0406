"""The weights of the first convolution as pictures."""

from __future__ import annotations

from typing import Final

from torch import nn

from tui.kernel.torch_private import is_lazy
from tui.kernel.training.views.images import image_of
from tui.protocol.views import Filters

MAX_FILTERS: Final = 64


def first_convolution(model: nn.Module) -> tuple[str, nn.Conv1d | nn.Conv2d] | None:
    """Return the first convolution in the order of the model's parts, with its path; None where there is none."""
    for path, module in model.named_modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d):
            return path, module
    return None


def filters_view(model: nn.Module, step: int) -> Filters | None:
    """Return the filters of the first convolution. This is a sync point."""
    found = first_convolution(model)
    if found is None or is_lazy(found[1].weight):
        return None
    path, layer = found
    weight = layer.weight.detach()[:MAX_FILTERS].cpu()  # (out, in, kh, kw) or (out, in, k)
    if weight.dim() == 3:
        weight = weight[:, :1]  # (out, 1, k): a row each
    elif weight.size(1) != 3:
        weight = weight[:, 0]  # (out, kh, kw)
    return Filters(step, path or type(layer).__name__, tuple(map(image_of, weight)), layer.out_channels)
