"""The runs to choose from: which of them, in which order, which are marked. Imports numpy, so it is loaded late."""

from __future__ import annotations

import math
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tui.runs.compare import ComparedRun, RunTable, differences
from tui.runs.filtering import FilterError, Term, check_field, known_fields, matching, parse_filter
from tui.runs.labels import parse_tags, tags_text, write_labels
from tui.runs.metric_cache import MetricCache, cache_file
from tui.runs.ordering import ORDERS, order_key
from tui.runs.record import LIVE, read_record
from tui.widgets import words
from tui.widgets.chart.ticks import value_text
from tui.widgets.run.entries import RunEntry


class ShelfError(ValueError):
    """Something that cannot be done with a run; the message is for the user."""


class RunShelf:
    """Holds the runs of a folder.

    `begin` and `read_more` read files, so they are called in a thread; the rest is quick.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._table = RunTable(root, MetricCache(cache_file()))
        self._runs: tuple[ComparedRun, ...] = ()
        self._reading = threading.Lock()  # a list opened again may begin while another thread still reads
        self._terms: tuple[Term, ...] = ()
        self.filter = ""
        """As it was typed; empty: all runs."""
        self.order = "newest"
        """One of `ORDERS`, or a knob or metric; with ``-`` before it the other way round."""
        self._rows: dict[Path, RunEntry] = {}  # of what is shown
        self._differing: tuple[object, dict[str, list[str]]] = (None, {})
        self.marked: set[Path] = set()

    def load(self) -> None:
        """Read the runs, those that have changed, with their logs."""
        self.begin()
        while self.unread:
            self.take(self.read_more(math.inf, lambda: False))

    def begin(self) -> None:
        """Read the records of the runs; the metrics of those that have changed come with `read_more`."""
        with self._reading:
            self._runs = self._table.begin()
        self.marked &= {run.record.folder for run in self._runs}

    def read_more(self, seconds: float, stopped: Callable[[], bool]) -> list[ComparedRun]:
        """Read logs for so long, newest runs first; return the runs read, fewer once it is to stop."""
        end_s = time.monotonic() + seconds
        found: list[ComparedRun] = []
        with self._reading:
            while time.monotonic() < end_s and (run := self._table.read_next(stopped)) is not None:
                found.append(run)
            if found:
                self._table.keep()
        return found

    def take(self, read: Sequence[ComparedRun]) -> None:
        """Show what was read of runs that are still there."""
        fresh = {run.record.folder: run for run in read}
        self._runs = tuple(fresh.get(run.record.folder, run) for run in self._runs)

    @property
    def unread(self) -> int:
        """How many runs there are whose metrics are not known yet."""
        return sum(not run.is_read for run in self._runs)

    @property
    def count(self) -> int:
        """How many there are, shown or not."""
        return len(self._runs)

    @property
    def shown(self) -> tuple[ComparedRun, ...]:
        """Those that the filter lets through, in the order wanted."""
        return tuple(sorted(matching(self._runs, self._terms), key=order_key(self.order)))

    def entries(self) -> list[RunEntry]:
        """Return the rows of the table."""
        shown = self.shown
        if self._differing[0] != shown:
            self._differing = shown, _differing(shown)
            self._rows.clear()
        names = self._differing[1]
        return [self._row(run, names[_kind(run)]) for run in shown]

    def _row(self, run: ComparedRun, names: list[str]) -> RunEntry:
        marked = run.record.folder in self.marked
        row = self._rows.get(run.record.folder)
        if row is None or row.marked != marked:
            row = self._rows[run.record.folder] = _entry(run, names, marked=marked)
        return row

    @property
    def title(self) -> str:
        """What is shown, in a few words."""
        if not self._runs:
            return f"there are none yet in {self.root}"
        shown = len(self.shown)
        all_runs = "1 run" if self.count == 1 else f"{self.count:,} runs"
        parts = [
            f"{shown:,} of {all_runs}" if self.filter else all_runs,
            f"{self.order} first",
        ]
        if self.order not in ORDERS[:3]:
            parts[1] = f"by {self.order}"
        if self.filter:
            parts.insert(1, self.filter)
        if self.marked:
            parts.append(f"{len(self.marked)} marked")
        if self.unread:
            parts.append(f"reading the curves of {self.unread:,} more")
        return " · ".join(parts)

    def set_filter(self, text: str) -> None:
        """Show only the runs that a filter lets through.

        Raises:
            FilterError: it cannot be understood.
        """
        try:
            self._terms = parse_filter(text, self._runs)
        except FilterError as error:
            if not self.unread:
                raise
            raise FilterError(f"{error} (the curves of {self.unread:,} runs are still to be read)") from None
        self.filter = " ".join(text.split())

    def next_order(self) -> None:
        """Go to the next order."""
        place = ORDERS.index(self.order) if self.order in ORDERS else -1
        self.order = ORDERS[(place + 1) % len(ORDERS)]

    def set_order(self, text: str) -> None:
        """Order by what was typed: one of `ORDERS`, a knob, a metric or a field; `-` before it turns it round.

        Raises:
            FilterError: no run has it.
        """
        order = text.strip() or ORDERS[0]
        if order not in ORDERS:
            check_field(order.removeprefix("-"), (*ORDERS, *known_fields(self._runs)))
        self.order = order.removeprefix("-") if order.removeprefix("-") in ORDERS else order

    def mark(self, folder: Path) -> None:
        """Mark a run, or unmark it."""
        self.marked ^= {folder}

    def mark_all(self) -> None:
        """Mark all runs that are shown; where all of them are marked, none any more."""
        shown = {run.record.folder for run in self.shown}
        self.marked = self.marked - shown if shown <= self.marked else self.marked | shown

    def marked_runs(self) -> tuple[ComparedRun, ...]:
        """Return the marked runs, oldest first, so that their colours stay when more are marked later."""
        found = [run for run in self._runs if run.record.folder in self.marked]
        return tuple(sorted(found, key=lambda run: run.record.started_s))

    def marked_and_shown(self) -> tuple[ComparedRun, ...]:
        """Return the marked runs that the filter leaves in."""
        shown = {run.record.folder for run in self.shown}
        return tuple(run for run in self.marked_runs() if run.record.folder in shown)

    def run_at(self, folder: Path) -> ComparedRun | None:
        """Return a run; None where it is gone."""
        return next((run for run in self._runs if run.record.folder == folder), None)

    def delete(self, folder: Path) -> None:
        """Remove a run's folder with all that is in it.

        Raises:
            ShelfError: it is in progress, or it cannot be removed.
        """
        run = self.run_at(folder)
        if run is None:
            return
        record = read_record(folder)  # it may have been gone on with since the list was read
        if record.status in LIVE:
            where = f" ({record.reason})" if record.reason else ""
            raise ShelfError(f"{record.name} is {record.status}{where}: stop it first")
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise ShelfError(f"{folder} cannot be removed: {error.strerror or error}") from error
        self.marked.discard(folder)
        self._runs = tuple(each for each in self._runs if each.record.folder != folder)

    def set_tags(self, folder: Path, text: str) -> None:
        """Replace a run's tags; raises ShelfError."""
        self._label(folder, tags=parse_tags(text))

    def set_notes(self, folder: Path, text: str) -> None:
        """Replace a run's notes; raises ShelfError."""
        self._label(folder, notes=text.strip())

    def _label(self, folder: Path, **changes: Any) -> None:
        run = self.run_at(folder)
        if run is None:
            raise ShelfError("the run is gone")
        labels = replace(run.labels, **changes)
        try:
            write_labels(folder, labels)
        except OSError as error:
            raise ShelfError(f"cannot write in {folder}: {error.strerror or error}") from error
        self.take([replace(run, labels=labels)])


