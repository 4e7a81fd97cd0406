"""Ticks of the y axis are equally many rows apart, and stand where their values are drawn."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.runs.series import Series
from tui.widgets.chart.curves import dot_rows
from tui.widgets.chart.even_ticks import DOTS_PER_ROW, even_ticks
from tui.widgets.chart.model import ChartData, Curve, View
from tui.widgets.chart.picture import Memory, picture
from tui.widgets.chart.scale import y_axis


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 40))
def test_ticks_are_even_nice_and_where_their_values_are(low: float, span: float, rows: int) -> None:
    high = low + span
    if not high - low > abs(low) * 1e-6:
        return
    axis = y_axis(low, high, rows, None, log=False)
    if axis.even is None:
        return
    margin = 1e-5 * (axis.high - axis.low)
    assert axis.low <= low + margin
    assert axis.high >= high - margin
    ticks = axis.even.ticks()
    assert len(ticks) >= 2
    assert {after - before for (before, _), (after, _) in pairwise(ticks)} == {axis.even.apart}
    assert all(0 <= row < rows for row, _ in ticks)
    drawn = dot_rows(np.array([value for _, value in ticks]), axis, rows)
    assert [dot // DOTS_PER_ROW for dot in drawn.tolist()] == [row for row, _ in ticks]
    mantissa = axis.even.step / 10 ** math.floor(math.log10(axis.even.step) + 1e-9)
    assert min(abs(mantissa - nice) for nice in (1, 2, 2.5, 5)) < 1e-6


@given(st.floats(1e-3, 1e6), st.floats(0.01, 1e6), st.integers(5, 40))
def test_data_fills_most_of_the_axis(low: float, span: float, rows: int) -> None:
    even = even_ticks(low, low + span, rows)
    if even is not None:
        assert span / (even.high - even.low) > 0.4


@pytest.mark.parametrize("height", range(6, 30))
@pytest.mark.parametrize("log", [False, True])
def test_the_labels_of_a_chart_are_equally_many_rows_apart(height: int, log: bool) -> None:
    loss = Series.of(range(200), 3 * np.exp(-np.arange(200) / 30) + 0.002)
    data = ChartData("loss", (Curve("train", loss, "train"),), View(log_y=log))
    lines = ["".join(line.cells) for line in picture(data, 58, height, Memory()).lines]
    rows = [row for row, line in enumerate(lines) if "┤" in line]
    assert len(rows) >= 2
    assert len({after - before for before, after in pairwise(rows)}) == 1


def test_the_axis_keeps_still_for_data_that_fits_and_has_some_to_spare_when_it_has_to_grow() -> None:
    axis = y_axis(0.1, 2.3, 10, None, log=False)
    assert y_axis(0.1, 2.2, 10, axis, log=False) is axis
    assert y_axis(0.1, 2.3, 11, axis, log=False) is not axis
    tops = set()
    for high in np.arange(2.3, 30, 0.05).tolist():
        axis = y_axis(0.1, high, 10, axis, log=False)
        assert axis.high >= high
        tops.add(axis.high)
    assert len(tops) < 20


def test_powers_of_ten_far_apart_are_told_as_such() -> None:
    loss = Series.of(range(200), 10.0 ** np.linspace(5, -7, 200))
    data = ChartData("loss", (Curve("train", loss, "train"),), View(log_y=True, outliers=True))
    for height in (8, 9, 12):
        lines = ["".join(line.cells) for line in picture(data, 58, height, Memory()).lines]
        labels = [line.split("┤")[0].strip() for line in lines if "┤" in line]
        assert "0" not in labels
        assert len(set(labels)) == len(labels) >= 2


def test_less_than_a_power_of_ten_has_its_log_axis_to_itself() -> None:
    axis = y_axis(0.16, 1.0, 9, None, log=True)
    assert math.log(1.0 / 0.16) / math.log(axis.high / axis.low) > 0.5
