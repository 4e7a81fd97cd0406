"""What a header says of a run: progress, rate, time left, newest and best values. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tui.protocol.metrics import larger_is_better
from tui.protocol.run import LOSS, RunInfo
from tui.runs.pace import pace
from tui.runs.record import RunRecord
from tui.runs.series import Point, Series

RATE_WINDOW_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    step: int
    """Optimizer steps completed."""
    total_steps: int | None
    """None where the record does not tell."""
    epoch: int
    """Epochs completed."""
    epochs: int | None
    """Epochs asked for; None where it has no such knob."""
    fraction: float | None
    """0 to 1; None where the total is unknown."""
    steps_per_s: float | None
    """Over the last seconds that were trained; None while there are too few points."""
    remaining_s: float | None
    """At that rate; None where the run is not running or the total or the rate is unknown."""
    samples_per_s: float | None = None
    """Over the same seconds; None where they were not logged."""


def progress(record: RunRecord, series: Mapping[str, Series]) -> Progress:
    """Return how far the run is, by its record and by what it logged, whichever is ahead."""
    info = record.info
    logged = step_series(series)
    last = logged.last if logged else None
    per_epoch = steps_per_epoch(info) if info else None
    epochs = info.epochs if info else None
    step = max(info.step if info else 0, last.step if last else 0)
    total = per_epoch * epochs if per_epoch and epochs else None
    most = info.settings.max_steps if info else None
    total = min(total or most, most) if most else total
    epoch = max(info.epoch if info else 0, step // per_epoch if per_epoch else 0)
    now = pace(series)
    rate = now.steps_per_s if now else steps_per_s(logged) if logged else None
    remaining_s = eta_s(step, total, rate) if record.status == "running" else None
    fraction = min(1.0, step / total) if total else None
    samples_per_s = now.samples_per_s if now else None
    return Progress(step, total, epoch, epochs, fraction, rate, remaining_s, samples_per_s)


def steps_per_epoch(info: RunInfo) -> int | None:
    """Return the optimizer steps of an epoch; None where the training loader does not tell."""
    batches = info.steps_per_epoch
    return -(-batches // max(1, info.settings.accumulate)) if batches else None


def step_series(series: Mapping[str, Series]) -> Series | None:
    """Return the series that has a point for every step: the training loss, else the longest one."""
    if LOSS in series:
        return series[LOSS]
    return max(series.values(), key=len, default=None)


def steps_per_s(series: Series, window_s: float = RATE_WINDOW_S) -> float | None:
    """Return the steps per second over the last ``window_s`` seconds of the log; None with too few points.

    By the clock, pauses included: for logs that do not tell the time of a step.
    """
    with series.lock:
        count = len(series)
        if count < 2:
            return None
        last = series.point(count - 1)
        begin = series.point(min(series.wall_times.find(last.wall_time_s - window_s, "left"), count - 2))
    elapsed_s = last.wall_time_s - begin.wall_time_s
    return (last.step - begin.step) / elapsed_s if elapsed_s > 0 else None


def eta_s(step: int, total_steps: int | None, rate: float | None) -> float | None:
    """Return the seconds that are left; None where the total or the rate is unknown."""
    if total_steps is None or not rate or rate < 0:
        return None
    return max(0, total_steps - step) / rate


def latest(series: Mapping[str, Series]) -> dict[str, float]:
    """Return the newest value of each tag."""
    points = {tag: each.last for tag, each in series.items()}
    return {tag: point.value for tag, point in points.items() if point}


def best(tag: str, series: Mapping[str, Series]) -> Point | None:
    """Return the best point of a metric, by ``larger_is_better``; None where it has no finite value."""
    return series[tag].best(largest=larger_is_better(tag)) if tag in series else None
