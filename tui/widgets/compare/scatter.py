"""A knob against a metric: a dot for each run, marked and coloured as its curves are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from tui.widgets.chart.even_ticks import DOTS_PER_ROW, Even, even_ticks
from tui.widgets.chart.ticks import tick_labels
from tui.widgets.foreign import one_line
from tui.widgets.panels.base import PanelLine

RUNS: Final = 7
"""Colours of runs."""
BEST: Final = "★"
_DOT = "●"

Cell = tuple[str, str]
"""A character and its style."""


@dataclass(frozen=True)
class ScatterDot:
    """A run."""

    x: float
    """The knob; of one that is no number, the place of its value among the names."""
    y: float
    """The best value of the metric."""
    glyph: str = ""
    """What marks the run in the charts; empty: a dot."""
    colour: int = 0
    """Which of the colours of runs it has there."""

    @property
    def style(self) -> str:
        """The style of its colour."""
        return f"run-{self.colour % RUNS}"


@dataclass(frozen=True)
class ScatterData:
    """A knob against a metric."""

    knob: str
    metric: str
    points: tuple[ScatterDot, ...]
    larger_is_better: bool = True
    names: tuple[str, ...] = ()
    """The values of a knob that is no number, by their places 0, 1, … on the axis; empty: it is a number."""


def scatter_lines(data: ScatterData, width: int, height: int) -> list[PanelLine]:
    """Return a scatter of `width` x `height` cells; the x axis is logarithmic where the knob spans a factor of 10.

    A run is drawn with what marks it in the charts; where several fall on one cell there is a dot with their number.
    A star follows the best.
    """
    if not data.points:
        return [[(f"no run has both {data.knob} and {data.metric}", "muted")]]
    xs, ys = [dot.x for dot in data.points], [dot.y for dot in data.points]
    log = not data.names and min(xs) > 0 and max(xs) / min(xs) >= 10
    places = [math.log10(x) for x in xs] if log else xs
    down = max(3, height - 2)
    up = _axis(min(ys), max(ys), down)
    names = _labels(up, down)
    label = max(len(name) for name in names.values())
    across = max(10, width - label - 2)
    cells: dict[tuple[int, int], list[ScatterDot]] = {}
    for place, dot in zip(places, data.points, strict=True):
        at = _cell(place, min(places), max(places), across), _row(dot.y, up, down)
        cells.setdefault(at, []).append(dot)
    top = (max if data.larger_is_better else min)(ys)
    lines: list[PanelLine] = []
    for row in range(down):
        here = {column: dots for (column, each), dots in cells.items() if each == row}
        name = names.get(row, "")
        axis = f"{name:>{label}} ┤" if name else " " * label + " │"
        lines.append([(axis, "muted"), *_drawn(here, top, across)])
    lines.append([(" " * label + " └" + "─" * across, "muted")])
    lines.append([(" " * (label + 2), ""), *_x_axis(data, min(xs), max(xs), across, log=log)])
    return lines


def _axis(low: float, high: float, rows: int) -> Even:
    """Return the y axis of the dots; those of one value have it in the middle."""
    found = even_ticks(low, high, rows)
    if found is not None:
        return found
    step = abs(high) or 1.0
    return Even(low - step * rows / 2, low + step * rows / 2, step, 1, rows)


def _labels(up: Even, rows: int) -> dict[int, str]:
    """Return the labels by row, from the top."""
    if up.low == up.high or not up.ticks():
        return {0: ""}
    names = tick_labels([value for _, value in up.ticks()])
    return {rows - 1 - row: name for (row, _), name in zip(up.ticks(), names, strict=True)}


def _row(y: float, up: Even, rows: int) -> int:
    """Return the row of a value, from the top."""
    dots = DOTS_PER_ROW * rows - 1
    return rows - 1 - min(dots, max(0, round((y - up.low) / (up.high - up.low) * dots))) // DOTS_PER_ROW


def _drawn(here: dict[int, list[ScatterDot]], top: float, across: int) -> list[Cell]:
    """Return the cells of a row: what is told beside a dot gives way to the next dot."""
    row: list[Cell] = [(" ", "")] * across
    for column, dots in here.items():
        beside: list[Cell] = []
        if len(dots) > 1:
            beside += [(character, "muted") for character in f"×{len(dots)}"]
        if any(dot.y == top for dot in dots):
            beside.append((BEST, "good"))
        first = column + 1
        if first + len(beside) > across:  # at the right end: on the other side
            first = column - len(beside)
        for place, cell in enumerate(beside, first):
            if 0 <= place < across and place not in here:
                row[place] = cell
    for column, dots in here.items():
        style = dots[0].style if len({dot.style for dot in dots}) == 1 else "mark"
        row[column] = (dots[0].glyph or _DOT) if len(dots) == 1 else _DOT, style
    return row


def _x_axis(data: ScatterData, low: float, high: float, across: int, *, log: bool) -> Sequence[Cell]:
    """Return what stands under a scatter: both ends and the knob, or the values of a knob that is no number."""
    if data.names:
        texts = [one_line(name, max(4, across // len(data.names) - 2)) for name in data.names]
        line = ""
        for at, text in enumerate(texts):
            begin = min(_cell(at, 0, len(texts) - 1, across) - cell_len(text) // 2, across - cell_len(text))
            line += " " * max(begin - cell_len(line), 1 if line else 0) + text
        return [(one_line(line, across), "muted")]
    left, right = f"{low:.4g}", f"{high:.4g}" if high > low else ""
    name = one_line(f"{data.knob}{' (log)' if log else ''}", max(4, across - len(left) - len(right) - 4))
    gap = max(2, across - len(left) - len(right) - cell_len(name))
    return [
        (left + " " * (gap // 2), "muted"), (name, ""), (" " * (gap - gap // 2) + right, "muted"),
    ]  # fmt: skip


def _cell(value: float, low: float, high: float, cells: int) -> int:
    return round((value - low) / (high - low) * (cells - 1)) if high > low else cells // 2
