"""Several runs on the Training screen: their curves over each other, and under them what differs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from screens.run_charts import ChartBoard
from tui.widgets import words
from tui.widgets.compare.panel import CompareData, ComparedRow, ComparePanel
from tui.widgets.compare.scatter import ScatterData, ScatterDot
from tui.widgets.keys import key
from tui.widgets.pace import terminal_is_behind

if TYPE_CHECKING:
    from tui.runs.compare import ComparedRun, KnobDifference
    from tui.runs.reader import RunReader

REFRESH_S = 2.0
MOST_CURVES = 60
"""Runs whose curves are laid over each other; the table has more."""


class ComparePane(Vertical):
    """Follows several runs as long as they are shown."""

    DEFAULT_CSS = """
    ComparePane {
        height: 1fr;
        & ChartBoard { height: 2fr; }
        & ComparePanel { height: 1fr; min-height: 6; }
        &.-scatter ChartBoard { height: 1fr; }
        &.-scatter ComparePanel { height: 2fr; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        key("tab", "next(1)", "Next", "compare.next", "To the next chart, then to the table", first=True),
        key(
            "shift+tab", "next(-1)", "Before", "compare.before", "To the chart before", show=False, first=True
        ),
        key("d", "table", "Table", "compare.table", "The table of knobs and metrics"),
        key("k", "knob", "Knob", "compare.knob", "A knob against a metric: the next knob"),
        key("j", "metric", "Metric", "compare.metric", "A knob against a metric: the next metric"),
        key("escape", "leave", "Runs", "compare.leave", "Back to the list of runs"),
    ]

    class Left(Message):
        """The list of runs is wanted again."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._runs: tuple[ComparedRun, ...] = ()
        self._readers: list[tuple[str, RunReader]] = []
        self._knob = self._metric = 0

    def compose(self) -> ComposeResult:
        """Lay out the charts and the panel."""
        yield ChartBoard()
        yield ComparePanel()

    @property
    def board(self) -> ChartBoard:
        """The charts."""
        return self.query_one(ChartBoard)

    @property
    def panel(self) -> ComparePanel:
        """The table, or the scatter."""
        return self.query_one(ComparePanel)

    def open(self, runs: Sequence[ComparedRun]) -> None:
        """Show these runs."""
        self._runs = tuple(runs)
        self._knob = self._metric = 0
        self.board.reset()
        self._show_panel()
        if len(runs) > MOST_CURVES:
            text = f"the charts show the first {MOST_CURVES} of {len(runs)} runs; the table has all"
            self.notify(text, markup=False)
        self.follow([run.record.folder for run in runs][:MOST_CURVES], _labels(runs)[:MOST_CURVES])
        self.board.focus_first()

    @work(exclusive=True, group="compare")
    async def follow(self, folders: list[Path], labels: list[str]) -> None:
        """Read the runs and show what is new, for as long as they are shown."""
        from tui.runs.reader import RunReader

        readers = [await asyncio.to_thread(RunReader, folder) for folder in folders]
        self._readers = list(zip(labels, readers, strict=True))
        due = True
        while True:
            more = False
            for reader in readers:
                changes = await asyncio.to_thread(reader.poll)
                due, more = due or bool(changes), more or changes.more
            if due and not more and self.display and not terminal_is_behind(self.app):
                due = False
                self.board.show(self._readers)
                self._take(readers)
            if not more:
                await asyncio.sleep(
                    REFRESH_S if any(reader.record.live for reader in readers) else 3 * REFRESH_S
                )

    def _take(self, readers: Sequence[RunReader]) -> None:
        """Bring the panel up to date with what has been read."""
        from tui.runs.compare import metrics_of

        fresh = tuple(
            replace(
                run,
                record=replace(reader.record, label=run.record.label),
                metrics=metrics_of(reader.series),
            )
            for run, reader in zip(self._runs, readers, strict=False)
        )
        self._runs = fresh + self._runs[len(fresh) :]
        self._show_panel()

    # -- keys -------------------------------------------------------------------------------------

    def action_next(self, by: int) -> None:
        """Put the focus on the next of the charts and the table."""
        charts = [chart for chart in self.board.charts if chart.display and chart.data.title]
        stops: list[Widget] = [*charts, self.panel]
        here = self.screen.focused
        place = stops.index(here) if here in stops else -by
        stops[(place + by) % len(stops)].focus()

    def action_table(self) -> None:
        """Show the table."""
        self._show_scatter(False)

    def action_knob(self) -> None:
        """Show the scatter; where it is shown, with the next knob."""
        self._turn(1, 0)

    def action_metric(self) -> None:
        """Show the scatter; where it is shown, with the next metric."""
        self._turn(0, 1)

    def _turn(self, knobs: int, metrics: int) -> None:
        if self.panel.scattered:
            self._knob, self._metric = self._knob + knobs, self._metric + metrics
        self._show_scatter(True)
        self._show_panel()

    def _show_scatter(self, on: bool) -> None:
        self.set_class(on, "-scatter")
        self.panel.show_scatter(on)

    def action_leave(self) -> None:
        """Go back to the list."""
        self.workers.cancel_group(self, "compare")
        self.post_message(self.Left())

    def _show_panel(self) -> None:
        self.panel.show(compare_data(self._runs, self._knob, self._metric))


def _labels(runs: Sequence[ComparedRun]) -> list[str]:
    """Return a name for each run: its own where no other has it, else with the end of its id."""
    names = [run.record.name for run in runs]
    return [
        name if names.count(name) == 1 else f"{name}-{run.record.id[-4:]}"
        for name, run in zip(names, runs, strict=True)
    ]


def compare_data(runs: Sequence[ComparedRun], knob: int = 0, metric: int = 0) -> CompareData:
    """Return what the panel shows of these runs, the scatter with the knob and metric of these numbers."""
    from screens.run_view import looks_of_runs
    from tui.protocol.metrics import larger_is_better
    from tui.runs.compare import differences, usual_metrics

    different = differences(runs)
    metrics = _on_unseen_first(usual_metrics(runs), runs)
    labels = _labels(runs)
    looks = looks_of_runs(labels)
    rows = []
    for at, (label, run, look) in enumerate(zip(labels, runs, looks, strict=True)):
        knobs = tuple("" if (value := each.values[at]) is None else words.knob(value) for each in different)
        values = tuple(run.metrics[tag].best if tag in run.metrics else None for tag in metrics)
        glyph, colour = (look.glyph, look.colour) if look is not None else ("", 0)
        rows.append(ComparedRow(label, knobs, values, glyph, colour))
    unsorted = list(rows)
    if metrics:  # the best on top
        rows.sort(key=lambda row: _rank(row.metrics[0], larger=larger_is_better(metrics[0])))
    shown = None
    if different and metrics:
        knobs_by_use = sorted(different, key=_sameness)
        shown = _scattered(
            runs, unsorted, knobs_by_use[knob % len(different)], metrics[metric % len(metrics)]
        )
    return CompareData(
        tuple(each.name for each in different),
        tuple(metrics),
        tuple(map(larger_is_better, metrics)),
        tuple(rows),
        shown,
    )


def _rank(value: float | None, *, larger: bool) -> float:
    return math.inf if value is None or math.isnan(value) else -value if larger else value


def _on_unseen_first(metrics: Sequence[str], runs: Sequence[ComparedRun]) -> list[str]:
    """Return the metrics with those in front that are of data the runs have not learned from, where half have them."""
    from tui.protocol.metrics import split_of

    def told_late(tag: str) -> bool:
        unseen = split_of(tag)[1] in ("val", "test")
        return not (unseen and 2 * sum(tag in run.metrics for run in runs) >= len(runs))

    return sorted(metrics, key=told_late)


def _sameness(knob: KnobDifference) -> tuple[bool, int]:
    """Return what orders knobs for the scatter: those with most values first, and last the seed."""
    return knob.name == "seed", -len({repr(value) for value in knob.values})


def _scattered(
    runs: Sequence[ComparedRun], rows: Sequence[ComparedRow], knob: KnobDifference, tag: str
) -> ScatterData:
    """Return the scatter; ``rows``: those of the runs, in their order."""
    from tui.protocol.metrics import larger_is_better
    from tui.runs.compare import scatter

    points, names = scatter(runs, knob.name, tag)
    row_of = {run.record.folder: row for run, row in zip(runs, rows, strict=True)}
    few = len(runs) <= len({row.glyph for row in rows})  # each has a mark of its own
    placed = []
    for point in points:
        row = row_of[point.folder]
        placed.append(ScatterDot(point.x, point.y, row.glyph if few else "", row.colour))
    return ScatterData(knob.name, tag, tuple(placed), larger_is_better(tag), names)
