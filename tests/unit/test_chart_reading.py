"""Cursor, smoothing, notes, zoom and several runs, as they are drawn."""

from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.runs.along import Along, XScale
from tui.runs.series import Series
from tui.runs.smoothing import Smoothed
from tui.widgets.cells import Line, changed_spans
from tui.widgets.chart.clock_ticks import clock_labels, clock_text, clock_tick_values
from tui.widgets.chart.model import ChartData, Curve, Mark, Note, Run, View, XUnit
from tui.widgets.chart.picture import Memory, Picture, picture
from tui.widgets.chart.svg import chart_svg
from tui.widgets.chart.ticks import value_text

GENERATOR = np.random.default_rng(0)
NOISY = Series.of(np.arange(1000), np.exp(-np.arange(1000) / 300) + GENERATOR.normal(0, 0.05, 1000))
VAL = Series.of([250, 500, 750], [0.6, 0.4, 0.3])
SIZE = (60, 12)


def smooth_of(series: Series, strength: float = 0.9, *, log: bool = False) -> Along:
    average = Smoothed(series, strength, log=log)
    return Along(series, XScale(), average)


def loss(view: View | None = None, *, smooth: bool = False) -> ChartData:
    train = Curve("train", NOISY, "train", smooth=smooth_of(NOISY) if smooth else None)
    return ChartData(
        "loss",
        (train, Curve("val", VAL, "val")),
        view or View(0, 1000),
        smoothing="EMA 0.9" if smooth else "",
    )


def text_of(drawn: Picture) -> list[str]:
    return ["".join(line.cells) for line in drawn.lines]


def drawn(data: ChartData, size: tuple[int, int] = SIZE) -> list[str]:
    return text_of(picture(data, *size, Memory()))


def styled(line: Line, style: str) -> str:
    return "".join(cell for cell, each in zip(line.cells, line.styles, strict=True) if each == style)


def cursor_columns(drawn: Picture) -> set[int]:
    return {
        column for line in drawn.lines[1:]
        for column, style in enumerate(line.styles) if style == "cursor"
    }  # fmt: skip


def test_the_cursor_is_one_column_and_the_title_reads_the_values_there() -> None:
    data = loss(View(0, 1000, cursor=600.0))
    found = picture(data, *SIZE, Memory())
    [column] = cursor_columns(found)
    assert column == found.memory.left + int(0.6 * found.memory.columns)
    assert f"train {value_text(float(NOISY.values[600]))}" in text_of(found)[0]
    assert "val 0.4000" in text_of(found)[0]  # of step 500, the newest at or before
    assert "val –" in drawn(loss(View(0, 1000, cursor=100.0)))[0]  # nothing there yet


def test_charts_with_the_same_axis_have_the_cursor_at_the_same_x() -> None:
    other = ChartData(
        "big", (Curve("", Series.of(range(1000), np.arange(1000) * 1e6)),), View(0, 1000, cursor=300.0)
    )
    for data in (loss(View(0, 1000, cursor=300.0)), other):
        found = picture(data, *SIZE, Memory())
        [column] = cursor_columns(found)
        assert abs((column - found.memory.left + 0.5) / found.memory.columns - 0.3) < 1 / found.memory.columns


def test_moving_the_cursor_paints_its_columns_and_the_values_and_nothing_else() -> None:
    before = picture(loss(View(0, 1000, cursor=600.0)), *SIZE, Memory())
    after = picture(loss(View(0, 1000, cursor=640.0)), *SIZE, before.memory)
    columns = cursor_columns(before) | cursor_columns(after)
    assert len(columns) == 2
    for old, new in zip(before.lines[1:], after.lines[1:], strict=True):
        for start, end in changed_spans(old, new):
            assert start in columns
            assert end - 1 in columns


def test_a_cursor_out_of_sight_is_not_drawn() -> None:
    assert (
        cursor_columns(picture(loss(View(0, 1000, window=(0, 100), cursor=600.0)), *SIZE, Memory())) == set()
    )


