"""A row for each run with the knobs that differ and the metrics; or a scatter of a knob against a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len
from textual.binding import BindingType

from tui.widgets.compare.scatter import BEST, RUNS, ScatterData, scatter_lines
from tui.widgets.foreign import one_line
from tui.widgets.keys import key
from tui.widgets.panels.base import Panel, PanelLine

COLUMN_CELLS: Final = 18
MOST_NAME_CELLS: Final = 60
MORE_CELLS: Final = 11
"""What is kept free for how many columns there are beside those shown."""


@dataclass(frozen=True)
class ComparedRow:
    """A run."""

    name: str
    knobs: tuple[str, ...]
    """As text, one for each differing knob; empty where it has none."""
    metrics: tuple[float | None, ...]
    """Best values, one for each metric; None where it has none."""
    glyph: str = ""
    """What marks it in the charts."""
    colour: int = 0
    """Which of the colours of runs it has there."""


@dataclass(frozen=True)
class CompareData:
    """What the panel shows."""

    knobs: tuple[str, ...]
    metrics: tuple[str, ...]
    larger_is_better: tuple[bool, ...]
    """One for each metric."""
    rows: tuple[ComparedRow, ...]
    scatter: ScatterData | None = None
    """None where no knob that is a number differs."""


def table_lines(data: CompareData, width: int, first: int = 0) -> tuple[list[PanelLine], list[PanelLine]]:
    """Return the head and a line for each run; the best value of each metric stands out.

    The metric that runs are told by comes first, then the knobs, then the other metrics. Columns that do not fit are
    left out, and counted.

    Args:
        first: how many columns are passed over at the left.
    """
    mark = 2 if any(row.glyph for row in data.rows) else 0
    names = max([cell_len(one_line(row.name, MOST_NAME_CELLS)) for row in data.rows] + [4])
    names = min(names, max(12, width // 3))
    columns = _columns(data)
    first = min(first, len(columns) - 1) if columns else 0
    head: PanelLine = [(" " * mark + f"{'run':<{names}}", "muted")]
    lines: list[PanelLine] = []
    for row in data.rows:
        name = _shortened(row.name, names)
        lead: PanelLine = [(f"{row.glyph:<{mark}}", f"run-{row.colour % RUNS}")] if mark else []
        lines.append([*lead, (name, "strong"), (" " * (names - cell_len(name)), "")])
    used, shown = mark + names, 0
    if first:
        head.append((f"  ← {first}", "muted"))
        used += len(f"  ← {first}")
        for line in lines:
            line.append((" " * len(f"  ← {first}"), ""))
    for title, texts in columns[first:]:
        cells = min(COLUMN_CELLS, max([cell_len(title), *(cell_len(text) for text, _ in texts)]))
        last = shown == len(columns) - first - 1
        if shown and used + 2 + cells > width - (0 if last else MORE_CELLS):
            break
        used, shown = used + 2 + cells, shown + 1
        head.append((f"  {one_line(title, cells):>{cells}}", "muted"))
        for line, (text, style) in zip(lines, texts, strict=True):
            line.append((f"  {one_line(text, cells):>{cells}}", style))
    if left_out := len(columns) - first - shown:
        head.append((f"  {left_out} more →", "muted"))
    return [head], lines


def _columns(data: CompareData) -> list[tuple[str, list[tuple[str, str]]]]:
    metrics = [_metric_column(data, at) for at in range(len(data.metrics))]
    return metrics[:1] + [_knob_column(data, at) for at in range(len(data.knobs))] + metrics[1:]


def _shortened(name: str, cells: int) -> str:
    """Return a name with its end, which tells runs of one name apart."""
    name = one_line(name, MOST_NAME_CELLS)
    if cell_len(name) <= cells:
        return name
    end = name[-5:]
    return one_line(name, cells - len(end)) + end


def _knob_column(data: CompareData, at: int) -> tuple[str, list[tuple[str, str]]]:
    return data.knobs[at], [(row.knobs[at] or "–", "") for row in data.rows]


def _metric_column(data: CompareData, at: int) -> tuple[str, list[tuple[str, str]]]:
    values = [row.metrics[at] for row in data.rows]
    finite = [value for value in values if value is not None and math.isfinite(value)]
    top = (max if data.larger_is_better[at] else min)(finite) if finite else None
    texts = [
        ("–" if value is None else f"{value:.4g}", "good" if value is not None and value == top else "")
        for value in values
    ]
    return data.metrics[at], texts


class ComparePanel(Panel):
    """Shows the table, or a scatter of a knob against a metric."""

    DEFAULT_CSS = """
    ComparePanel { height: 1fr; border-top: solid $panel; }
    ComparePanel:focus { border-top: solid $primary; }
    ComparePanel > .panel--run-0 { color: $train; }
    ComparePanel > .panel--run-1 { color: $val; }
    ComparePanel > .panel--run-2 { color: $test; }
    ComparePanel > .panel--run-3 { color: $other; }
    ComparePanel > .panel--run-4 { color: $nan; }
    ComparePanel > .panel--run-5 { color: $error; }
    ComparePanel > .panel--run-6 { color: $foreground; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = Panel.COMPONENT_CLASSES | {
        f"panel--run-{number}" for number in range(RUNS)
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        key("right", "columns(1)", "More columns", "compare.right", "Columns further right", show=False),
        key("left", "columns(-1)", "Columns before", "compare.left", "Columns further left", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._data: CompareData | None = None
        self._first = 0
        self.scattered = False
        """Whether the scatter is shown."""

    def show(self, data: CompareData) -> None:
        """Show these runs."""
        self._data = data
        self.show_lines()

    def show_scatter(self, on: bool) -> None:
        """Show the scatter, or the table."""
        self.scattered = on
        self.show_lines()

    def page(self, width: int) -> tuple[Sequence[PanelLine], Sequence[PanelLine]]:
        """Return the table, or the scatter."""
        data = self._data
        if data is None:
            return [], []
        if not self.scattered:
            return table_lines(data, width, self._first)
        if data.scatter is None:
            return [], [[("the runs differ in no knob: there is nothing to set a metric against", "muted")]]
        title = f"{one_line(data.scatter.metric, 40)} (best of each run) by {one_line(data.scatter.knob, 40)}"
        several = " · ●×2 two in one place" if len(data.scatter.points) > 1 else ""
        hint = f"   {BEST} the best of all{several}"
        return [[(title, "title"), (hint, "muted")]], scatter_lines(data.scatter, width, self.size.height - 1)

    def action_columns(self, by: int) -> None:
        """Show columns further right, or left."""
        count = len(_columns(self._data)) if self._data is not None else 0
        self._first = max(0, min(self._first + by, count - 1))
        self.show_lines()
