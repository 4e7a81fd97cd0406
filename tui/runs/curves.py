"""What charts draw of one run: its series along an axis, smoothed or not, its best points and its changes.

What is derived is kept, so that the next picture goes on from it; what is no longer shown is let go.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tui.protocol.metrics import larger_is_better
from tui.runs.along import Along, XScale, XUnit, start_s
from tui.runs.record import RunRecord
from tui.runs.series import Point, Series
from tui.runs.smoothing import Smoothed
from tui.runs.summary import step_series, steps_per_epoch

QUIET_S: Final = 120.0
"""A log without a record that nothing was added to for so long is taken to be complete."""


class Source(Protocol):
    """What a run is read by: ``RunReader``, or a test's."""

    @property
    def record(self) -> RunRecord: ...
    @property
    def series(self) -> Mapping[str, Series]: ...


@dataclass(frozen=True, slots=True)
class XPlace:
    """A place on the x axis in all units."""

    step: int
    epoch: float | None
    """None where the steps of an epoch are not known."""
    elapsed_s: float
    """Since the first point of the run."""


@dataclass(frozen=True, slots=True)
class Happening:
    """A change of the run, on the x axis."""

    x: float
    name: str
    before: str
    after: str


class RunCurves:
    """The curves of one run."""

    def __init__(self, reader: Source) -> None:
        self.reader = reader
        self._along: dict[tuple[str, XScale, int], Along] = {}
        self._smoothed: dict[str, Smoothed] = {}
        self._best: dict[str, tuple[int, Point | None]] = {}

    def scale(self, unit: XUnit) -> XScale | None:
        """Return what x is in a unit; None where the run does not tell."""
        if unit == "time":
            return XScale("time", start_s=start_s(self.reader.series))
        if unit == "epoch":
            info = self.reader.record.info
            per_epoch = steps_per_epoch(info) if info is not None else None
            return XScale("epoch", float(per_epoch)) if per_epoch else None
        return XScale()

    def along(self, tag: str, unit: XUnit, smoothed: Smoothed | None = None) -> Along | None:
        """Return a tag's points along an axis; None where there are none, or no such unit."""
        series, scale = self.reader.series.get(tag), self.scale(unit)
        if series is None or scale is None:
            return None
        key = tag, scale, id(smoothed) if smoothed is not None else 0
        found = self._along.get(key)
        if found is None or found.series is not series or found.smoothed is not smoothed:
            found = self._along[key] = Along(series, scale, smoothed)
        return found

    def smoothed(self, tag: str, strength: float, *, log: bool) -> Smoothed | None:
        """Return a tag's moving average, which may be behind; None where there is no such tag, or no smoothing."""
        series = self.reader.series.get(tag)
        if series is None or not strength:
            return None
        found = self._smoothed.get(tag)
        if found is None or (found.series, found.strength, found.log) != (series, strength, log):
            found = self._smoothed[tag] = Smoothed(series, strength, log=log)
        return found

    def keep(self, tags: Collection[str], smoothed: Collection[str], unit: XUnit) -> None:
        """Let go of what was made for other tags and other axes, and of other moving averages than those."""
        self._smoothed = {tag: each for tag, each in self._smoothed.items() if tag in smoothed}
        alive = {0, *map(id, self._smoothed.values())}
        scale = self.scale(unit)
        self._along = {
            key: each for key, each in self._along.items()
            if key[0] in tags and key[1] == scale and key[2] in alive
        }  # fmt: skip

    def best(self, tag: str) -> Point | None:
        """Return the best point of a metric, by the metric's name; None where it has no finite value."""
        series = self.reader.series.get(tag)
        if series is None:
            return None
        version = series.version
        kept = self._best.get(tag)
        if kept is None or kept[0] != version:
            kept = self._best[tag] = version, series.best(largest=larger_is_better(tag))
        return kept[1]

    def reference(self, unit: XUnit) -> Along | None:
        """Return the series that a cursor walks along: the training loss, else the longest; None without any."""
        series = step_series(self.reader.series)
        tag = next((tag for tag, each in self.reader.series.items() if each is series), None)
        return self.along(tag, unit) if tag is not None else None

    def end(self, unit: XUnit) -> float | None:
        """Return how far along an axis the run has come; None without a point, or without such a unit."""
        reference = self.reference(unit)
        span = reference.x_range() if reference is not None else None
        return span[1] if span is not None else None

    def growing_s(self, now_s: float) -> float | None:
        """Return for how many seconds a run has been logged that more may come of; None where it is complete.

        Args:
            now_s: the time, in seconds since 1970.
        """
        series = step_series(self.reader.series)
        newest = series.last if series is not None else None
        record = self.reader.record
        if newest is None:
            return 0.0 if record.live else None
        if not record.live and (record.status != "unknown" or now_s - newest.wall_time_s > QUIET_S):
            return None
        return max(0.0, newest.wall_time_s - start_s(self.reader.series))

    def x_of_step(self, step: int, unit: XUnit) -> float | None:
        """Return where a step lies; None where there is no such unit, or nothing was logged from that step on."""
        if unit == "step":
            return float(step)
        scale = self.scale(unit)
        if unit == "epoch":
            return step / scale.steps_per_epoch if scale is not None else None
        reference = self.reference(unit)
        return reference.x_of_step(step) if reference is not None else None

    def place(self, x: float, unit: XUnit) -> XPlace | None:
        """Return the newest point of the reference at ``x`` or before, in all units; None where there is none."""
        reference = self.reference(unit)
        point = reference.at(x) if reference is not None else None
        epochs, clock = self.scale("epoch"), self.scale("time")
        if point is None or clock is None:
            return None
        epoch = point.step / epochs.steps_per_epoch if epochs is not None else None
        return XPlace(point.step, epoch, point.wall_time_s - clock.start_s)

    def happenings(self, unit: XUnit) -> list[Happening]:
        """Return what was changed while it ran, in order."""
        info = self.reader.record.info
        found = []
        for change in info.changes if info is not None else ():
            x = self.x_of_step(change.step, unit)
            if x is not None:
                found.append(Happening(x, change.name, change.before, change.after))
        return found
