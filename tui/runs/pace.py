"""How fast a run trains, by the times it logged: pauses, evaluations and checkpoints are left out of all rates.

Every half second or so the recorder logs the mean time of a step and the samples per second, both of the same steps
(`tui.kernel.training.log.recorder`). What they say together is the pace here: steps per second, samples per second and
the time that is left follow from one another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tui.protocol.run import SAMPLES_PER_S, STEP_MS
from tui.runs.series import Series

WINDOW_S: Final = 20.0
"""Seconds of training that a pace is the mean of."""
MOST_POINTS: Final = 100


@dataclass(frozen=True, slots=True)
class Pace:
    """The mean over the last seconds that were trained."""

    steps_per_s: float
    samples_per_s: float | None
    """None where it was not logged."""


def pace(series: Mapping[str, Series], window_s: float = WINDOW_S) -> Pace | None:
    """Return how fast the last ``window_s`` seconds of training were; None where no step's time was logged."""
    times = series.get(STEP_MS)
    if times is None:
        return None
    rates = series.get(SAMPLES_PER_S)
    elapsed_s = samples = 0.0
    steps, has_samples = 0, rates is not None
    with times.lock:
        newest = len(times) - 1
        for index in range(newest, max(-1, newest - MOST_POINTS), -1):
            point = times.point(index)
            # nobody knows where a log that begins in the middle of a run had begun: its first point counts as one step
            before = times.point(index - 1).step if index else point.step - 1
            count, took_s = point.step - before, (point.step - before) * point.value / 1e3
            if not took_s > 0:  # NaN as well
                continue
            rate = rates.at(point.step) if rates is not None else None
            steps, elapsed_s = steps + count, elapsed_s + took_s
            if rate is not None and rate.step == point.step:
                samples += rate.value * took_s
            else:
                has_samples = False
            if elapsed_s >= window_s:
                break
    if not steps:
        return None
    return Pace(steps / elapsed_s, samples / elapsed_s if has_samples else None)
