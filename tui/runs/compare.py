"""Runs side by side: what they ended at, and in which knobs they differ. Pure functions, but for `load_run`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tui.protocol.metrics import split_of
from tui.protocol.run import DETAILS, KnobValue, RunLabels, RunSettings
from tui.runs.hparams import read_hparams
from tui.runs.index import event_files, list_runs
from tui.runs.labels import read_labels
from tui.runs.metric_cache import Metric, MetricCache, Sizes
from tui.runs.record import RunRecord, read_record, timestamp

if TYPE_CHECKING:
    from tui.runs.series import Series

MAIN: Final = (
    "test/accuracy", "val/accuracy", "test/loss", "val/loss", "train/loss", "loss", "val_acc", "val_loss", "train_loss",
)  # fmt: skip
"""Metrics by which a run is told first, where it has them."""


@dataclass(frozen=True)
class ComparedRun:
    """A run as a row of the table."""

    record: RunRecord
    labels: RunLabels = field(default=RunLabels())
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    """By tag."""
    foreign: Mapping[str, KnobValue] = field(default_factory=dict)
    """The knobs of a log without a record, where something beside it tells them."""
    is_read: bool = True
    """Whether its logs have been read: where not, the metrics are those known before, or none."""

    @property
    def knobs(self) -> dict[str, KnobValue]:
        """Its knobs, and those settings that are not as they come."""
        info = self.record.info
        if info is None:
            return dict(self.foreign)
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
        if known := next((tag for tag in MAIN if tag in self.metrics), ""):
            return known
        return min(self.metrics, key=_rank, default="")


class RunTable:
    """Loads runs, and each of them again only when it has changed.

    Records come at once, whatever there is of logs: those of some hundred runs take a minute to read.
    """

    def __init__(self, root: Path, cache: MetricCache | None = None) -> None:
        """`cache`: what is known of logs that were read before; None: nothing."""
        self.root = root
        self._cache = cache
        self._known: dict[Path, tuple[object, ComparedRun]] = {}
        self._unread: list[tuple[tuple[RunRecord, Sizes], ComparedRun]] = []

    def load(self) -> tuple[ComparedRun, ...]:
        """Return every run of the folder, newest first. Reads whole logs: call it in a thread."""
        runs = {run.record.folder: run for run in self.begin()}
        while (run := self.read_next()) is not None:
            runs[run.record.folder] = run
        return tuple(runs.values())

    def begin(self) -> tuple[ComparedRun, ...]:
        """Return every run of the folder, newest first, as far as it is known without reading a log."""
        runs: list[ComparedRun] = []
        known: dict[Path, tuple[object, ComparedRun]] = {}
        unread = []
        for record in list_runs(self.root):
            stamp, labels = (record, _sizes(record)), read_labels(record.folder)
            before, run = self._known.get(record.folder, (None, None))
            kept = self._kept(*stamp) if before != stamp else None
            if kept is not None:
                run = ComparedRun(record, labels, kept, _foreign(record))
            elif run is None or before != stamp:
                run = ComparedRun(
                    record, labels, run.metrics if run is not None else {}, _foreign(record), is_read=False
                )
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
        if self._cache is not None and not read.record.live:
            self._cache.put(run.record.folder, stamp[1], read.metrics)
        return read

    def keep(self) -> None:
        """Keep what was read for the next time."""
        if self._cache is not None:
            self._cache.save()

    def _kept(self, record: RunRecord, sizes: Sizes) -> Mapping[str, Metric] | None:
        if self._cache is None or record.live:
            return None
        return self._cache.get(record.folder, sizes)


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
    return ComparedRun(fresh, read_labels(record.folder), metrics_of(reader.series), _foreign(fresh))


def _rank(tag: str) -> tuple[int, bool]:
    """Return the place of a tag that is not one of ours: unseen data first, the loss before other metrics."""
    measured, split = split_of(tag)
    return ("test", "val", "train", "other").index(split), measured.lower() != "loss"


def _foreign(record: RunRecord) -> Mapping[str, KnobValue]:
    return read_hparams(record.folder) if record.status == "unknown" else {}


def metrics_of(series: Mapping[str, Series]) -> dict[str, Metric]:
    """Return the metrics of a run's evaluations and of its training; where there are none, some of what there is."""
    from tui.runs.summary import best

    wanted = [tag for tag in series if not tag.startswith(DETAILS) and split_of(tag)[1] != "other"]
    metrics = {}
    for tag in wanted or list(series)[:20]:
        point = series[tag].last
        if point is not None:
            top = best(tag, series)
            metrics[tag] = Metric(point.value, top.value if top else math.nan, top.step if top else 0)
    return metrics


def _sizes(record: RunRecord) -> Sizes:
    """Return what changes when a run's logs do: their names and lengths."""
    sizes = []
    for subfolder, path in event_files(record.folder):
        try:
            sizes.append((f"{subfolder}/{path.name}", path.stat().st_size))
        except OSError:
            continue
    return tuple(sizes)


@dataclass(frozen=True)
class KnobDifference:
    """A knob in which runs differ."""

    name: str
    values: tuple[KnobValue | None, ...]
    """One for each run, None where it has no such knob."""


def usual_metrics(runs: Sequence[ComparedRun]) -> list[str]:
    """Return the metrics of some runs: those that most of them have first, among these the ones runs are told by."""
    counts = Counter(tag for run in runs for tag in run.metrics)
    places = {tag: place for place, tag in enumerate(MAIN)}
    return sorted(counts, key=lambda tag: (-counts[tag], places.get(tag, len(MAIN))))


def differences(runs: Sequence[ComparedRun]) -> tuple[KnobDifference, ...]:
    """Return the knobs in which these runs differ: those that most of them have first, else as they come up."""
    knobs = [run.knobs for run in runs]
    names = dict.fromkeys(name for each in knobs for name in each)
    found = (KnobDifference(name, tuple(each.get(name) for each in knobs)) for name in names)
    differing = [each for each in found if len({repr(value) for value in each.values}) > 1]
    return tuple(sorted(differing, key=lambda each: each.values.count(None)))


@dataclass(frozen=True)
class ScatterPoint:
    """A run in a scatter of a knob against a metric."""

    x: float
    """The knob; of one that is no number, the place of its value among the names."""
    y: float
    folder: Path
    """The run's."""


def scatter(
    runs: Sequence[ComparedRun], knob: str, tag: str
) -> tuple[tuple[ScatterPoint, ...], tuple[str, ...]]:
    """Return the runs that have both the knob and a finite best of the metric; and the knob's values by name.

    The names are empty for a knob that is a number in all of these runs.
    """
    found = []
    for run in runs:
        value, metric = run.knobs.get(knob), run.metrics.get(tag)
        if value is not None and metric is not None and math.isfinite(metric.best):
            found.append((value, metric.best, run.record.folder))
    if all(_is_number(value) for value, _, _ in found):
        return tuple(ScatterPoint(float(value), y, folder) for value, y, folder in found), ()
    names = list(dict.fromkeys(str(value) for value, _, _ in sorted(found, key=lambda each: str(each[0]))))
    return tuple(ScatterPoint(names.index(str(value)), y, folder) for value, y, folder in found), tuple(names)


def _is_number(value: KnobValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