def test_the_smoothed_curve_is_the_line_over_the_raw_one_as_a_band() -> None:
    rough, smooth = picture(loss(), *SIZE, Memory()), picture(loss(smooth=True), *SIZE, Memory())
    assert "loss EMA 0.9" in text_of(smooth)[0]
    average = smooth_of(NOISY).last
    assert average is not None
    assert f"≈{value_text(average.value)}" in text_of(smooth)[0]
    for found in (rough, smooth):
        assert any(styled(line, "train-band") for line in found.lines)
    rows = [sum(style == "train" for style in line.styles) for line in smooth.lines[1:]]
    assert sum(rows) >= 40  # the line goes all the way through


def test_a_few_points_under_smoothing_keep_their_raw_curve() -> None:
    few = Series.of(range(10), [1, 0, 1, 0, 1, 0, 1, 0, 1, 0])
    data = ChartData("a", (Curve("", few, "train", smooth=smooth_of(few)),))
    found = picture(data, *SIZE, Memory())
    assert any(
        "⡇" <= cell <= "⣿" or cell > "⠀" for cell in "".join(styled(x, "train-band") for x in found.lines)
    )


def test_notes_stand_on_the_x_axis() -> None:
    data = replace(loss(), notes=(Note(500.0, "lr 1 → 2"), Note(750.0, "resumed", "↻"), Note(5000.0, "out")))
    line = drawn(data)[-2]
    assert (line.count("▴"), line.count("↻")) == (1, 1)
    assert abs(line.index("▴") - 5 - 27) <= 1


def test_a_log_x_axis_marks_what_it_has_no_place_for_and_begins_at_the_first_it_has() -> None:
    lines = drawn(loss(View(log_x=True)))
    assert "x≤0 ×1" in lines[0]
    assert "◂" in lines[-2]
    assert lines[-1].split()[0] == "1"
    assert "x≤0" not in drawn(ChartData("a", (Curve("", VAL),), View(log_x=True)))[0]


def test_zooming_shows_that_part_and_fits_y_to_it() -> None:
    spike = Series.of(range(1000), np.where(np.arange(1000) == 900, 1000.0, np.arange(1000) / 1000))
    whole = drawn(ChartData("a", (Curve("", spike),), View(outliers=True)))
    assert any("1k" in line[:5] for line in whole)
    zoomed = drawn(ChartData("a", (Curve("", spike),), View(window=(100.0, 200.0))))
    assert not any("1k" in line[:5] for line in zoomed)
    assert "150" in zoomed[-1]


def test_between_two_points_out_of_sight_the_line_is_seen() -> None:
    lines = drawn(ChartData("a", (Curve("", VAL, "val"),), View(window=(300.0, 450.0))))
    canvas = [line[6:] for line in lines[1:-2]]
    assert all(any(line[column] > "⠀" for line in canvas) for column in range(len(canvas[0]) - 1))
    gone = drawn(ChartData("a", (Curve("", VAL, "val"),), View(window=(800.0, 900.0))))
    assert not any("⠀" < cell <= "⣿" for line in gone[1:] for cell in line)


def test_runs_are_told_apart_by_colour_and_without_it() -> None:
    curves = [
        Curve(
            f"run {place}", Series.of(range(50), np.full(50, place)), "train", run=Run(place, str(place + 1))
        )
        for place in range(3)
    ]
    found = picture(ChartData("loss", tuple(curves)), 100, 14, Memory())
    for place in range(3):
        cells = "".join(styled(line, f"run-{place}") for line in found.lines)
        assert str(place + 1) in cells
        assert f"{place + 1} run {place}" in text_of(found)[0]


def test_evaluation_and_training_of_one_run_have_its_colour_and_other_marks() -> None:
    run = Run(2, "1")
    data = ChartData("loss", (Curve("a", NOISY, "train", run=run), Curve("a val", VAL, "val", run=run)))
    found = picture(data, 100, 14, Memory())
    cells = "".join(styled(line, "run-2") for line in found.lines[1:])
    assert "●" in cells
    assert "1" in cells


odd = st.floats(width=32) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0])
places = st.floats(-1e6, 1e6)


