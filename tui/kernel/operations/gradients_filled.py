"""What a `backward()` in a cell left in the `.grad` of the leaves that have a name."""

from __future__ import annotations

import ast
import math
import time
from collections.abc import Container, Mapping, Sequence
from itertools import groupby
from typing import Final

from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.leaves import Found, Norm, norms_of, reached_leaves
from tui.kernel.operations.words import shape_text
from tui.protocol.operations import Operand, Step

NAMED: Final = 4
"""Leaves that are told of one by one; more are counted."""
BUDGET_S: Final = 0.2
"""Time for their norms."""

Marks = dict[int, tuple[int, int | None] | None]
"""By leaf, what tells its gradient from another one or from an earlier value; None where it has none."""


def calls_backward(module: ast.Module) -> bool:
    """Whether a cell calls something named `backward`."""
    return any(isinstance(node, ast.Attribute) and node.attr == "backward" for node in ast.walk(module))


def gradient_marks(namespace: Mapping[str, object], hidden: Container[str]) -> Marks:
    """Return by what it will be seen whose gradient has changed; holds no tensor."""
    return {id(item.tensor): _mark(item) for item in _leaves(namespace, hidden)}


def filled(namespace: Mapping[str, object], hidden: Container[str], before: Marks) -> Step | None:
    """Return what changed of the gradients since `before`; None where nothing did."""
    leaves = _leaves(namespace, hidden)
    changed = [item for item in leaves if _mark(item) != before.get(id(item.tensor))]
    changed = [item for item in changed if item.grad is not None]
    if not changed:
        return None
    notes = [_into(changed)]
    added = [item for item in changed if before.get(id(item.tensor)) is not None]
    if added:
        whose = "what was there" if len(added) == len(changed) else f"what {_listed(added)} had"
        notes.append(f"added to {whose}: .grad sums every backward until zero_grad() or .grad = None")
    owners = {item.owner for item in changed}
    missed = [item for item in leaves if item.grad is None and (not item.owner or item.owner in owners)]
    if missed and len(missed) <= NAMED:  # of more, most have nothing to do with it
        notes.append(f"no gradient for {_listed(missed)}: nothing of this result was computed from it")
    return Step("backward", "backward()", "other", (), Operand("", None), notes=tuple(notes))


def _leaves(namespace: Mapping[str, object], hidden: Container[str]) -> list[Found]:
    with torch_private.without_overrides():
        return [item for item in reached_leaves(namespace, hidden) if item.leaf and item.tracked]


def _mark(item: Found) -> tuple[int, int | None] | None:
    return None if item.grad is None else (id(item.grad), torch_private.version_of(item.grad))


def _into(changed: Sequence[Found]) -> str:
    if len(changed) > NAMED:
        return f"into .grad of {_listed(changed)}"
    norms = norms_of([item.grad for item in changed], time.monotonic() + BUDGET_S)
    told = (_told(item, norm) for item, norm in zip(changed, norms, strict=True))
    return f"into .grad of {' · '.join(told)}"


def _told(item: Found, norm: Norm) -> str:
    size = tuple(Tensor.size(item.tensor)) if not torch_private.is_lazy(item.tensor) else None
    shape = f" {shape_text(size)}" if size is not None else ""
    value = (
        "" if norm.norm is None else f" norm {norm.norm:.4g}" if math.isfinite(norm.norm) else " not finite"
    )
    return f"{item.name}{shape}{value}"


def _listed(items: Sequence[Found]) -> str:
    """Return names, and how many parameters of each module."""
    parts: list[str] = []
    for owner, group in groupby(items, key=lambda item: item.owner):
        of_it = list(group)
        if owner and len(of_it) > 1:
            parts.append(f"{len(of_it):,} parameters of {owner}")
        else:
            parts += [item.name for item in of_it]
    more = len(parts) - NAMED
    return ", ".join(parts[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
