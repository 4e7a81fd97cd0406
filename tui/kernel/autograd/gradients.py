"""Every leaf with its gradient: how large it is, and why there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from math import isfinite, log10
from typing import Final

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.autograd.naming import HIDDEN
from tui.kernel.autograd.optimizers import next_update, optimizers_of, plans_of
from tui.kernel.leaves import Found, Norm, coalesced, norm_of, rank, reached_leaves, verdict_of
from tui.kernel.tensor_stats import TensorStats, batch_stats
from tui.kernel.variables import attribute, shape_of
from tui.protocol.gradients import GradientRow, GradientTable

BUDGET_S: Final = 1.0
"""Time for the statistics of one table; rows beyond it have none."""
CountOf = Callable[[Tensor], int | None]


def tracked_leaves(namespace: Mapping[str, object]) -> list[Tensor]:
    """Return the leaves that require grad, each once."""
    with torch_private.without_overrides():
        return [item.tensor for item in reached_leaves(namespace, HIDDEN) if item.leaf and item.tracked]


def list_gradients(
    namespace: Mapping[str, object],
    *,
    limit: int = 5000,
    budget_s: float = BUDGET_S,
    count_of: CountOf = lambda leaf: None,
) -> GradientTable:
    """Return leaves that require grad, then results of operations, then other leaves; reads, changes nothing.

    Args:
        namespace: the user's.
        limit: rows beyond it are counted in `omitted`.
        budget_s: time for statistics and update ratios.
        count_of: how many backwards the gradient of a leaf is the sum of; None where that is not known.
    """
    deadline_s = time.monotonic() + budget_s
    optimizers = optimizers_of(namespace)
    with torch.no_grad(), torch_private.without_overrides():
        found = sorted(reached_leaves(namespace, HIDDEN), key=rank)
        reached = {item.owner for item in found if item.owner and item.grad is not None}
        listed = found[:limit]
        values = [coalesced(item.tensor) for item in listed]
        grads = [coalesced(item.grad) for item in listed if item.grad is not None]
        stats = batch_stats([*values, *grads], limit=None, deadline_s=deadline_s)
        zeros = _zero_fractions(grads, deadline_s)
        of_grads = iter(zip(stats[len(values) :], zeros, strict=True))
        ratios = _update_ratios(listed, plans_of(optimizers), deadline_s)
        rows = []
        for item, value in zip(listed, stats[: len(values)], strict=True):
            grad, zero = next(of_grads) if item.grad is not None else (None, None)
            reading = _Reading(
                value if isinstance(value, TensorStats) else None,
                grad if isinstance(grad, TensorStats) else None,
                zero,
                ratios.get(id(item.tensor)),
                _count(item, count_of),
            )
            rows.append(_row(item, reading, others_reached=item.owner in reached))
    backwards = max((row.backwards or 0 for row in rows if row.grad_norm is not None), default=0)
    return GradientTable(tuple(rows), backwards, tuple(optimizers), len(found) - len(listed))


def _count(item: Found, count_of: CountOf) -> int | None:
    if not (item.leaf and item.tracked):
        return None
    return 0 if item.grad is None else count_of(item.tensor)


class _Reading:
    """What was read of one row."""

    def __init__(
        self,
        value: TensorStats | None,
        grad: TensorStats | None,
        zeros: float | None,
        ratio: float | None,
        backwards: int | None,
    ) -> None:
        self.value, self.grad, self.zeros = value, grad, zeros
        self.ratio, self.backwards = ratio, backwards


def _row(item: Found, reading: _Reading, *, others_reached: bool) -> GradientRow:
    grad = reading.grad
    norm = Norm(norm_of(grad), grad.nonfinite) if grad is not None else Norm(None, 0)
    verdict = verdict_of(item, norm, others_reached=others_reached)
    if reading.backwards is not None and reading.backwards > 1:
        verdict = f"has a gradient: the sum of {reading.backwards:,} backwards since it was last cleared"
    if item.others:
        verdict += f"; also named {', '.join(item.others[:3])}{'…' if len(item.others) > 3 else ''}"
    return GradientRow(
        name=item.name,
        shape=shape_of(item.tensor) or (),
        dtype=str(attribute(item.tensor, "dtype")).removeprefix("torch."),
        device=str(attribute(item.tensor, "device")),
        is_parameter=item.is_parameter,
        requires_grad=item.tracked,
        value_norm=norm_of(reading.value) if reading.value is not None else None,
        grad_norm=norm.norm,
        minimum=None if grad is None else grad.minimum,
        maximum=None if grad is None else grad.maximum,
        mean=None if grad is None else grad.mean,
        std=None if grad is None else grad.std,
        zero_fraction=reading.zeros,
        nonfinite=norm.nonfinite,
        update_ratio=reading.ratio,
        backwards=reading.backwards,
        verdict=verdict,
        is_leaf=item.leaf,
    )


def _zero_fractions(grads: Sequence[Tensor | None], deadline_s: float) -> list[float | None]:
    """Return the share of zeros of each; None where it cannot be told or the time was up. One transfer per device."""
    counts: dict[torch.device, list[tuple[int, Tensor]]] = {}
    found: list[float | None] = [None] * len(grads)
    for place, grad in enumerate(grads):
        if grad is None or not readable(grad) or not grad.numel() or time.monotonic() > deadline_s:
            continue
        values = torch_private.stored_values(grad) if grad.layout is not torch.strided else grad
        counts.setdefault(grad.device, []).append((place, torch.count_nonzero(values)))
    for group in counts.values():
        for (place, _), count in zip(group, torch.stack([count for _, count in group]).tolist(), strict=True):
            grad = grads[place]
            assert grad is not None
            found[place] = 1 - count / grad.numel()
    return found


def readable(tensor: Tensor) -> bool:
    plain = tensor.layout in (torch.strided, torch.sparse_coo) and tensor.device.type != "meta"
    return plain and not torch_private.dispatches_in_python(tensor) and not tensor.is_nested


def _update_ratios(listed: list[Found], plans: Mapping[int, object], deadline_s: float) -> dict[int, float]:
    """Return log10 of |update| over |value| of the next step, by the `id` of the parameter."""
    pairs: dict[torch.device, list[tuple[int, Tensor]]] = {}
    for item in listed:
        plan = plans.get(id(item.tensor))
        if plan is None or item.grad is None or not readable(item.tensor) or time.monotonic() > deadline_s:
            continue
        update = next_update(item.tensor, item.grad, plan)  # type: ignore[arg-type]
        if update is not None:
            norms = torch.stack([torch.linalg.vector_norm(one).double() for one in (update, item.tensor)])
            pairs.setdefault(item.tensor.device, []).append((id(item.tensor), norms))
    found = {}
    for group in pairs.values():
        for (identity, _), (update_norm, value_norm) in zip(
            group, torch.stack([norms for _, norms in group]).tolist(), strict=True
        ):
            if update_norm > 0 and value_norm > 0 and isfinite(update_norm) and isfinite(value_norm):
                found[identity] = log10(update_norm / value_norm)
    return found
