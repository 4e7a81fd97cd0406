"""Layers of a model, frozen and thawed: their own parameters' ``requires_grad``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tui.kernel.module_walk import children_of, elements_of, parameters_of
from tui.kernel.safe_objects import class_name
from tui.kernel.torch_private import FREEING_GRADIENTS


@dataclass(frozen=True)
class Layer:
    """A module with parameters of its own."""

    path: str
    """As `named_modules` has it; empty for the model itself."""
    module: nn.Module
    own: tuple[Tensor, ...]

    @property
    def parameters(self) -> int:
        """Elements of its own parameters."""
        return sum(max(0, elements_of(parameter)) for parameter in self.own)

    @property
    def class_name(self) -> str:
        """Of the module."""
        return class_name(self.module)

    @property
    def frozen(self) -> bool:
        """Whether none of its own parameters requires grad."""
        return not any(requires_grad(parameter) for parameter in self.own)


def layers_of(model: nn.Module) -> list[Layer]:
    """Return every module with parameters of its own, once, parents first. Runs no code of the user's."""
    found: list[Layer] = []
    seen: set[int] = set()
    waiting = [("", model)]
    while waiting:
        path, module = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        own = tuple(parameter for _, parameter in parameters_of(module))
        if own:
            found.append(Layer(path, module, own))
        waiting += [
            (f"{path}.{name}" if path else name, child) for name, child in reversed(children_of(module))
        ]
    return found


def requires_grad(parameter: Tensor) -> bool:
    """Return a tensor's `requires_grad` by torch's own getter."""
    return bool(Tensor.requires_grad.__get__(parameter))  # type: ignore[attr-defined]


def set_frozen(parameters: Iterable[Tensor], frozen: bool) -> None:
    """Freeze or thaw parameters, between two steps.

    A frozen one loses its gradient as well: an optimizer passes over what has none, so that neither momentum nor
    weight decay goes on moving it. What the optimizer keeps of it stays, and is used again when it is thawed. Buffers,
    such as the running mean of a batch normalization, are no parameters and go on changing.
    """
    with FREEING_GRADIENTS:
        for parameter in parameters:
            if frozen:
                parameter.grad = None
            parameter.requires_grad_(not frozen)


def why_not(layer: Layer, frozen: bool, optimizer: torch.optim.Optimizer) -> str:
    """Return why a layer cannot be frozen or thawed; empty where it can."""
    name = layer.path or "the model"
    if isinstance(optimizer, torch.optim.LBFGS):
        return "LBFGS updates all parameters as one, so no layer can be left out while it runs"
    if any(not Tensor.is_leaf.__get__(p) for p in layer.own):  # type: ignore[attr-defined]
        return f"parameters of {name} are computed from others, which would have to be frozen"
    if not frozen and any(not (p.is_floating_point() or p.is_complex()) for p in layer.own):
        return f"parameters of {name} are whole numbers, which cannot be trained"
    given = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not frozen and not any(id(p) in given for p in layer.own):
        return f"the optimizer was not given the parameters of {name}, so to thaw it would train nothing"
    return ""


def change_name(path: str) -> str:
    """Return the name under which a record notes that a layer was frozen or thawed."""
    return f"frozen {path}".strip()