def _kind(run: ComparedRun) -> str:
    """Return what runs are compared within in the list: the experiment."""
    info = run.record.info
    return info.experiment if info is not None else ""


def _differing(runs: Sequence[ComparedRun]) -> dict[str, list[str]]:
    """Return, by experiment, the knobs that the list tells: those in which its runs differ; of a single run all."""
    kinds: dict[str, list[ComparedRun]] = {}
    for run in runs:
        kinds.setdefault(_kind(run), []).append(run)
    return {
        kind: [each.name for each in differences(those)] if len(those) > 1 else list(those[0].knobs)
        for kind, those in kinds.items()
    }


def _entry(run: ComparedRun, differing: list[str], *, marked: bool) -> RunEntry:
    record, info, knobs = run.record, run.record.info, run.knobs
    if info is not None and info.error is not None:
        summary = f"{info.error.kind}: {info.error.message}"
    elif run.labels.notes:
        summary = run.labels.notes
    elif record.status == "unknown":  # somebody's log: nothing is wrong with it
        summary = ""
    else:
        summary = record.reason
    return RunEntry(
        folder=record.folder,
        name=record.name,
        status="log" if record.status == "unknown" else record.status,
        started=time.strftime("%m-%d %H:%M", time.localtime(record.started_s)),
        summary=summary,
        took=words.duration(run.duration_s) if run.duration_s is not None else "",
        best=best_text(run),
        differs=" ".join(f"{name}={words.knob(knobs[name])}" for name in differing if name in knobs),
        device=info.device if info is not None else "",
        tags=tags_text(run.labels.tags),
        marked=marked,
    )


def best_text(run: ComparedRun) -> str:
    """Return a run's first metric at its best, and that it ended in no number where it did; empty without one."""
    tag = run.main_metric
    if not tag:
        return ""
    last = run.metrics[tag].last
    end = "" if math.isfinite(last) else f", last {value_text(last)}"
    return f"{tag} {run.metrics[tag].best:.4g}{end}"