@settings(deadline=None, max_examples=150)
@given(
    st.integers(1, 90), st.integers(1, 16),
    st.lists(st.tuples(st.integers(-5, 3000), st.floats(0, 1e6), odd), max_size=40),
    st.sampled_from(["step", "epoch", "time"]), st.booleans(), st.booleans(), st.booleans(),
    st.none() | st.tuples(places, st.floats(1e-6, 1e6)), st.none() | places,
)  # fmt: skip
def test_any_data_looked_at_in_any_way_fills_its_cells(
    width: int, height: int, rows: list[tuple[int, float, float]], unit: XUnit, log_x: bool, log_y: bool,
    smooth: bool, window: tuple[float, float] | None, cursor: float | None,
) -> None:  # fmt: skip
    series = Series.of([row[0] for row in rows], [row[2] for row in rows], [row[1] for row in rows])
    scale = XScale(unit, 7.0, min((row[1] for row in rows), default=0.0))
    average = Along(series, scale, Smoothed(series, 0.9, log=log_y)) if smooth else None
    shown = None
    if window is not None:
        low = abs(window[0]) + 1e-9 if log_x else window[0]
        shown = low, low + window[1]
    data = ChartData(
        "a", (Curve("b", Along(series, scale), "train", Mark(3.0, 1.0, "best"), average),),
        View(log_x=log_x, log_y=log_y, x_unit=unit, window=shown, cursor=cursor), notes=(Note(5.0, "n"),),
    )  # fmt: skip
    lines = picture(data, width, height, Memory()).lines
    assert {(len(line.cells), len(line.styles)) for line in lines} == {(width, width)}
    assert len(lines) == height
    ET.fromstring(chart_svg(data))


@pytest.mark.parametrize(
    ("low", "high", "most", "names"),
    [
        (0, 60, 4, ["0s", "15s", "30s", "45s", "1m"]),
        (0, 3600, 5, ["0s", "15m", "30m", "45m", "1h"]),
        (0, 5400, 4, ["0s", "30m", "1h", "1h30"]),
        (0, 200_000, 3, ["0s", "1d", "2d"]),
        (0, 0.8, 4, ["0s", "0.2s", "0.4s", "0.6s", "0.8s"]),
    ],
)
def test_seconds_are_told_as_clocks_do(low: float, high: float, most: int, names: list[str]) -> None:
    values = clock_tick_values(low, high, most + 1)
    assert len(values) <= most + 1
    assert clock_labels(values) == names


def test_names_of_times_differ_where_the_times_do() -> None:
    assert clock_labels([7200.0, 7230.0, 7260.0]) == ["2:00:00", "2:00:30", "2:01:00"]
    assert clock_text(93784.0, exact=True) == "1d2:03:04"
    assert clock_text(0.25) == "0.25s"


def test_the_svg_is_well_formed_and_has_the_curves_axes_and_marks() -> None:
    values = NOISY.values.copy()
    values[100] = np.nan
    data = ChartData(
        "loss <&\x1b[31m>",
        (
            Curve("train", Series.of(NOISY.steps, values), "train", smooth=smooth_of(NOISY)),
            Curve("val", VAL, "val", Mark(750, 0.3, "best 0.3 @ 750")),
        ),
        View(0, 1000), smoothing="EMA 0.9", notes=(Note(500, "lr 1 → 2"),),
    )  # fmt: skip
    root = ET.fromstring(chart_svg(data))
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any("loss <&␛[31m>" in text and "EMA 0.9" in text for text in texts)
    assert {"×", "★", "step", "lr 1 → 2"} <= set(texts)
    assert any("best 0.3 @ 750" in text for text in texts)
    paths = [element.get("stroke") for element in root.iter("{http://www.w3.org/2000/svg}path")]
    assert {"#0072b2", "#d55e00"} <= set(paths)


@pytest.mark.parametrize("view", [View(), View(log_y=True), View(log_x=True), View(window=(1.0, 2.0))])
def test_an_svg_of_odd_data_is_no_error(view: View) -> None:
    for values in ([], [np.nan], [0.0, -1.0], [np.inf, 1.0, -np.inf], [5.0]):
        data = ChartData("a", (Curve("b", Series.of(range(len(values)), values), "other"),), view)
        ET.fromstring(chart_svg(data))
