"""How many charts there is room for, and what the line under them says. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tui.widgets import words
from tui.widgets.chart.clock_ticks import clock_text
from tui.widgets.chart.model import XUnit
from tui.widgets.chart.ticks import value_text
from tui.widgets.run.board_line import Part

LEAST_ROWS = 11
"""Rows that a chart is given before there are more of them below each other."""
COLUMNS = ((60, 1), (150, 2), (240, 3))
"""Below so many cells across there are so many charts beside each other."""
MOST_COLUMNS, MOST_ROWS = 4, 4


def room(width: int, height: int) -> tuple[int, int]:
    """Return how many charts are readable beside and below each other on so many cells."""
    across = next((count for limit, count in COLUMNS if width < limit), MOST_COLUMNS)
    return across, min(MOST_ROWS, max(1, height // LEAST_ROWS))


def grid(charts: int, across: int, down: int) -> tuple[int, int]:
    """Return columns and rows for these charts, at most ``across`` x ``down``: few charts become larger."""
    if charts >= across * down:
        return across, down
    columns = 1 if charts == 1 else min(across, max(1, charts))
    return columns, min(down, max(1, -(-charts // columns)))


@dataclass(frozen=True)
class BoardState:
    """What the line under the charts is made from."""

    unit: XUnit
    smoothing: str
    """``EMA 0.97``, ``smoothing …`` while that is not ready; empty: off."""
    log_x: bool
    log_y: bool
    window: tuple[float, float] | None
    follows: bool
    first: int
    """The first of the charts shown, counted from 1."""
    last: int
    charts: int
    """All that are chosen."""
    enlarged: bool
    outliers: bool = False
    """Whether the y axes hold outliers too."""
    front: str = ""
    """What is drawn over the rest; empty: nothing."""
    curves: int = 1
    """How many there are to bring to the front."""


def state_parts(state: BoardState) -> list[Part]:
    """Return what the line says while there is no cursor."""
    zoom = Part("+", "zoom", action="zoom(1)")
    if state.window is not None:
        low, high = (x_text(x, state.unit) for x in state.window)
        zoom = Part("0", f"{low}–{high}" + (" →" if state.follows else ""), True, "whole")
    front = Part("b", f"{state.front} in front" if state.front else "to front", bool(state.front), "front(1)")
    pages = f"{state.first}" if state.last <= state.first else f"{state.first}–{state.last}"
    more = state.last - state.first + 1 < state.charts
    parts = [
        Part("w", state.smoothing or "raw", bool(state.smoothing), "smooth(1)"),
        Part("x", state.unit, state.unit != "step", "unit"),
        Part("X", "log x", state.log_x, "log_x"),
        Part("y", "log y", state.log_y, "log_y"),
        zoom,
        Part("c", "choose", action="choose"),
        Part("f", "back" if state.enlarged else "enlarge", state.enlarged, "enlarge"),
        *([front] if state.curves > 1 else []),
        Part("Y", "all outliers" if state.outliers else "outliers", state.outliers, "outliers"),
        Part("]" if more else "", f"charts {pages} of {state.charts}", True, "page(1)" if more else ""),
    ]
    return parts if state.charts else parts[:-1]


def overlay_parts(names: list[Part], parts: list[Part]) -> list[Part]:
    """Return the line for several runs: their names stay where room is short, and how one is brought to the front."""
    if not names:
        return parts
    front = [replace(part, on=True) for part in parts if part.action.startswith("front")]
    return [*front, *names, *(part for part in parts if not part.action.startswith("front"))]


@dataclass(frozen=True)
class CursorState:
    """Where the cursor is."""

    step: int
    epoch: float | None
    """None where the steps of an epoch are not known."""
    elapsed_s: float
    happened: tuple[str, ...]
    """What was changed there."""
    points: int
    """How many points of the run the cell under the cursor holds."""


def cursor_parts(cursor: CursorState) -> list[Part]:
    """Return what the line says at the cursor: x in all units, and what happened there."""
    where = [f"step {cursor.step:,}"]
    if cursor.epoch is not None:
        where.append(f"epoch {cursor.epoch:.2f}")
    where.append(f"{clock_text(cursor.elapsed_s, exact=True)} after start")
    parts = [Part("", " · ".join(where), True)]
    parts += [Part("", text, True) for text in cursor.happened]
    if cursor.points > 1:
        parts.append(Part("", f"{words.count(cursor.points)} points in this column"))
    return [*parts, Part("esc", "no cursor", action="leave")]


def x_text(x: float, unit: XUnit) -> str:
    """Return an x as the line tells it."""
    if unit == "time":
        return clock_text(x)
    return f"{round(x):,}" if unit == "step" else value_text(x)
