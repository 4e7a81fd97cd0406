"""What changes gradients and values: clearing, a step against the gradient, a step of an optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.autograd.errors import AutogradError
from tui.kernel.autograd.gradients import readable
from tui.kernel.autograd.naming import HIDDEN
from tui.kernel.autograd.optimizers import optimizers_of, parameters_of
from tui.kernel.leaves import Found, norm_of, reached_leaves
from tui.kernel.summary import number
from tui.kernel.tensor_stats import TensorStats, batch_stats
from tui.kernel.variables import attribute
from tui.protocol.gradients import Change, Changes

_CHANGES: Final = 1000
_SHORT: Final = 4
_LISTED: Final = 5
_COPIED_BYTES: Final = 256 << 20
"""Values that are copied at most, to tell how far an optimizer's step moved them."""


def zero_grad(namespace: Mapping[str, object], names: Sequence[str] = ()) -> Changes:
    """Set ``.grad`` of leaves to None; return what it was.

    Raises:
        AutogradError: ``gone``: a name is none of a leaf.
    """
    chosen = [item for item in _chosen(namespace, names) if item.grad is not None]
    before = _summaries([item.grad for item in chosen])
    for item in chosen:
        with torch_private.FREEING_GRADIENTS:
            item.tensor.grad = None
    rows = [
        Change(item.name, text, "None", norm, None) for item, (text, norm) in zip(chosen, before, strict=True)
    ]
    listed = [item.name for item in chosen]
    code = f"{listed[0]}.grad = None" if len(listed) == 1 else f"for p in {_tuple(listed)}: p.grad = None"
    return Changes(code, tuple(rows[:_CHANGES]))


def descend(
    namespace: Mapping[str, object], lr: float = 0.1, optimizer: str = "", names: Sequence[str] = ()
) -> Changes:
    """Make one step against the gradient, or one of an optimizer; return the values before and after.

    An optimizer's step is the user's own code, which runs because they asked for it.

    Raises:
        AutogradError: ``gone``: no such leaf or optimizer; ``bad request``: nothing has a gradient.
    """
    if optimizer:
        return _optimizer_step(namespace, optimizer)
    chosen = [item for item in _chosen(namespace, names) if item.grad is not None]
    if not chosen:
        raise AutogradError("bad request", "No leaf has a gradient yet: run backward first.")
    tensors = [item.tensor for item in chosen]
    before = _summaries(tensors)
    with torch.no_grad():
        for item in chosen:
            assert item.grad is not None
            item.tensor.sub_(lr * item.grad)
    after = _summaries(tensors)
    moved = [
        None if norm is None else abs(lr) * norm for _, norm in _summaries([item.grad for item in chosen])
    ]
    listed = [item.name for item in chosen]
    one = listed[0] if len(listed) == 1 else "p"
    step = f"{one} -= {lr:g} * {one}.grad"
    code = f"with torch.no_grad():\n    {step if len(listed) == 1 else f'for p in {_tuple(listed)}: {step}'}"
    return Changes(code, _changes(listed, before, after, moved))


def _optimizer_step(namespace: Mapping[str, object], name: str) -> Changes:
    optimizer = optimizers_of(namespace).get(name)
    if optimizer is None:
        raise AutogradError("gone", f"There is no optimizer {name}.")
    if isinstance(optimizer, torch.optim.LBFGS):
        raise AutogradError(
            "bad request", f"{name} is an LBFGS: its step runs your closure; call it in a cell."
        )
    tensors = parameters_of(optimizer)
    if all(attribute(tensor, "grad") is None for tensor in tensors):
        raise AutogradError("bad request", f"No parameter of {name} has a gradient yet: run backward first.")
    known = {id(item.tensor): item.name for item in reached_leaves(namespace, HIDDEN)}
    names = [known.get(id(tensor), f"{name} parameter {i}") for i, tensor in enumerate(tensors)]
    before = _summaries(tensors)
    kept = _copies(tensors)
    try:
        optimizer.step()
    except Exception as error:
        raise AutogradError(
            "bad request", f"{name}.step() failed: {type(error).__name__}: {error}"
        ) from error
    return Changes(f"{name}.step()", _changes(names, before, _summaries(tensors), _moved(tensors, kept)))


_Summary = tuple[str, float | None]


def _copies(tensors: Sequence[Tensor]) -> list[Tensor | None]:
    """Return copies to be held against what a step makes of them; None for those past what is worth copying."""
    left, found = _COPIED_BYTES, list[Tensor | None]()
    for tensor in tensors:
        size = tensor.numel() * tensor.element_size()
        plain = readable(tensor) and tensor.layout is torch.strided and size <= left
        left -= size if plain else 0
        found.append(tensor.detach().clone() if plain else None)
    return found


def _moved(tensors: Sequence[Tensor], kept: Sequence[Tensor | None]) -> list[float | None]:
    """Return how far each was moved."""
    with torch.no_grad():
        apart = [None if old is None else one.detach() - old for one, old in zip(tensors, kept, strict=True)]
    norms = [norm for _, norm in _summaries(apart)]
    return [None if one is None else norm for one, norm in zip(apart, norms, strict=True)]


def _changes(
    names: list[str], before: list[_Summary], after: list[_Summary], moved: list[float | None]
) -> tuple[Change, ...]:
    rows = [
        Change(name, old, new, old_norm, new_norm, far)
        for name, (old, old_norm), (new, new_norm), far in zip(names, before, after, moved, strict=True)
    ]
    return tuple(rows[:_CHANGES])


def _tuple(names: list[str]) -> str:
    """Return the names as one would type them; of many, the first."""
    return f"({', '.join(names[:_LISTED])}{', …' if len(names) > _LISTED else ''})"


def _chosen(namespace: Mapping[str, object], names: Sequence[str]) -> list[Found]:
    found = [item for item in reached_leaves(namespace, HIDDEN) if item.leaf and item.tracked]
    if not names:
        return found
    by_name = {name: item for item in found for name in (item.name, *item.others)}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise AutogradError("gone", f"There is no leaf {missing[0]} that requires grad.")
    return [by_name[name] for name in names]


def _summaries(tensors: Sequence[Tensor | None]) -> list[_Summary]:
    """Return of each tensor a short text, its values where there are few, else its norm; and the norm."""
    present = [torch.zeros(0) if one is None else one.detach() for one in tensors]
    found: list[_Summary] = []
    for tensor, stats in zip(present, batch_stats(present, limit=None), strict=True):
        norm = norm_of(stats) if isinstance(stats, TensorStats) else None
        if 0 < tensor.numel() <= _SHORT and readable(tensor) and not tensor.is_complex():
            values = [number(float(value)) for value in tensor.to_dense().reshape(-1).tolist()]
            found.append((values[0] if not tensor.shape else f"[{', '.join(values)}]", norm))
        else:
            found.append(("?" if norm is None else f"norm {number(norm)}", norm))
    return found
