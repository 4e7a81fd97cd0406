"""What part of the x axis is shown: zooming and panning, as arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass

Span = tuple[float, float]
"""Low and high end."""

ZOOM = 1.6
"""How much less is shown after zooming in by a step."""
PAN = 0.25
"""The part of what is shown that panning moves by; following the newest data moves by it too, so that the picture
stands still most of the time."""
CLOSEST = 4.0
"""The least that can be shown, in gaps between two points."""


@dataclass(frozen=True, slots=True)
class Whole:
    """All that there is to show."""

    span: Span
    """What the axis shows when nothing is zoomed; of a log axis both ends are positive."""
    end: float
    """The x of the newest point."""
    gap: float
    """About the distance between two points; above 0."""
    log: bool = False


def zoomed(whole: Whole, window: Span | None, factor: float, about: float | None) -> Span | None:
    """Return the window that shows ``1 / factor`` as much, with ``about`` where it was; None: all of the axis.

    `about`: None or out of sight: the newest point where that is in sight, else the middle.
    """
    low, high = _flat(whole, window or whole.span)
    place = _at(whole, about) if about is not None else math.nan
    if not low <= place <= high:
        place = _at(whole, whole.end)
        place = place if low <= place <= high else (low + high) / 2
    least = CLOSEST * whole.gap
    if factor > 1 and not whole.log and (high - low) / factor < least:
        factor = max(1.0, (high - low) / least)
    if (
        factor > 1
        and whole.log
        and (high - low) / factor < math.log(1 + least / max(_back(whole, place), least))
    ):
        return window
    return _limited(whole, place - (place - low) / factor, place + (high - place) / factor)


def panned(whole: Whole, window: Span | None, part: float) -> Span | None:
    """Return the window moved by a part of its width, no further than there is anything; None: all of the axis."""
    if window is None:
        return None
    low, high = _flat(whole, window)
    first, last = _flat(whole, whole.span)
    move = part * (high - low)
    move = max(min(move, last - high), first - low)
    return _limited(whole, low + move, high + move)


def following(whole: Whole, window: Span) -> Span:
    """Return the window moved on, in steps of ``PAN``, until the newest point is in it."""
    low, high = window
    if whole.end <= high:
        return window
    if whole.log:
        return low, whole.end * (high / low) ** PAN
    width = high - low
    moves = math.ceil((whole.end - high) / (PAN * width))
    return low + moves * PAN * width, high + moves * PAN * width


def showing(whole: Whole, window: Span | None, x: float) -> Span | None:
    """Return the window moved as little as it takes to have ``x`` in it."""
    if window is None or window[0] <= x <= window[1]:
        return window
    low, high = _flat(whole, window)
    place = _at(whole, x)
    move = place - low if place < low else place - high
    return _back(whole, low + move), _back(whole, high + move)


def _limited(whole: Whole, low: float, high: float) -> Span | None:
    first, last = _flat(whole, whole.span)
    low, high = max(low, first), min(high, last)
    slack = 1e-9 * (last - first)
    if low <= first + slack and high >= last - slack:
        return None
    return _back(whole, low), _back(whole, high)


def _flat(whole: Whole, span: Span) -> Span:
    return _at(whole, span[0]), _at(whole, span[1])


def _at(whole: Whole, x: float) -> float:
    return math.log(max(x, 1e-300)) if whole.log else x


def _back(whole: Whole, place: float) -> float:
    return math.exp(place) if whole.log else place
