"""A series, as it is or smoothed, along an x axis of steps, of epochs or of seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tui.runs.envelope import Envelope, EnvelopeMemory, Floats, Integers, Stamp, summarized
from tui.runs.paged import PagedArray
from tui.runs.series import Point, Series, step_cuts
from tui.runs.smoothing import Smoothed

XUnit = Literal["step", "epoch", "time"]

_NEAR = 1e-9
"""Part of a number of steps by which an edge may miss a whole one, for having been divided and multiplied."""
_NEAR_S = 1e-6
_LONG_AGO = -1e15
"""Before any x."""
_AT_ONCE = 1 << 16
"""Times that are put in order at once."""


@dataclass(frozen=True, slots=True)
class XScale:
    """What x is."""

    unit: XUnit = "step"
    steps_per_epoch: float = 1.0
    """For epochs."""
    start_s: float = 0.0
    """For time: seconds since 1970 at which x is 0."""


class Along:
    """The points of a series by x: what a chart's curve is drawn from.

    Time is the clock's, pauses included. Where a clock was set back it stands still until it is past again.
    """

    def __init__(self, series: Series, scale: XScale, smoothed: Smoothed | None = None) -> None:
        """`smoothed`: whose values to take; None: the series' own."""
        self.series = series
        self.scale = scale
        self.smoothed = smoothed
        self._memory = EnvelopeMemory()
        self._clock = _Clock(series)

    def __len__(self) -> int:
        return len(self.series)

    @property
    def version(self) -> int:
        """A number that changes whenever the points do."""
        return self.series.version

    @property
    def last(self) -> Point | None:
        """The newest point."""
        with self.series.lock:
            return self.point(len(self) - 1) if len(self) else None

    def point(self, index: int) -> Point:
        """Return a point, with its smoothed value where there is one."""
        with self.series.lock:
            found = self.series.point(index)
            if self.smoothed is None:
                return found
            self.smoothed.update()
            return Point(found.step, found.wall_time_s, float(self.smoothed.values[index]))

    def x_range(self) -> tuple[float, float] | None:
        """Return the first and the last x; None while there is no point."""
        with self.series.lock:
            return (self.x_of(0), self.x_of(len(self) - 1)) if len(self) else None

    def x_of(self, index: int) -> float:
        """Return where a point lies."""
        with self.series.lock:
            if self.scale.unit == "time":
                return float(self._clock.times[index]) - self.scale.start_s
            step = float(self.series.steps[index])
            return step / self.scale.steps_per_epoch if self.scale.unit == "epoch" else step

    def x_of_step(self, step: float) -> float | None:
        """Return where the first point of ``step`` or later lies; None where there is none."""
        with self.series.lock:
            index = self.series.before(math.ceil(step))
            return self.x_of(index) if index < len(self) else None

    def up_to(self, x: float) -> int:
        """Return how many points are at ``x`` or before."""
        with self.series.lock:
            return int(self._cut(np.array([_LONG_AGO, x]))[1])

    def at(self, x: float) -> Point | None:
        """Return the newest point at ``x`` or before; None where there is none."""
        with self.series.lock:
            index = self.up_to(x) - 1
            return self.point(index) if index >= 0 else None

    def first_after(self, x: float) -> float | None:
        """Return where the first point after ``x`` lies; None where there is none."""
        with self.series.lock:
            index = self.up_to(x)
            return self.x_of(index) if index < len(self) else None

    def beside(
        self, low: float, high: float
    ) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
        """Return x and value of the newest point before ``low`` and of the first after ``high``, where there are."""
        with self.series.lock:
            cut = self._cut(np.array([low, high]))
            left, right = int(cut[0]) - 1, int(cut[1])
            return (
                (self.x_of(left), self.point(left).value) if left >= 0 else None,
                (self.x_of(right), self.point(right).value) if right < len(self) else None,
            )

    def envelope(self, edges: Sequence[float] | Floats) -> Envelope:
        """Summarize the columns between ``edges``, shape (C+1,); the last one also holds the last edge."""
        bounds = np.asarray(edges, dtype=np.float64)
        with self.series.lock:
            values, pyramid = self.series.values, self.series.pyramid
            if self.smoothed is not None:
                self.smoothed.update()
                values, pyramid = self.smoothed.values, self.smoothed.pyramid
            last_x = self.x_of(len(self) - 1) if len(self) else None
            stamp = Stamp(self.version, len(self.series.cuts), last_x)
            return self._memory.get(bounds, stamp, lambda part: summarized(values, pyramid, self._cut(part)))

    def _cut(self, edges: Floats) -> Integers:
        """Return for each edge the index of the first point at or after it; for the last one, after it."""
        if self.scale.unit == "time":
            moments = edges + self.scale.start_s
            times = self._clock.times
            cut = times.search(moments - _NEAR_S, "left")
            cut[-1] = times.find(float(moments[-1]) + _NEAR_S, "right")
            return cut
        if self.scale.unit == "epoch":
            edges = edges * self.scale.steps_per_epoch
            whole = np.rint(edges)
            near = np.abs(edges - whole) <= _NEAR * np.maximum(1.0, np.abs(whole))
            edges = np.where(near, whole, edges)
        return step_cuts(self.series.steps, edges)


class _Clock:
    """The wall times of a series, ascending: its own where they are, else the latest so far."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._times: PagedArray[np.float64] = PagedArray(np.float64)
        self._seen_cuts = 0

    @property
    def times(self) -> PagedArray[np.float64]:
        """Length N: seconds since 1970."""
        series = self._series
        if series.in_time:
            return series.wall_times
        cuts = series.cuts[self._seen_cuts :]
        self._seen_cuts += len(cuts)
        self._times.truncate(min([len(self._times), *cuts]))
        while len(self._times) < len(series):
            first = len(self._times)
            fresh = series.wall_times[first : first + _AT_ONCE]
            usable = fresh[np.isfinite(fresh)]
            latest = self._times[-1] if first else min(usable[:1], default=np.float64(0.0))
            fresh = np.maximum.accumulate(np.where(np.isfinite(fresh), fresh, latest))
            self._times.append(np.maximum(fresh, latest))
        return self._times


def start_s(series: Mapping[str, Series]) -> float:
    """Return when the first point of any tag was written, in seconds since 1970; 0 where there is none."""
    firsts = (each.first for each in series.values())
    times = (first.wall_time_s for first in firsts if first is not None)
    return min((time_s for time_s in times if math.isfinite(time_s)), default=0.0)
