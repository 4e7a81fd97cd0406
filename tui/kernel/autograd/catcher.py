"""Catches gradients while a backward runs: their norms, and within a budget the whole.

NOTE [Catching gradients]
A pre-hook on a node sees the gradients of its outputs, added up, after the user's own hooks: what the node works
with. Whole gradients are kept in the order in which nodes ran, those next to the root first, until the budget is
spent; of the others only norms remain. What a leaf adds to `.grad` is not held while autograd runs: autograd moves
it into `.grad` where nobody else holds it, and would have to copy it for us. Where `.grad` was None before, it is
that gradient afterwards, and is looked at there.
Norms are taken at once on the CPU, while the values are in the cache; elsewhere in batches, and they come over in one
transfer at the end.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from math import inf, isfinite, nan, sqrt
from typing import Final

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.autograd.caught import Caught, versions_of
from tui.kernel.autograd.errors import EndedError
from tui.kernel.autograd.measures import (
    Gradients,
    bytes_of,
    detached,
    fetched,
    is_plain,
    memory_of,
    norm_of,
    small_norms,
    wide,
    widest,
)

BUDGET_BYTES: Final = 512 << 20
"""Whole gradients that are kept of one backward."""
_SHARES: Final = 8
"""One gradient is kept up to this share of the budget: a larger one takes the room of many."""
_HOST_BYTES: Final = 1 << 20
"""On the CPU, one gradient is kept up to this size. While we hold it, autograd can neither reuse its memory nor add to
it in place, and memory fresh from the system costs as much time as computing what is written there."""
_BATCH_BYTES: Final = 4 << 20
_BATCH_COUNT: Final = 4096
_SENT_BYTES: Final = 4 << 20
"""What one node sent along one edge is kept up to this size: autograd adds larger ones up in place meanwhile."""
_COPIED_BYTES: Final = 64 << 10
_SMALL: Final = 256
"""Elements up to which norms on the CPU are taken of many gradients together."""
_LEAST: Final = 1e-30
"""Square of a norm under which the squares of values may have left float32."""


class Catcher:
    """Takes the gradients as autograd comes to the nodes; `finish` then has their norms."""

    def __init__(
        self, count: int, budget_bytes: int = BUDGET_BYTES, ended: Callable[[], bool] = lambda: False
    ) -> None:
        """`ended`: whether the backward is to end; then the next node that it comes to raises `EndedError`."""
        self.caught = Caught(count)
        self._ended = ended
        self._left = budget_bytes
        self._most = budget_bytes // _SHARES
        self._held: dict[int, tuple[int, int]] = {}
        """For the address of each storage in `whole` the first node that had it and how many elements of it."""
        self._batch: list[tuple[int, Tensor]] = []
        self._batch_bytes = 0
        self._norms: list[tuple[int, Tensor | float]] = []
        self._counts: list[tuple[int, Tensor]] = []
        self._same: list[tuple[int, int]] = []
        """Nodes with an earlier one that had the same values."""

    def take(self, node: int, gradients: Gradients) -> None:
        """Take what came in at a node, and keep it as far as the budget goes."""
        if self._ended():
            raise EndedError
        self.caught.order.append(node)
        plain = detached(gradients)
        alike = self._alike(plain)
        if self._fits(node, plain):
            self.caught.whole[node] = plain
            self.caught.versions[node] = versions_of(plain)
        if alike >= 0:
            self._same.append((node, alike))
        else:
            self._measure(node, plain)

    def take_leaf(self, node: int, gradients: Gradients) -> None:
        """Take what comes to a leaf that has no gradient yet, and hold none of it. See NOTE [Catching gradients]."""
        if self._ended():
            raise EndedError
        self.caught.order.append(node)
        alike = self._alike(gradients)
        if alike >= 0:
            self._same.append((node, alike))
            return
        with torch.no_grad():
            for one in gradients:
                if one is not None:
                    self._add_norm(node, one, held=False)

    def take_sent(self, node: int, gradients: Gradients, _incoming: Gradients) -> None:
        """Take what a node sent on, for edges that meet others at the same output."""
        if any(one is not None and bytes_of(one) > _SENT_BYTES for one in gradients):
            return
        plain = detached(gradients)
        if self._fits(node, plain, measured=False):
            self.caught.sent[node] = plain

    def keep_leaf(self, node: int, gradient: Tensor) -> None:
        """Keep a leaf's gradient that autograd has handed out: it counts towards the budget where it is new."""
        plain = gradient.detach() if gradient.requires_grad else gradient
        if self._fits(node, (plain,), measured=False):
            self.caught.whole[node] = (plain,)
            self.caught.versions[node] = versions_of((plain,))

    def part_from(self, gradients: Sequence[Tensor]) -> None:
        """Copy what shares memory with these, the `.grad` of leaves, into which further backwards will add.

        Not what is large: that stays shared, and `Caught.changed` tells once it was written to.
        """
        shared = {memory_of(one)[0] for one in gradients}
        for kept in (self.caught.whole, self.caught.sent):
            for node, held in kept.items():
                if any(
                    one is not None and bytes_of(one) <= _COPIED_BYTES and memory_of(one)[0] in shared
                    for one in held
                ):
                    kept[node] = tuple(None if one is None else one.clone() for one in held)
                    if kept is self.caught.whole:
                        self.caught.versions[node] = versions_of(kept[node])

    def measure_leaf(self, node: int, gradient: Tensor) -> None:
        """Take the norm of a leaf's gradient that was handed out."""
        self._measure(node, (gradient,))

    def _alike(self, gradients: Gradients) -> int:
        """Return an earlier node that had the same values, maybe in another shape or order; -1: none is known.

        As `t`, `view` and `add` pass them on: the same memory, all of it. So the norm is the same.
        """
        one = gradients[0] if len(gradients) == 1 else None
        if one is None or one.numel() <= _SMALL or not is_plain(one):
            return -1
        address, size = memory_of(one)
        node, elements = self._held.get(address, (-1, 0))
        return node if elements == one.numel() and elements * one.element_size() == size else -1

    def _fits(self, node: int, gradients: Gradients, *, measured: bool = True) -> bool:
        """Take what gradients need from the budget; return whether it is there. `measured`: their norm is taken."""
        size, held = 0, {}
        for one in gradients:
            if one is None:
                continue
            if one.numel() <= _SMALL and one.layout is torch.strided:
                size += one.numel() * one.element_size()  # not worth asking for its memory
            else:
                address, own = memory_of(one)
                if measured and own > (
                    self._most if one.device.type != "cpu" else min(self._most, _HOST_BYTES)
                ):
                    return False
                if address not in self._held:
                    size += own
                    held[address] = (node, one.numel() if measured and len(gradients) == 1 else -1)
        if size > self._left:
            return False
        self._left -= size
        self._held.update(held)
        return True

    def _measure(self, node: int, gradients: Gradients) -> None:
        for one in gradients:
            if one is None:
                continue
            if one.device.type == "cpu" and one.numel() > _SMALL:
                with torch.no_grad():
                    self._add_norm(node, one, held=node in self.caught.whole)
                continue
            self._batch.append((node, one))
            self._batch_bytes += bytes_of(one)
        if self._batch_bytes >= _BATCH_BYTES or len(self._batch) >= _BATCH_COUNT:
            self.flush()

    def flush(self) -> None:
        """Take the norms of what waits for it."""
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        groups: dict[tuple[torch.device, torch.dtype], list[tuple[int, Tensor]]] = {}
        with torch.no_grad():
            for node, gradient in batch:
                if is_plain(gradient) and node in self.caught.whole:
                    groups.setdefault((gradient.device, gradient.dtype), []).append((node, gradient))
                else:
                    self._add_norm(node, gradient, held=node in self.caught.whole)
            for (device, dtype), group in groups.items():
                nodes, tensors = [node for node, _ in group], [one for _, one in group]
                on_host = device.type == "cpu"
                norms = (
                    small_norms(tensors) if on_host else torch._foreach_norm(tensors, 2, dtype=wide(dtype))
                )
                self._norms += zip(nodes, norms, strict=True)

    def _add_norm(self, node: int, gradient: Tensor, *, held: bool) -> None:
        """Take the norm of one gradient; of one that is not held, count now what is not finite."""
        if gradient.device.type == "meta":
            return
        try:
            values = torch_private.stored_values(gradient.coalesce()) if gradient.is_sparse else gradient
            norm = norm_of(values)
            if not held and (gradient.device.type != "cpu" or not isfinite(float(norm))):
                self._counts.append((node, torch.isfinite(values).logical_not_().sum()))
            self._norms.append((node, norm))
        except (RuntimeError, TypeError, NotImplementedError):
            pass  # nested, a class of the user's: it has no norm

    def finish(self) -> Caught:
        """Return what was caught, with norms and counts; one transfer per device, more where values are not finite."""
        self.flush()
        caught = self.caught
        squares: dict[int, float] = {}
        for (node, _), value in zip(self._norms, fetched([norm for _, norm in self._norms]), strict=True):
            squares[node] = squares.get(node, 0.0) + value * value
        caught.norms = array("d", [nan]) * caught.count
        caught.nonfinite = array("i", [0]) * caught.count
        for node, square in squares.items():
            caught.norms[node] = sqrt(square) if square >= 0 else nan
        for (node, _), count in zip(self._counts, fetched([count for _, count in self._counts]), strict=True):
            caught.nonfinite[node] += int(count)
        with torch.no_grad():
            for node, square in squares.items():
                if not _LEAST < square < inf and node in caught.whole:
                    self._look_closer(node)
        for node, alike in self._same:
            caught.norms[node], caught.nonfinite[node] = caught.norms[alike], caught.nonfinite[alike]
        return caught

    def _look_closer(self, node: int) -> None:
        """Count what is not finite in a kept gradient; where all is, its norm only left the range of float32."""
        bad, square = 0, 0.0
        for one in self.caught.whole[node]:
            if one is None:
                continue
            try:
                values = torch_private.stored_values(one) if one.is_sparse else one
                bad += int(torch.isfinite(values).logical_not_().sum())
                square += float(torch.linalg.vector_norm(values.to(widest(values.dtype)))) ** 2
            except (RuntimeError, TypeError, NotImplementedError, OverflowError):
                square = inf
        self.caught.nonfinite[node] = min(bad, 2**31 - 1)
        if not bad:
            self.caught.norms[node] = sqrt(square)
