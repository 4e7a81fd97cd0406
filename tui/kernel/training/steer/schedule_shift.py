"""Another learning rate for a run that has a schedule: the schedule goes on from it.

NOTE [A schedule goes on from the new rate]
A schedule computes each epoch's rate from the one before, or from base rates that it noted when it was made. Both are
scaled by new/old, so that from then on it is the schedule that a run begun with the scaled rate would have: a cosine
that is halved half-way still ends where it ends. Where a schedule falls to an `eta_min`, that stays, and the distance
to it is scaled. From a rate of 0 nothing can be scaled: then the rate is the new one until the schedule sets the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tui.kernel.training.steer.tunable import plain_value, set_field


def set_learning_rate(
    optimizer: torch.optim.Optimizer, scheduler: object | None, groups: Sequence[int], lr: float
) -> None:
    """Give parameter groups another learning rate, and let the schedule go on from it.

    Args:
        optimizer: of the run.
        scheduler: of the run; any object that is none of torch's is left alone.
        groups: places in `param_groups`.
        lr: the rate from the next step on.
    """
    for group in groups:
        settings = optimizer.param_groups[group]
        old = float(settings["lr"])
        if old and scheduler is not None:
            for part in _parts(scheduler):
                _scale(part, settings, group, old, lr)
            if "initial_lr" in settings:
                _scale_key(settings, "initial_lr", lr / old)
            for name in ("max_lr", "min_lr"):
                if name in settings:
                    _scale_key(settings, name, lr / old)
        set_field(settings, "lr", lr)
    for part in _parts(scheduler) if scheduler is not None else ():
        last = getattr(part, "_last_lr", None)
        if isinstance(last, list) and len(last) == len(optimizer.param_groups):
            for group in groups:
                last[group] = plain_value(optimizer.param_groups[group]["lr"])


def _scale(part: object, settings: dict[str, Any], group: int, old: float, new: float) -> None:
    floor = getattr(part, "eta_min", 0.0)
    floor = float(floor) if isinstance(floor, int | float) and old != floor else 0.0
    factor = (new - floor) / (old - floor)
    for name in ("base_lrs", "max_lrs"):
        rates = getattr(part, name, None)
        if isinstance(rates, list) and group < len(rates):
            rates[group] = floor + (rates[group] - floor) * factor


def _scale_key(settings: dict[str, Any], name: str, factor: float) -> None:
    set_field(settings, name, plain_value(settings[name]) * factor)


def _parts(scheduler: object) -> list[object]:
    """Return a schedule and those that it is made of."""
    found = [scheduler]
    for part in found:
        inner = getattr(part, "_schedulers", ())
        found += [each for each in inner if not any(each is known for known in found)]
    return found
