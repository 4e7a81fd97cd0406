"""A row for each run with the knobs that differ and the metrics; or a scatter of a knob against a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from rich.cells import cell_len
from textual.binding import BindingType
from textual.message import Message

from tui.widgets.foreign import one_line
from tui.widgets.keys import key
from tui.widgets.panels.base import Panel, PanelLine

COLUMN_CELLS: Final = 18


@dataclass(frozen=True)
class ComparedRow:
    """A run."""

    name: str
    knobs: tuple[str, ...]
    """As text, one for each differing knob; empty where it has none."""
    metrics: tuple[float | None, ...]
    """Best values, one for each metric; None where it has none."""


@dataclass(frozen=True)
class ScatterData:
    """A knob against a metric."""

    knob: str
    metric: str
    points: tuple[tuple[float, float, str], ...]
    """Knob, best value of the metric, name of the run."""
    larger_is_better: bool = True


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


def table_lines(data: CompareData, width: int) -> tuple[list[PanelLine], list[PanelLine]]:
    """Return the head and a line for each run; the best value of each metric stands out. Columns that do not fit are
    left out, and counted.
    """
    names = min(max([cell_len(row.name) for row in data.rows] + [4]), max(12, width // 4))
    columns = [_knob_column(data, at) for at in range(len(data.knobs))]
    columns += [_metric_column(data, at) for at in range(len(data.metrics))]
    head: PanelLine = [(f"{'run':<{names}}", "muted")]
    lines: list[PanelLine] = [
        [(one_line(row.name, names), "strong"), (" " * (names - cell_len(one_line(row.name, names))), "")]
        for row in data.rows
    ]
    used, left_out = names, 0
    for title, texts in columns:
        cells = min(COLUMN_CELLS, max([cell_len(title), *(cell_len(text) for text, _ in texts)]))
        if used + 2 + cells > width - 10 * (len(columns) > 1):
            left_out += 1
            continue
        used += 2 + cells
        head.append((f"  {one_line(title, cells):>{cells}}", "muted"))
        for line, (text, style) in zip(lines, texts, strict=True):
            line.append((f"  {one_line(text, cells):>{cells}}", style))
    if left_out:
        head.append((f"  … {left_out} more", "muted"))
    return [head], lines


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


def scatter_lines(data: ScatterData, width: int, height: int) -> list[PanelLine]:
    """Return a scatter of `width` x `height` cells; the x axis is logarithmic where the knob spans a factor of 10."""
    if not data.points:
        return [[(f"no run has both {data.knob} and {data.metric}", "muted")]]
    xs, ys = [x for x, _, _ in data.points], [y for _, y, _ in data.points]
    log = min(xs) > 0 and max(xs) / min(xs) >= 10
    places = [math.log10(x) for x in xs] if log else xs
    label = max(len(f"{value:.4g}") for value in (min(ys), max(ys)))
    across, down = max(10, width - label - 2), max(3, height - 2)
    top = (max if data.larger_is_better else min)(ys)
    cells: dict[tuple[int, int], bool] = {}
    for place, y in zip(places, ys, strict=True):
        column = _cell(place, min(places), max(places), across)
        row = down - 1 - _cell(y, min(ys), max(ys), down)
        cells[column, row] = cells.get((column, row), False) or y == top
    lines: list[PanelLine] = []
    for row in range(down):
        value = (
            f"{max(ys):.4g}"
            if row == 0
            else f"{min(ys):.4g}"
            if row == down - 1 and max(ys) > min(ys)
            else ""
        )
        line: PanelLine = [(f"{value:>{label}} ┤" if value else " " * label + " │", "muted")]
        for column in range(across):
            best = cells.get((column, row))
            line.append((" ", "") if best is None else ("◆", "good") if best else ("●", "mark"))
        lines.append(line)
    left, right = f"{min(xs):.4g}", f"{max(xs):.4g}"
    middle = f"{data.knob}{' (log)' if log else ''}"
    gap = max(2, across - len(left) - len(right) - cell_len(middle))
    lines.append([(" " * label + " └" + "─" * across, "muted")])
    lines.append(
        [
            (" " * (label + 2) + left + " " * (gap // 2), "muted"),
            (one_line(middle, 30), ""),
            (" " * (gap - gap // 2) + right, "muted"),
        ]
    )
    return lines


def _cell(value: float, low: float, high: float, cells: int) -> int:
    return round((value - low) / (high - low) * (cells - 1)) if high > low else cells // 2


class ComparePanel(Panel):
    """Shows the table; `k` and `m` show a scatter and go to another knob or metric, `d` the table again."""

    DEFAULT_CSS = "ComparePanel { height: 1fr; border-top: solid $panel; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        key("d", "table", "Table", "compare.table", "The table of knobs and metrics"),
        key("k", "knob", "Knob", "compare.knob", "A knob against a metric: the next knob"),
        key("m", "metric", "Metric", "compare.metric", "A knob against a metric: the next metric"),
    ]

    @dataclass
    class Wanted(Message):
        """Another knob or metric is wanted in the scatter."""

        what: Literal["knob", "metric"]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._data: CompareData | None = None
        self.scattered = False
        """Whether the scatter is shown."""

    def show(self, data: CompareData) -> None:
        """Show these runs."""
        self._data = data
        self.show_lines()

    def page(self, width: int) -> tuple[Sequence[PanelLine], Sequence[PanelLine]]:
        """Return the table, or the scatter."""
        data = self._data
        if data is None:
            return [], []
        if not self.scattered:
            return table_lines(data, width)
        if data.scatter is None:
            return [], [
                [
                    (
                        "the runs differ in no knob that is a number: there is nothing to set a metric against",
                        "muted",
                    )
                ]
            ]
        title = f"{one_line(data.scatter.metric, 40)} (best) by {one_line(data.scatter.knob, 40)}"
        return [[(title, "title")]], scatter_lines(data.scatter, width, self.size.height - 1)

    def action_table(self) -> None:
        """Show the table."""
        self.scattered = False
        self.show_lines()

    def action_knob(self) -> None:
        """Show the scatter; where it is shown, with the next knob."""
        self._turn("knob")

    def action_metric(self) -> None:
        """Show the scatter; where it is shown, with the next metric."""
        self._turn("metric")

    def _turn(self, what: Literal["knob", "metric"]) -> None:
        if self.scattered:
            self.post_message(self.Wanted(what))
        self.scattered = True
        self.show_lines()
