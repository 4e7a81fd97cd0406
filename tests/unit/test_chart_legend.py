"""Title and legend: every run is read, what is no number is told with whose it is, and one curve may be in front."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tui.runs.series import Series
from tui.widgets.cells import Line
from tui.widgets.chart.model import ChartData, Curve, Run, View
from tui.widgets.chart.picture import Memory, picture
from tui.widgets.chart.ticks import value_text

STEPS = np.arange(100)


def runs(count: int, *, val: bool = True, bad: int = 0) -> tuple[Curve, ...]:
    """Curves of so many runs; the training of run ``bad`` ends in two NaN."""
    curves = []
    for place in range(1, count + 1):
        values = np.full(100, float(place)) + 0.1234
        if place == bad:
            values[-2:] = np.nan
        run = Run(place - 1, str(place))
        curves.append(Curve(f"spiral-lr{place}", Series.of(STEPS, values), "train", run=run))
        if val:
            points = Series.of([50, 99], [place + 0.5, place + 0.75])
            curves.append(Curve(f"spiral-lr{place} val", points, "val", run=run))
    return tuple(curves)


def drawn(data: ChartData, size: tuple[int, int]) -> list[Line]:
    return picture(data, *size, Memory()).lines


def text_of(lines: list[Line]) -> list[str]:
    return ["".join(line.cells) for line in lines]


def legend_of(lines: list[Line]) -> str:
    """What stands above the canvas."""
    texts = text_of(lines)
    first = next(row for row, line in enumerate(texts) if "┤" in line or "│" in line)
    return " ".join(texts[:first])


@pytest.mark.parametrize("size", [(59, 12), (119, 26), (38, 12)])
@pytest.mark.parametrize("cursor", [None, 60.0])
@pytest.mark.parametrize("val", [False, True])
def test_every_run_of_six_is_read(size: tuple[int, int], cursor: float | None, val: bool) -> None:
    data = ChartData("loss", runs(6, val=val), View(0, 100, cursor=cursor))
    legend = legend_of(drawn(data, size))
    for place in range(1, 7):
        wanted = place + (0.1234 if not val else 0.5 if cursor else 0.75)
        assert f"{place} {value_text(wanted)}" in legend or f"spiral-lr{place} {value_text(wanted)}" in legend


def test_nan_is_told_with_whose_it_is_and_apart_from_values() -> None:
    legend = legend_of(drawn(ChartData("loss", runs(6, bad=4), View(0, 100, cursor=40.0)), (59, 12)))
    assert "NaN ×2 in run 4" in legend
    assert "4 NaN" not in legend  # at the cursor it was a number still
    lines = drawn(ChartData("loss", runs(6, val=False, bad=4), View(0, 100)), (59, 12))
    assert "4 NaN" in legend_of(lines)
    assert "NaN ×2 in run 4" in legend_of(lines)


def test_of_one_run_it_is_told_which_curve_has_nan() -> None:
    curves = runs(1, bad=1)
    alone = tuple(replace(curve, run=None, label=curve.role) for curve in curves)
    assert "NaN ×2 in train" in legend_of(drawn(ChartData("loss", alone), (80, 12)))


def test_moving_the_cursor_moves_no_name_and_no_line() -> None:
    curves = runs(6)
    before = picture(ChartData("loss", curves, View(0, 100, cursor=20.0)), 59, 12, Memory())
    after = picture(ChartData("loss", curves, View(0, 100, cursor=80.0)), 59, 12, before.memory)
    for old, new in zip(before.lines[:3], after.lines[:3], strict=True):
        styles = {style for style in old.styles if style.startswith("run-")}
        for style in styles:
            assert [i for i, each in enumerate(old.styles) if each == style] == [
                i for i, each in enumerate(new.styles) if each == style
            ]


def test_where_there_is_room_for_nothing_more_what_is_missing_is_counted() -> None:
    legend = legend_of(drawn(ChartData("loss", runs(30, val=False)), (59, 9)))
    assert "+2" in legend


def test_on_one_line_values_come_before_whose_nan_there_are() -> None:
    legend = legend_of(drawn(ChartData("loss", runs(6, val=False, bad=4), View(0, 100)), (38, 7)))
    assert "1 1.123" in legend
    assert "NaN" in legend
    assert "+" in legend


@pytest.mark.parametrize("size", [(59, 12), (20, 5), (5, 3), (1, 1), (12, 9)])
def test_the_legend_keeps_to_its_cells(size: tuple[int, int]) -> None:
    for count in (2, 7, 40):
        lines = drawn(ChartData("loss", runs(count, bad=2), View(0, 100, cursor=5.0)), size)
        assert len(lines) == size[1]
        assert {len(line.cells) for line in lines} == {size[0]}


def test_the_title_begins_where_other_lines_of_the_screen_do() -> None:
    for curves in (runs(3), (Curve("train", Series.of(STEPS, STEPS), "train"),), ()):
        assert text_of(drawn(ChartData("loss", curves), (60, 10)))[0].startswith(" loss")


def test_the_curve_in_front_lies_over_the_others_and_these_are_dimmed() -> None:
    same = Series.of(STEPS, np.exp(-STEPS / 30))
    curves = tuple(Curve(f"run{place}", same, "train", run=Run(place, str(place + 1))) for place in range(3))
    back = drawn(ChartData("loss", curves), (60, 12))
    front = drawn(ChartData("loss", (replace(curves[0], front=True), *curves[1:])), (60, 12))

    def canvas_styles(lines: list[Line]) -> list[str]:
        return [
            style for line in lines[1:] for cell, style in zip(line.cells, line.styles, strict=True)
            if style.startswith("run-") and cell > "⠀"
        ]  # fmt: skip

    assert set(canvas_styles(back)) == {"run-2"}
    assert set(canvas_styles(front)) == {"run-0-front"}
    glyphs = "".join(
        cell for line in front[1:] for cell, style in zip(line.cells, line.styles, strict=True)
        if style == "run-0-front" and cell.isdigit()
    )  # fmt: skip
    assert set(glyphs) == {"1"}
    dimmed = {style for line in front[1:] for style in line.styles if style.startswith(("run-1", "run-2"))}
    assert dimmed <= {"run-1-band", "run-2-band"}


@pytest.mark.parametrize("cursor", [None, 99.0])
def test_where_there_is_little_room_values_come_before_labels(cursor: float | None) -> None:
    curves = (
        Curve("train", Series.of(STEPS, np.full(100, 1.69e-4)), "train"),
        Curve("val", Series.of([99], [0.01498]), "val"),
        Curve("test", Series.of([99], [0.005893]), "test"),
    )
    legend = legend_of(drawn(ChartData("loss", curves, View(0, 100, cursor=cursor)), (40, 12)))
    assert all(value in legend for value in ("1.69e-4", "● 0.01498", "◆ 0.005893"))
