"""The norm of the gradient that came in at each node of a backward, on one log scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tui.protocol.autograd import BackwardDone
from tui.widgets.gradients.norms import LogScale, scale_of
from tui.widgets.graph.structure import Floats, Ints, unpack_floats, unpack_ints

FAR = 1e4
"""A norm that is so many times less or more than where backward began is called vanishing or exploding."""
BEGAN = 16
"""Nodes that stand for where it began; or a twentieth, of a large graph."""

Alarm = Literal["", "vanishing", "exploding", "nonfinite"]
Progress = Literal["", "ran", "now"]
"""Not yet, or it is not being stepped through · its turn is over · it is its turn."""


@dataclass(frozen=True, eq=False)
class Gradients:
    """What a backward told of each node."""

    norms: Floats
    """(nodes,): NaN where none came, or where `nonfinite` is not 0."""
    nonfinite: Ints
    """(nodes,): NaN and infinite values."""
    turns: Ints
    """(nodes,): when each ran, counted from 0; the number of all that ran where it did not."""
    scale: LogScale
    begins: tuple[float, float]
    """Least and largest of: the norm at the root, and the median of the nodes that ran first."""

    def norm(self, node: int) -> float | None:
        """Return the norm; None where no gradient came."""
        norm = float(self.norms[node])
        return None if norm != norm and not self.nonfinite[node] else norm

    def alarm(self, node: int) -> Alarm:
        """Return what is wrong with the gradient of a node."""
        if self.nonfinite[node]:
            return "nonfinite"
        norm = float(self.norms[node])
        if norm == np.inf or (norm and norm > self.begins[1] * FAR):
            return "exploding"
        return "vanishing" if norm < self.begins[0] / FAR else ""

    def progress(self, first: int, end: int, now: int | None) -> Progress:
        """Return how far the nodes from `first` to before `end` are when it is the turn of `now`; None: of none."""
        if now is None:
            return ""
        if first <= now < end:
            return "now"
        ran: bool = self.turns[first:end].max() < self.turns[now]
        return "ran" if ran else ""


def gradients_of(done: BackwardDone, nodes: int) -> Gradients:
    """Return the gradients of a backward.

    Raises:
        ValueError: where they are not of a graph of so many nodes.
    """
    norms, nonfinite, order = unpack_floats(done.norms), unpack_ints(done.nonfinite), unpack_ints(done.order)
    if (
        len(norms) != nodes
        or len(nonfinite) != nodes
        or (order.size and not 0 <= order.min() <= order.max() < nodes)
    ):
        raise ValueError("gradients of another graph")
    turns = np.full(nodes, len(order), np.int32)
    turns[order] = np.arange(len(order), dtype=np.int32)
    usual = norms[np.isfinite(norms) & (norms > 0)]
    if not usual.size:
        return Gradients(norms, nonfinite, turns, scale_of(()), (0.0, 0.0))
    scale = scale_of((float(usual.min()), float(usual.max())))
    early = norms[order[: max(BEGAN, len(order) // 20)]]
    early = early[np.isfinite(early) & (early > 0)]
    around = [*early[:1].tolist(), float(np.median(early if early.size else usual))]
    return Gradients(norms, nonfinite, turns, scale, (min(around), max(around)))
