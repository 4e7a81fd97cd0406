"""Which validation metric tells that a state is the best so far, and which way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tui.protocol.metrics import larger_is_better
from tui.protocol.preset import nearest


@dataclass(frozen=True)
class Criterion:
    """What ``best.pt`` goes by."""

    name: str
    higher: bool
    """Whether a higher value is better."""
    problem: str = ""
    """Why it is another metric than the one asked for; empty where it is that one."""

    def is_better(self, value: float, best: float | None) -> bool:
        """Return whether a value is better than the best so far; NaN never is."""
        if value != value:
            return False
        return best is None or (value > best if self.higher else value < best)


def criterion(val: Mapping[str, float], wanted: str) -> Criterion:
    """Return what to go by: the metric asked for; else one called accuracy, where there is one; else the loss.

    Args:
        val: an evaluation's means by name.
        wanted: `RunSettings.best_by`.
    """
    name = wanted.removeprefix("val/")
    if name in val:
        return Criterion(name, larger_is_better(name))
    default = "accuracy" if "accuracy" in val else "loss"
    problem = ""
    if name:
        hint = nearest(name, tuple(val))
        problem = f"best_by {name!r} is no metric of val{hint}: there are {', '.join(val)}; best.pt goes by {default}"
    return Criterion(default, larger_is_better(default), problem)
