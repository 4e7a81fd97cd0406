"""The leaf tensors that the namespace reaches, and for each, in plain words, why `.grad` is what it is."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot, inf, nan, sqrt

import torch
from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.module_walk import member_path, parameters_of, walk
from tui.kernel.safe_objects import class_name, is_a, user_variables
from tui.kernel.tensor_stats import TensorStats, batch_stats
from tui.kernel.variables import attribute


@dataclass
class Found:
    """A tensor that the namespace reaches."""

    name: str
    tensor: Tensor
    is_parameter: bool
    owner: str
    """The module variable whose parameter it is; empty for a variable of its own."""
    others: list[str] = field(default_factory=list)
    """Further names of the same tensor."""
    grad: Tensor | None = None
    leaf: bool = True
    tracked: bool = False
    retains: bool = False
    """A result that keeps its gradient, after `retain_grad()`."""


def rank(item: Found) -> int:
    """Return the order of the table: leaves that require grad, results of operations, other leaves."""
    return (2 if item.leaf else 1) if not (item.leaf and item.tracked) else 0


def reached_leaves(namespace: Mapping[str, object], hidden: Container[str]) -> list[Found]:
    """Return each tensor once: tensor variables and parameters of module variables, in their order."""
    found: dict[int, Found] = {}

    def add(name: str, tensor: Tensor, *, parameter: bool, owner: str) -> None:
        known = found.get(id(tensor))
        if known is not None:
            known.others.append(name)
            return
        item = Found(name, tensor, parameter, owner)
        item.leaf, item.tracked = bool(attribute(tensor, "is_leaf")), bool(attribute(tensor, "requires_grad"))
        item.retains = bool(attribute(tensor, "retains_grad"))
        if item.tracked and (item.leaf or item.retains):
            grad = attribute(tensor, "grad")
            item.grad = grad if isinstance(grad, Tensor) else None
        found[id(tensor)] = item

    for name, value in user_variables(namespace, hidden):
        if is_a(value, Tensor):
            add(name, value, parameter=is_a(value, nn.Parameter), owner="")
        elif is_a(value, nn.Module):
            for visit in walk(name, value):
                for own, tensor in () if visit.first else parameters_of(visit.module):
                    path = member_path(visit.path, visit.module, own, "_parameters")
                    add(path, tensor, parameter=True, owner=name)
    return list(found.values())


@dataclass(frozen=True)
class Norm:
    """Size of a tensor's values in one number."""

    norm: float | None
    """2-norm: NaN or Inf where values are; None where they cannot be read or the time was up."""
    nonfinite: int


def norms_of(tensors: Sequence[Tensor | None], deadline_s: float) -> list[Norm]:
    """Return the 2-norms of the tensors, all their values counted; one transfer per device."""
    known = {index: coalesced(tensor) for index, tensor in enumerate(tensors) if tensor is not None}
    stats = batch_stats(list(known.values()), limit=None, deadline_s=deadline_s)
    norms = [Norm(None, 0) for _ in tensors]
    for index, one in zip(known, stats, strict=True):
        if isinstance(one, TensorStats):
            norms[index] = Norm(norm_of(one), one.nonfinite)
    return norms


def coalesced(tensor: Tensor) -> Tensor:
    """Return a sparse gradient with the values of one place added up, as its norm needs them."""
    if attribute(tensor, "layout") is torch.sparse_coo and not tensor.is_coalesced():
        return Tensor.coalesce(tensor)
    return tensor


def norm_of(stats: TensorStats) -> float:
    """Return the 2-norm that the statistics tell of: NaN or Inf where values are."""
    if stats.nan:
        return nan
    if stats.nonfinite:
        return inf
    if stats.mean is None:
        return 0.0
    return hypot(sqrt(stats.counted) * stats.mean, sqrt(stats.counted - 1) * (stats.std or 0.0))


def verdict_of(item: Found, grad: Norm, *, others_reached: bool) -> str:
    """Return why `.grad` is None, or what it holds, as far as that can be known from outside.

    `others_reached`: whether other parameters of the same module have a gradient.
    """
    if torch_private.is_lazy(item.tensor):
        return "not initialized: a lazy module gets its shape from the first input"
    if not item.leaf:
        maker = class_name(attribute(item.tensor, "grad_fn"))
        if item.retains:
            so_far = "no backward has reached it yet" if item.grad is None else "it has one"
            return f"not a leaf: made by {maker}; retain_grad() keeps its .grad, {so_far}"
        return f"not a leaf: made by {maker}; .grad is kept only after retain_grad()"
    if not item.tracked:
        dtype = item.tensor.dtype
        if not (dtype.is_floating_point or dtype.is_complex):
            name = str(dtype).removeprefix("torch.")
            return f"{name} cannot require grad: only floating point and complex tensors can"
        if Tensor.is_inference(item.tensor):
            return "made in inference mode: autograd cannot track it"
        return "requires_grad is False: autograd does not track it"
    if item.grad is None:
        if others_reached:
            return f"no gradient, though others of {item.owner} have one: the backward did not reach it"
        return "no backward has reached it yet, or zero_grad() has freed its gradient"
    if grad.nonfinite:
        return f"has a gradient with {grad.nonfinite:,} NaN or infinite values"
    if grad.norm == 0:
        return "has a gradient of zeros: zeroed since, or what it does never reaches the loss"
    return "has a gradient: the sum of all backwards since it was last zeroed"
