"""What is probably wrong with a training, told from its curves. Pure functions over any run's or log's series.

Every rule looks at few points, so that all of them together may run at each refresh; each says since when.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tui.protocol.metrics import has_a_better, larger_is_better
from tui.protocol.run import LOSS, LR, PHASES, phase_tag
from tui.runs.series import Series

AlertKind = Literal[
    "not finite",
    "spike",
    "plateau",
    "overfitting",
    "vanishing",
    "exploding",
    "dead",
    "update",
    "data",
    "memory",
]

FEW_WINDOWS: Final = 3
"""Measurements of half a second below which nothing is said of the loader."""
RECENT: Final = 256
"""Points of a dense curve that a rule looks at."""
VAL_LOSS: Final = "val/loss"

SeriesByTag = Mapping[str, Series]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Alert:
    """Something worth a look."""

    kind: AlertKind
    severe: bool
    """Whether the run is hardly worth going on with as it is."""
    step: int
    """Since when, or where it happened."""
    text: str
    """One sentence with the figures it rests on. Holds foreign text: names of layers and tags."""
    subject: str = ""
    """The layer or tag, where there can be one alert for each; empty else."""


class AlertBook:
    """Keeps alerts that are over as well, so that one who looks away does not miss them."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[Alert, bool]] = {}

    def note(self, now: tuple[Alert, ...]) -> tuple[tuple[Alert, bool], ...]:
        """Take what is wrong now; return all alerts so far with whether each still holds, those that hold first."""
        holding = {(alert.kind, alert.subject): alert for alert in now}
        self._known = {key: (alert, False) for key, (alert, _) in self._known.items()}
        self._known |= {key: (alert, True) for key, alert in holding.items()}
        order: dict[tuple[str, str], int] = {key: place for place, key in enumerate(holding)}
        return tuple(
            self._known[key] for key in sorted(self._known, key=lambda key: order.get(key, len(order)))
        )


def alerts(series: SeriesByTag) -> tuple[Alert, ...]:
    """Return what is probably wrong now, the severe first, then the newest."""
    found = [alert for rule in _RULES for alert in rule(series)]
    return tuple(sorted(found, key=lambda alert: (not alert.severe, -alert.step)))


def _not_finite(series: SeriesByTag) -> Iterator[Alert]:
    """A loss whose newest value is NaN or infinite; the first of the unbroken row of such values."""
    for tag in (LOSS, VAL_LOSS):
        values, steps = _tail(series, tag)
        if len(values) and not math.isfinite(values[-1]):
            finite = np.flatnonzero(np.isfinite(values))
            first = int(finite[-1]) + 1 if len(finite) else 0
            text = f"{tag} is {values[-1]:g} since step {steps[first]:,}"
            yield Alert("not finite", True, int(steps[first]), text, tag)


def _spike(series: SeriesByTag) -> Iterator[Alert]:
    """A training loss far above those before it: their median, their usual spread, and the highest of them.

    Losses of small batches leap by themselves once most of them are near zero; so it must also be a quarter at least of
    what the run began with.
    """
    values, steps = _tail(series, LOSS)
    finite = np.isfinite(values)
    values, steps = values[finite], steps[finite]
    if len(values) < 40:
        return
    half = len(values) // 2
    usual = float(np.median(values[:half]))
    spread = 1.4826 * float(np.median(np.abs(values[:half] - usual)))
    top = half + int(np.argmax(values[half:]))
    high = max(2 * usual, usual + 8 * spread, 1.5 * float(values[:half].max()), 0.25 * _at_first(series))
    if values[top] > high and usual > 0:
        now = float(np.median(values[-5:]))
        back = "it has come back" if now < 1.5 * usual else f"it is {now:.3g} now"
        yield Alert(
            "spike", now >= 2 * usual, int(steps[top]),
            f"the loss leapt to {values[top]:.3g} at step {steps[top]:,}, from about {usual:.3g}; {back}",
        )  # fmt: skip


