"""A sweep as it is typed: ``lr=1e-4,1e-3,1e-2 channels=8,16`` is a grid; ``random=20 lr=1e-5..1e-1`` draws."""

from __future__ import annotations

import itertools
import math
import random
import re
from typing import Final

from tui.protocol.preset import Knob, PresetInfo, parse_knob
from tui.protocol.run import KnobValue

MOST_RUNS: Final = 200
DRAWS: Final = 10
"""Runs of a random sweep that says no number."""


_AROUND: Final = re.compile(r"\s*(=|,|\.\.)\s*")


class SweepError(ValueError):
    """A sweep that cannot be made of a text; the message is for the user."""


def plan_sweep(text: str, preset: PresetInfo, *, seed: int = 0) -> tuple[dict[str, KnobValue], ...]:
    """Return the knobs of each run.

    Each word is ``knob=value,value``, or ``knob=low..high`` with ``random=N`` for N runs at random: evenly on a log
    scale where both ends are positive and a factor of 10 or more apart, else evenly. Values that are listed are drawn
    from the list.

    Args:
        seed: of the draws; the same text gives the same runs.

    Raises:
        SweepError: there is nothing to sweep, a range without ``random``, or too many runs.
        PresetError: a knob that the preset has not, or a value of another type.
    """
    lists: dict[str, list[KnobValue]] = {}
    ranges: dict[str, tuple[Knob, float, float]] = {}
    draws: int | None = None
    for word in _AROUND.sub(r"\1", text).split():
        name, equals, values = word.partition("=")
        if not equals or not values:
            raise SweepError(f"a sweep is knob=value,value …; {word!r} is not")
        if name == "random":
            draws = _count(values)
            continue
        knob = preset.knob(name)
        low, dots, high = values.partition("..")
        if dots:
            ranges[name] = _range(knob, low, high)
        else:
            lists[name] = [parse_knob(knob, value) for value in values.split(",") if value]
            if not lists[name]:
                raise SweepError(
                    f"{name}= wants values with commas between them, such as {name}={knob.default}"
                )
            if name == "epochs" and any(isinstance(each, int) and each < 1 for each in lists[name]):
                raise SweepError("epochs must be 1 or more")
    if not lists and not ranges:
        raise SweepError("a sweep needs a knob with several values, e.g. lr=1e-4,1e-3,1e-2")
    if draws is None and ranges:
        draws = DRAWS
    if draws is not None:
        return _drawn(lists, ranges, draws, random.Random(f"{seed} {text}"))
    count = math.prod(len(values) for values in lists.values())
    if count > MOST_RUNS:
        raise SweepError(f"that is {count:,} runs; the most is {MOST_RUNS}: random=20 draws some of them")
    return tuple(dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values()))


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_RUNS:
        raise SweepError(f"random= wants a number of runs from 1 to {MOST_RUNS}, not {text!r}")
    return int(text)


def _range(knob: Knob, low: str, high: str) -> tuple[Knob, float, float]:
    if knob.type not in ("int", "float"):
        raise SweepError(f"{knob.name} is a {knob.type}: list its values, {knob.name}=a,b")
    ends = [parse_knob(knob, end) for end in (low, high)]
    first, last = float(ends[0]), float(ends[1])
    if not first < last:
        raise SweepError(f"{knob.name}={low}..{high}: the first end must be the smaller one")
    return knob, first, last


def _drawn(
    lists: dict[str, list[KnobValue]],
    ranges: dict[str, tuple[Knob, float, float]],
    draws: int,
    rng: random.Random,
) -> tuple[dict[str, KnobValue], ...]:
    made = []
    for _ in range(draws):
        knobs: dict[str, KnobValue] = {name: rng.choice(values) for name, values in lists.items()}
        knobs |= {name: _draw(knob, low, high, rng) for name, (knob, low, high) in ranges.items()}
        made.append(knobs)
    return tuple(made)


def _draw(knob: Knob, low: float, high: float, rng: random.Random) -> KnobValue:
    if low > 0 and high / low >= 10:
        value = math.exp(rng.uniform(math.log(low), math.log(high)))
    else:
        value = rng.uniform(low, high)
    return round(value) if knob.type == "int" else float(f"{value:.4g}")
