"""What a call called, as far as that can be told without running code or keeping it alive."""

from __future__ import annotations

import builtins
import types
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tui.kernel.operations.seen import ModuleSeen, see_module
from tui.kernel.safe_objects import is_a

_LIBRARIES: Final[tuple[types.ModuleType, ...]] = (torch, F, torch.linalg, torch.special, torch.fft)

Callee = ModuleSeen | str | None
"""A module that was called; the name of a function of torch; None: anything else."""


def see_callee(function: object) -> Callee:
    """Describe what is called; a function of the user's may hold tensors, so it is not kept."""
    return see_module(function) if is_a(function, nn.Module) else torch_name(function)


def torch_name(function: object) -> str | None:
    """Return the name of a function or class of torch; None for any other object."""
    if function is Tensor:
        return "Tensor"
    if type(function) not in (types.FunctionType, types.BuiltinFunctionType):
        return None
    name: str = function.__name__  # type: ignore[attr-defined]
    for library in _LIBRARIES:
        for candidate in (name, name.removeprefix("linalg_"), name.removeprefix("special_")):
            if (
                library.__dict__.get(candidate) is function
                and builtins.__dict__.get(candidate) is not function
            ):
                return candidate
    for candidate in ("max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool2d"):
        if F.__dict__.get(candidate) is function:  # made by a wrapper that lends it another name
            return candidate
    return None
