"""Several runs on the Training screen: their curves over each other, and under them what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical

from screens.run_charts import ChartBoard
from tui.widgets import words
from tui.widgets.compare.panel import CompareData, ComparedRow, ComparePanel, ScatterData
from tui.widgets.pace import terminal_is_behind

if TYPE_CHECKING:
    from tui.runs.compare import ComparedRun
    from tui.runs.reader import RunReader

REFRESH_S = 2.0


class ComparePane(Vertical):
    """Follows several runs as long as they are shown."""

    DEFAULT_CSS = """
    ComparePane {
        height: 1fr;
        & ChartBoard { height: 2fr; }
        & ComparePanel { height: 1fr; min-height: 6; }
    }
    """

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

    def open(self, runs: Sequence[ComparedRun]) -> None:
        """Show these runs."""
        self._runs = tuple(runs)
        self._knob = self._metric = 0
        self.board.reset()
        self._show_panel()
        self.follow([run.record.folder for run in runs], _labels(runs))
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

        self._runs = tuple(
            replace(
                run,
                record=replace(reader.record, label=run.record.label),
                metrics=metrics_of(reader.series),
            )
            for run, reader in zip(self._runs, readers, strict=True)
        )
        self._show_panel()

    @on(ComparePanel.Wanted)
    def scatter_wanted(self, event: ComparePanel.Wanted) -> None:
        """Go to the next knob or metric of the scatter."""
        event.stop()
        if event.what == "knob":
            self._knob += 1
        else:
            self._metric += 1
        self._show_panel()

    def _show_panel(self) -> None:
        self.query_one(ComparePanel).show(compare_data(self._runs, self._knob, self._metric))


def _labels(runs: Sequence[ComparedRun]) -> list[str]:
    """Return a name for each run: its own where no other has it, else with the end of its id."""
    names = [run.record.name for run in runs]
    return [
        name if names.count(name) == 1 else f"{name}-{run.record.id[-4:]}"
        for name, run in zip(names, runs, strict=True)
    ]


def compare_data(runs: Sequence[ComparedRun], knob: int = 0, metric: int = 0) -> CompareData:
    """Return what the panel shows of these runs, the scatter with the knob and metric of these numbers."""
    from tui.protocol.metrics import larger_is_better
    from tui.runs.compare import MAIN, differences, scatter

    different = differences(runs)
    tags = dict.fromkeys(tag for run in runs for tag in run.metrics)
    metrics = [tag for tag in MAIN if tag in tags] + [tag for tag in tags if tag not in MAIN]
    rows = []
    for at, (label, run) in enumerate(zip(_labels(runs), runs, strict=True)):
        knobs = tuple(words.knob(each.values[at]) for each in different)
        values = tuple(run.metrics[tag].best if tag in run.metrics else None for tag in metrics)
        rows.append(ComparedRow(label, knobs, values))
    numbers = [
        each.name for each in different if any(isinstance(value, int | float) for value in each.values)
    ]
    shown = None
    if numbers and metrics:
        name, tag = numbers[knob % len(numbers)], metrics[metric % len(metrics)]
        points = tuple((point.x, point.y, point.run) for point in scatter(runs, name, tag))
        shown = ScatterData(name, tag, points, larger_is_better(tag))
    return CompareData(
        tuple(each.name for each in different),
        tuple(metrics),
        tuple(map(larger_is_better, metrics)),
        tuple(rows),
        shown,
    )
