"""Runs side by side: what they ended at, and in which knobs they differ. Pure functions, but for `load_run`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tui.protocol.run import KnobValue, RunLabels, RunSettings
from tui.runs.index import event_files, list_runs
from tui.runs.labels import read_labels
from tui.runs.record import RunRecord, read_record, timestamp

if TYPE_CHECKING:
    from tui.runs.series import Series

MAIN: Final = (
    "test/accuracy", "val/accuracy", "test/loss", "val/loss", "train/loss", "loss", "val_acc", "val_loss", "train_loss",
)  # fmt: skip
"""Metrics by which a run is told first, where it has them."""


@dataclass(frozen=True)
class Metric:
    """A metric of a run."""

    last: float
    best: float
    """By `tui.protocol.metrics.larger_is_better`; NaN where no value is finite."""
    best_step: int = 0


@dataclass(frozen=True)
class ComparedRun:
    """A run as a row of the table."""

    record: RunRecord
    labels: RunLabels = field(default=RunLabels())
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    """By tag."""
    is_read: bool = True
    """Whether its logs have been read: where not, the metrics are those known before, or none."""

    @property
    def knobs(self) -> dict[str, KnobValue]:
        """Its knobs, and those settings that are not as they come."""
        info = self.record.info
        if info is None:
            return {}
        plain = RunSettings()
        changed = {
            name: value
            for name in RunSettings.__dataclass_fields__
            if (value := getattr(info.settings, name)) != getattr(plain, name) and value is not None
        }
        return {**info.knobs, "seed": info.seed, **changed}

    @property
    def duration_s(self) -> float | None:
        """Seconds of training, else from its start to its end; None where neither is known."""
        info = self.record.info
        if info is None:
            return None
        if info.train_s is not None:
            return info.train_s
        start, end = timestamp(info.started_at), timestamp(info.ended_at) if info.ended_at else None
        return end - start if start is not None and end is not None else None

    @property
    def main_metric(self) -> str:
        """The tag by which it is told first; empty where it has none."""
        return next((tag for tag in MAIN if tag in self.metrics), next(iter(self.metrics), ""))


class RunTable:
    """Loads runs, and each of them again only when it has changed.

    Records come at once, whatever there is of logs: those of some hundred runs take a minute to read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[Path, tuple[object, ComparedRun]] = {}
        self._unread: list[tuple[object, ComparedRun]] = []

    def load(self) -> tuple[ComparedRun, ...]:
        """Return every run of the folder, newest first. Reads whole logs: call it in a thread."""
        runs = {run.record.folder: run for run in self.begin()}
        while (run := self.read_next()) is not None:
            runs[run.record.folder] = run
        return tuple(runs.values())

    def begin(self) -> tuple[ComparedRun, ...]:
        """Return every run of the folder, newest first, as far as it is known without reading a log."""
        runs, known, unread = [], {}, []
        for record in list_runs(self.root):
            stamp, labels = _stamp(record), read_labels(record.folder)
            before, run = self._known.get(record.folder, (None, None))
            if run is None or before != stamp:
                run = ComparedRun(record, labels, run.metrics if run is not None else {}, is_read=False)
                unread.append((stamp, run))
            elif run.labels != labels:
                run = replace(run, labels=labels)
            known[record.folder] = (stamp if run.is_read else None), run
            runs.append(run)
        self._known, self._unread = known, unread[::-1]
        return tuple(runs)

    def read_next(self, stopped: Callable[[], bool] = lambda: False) -> ComparedRun | None:
        """Read the logs of the newest run that is not read; None where all are, or once it is to stop.

        Args:
            stopped: asked between two pieces of a log.
        """
        if not self._unread:
            return None
        stamp, run = self._unread[-1]
        read = load_run(run.record, stopped)
        if read is None:
            return None
        self._unread.pop()
        self._known[run.record.folder] = stamp, read
        return read


def load_run(record: RunRecord, stopped: Callable[[], bool] = lambda: False) -> ComparedRun | None:
    """Read a run's logs.

    Args:
        stopped: asked between two pieces of a log; None is returned once it is to stop.
    """
    from tui.runs.reader import RunReader  # imports numpy, which nobody without a run needs to wait for

    reader = RunReader(record.folder)
    while reader.poll().more:
        if stopped():
            return None
    fresh = replace(read_record(record.folder), label=record.label)
    return ComparedRun(fresh, read_labels(record.folder), metrics_of(reader.series))


def metrics_of(series: Mapping[str, Series]) -> dict[str, Metric]:
    """Return the metrics of a run's evaluations and of its training; where there are none, some of what there is."""
    from tui.runs.summary import best

    wanted = [tag for tag in series if tag.startswith(("val/", "test/", "train/"))]
    metrics = {}
    for tag in wanted or list(series)[:20]:
        point = series[tag].last
        if point is not None:
            top = best(tag, series)
            metrics[tag] = Metric(point.value, top.value if top else math.nan, top.step if top else 0)
    return metrics


def _stamp(record: RunRecord) -> object:
    """Return what changes when a run does: its record, or the length of its logs."""
    sizes = []
    for _, path in event_files(record.folder):
        try:
            sizes.append((path.name, path.stat().st_size))
        except OSError:
            continue
    return record, tuple(sizes)


@dataclass(frozen=True)
class KnobDifference:
    """A knob in which runs differ."""

    name: str
    values: tuple[KnobValue | None, ...]
    """One for each run, None where it has no such knob."""


def differences(runs: Sequence[ComparedRun]) -> tuple[KnobDifference, ...]:
    """Return the knobs in which these runs differ, in the order in which they come up."""
    knobs = [run.knobs for run in runs]
    names = dict.fromkeys(name for each in knobs for name in each)
    found = (KnobDifference(name, tuple(each.get(name) for each in knobs)) for name in names)
    return tuple(each for each in found if len({repr(value) for value in each.values}) > 1)


@dataclass(frozen=True)
class ScatterPoint:
    """A run in a scatter of a knob against a metric."""

    x: float
    y: float
    run: str
    """Its id."""


def scatter(runs: Sequence[ComparedRun], knob: str, tag: str) -> tuple[ScatterPoint, ...]:
    """Return the runs that have both a number for the knob and a finite best of the metric."""
    points = []
    for run in runs:
        x, metric = run.knobs.get(knob), run.metrics.get(tag)
        if isinstance(x, int | float) and metric is not None and math.isfinite(metric.best):
            points.append(ScatterPoint(float(x), metric.best, run.record.id))
    return tuple(points)