def _at_first(series: SeriesByTag) -> float:
    """Return the median of the first losses; 0 where none is finite."""
    each = series[LOSS]
    with each.lock:
        values = each.values[:16].astype(np.float64)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else 0.0


def _fit(series: SeriesByTag) -> Iterator[Alert]:
    """Validation that gets worse while training gets better, or gets no better at all."""
    if VAL_LOSS not in series:
        return
    values, steps = _tail(series, VAL_LOSS)
    finite = np.isfinite(values)
    values, steps = values[finite], steps[finite]
    if len(values) < 4:
        return
    at = int(np.argmin(values))
    since = len(values) - 1 - at
    lowest = float(values[at])
    up = float(values[-min(3, since) :].min()) - lowest if since else 0.0
    rose = up / lowest if lowest > 0 and up > _usual_change(series, values) else 0.0
    before, now = _mean_around(series, int(steps[at])), _mean_around(series, int(steps[-1]))
    fell = 1 - now / before if before and now is not None else 0.0
    if since >= 3 and rose > 0.03 and fell > 0.03:
        yield Alert(
            "overfitting", False, int(steps[at]),
            f"overfitting since step {steps[at]:,}: {VAL_LOSS} rose by {rose:.0%} while {LOSS} fell by {fell:.0%}",
        )  # fmt: skip
    elif since >= max(5, len(values) // 4) and fell < 0.03 and not _gets_better(series, int(steps[at])):
        yield Alert(
            "plateau", False, int(steps[at]),
            f"no better since step {steps[at]:,}: {since} evaluations without a lower {VAL_LOSS}",
        )  # fmt: skip


def _usual_change(series: SeriesByTag, values: Values) -> float:
    """Return how much a validation loss moves without a meaning: by its own noise, and against all it has fallen by."""
    noise = 3 * float(np.median(np.abs(np.diff(values[-16:]))))
    each = series[VAL_LOSS]
    with each.lock:
        first = float(each.values[0])
    return max(noise, 0.02 * (first - float(values.min()))) if math.isfinite(first) else noise


def _gets_better(series: SeriesByTag, step: int) -> bool:
    """Tell whether another metric of the validation set has been better since a step, well after it.

    The losses of two models that play against each other stand still while both learn.
    """
    end = series[VAL_LOSS].last
    for tag, each in series.items():
        if end is None or tag == VAL_LOSS or not tag.startswith("val/") or not has_a_better(tag):
            continue
        top = each.best(largest=larger_is_better(tag))
        if top is not None and top.step > step + (end.step - step) / 4:
            return True
    return False


def _gradients(series: SeriesByTag) -> Iterator[Alert]:
    """Norms of gradients that are not finite, leap, or shrink to nothing towards the input."""
    values, steps = _tail(series, "grad_norm")
    if len(values) >= 20:
        usual = float(np.median(values[:-5])) if np.isfinite(values[:-5]).all() else math.nan
        if usual > 0 and np.median(values[-5:]) > 100 * usual:
            text = f"gradients explode: their norm is {np.median(values[-5:]):.3g}, it was about {usual:.3g}"
            yield Alert("exploding", True, int(steps[-5]), text)
    norms = {
        tag.removeprefix("grad_norm/"): s.last for tag, s in series.items() if tag.startswith("grad_norm/")
    }
    sizes = {
        name: point.value for name, point in norms.items() if point is not None and name.endswith("weight")
    }
    if len(sizes) < 4:
        return
    top = max(sizes, key=lambda name: sizes[name])
    low = min(sizes, key=lambda name: sizes[name])
    if math.isfinite(sizes[top]) and sizes[low] < 1e-5 * sizes[top]:
        point = norms[low]
        assert point is not None
        size = f"{sizes[low] / sizes[top]:.0e} of that" if sizes[low] > 0 else "0, and not that"
        yield Alert(
            "vanishing", False, point.step, f"the gradient vanishes: at {low} its norm is {size} of {top}"
        )


def _dead(series: SeriesByTag) -> Iterator[Alert]:
    """Layers most of whose units give zero for every example."""
    for tag, each in series.items():
        point = each.last if tag.startswith("dead_fraction/") else None
        if point is not None and point.value > 0.5:
            layer = tag.removeprefix("dead_fraction/")
            text = f"{point.value:.0%} of the units of {layer} are dead: zero for every example"
            yield Alert("dead", False, point.step, text, layer)


def _updates(series: SeriesByTag) -> Iterator[Alert]:
    """Steps that change the parameters far more, or far less, than the usual thousandth."""
    points = [each.last for tag, each in series.items() if tag.startswith("update_ratio/")]
    known = [point for point in points if point is not None and math.isfinite(point.value)]
    if not known:
        return
    middle, step = float(np.median([point.value for point in known])), max(point.step for point in known)
    if middle > -1:
        size = f"{10**middle:.0%}" if middle < 0.3 else f"{10**middle:.2g} times their size"
        text = f"each step changes the parameters by {size}: the learning rate is probably too high"
        yield Alert("update", False, step, text)
    elif middle < -5.5 and not _is_annealed(series):
        text = f"each step changes the parameters by 1 part in {10**-middle:.0e}: hardly anything is learned"
        yield Alert("update", False, step, text)


def _is_annealed(series: SeriesByTag) -> bool:
    """Whether the learning rate has come down to next to nothing: small steps are then what was asked for."""
    rates = series.get(LR)
    last, top = (rates.last, rates.best(largest=True)) if rates is not None else (None, None)
    return last is not None and top is not None and last.value < 0.03 * top.value


def _data(series: SeriesByTag) -> Iterator[Alert]:
    """A step that mostly waits for its batch."""
    tags = {phase: phase_tag(phase) for phase in PHASES}
    points = {phase: series[tag].last for phase, tag in tags.items() if tag in series}
    total_ms = sum(point.value for point in points.values() if point is not None)
    data = points.get("data")
    if any(len(series[tag]) < FEW_WINDOWS for tag in tags.values() if tag in series):
        return  # the first batches also pay for the start of the loader
    if data is not None and total_ms > 0 and data.value / total_ms > 0.5 and data.value > 0.5:
        text = f"the model waits for data in {data.value / total_ms:.0%} of each step; more loader workers may help"
        yield Alert("data", False, data.step, text)


def _memory(series: SeriesByTag) -> Iterator[Alert]:
    """A device whose memory is nearly full."""
    tags = ("memory/free_bytes", "memory/reserved_bytes")
    free, reserved = (series[tag].last if tag in series else None for tag in tags)
    if free is not None and reserved is not None and free.value < 0.05 * (free.value + reserved.value):
        sizes = f"{free.value / 2**20:,.0f} MiB free, {reserved.value / 2**20:,.0f} MiB reserved"
        text = f"the device's memory is nearly full: {sizes}"
        yield Alert("memory", False, free.step, text)


_RULES: Final = (_not_finite, _spike, _fit, _gradients, _dead, _updates, _data, _memory)


def _tail(series: SeriesByTag, tag: str) -> tuple[Values, NDArray[np.int64]]:
    """Return the newest values of a tag and their steps, shape (n,) each."""
    each = series.get(tag)
    if each is None:
        return np.empty(0), np.empty(0, dtype=np.int64)
    with each.lock:
        return each.values[-RECENT:].astype(np.float64), each.steps[-RECENT:].copy()


def _mean_around(series: SeriesByTag, step: int) -> float | None:
    """Return the mean of the training loss over the points up to a step; None where there is none that is finite."""
    each = series.get(LOSS)
    if each is None:
        return None
    with each.lock:
        end = each.up_to(step)
        values = each.values[max(0, end - 64) : end].astype(np.float64)
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else None
