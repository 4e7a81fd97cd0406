"""Whether a learning rate that is too large explains parameters that ran away, and which one to try instead."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import nn

from tui.kernel.training.parts.experiment import Experiment

_USUAL: Final = {"SGD": 0.01, "Adagrad": 0.01, "Rprop": 0.01, "Adadelta": 1.0, "LBFGS": 1.0}
"""Learning rates that are common with an optimizer, by its class; `_USUAL_ELSE` for every other."""
_USUAL_ELSE: Final = 1e-3
_RAN_AWAY: Final = 1e7
"""No model needs parameters that are larger; a price in cents may need one that is almost so."""
_STEP_BY_RATE: Final = frozenset({"Adam", "AdamW", "Adamax", "NAdam", "RAdam"})
"""Optimizers whose update moves a parameter by about the learning rate, whatever its gradient is."""


def rate_of(experiment: Experiment) -> float | None:
    """Return the learning rate of the first parameter group; None where it has none. May be a sync point."""
    rate = experiment.optimizer.param_groups[0].get("lr")
    return float(rate) if isinstance(rate, int | float | torch.Tensor) else None


def too_large_words(experiment: Experiment, steps_done: int) -> str:
    """Return that the learning rate is too large, and another; empty where the parameters do not show that.

    Args:
        experiment: as it is after the failure.
        steps_done: how many updates there were.
    """
    rate = rate_of(experiment)
    if rate is None or not steps_done or not math.isfinite(rate):
        return ""
    kind = type(experiment.optimizer).__name__
    usual = _USUAL.get(kind, _USUAL_ELSE)
    reach = _reach(experiment.model)
    if reach is None:  # nothing is finite any more: a rate that never works tells for itself
        if rate < 1000 * usual:
            return ""
    elif reach < _RAN_AWAY or reach > _most_reached(experiment, kind, rate, steps_done):
        return ""
    how = "far too" if rate >= 100 * usual else "too" if rate >= usual else "probably too"
    facts = [f"parameters reach {reach:.2g}"] if reach is not None else []
    other = f"{rate / 10:.3g}"
    if rate >= 10 * usual:
        other = f"{usual:g}"
        facts.append(f"{other} is usual for {kind}")
    told = f" ({', '.join(facts)})" if facts else ""
    return f"the learning rate {rate:.4g} is {how} large, try {other} or less{told}"


def _most_reached(experiment: Experiment, kind: str, rate: float, steps_done: int) -> float:
    """Return how large updates can have made a parameter; infinite where they have no bound."""
    decay = experiment.optimizer.param_groups[0].get("weight_decay", 0.0)
    grows = rate * float(decay) > 1  # a decay of more than there is
    if kind not in _STEP_BY_RATE or grows:
        return math.inf
    return 10 * rate * steps_done


def _reach(model: nn.Module) -> float | None:
    """Return the largest finite absolute value of all parameters; None where there is none."""
    found = []
    for parameter in model.parameters():
        values = parameter.detach()
        if values.is_floating_point() and values.layout is torch.strided:
            values = values[values.isfinite()]
            if values.numel():
                found.append(float(values.abs().max()))
    return max(found, default=None)
