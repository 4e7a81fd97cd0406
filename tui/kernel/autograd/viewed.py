"""What the tensor viewer may open of a graph: gradients that came in at its nodes, and what these had saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torch import Tensor

from tui.kernel.autograd.measures import Gradients

_MOST: Final = 8
"""Nodes whose saved tensors are listed at a time: those that were looked at last."""


class Viewed:
    """Of one graph, as the viewer's expressions reach it: ``graph1.grads[12][0]``, ``graph1.saved[12]['self']``.

    Holds what the graph and its last backward hold anyhow, as plain dictionaries: see `viewing.lookups`.
    """

    def __init__(self, name: str = "graph") -> None:
        self.name = name
        self.grads: dict[int, Gradients] = {}
        """For the nodes whose gradients are kept: that of each output."""
        self.saved: dict[int, dict[str, Tensor]] = {}

    def forget(self) -> None:
        """Let go of what the last backward left."""
        self.grads, self.saved = {}, {}

    def grad(self, node: int, output: int) -> str:
        """Return the expression for a gradient that came in; empty where it is not kept."""
        kept = self.grads.get(node, ())
        return (
            f"{self.name}.grads[{node}][{output}]" if output < len(kept) and kept[output] is not None else ""
        )

    def keep(self, node: int, label: str, tensor: Tensor) -> str:
        """List what a node had saved, and return the expression for it."""
        known = self.saved.setdefault(node, {})
        known[label] = tensor
        for other in list(self.saved)[:-_MOST]:
            self.saved.pop(other, None)
        return f"{self.name}.saved[{node}][{label!r}]"


def free_name(wanted: str, namespace: Mapping[str, object]) -> str:
    """Return the name, with underscores where it is one of the user's."""
    while wanted in namespace:
        wanted += "_"
    return wanted
