"""Batch normalization on the meta device at no cost: torch takes milliseconds for each there, in Python."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn

from tui.kernel import torch_private

_NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def shorten(modules: Iterable[nn.Module]) -> None:
    """Have stand-ins of torch's own batch normalizations give their input's shape; see NOTE [Stand-ins].

    Where anything could go wrong (another width, dtype or number of dimensions, one value for each channel) they run
    as they are, so that the words are torch's.
    """
    for module in modules:
        if type(module) in _NORMS and "forward" not in vars(module):
            vars(module)["forward"] = functools.partial(_normalized, module)


def _normalized(module: Any, input: Tensor) -> Tensor:
    weight: Any = torch_private.module_table(module, "_parameters").get("weight")
    fits = (
        type(input) is Tensor
        and 2 <= input.dim() <= 5
        and input.shape[1] == module.num_features
        and input.numel() > input.shape[1]
        and (weight is None or weight.dtype == input.dtype)
    )
    if not fits:
        return type(module).forward(module, input)  # type: ignore[no-any-return]
    module._check_input_dim(input)
    return torch.empty_like(input)
