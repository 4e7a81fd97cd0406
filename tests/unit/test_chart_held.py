"""What is recorded only when it changes is drawn as steps, up to where the run is now."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tui.runs.series import Series
from tui.widgets.chart.curves import columns_of
from tui.widgets.chart.held import held
from tui.widgets.chart.model import ChartData, Curve, Run, View
from tui.widgets.chart.picture import Memory, picture
from tui.widgets.chart.scale import Axis
from tui.widgets.chart.svg import chart_svg

LR = Series.of([1, 683], [0.002, 0.001])


def dots_of(data: ChartData, size: tuple[int, int] = (64, 12)) -> np.ndarray:
    """Return which dots are set, shape (rows, columns), from the top."""
    found = picture(data, *size, Memory())
    left, columns = found.memory.left, found.memory.columns
    lines = [line for line in found.lines if line.cells[left - 1] in "│┤"]
    dots = np.zeros((4 * len(lines), 2 * columns), dtype=bool)
    places = ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 0), (3, 1))
    for row, line in enumerate(lines):
        for column in range(columns):
            bits = ord(line.cells[left + column][0]) - 0x2800
            for bit, (down, right) in enumerate(places):
                if 0 <= bits < 256 and bits >> bit & 1:
                    dots[4 * row + down, 2 * column + right] = True
    return dots


def test_a_value_holds_until_the_next_and_the_last_one_until_now() -> None:
    data = ChartData("lr", (Curve("", LR, held=True, until=1000.0),), View(0, 1000))
    dots = dots_of(data)
    count = dots.shape[1]
    jump = int(0.683 * count)
    rows = [np.flatnonzero(dots[:, column]) for column in range(count)]
    assert all(len(found) == 1 for found in rows[1 : jump - 1] + rows[jump + 1 :])
    assert len({int(found[0]) for found in rows[1 : jump - 1]}) == 1
    assert len({int(found[0]) for found in rows[jump + 1 :]}) == 1
    assert rows[1][0] < rows[-1][0]


def test_without_a_now_it_ends_at_its_last_point() -> None:
    dots = dots_of(ChartData("lr", (Curve("", LR, held=True),), View(0, 1000)))
    assert dots[:, : int(0.683 * dots.shape[1])].any(axis=0).all()
    assert not dots[:, int(0.7 * dots.shape[1]) :].any()


def test_in_a_window_between_two_points_the_value_that_holds_is_seen() -> None:
    dots = dots_of(
        ChartData("lr", (Curve("", LR, held=True, until=1000.0),), View(0, 1000, window=(100.0, 600.0)))
    )
    assert dots.any(axis=0).all()
    assert len(np.flatnonzero(dots.any(axis=1))) == 1


def test_a_schedule_by_epoch_is_a_staircase() -> None:
    steps = np.arange(0, 1000, 100)
    dots = dots_of(
        ChartData("lr", (Curve("", Series.of(steps, 0.9 ** (steps / 100)), held=True, until=1000.0),))
    )
    level = [np.flatnonzero(dots[:, column]) for column in range(dots.shape[1])]
    assert sum(len(found) > 1 for found in level) <= 2 * len(steps)


@pytest.mark.parametrize("log", [False, True])
def test_what_holds_is_where_the_points_are_too(log: bool) -> None:
    axis = Axis(1.0, 1000.0, log)
    series = Series.of([1, 10, 500], [1.0, np.nan, 3.0])
    columns = columns_of(series, axis, 30)
    found = held(columns, series, axis, 2000.0)
    assert np.isfinite(found.last[-1])
    gap = np.flatnonzero(columns.nan > 0)[0]
    after = np.flatnonzero(columns.last == 3.0)[0]
    assert np.isnan(found.low[gap + 1 : after]).all()  # nothing is known to hold after what is no number


def test_runs_have_their_marks_along_what_holds() -> None:
    data = ChartData("lr", (Curve("a", LR, held=True, until=1000.0, run=Run(0, "1")),), View(0, 1000))
    lines = ["".join(line.cells) for line in picture(data, 64, 12, Memory()).lines]
    assert sum(line[6:].count("1") for line in lines[1:-2]) >= 3


def test_the_svg_has_steps_too() -> None:
    text = chart_svg(ChartData("lr", (Curve("", LR, held=True, until=1000.0),), View(0, 1000)))
    path = max(re.findall(r'<path d="(M[^"]*)" fill="none" stroke="#', text), key=len)
    heights = [point.rpartition(",")[2] for point in path[1:].split(" L")]
    assert len(set(heights)) == 2
    assert heights == sorted(heights, key=float)
