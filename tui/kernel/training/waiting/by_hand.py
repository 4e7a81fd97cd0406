"""What the user did to a batch's graph and gradients while the run waited inside that batch.

NOTE [Backward by hand]
At a pause after forward or loss the graph is the user's to look at, and to run. What the loop does when it goes on:

- The graph is as it was: its own backward, as ever.
- It is spent (`loss.backward()` was typed, or `torch.autograd.grad` without `retain_graph`): no backward can run
  through it again, so the step takes the gradients that are in `.grad`. After `loss.backward()` those are the very
  ones the loop would have computed. Where there are none, the optimizer has nothing to go by and leaves the
  parameters as they are.
- It is whole, and there are gradients (`backward(retain_graph=True)`, or set by hand): the loop's backward adds to
  them, as PyTorch does.

The run's log tells of the last two. A graph that keeps all it saved under hooks (checkpointing, offloading) does not
tell that it is spent; there the loop's own backward fails in PyTorch's words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import torch

from tui.kernel import torch_private

SPENT: Final = "its backward was run by hand while paused: the step takes the gradients that were in .grad"
SPENT_EMPTY: Final = (
    "its graph was spent while paused, and there are no gradients: the parameters stay as they were"
    " (retain_graph=True keeps a graph)"
)
ADDED: Final = "there were gradients before its backward, made while paused: it added to them"

Marks = list[tuple[int, int | None] | None]
"""Of each parameter's gradient what tells it from another one or from an earlier value; None where there is none."""


def gradient_marks(parameters: Iterable[torch.Tensor]) -> Marks:
    """Return by what changes of the gradients will be seen; holds none of them."""
    return [
        None if parameter.grad is None else (id(parameter.grad), torch_private.version_of(parameter.grad))
        for parameter in parameters
    ]


def look_at(loss: torch.Tensor, parameters: Iterable[torch.Tensor], before: Marks) -> tuple[bool, str]:
    """Return whether a backward from `loss` cannot or need not run, and what to tell the user, if anything.

    Costs a walk of the graph, and a sync point where gradients have come. Changes nothing.

    Args:
        loss: the batch's.
        parameters: the model's.
        before: `gradient_marks` of the same parameters when the pause began.
    """
    parameters = list(parameters)
    gradients = [parameter.grad for parameter in parameters]
    if _is_spent(loss):
        return True, SPENT if any(gradient is not None for gradient in gradients) else SPENT_EMPTY
    now = gradient_marks(parameters)
    new = [g for g, old, mark in zip(gradients, before, now, strict=False) if g is not None and old != mark]
    return False, ADDED if any(map(_has_values, new)) else ""


def _is_spent(loss: torch.Tensor) -> bool:
    """Return whether what some node behind the loss had saved is freed, of a part of the graph alone as well."""
    from tui.kernel.autograd.errors import AutogradError
    from tui.kernel.autograd.node_private import saved_of
    from tui.kernel.autograd.walk import walk_graph

    try:
        graph = walk_graph(loss)
    except AutogradError:  # the loss is a leaf
        return False
    return any(saved.state == "freed" for node in graph.nodes for saved in saved_of(node))


def _has_values(gradient: torch.Tensor) -> bool:
    """Return whether a gradient is anything but zero everywhere."""
    if gradient.layout is not torch.strided:
        return True
    return bool(torch.count_nonzero(gradient.detach()))
