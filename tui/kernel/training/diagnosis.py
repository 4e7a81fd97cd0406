"""What went wrong in numbers: where a NaN came from, and losses that broadcast silently."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tui.kernel.training.batches import is_pair, tensors_in
from tui.kernel.training.checkpoint import first_not_finite
from tui.kernel.training.loop import Loop


def first_bad_place(loop: Loop | None) -> str:
    """Return in words where the first NaN or infinity of a step is; empty where it cannot be told.

    Looks at the batch, then the parameters, then runs the model once more to find the first module whose
    output is not finite. Random streams are consumed and buffers may change: only for a run that has failed.
    """
    if loop is None or loop.batch is None:
        return ""
    try:
        if _is_bad(loop.batch):
            return "the batch itself holds NaN or infinite values"
        bad = first_not_finite(list(loop.experiment.model.named_parameters()))
        if bad is not None:
            return f"parameter {bad} is NaN or infinite (a learning rate that is too high is a common cause)"
        if loop.experiment.step is None:
            name = _first_bad_module(loop.experiment.model, loop.batch[0])
            return name and f"the output of {name} is the first that is NaN or infinite"
    except Exception:  # noqa: BLE001 - a search after the failure must not hide the failure
        return ""
    return ""


def _first_bad_module(model: nn.Module, batch_input: Any) -> str:
    found: list[str] = []
    hooks = []
    for name, module in model.named_modules():

        def look(module: nn.Module, _inputs: object, output: object, name: str = name) -> None:
            if not found and _is_bad(output):
                kind = type(module).__name__
                found.append(f"{name} ({kind})" if name else kind)

        hooks.append(module.register_forward_hook(look))
    try:
        with torch.no_grad():
            model(batch_input)
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else ""


def _is_bad(value: object) -> bool:
    return first_not_finite([("", tensor) for tensor in tensors_in(value)]) is not None


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
