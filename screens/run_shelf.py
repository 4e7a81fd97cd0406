"""The runs to choose from: which of them, in which order, which are marked. Imports numpy, so it is loaded late."""

from __future__ import annotations

import math
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from tui.protocol.metrics import larger_is_better
from tui.runs.compare import ComparedRun, RunTable, differences
from tui.runs.filtering import FilterError, Term, matching, parse_filter
from tui.runs.labels import parse_tags, tags_text, write_labels
from tui.runs.record import LIVE, read_record
from tui.widgets import words
from tui.widgets.run.entries import RunEntry

Order = Literal["newest", "best", "longest", "name"]
ORDERS: Final[tuple[Order, ...]] = ("newest", "best", "longest", "name")


class ShelfError(ValueError):
    """Something that cannot be done with a run; the message is for the user."""


class RunShelf:
    """Holds the runs of a folder.

    `begin` and `read_more` read files, so they are called in a thread; the rest is quick.
    """

    def __init__(self, root: Path) -> None:
        self._table = RunTable(root)
        self._runs: tuple[ComparedRun, ...] = ()
        self._reading = threading.Lock()  # a list opened again may begin while another thread still reads
        self._terms: tuple[Term, ...] = ()
        self.filter = ""
        """As it was typed; empty: all runs."""
        self.order: Order = "newest"
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
        keys: dict[Order, Callable[[ComparedRun], Any]] = {
            "newest": lambda run: -run.record.started_s,
            "best": _by_metric,
            "longest": lambda run: -(run.duration_s or 0.0),
            "name": lambda run: (run.record.name.lower(), -run.record.started_s),
        }
        return tuple(sorted(matching(self._runs, self._terms), key=keys[self.order]))

    def entries(self) -> list[RunEntry]:
        """Return the rows of the table."""
        shown = self.shown
        differing = [each.name for each in differences(shown)]
        return [_entry(run, differing, marked=run.record.folder in self.marked) for run in shown]

    @property
    def title(self) -> str:
        """What is shown, in a few words."""
        shown = len(self.shown)
        all_runs = "1 run" if self.count == 1 else f"{self.count:,} runs"
        parts = [
            f"{shown:,} of {all_runs}" if self.filter else all_runs,
            f"{self.order} first",
        ]
        if self.order == "name":
            parts[1] = "by name"
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
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]

    def mark(self, folder: Path) -> None:
        """Mark a run, or unmark it."""
        self.marked ^= {folder}

    def marked_runs(self) -> tuple[ComparedRun, ...]:
        """Return the marked runs, oldest first, so that their colours stay when more are marked later."""
        found = [run for run in self._runs if run.record.folder in self.marked]
        return tuple(sorted(found, key=lambda run: run.record.started_s))

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


def _by_metric(run: ComparedRun) -> tuple[str, float]:
    """Sort by the main metric, runs told by the same one together; those without any come last."""
    tag = run.main_metric
    if not tag:
        return "~", 0.0
    best = run.metrics[tag].best
    return tag.partition("/")[2] or tag, (
        -best if larger_is_better(tag) else best
    ) if best == best else float("inf")


def _entry(run: ComparedRun, differing: list[str], *, marked: bool) -> RunEntry:
    record, info, knobs = run.record, run.record.info, run.knobs
    if info is not None and info.error is not None:
        summary = f"{info.error.kind}: {info.error.message}"
    elif run.labels.notes:
        summary = run.labels.notes
    else:
        summary = record.reason
    return RunEntry(
        folder=record.folder,
        name=record.name,
        status=record.status,
        started=time.strftime("%m-%d %H:%M", time.localtime(record.started_s)),
        summary=summary,
        took=words.duration(run.duration_s) if run.duration_s is not None else "",
        best=_best(run),
        differs=" ".join(f"{name}={words.knob(knobs[name])}" for name in differing if name in knobs),
        device=info.device if info is not None else "",
        tags=tags_text(run.labels.tags),
        marked=marked,
    )


def _best(run: ComparedRun) -> str:
    tag = run.main_metric
    return f"{tag} {run.metrics[tag].best:.4g}" if tag else ""
