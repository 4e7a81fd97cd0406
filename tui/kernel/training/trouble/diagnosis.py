"""What is likely not meant: losses that broadcast silently, schedules made for another length."""

from __future__ import annotations

import torch
from torch import nn

from tui.kernel.training.batches import is_pair
from tui.kernel.training.loop import Loop


def schedule_lengths(scheduler: object) -> dict[str, int]:
    """Return the lengths that a scheduler plans with, in its steps, by name; those of its parts too."""
    lengths: dict[str, int] = {}
    for part in getattr(scheduler, "_schedulers", ()):
        lengths.update(schedule_lengths(part))
    for name in ("T_max", "total_steps", "total_iters"):
        value = getattr(scheduler, name, None)
        if type(value) is int:
            lengths[name] = value
    return lengths


def broadcast_warning(loop: Loop | None) -> str:
    """Return a sentence where the loss silently broadcasts output against target; else nothing."""
    if loop is None or loop.experiment.step is not None or not is_pair(loop.batch):
        return ""
    output, target = loop.output, loop.batch[1]
    if not (isinstance(output, torch.Tensor) and isinstance(target, torch.Tensor)):
        return ""
    if not (output.is_floating_point() and target.is_floating_point()) or output.shape == target.shape:
        return ""
    if not isinstance(loop.experiment.loss, nn.MSELoss | nn.L1Loss | nn.SmoothL1Loss | nn.HuberLoss):
        return ""
    return (
        f"the loss compares output {tuple(output.shape)} with target {tuple(target.shape)} by broadcasting,"
        " which fits the wrong thing: give both one shape, e.g. target.unsqueeze(1) or output.squeeze(1)"
    )
