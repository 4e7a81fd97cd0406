"""Remembers what the nodes of a graph have saved, before a backward frees it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from tui.kernel.autograd.measures import bytes_of
from tui.kernel.autograd.node_private import saved_of
from tui.kernel.autograd.walk import Walk

_NODES: Final = 20_000
_ONE_BYTES: Final = 1 << 20
_ALL_BYTES: Final = 64 << 20


def remember_saved(graph: Walk) -> None:
    """Keep what nodes saved, so that a backward can be stepped through after it: small tensors whole, of others
    shape and dtype alone (on the meta device). Copies nothing; of very large graphs only the nodes near the root.
    """
    left = _ALL_BYTES
    for place in range(min(len(graph), _NODES)):
        kept = []
        for saved in saved_of(graph.nodes[place]):
            if saved.state == "freed":
                break
            size = 0 if saved.tensor is None else bytes_of(saved.tensor)
            if size > min(left, _ONE_BYTES):
                saved = replace(saved, tensor=_shape_alone(saved.tensor))
            else:
                left -= size
            kept.append(saved)
        else:
            if kept:
                graph.memory[place] = kept


def _shape_alone(tensor: Tensor | None) -> Tensor | None:
    if tensor is None:
        return None
    try:
        return torch.empty(tuple(tensor.shape), dtype=tensor.dtype, device="meta")
    except (RuntimeError, TypeError, NotImplementedError):
        return None
