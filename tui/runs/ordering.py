"""In which order runs are listed: by age, by how well they did, or by any knob or metric. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from tui.protocol.metrics import larger_is_better
from tui.runs.compare import ComparedRun
from tui.runs.filtering import FIELDS, number_of, values_of

ORDERS: Final = ("newest", "best", "longest", "name")
"""The orders that have a name of their own."""


def order_key(order: str) -> Callable[[ComparedRun], tuple[Any, ...]]:
    """Return what to sort runs by.

    Args:
        order: one of `ORDERS`, or a knob (the smallest first), a metric (the best first) or a field of the filter; with
            ``-`` before it the other way round. Runs that have none come last either way.
    """
    keys: dict[str, Callable[[ComparedRun], tuple[Any, ...]]] = {
        "newest": _newest,
        "best": _by_metric,
        "longest": lambda run: (-(run.duration_s or 0.0),),
        "name": lambda run: (run.record.name.lower(), *_newest(run)),
    }
    return keys.get(order) or _by_field(order)


def _newest(run: ComparedRun) -> tuple[float, float]:
    return -run.record.started_s, -run.record.touched_s


def _by_metric(run: ComparedRun) -> tuple[str, float]:
    """Sort by the main metric, runs told by the same one together; those without any come last."""
    tag = run.main_metric
    if not tag:
        return "~", 0.0
    return tag.partition("/")[2] or tag, _best_first(run.metrics[tag].best, larger_is_better(tag))


def _best_first(value: float, larger: bool) -> float:
    return math.inf if math.isnan(value) else -value if larger else value


def _by_field(order: str) -> Callable[[ComparedRun], tuple[Any, ...]]:
    """Sort by a knob, the smallest first, or by a metric, the best first; runs that have none come last."""
    name, turned = order.removeprefix("-"), order.startswith("-")

    def place(run: ComparedRun) -> tuple[Any, ...]:
        value = next(iter(values_of(run, name)), None)
        number = number_of(value)
        if value is None or (number is not None and math.isnan(number)):
            return 2, 0.0, "", -run.record.started_s
        if number is None:
            return 1, 0.0, str(value).lower(), -run.record.started_s
        metric = name not in run.knobs and name not in FIELDS
        number = _best_first(number, larger_is_better(name)) if metric else number
        return 0, -number if turned else number, "", -run.record.started_s

    return place
