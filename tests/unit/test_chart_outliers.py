"""One value absurdly far from all others does not flatten them, and is never hidden without a mark."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from tui.runs.series import Series
from tui.widgets.cells import Line
from tui.widgets.chart.model import ChartData, Curve, Run, View
from tui.widgets.chart.picture import Memory, picture
from tui.widgets.chart.svg import chart_svg

STEPS = np.arange(200)
FALLING = 2 * np.exp(-STEPS / 60) + 0.1


def overlay(*values: np.ndarray, view: View | None = None, held: bool = False) -> ChartData:
    curves = tuple(
        Curve(
            f"run {place}",
            Series.of(STEPS[: len(each)], each),
            "train",
            run=Run(place, str(place)),
            held=held,
        )
        for place, each in enumerate(values, 1)
    )
    return ChartData("loss", curves, view or View())


def drawn(data: ChartData, size: tuple[int, int] = (80, 14)) -> list[Line]:
    return picture(data, *size, Memory()).lines


def text_of(lines: list[Line]) -> list[str]:
    return ["".join(line.cells) for line in lines]


def marks(lines: list[Line], glyph: str, style: str) -> int:
    return sum(
        cell == glyph and each == style
        for line in lines for cell, each in zip(line.cells, line.styles, strict=True)
    )  # fmt: skip


def top_label(lines: list[Line]) -> str:
    return next(line.split("┤")[0].strip() for line in text_of(lines) if "┤" in line)


def test_a_diverged_run_leaves_the_picture_with_a_mark_and_is_told() -> None:
    diverged = np.exp(np.minimum(STEPS[:40] * 2.0, 78))
    data = overlay(FALLING, FALLING * 1.1, diverged, FALLING * 0.9)
    lines = drawn(data)
    assert top_label(lines) in {"2", "2.5"}
    assert marks(lines, "↑", "run-3") >= 1
    text = " ".join(text_of(lines))
    assert "↑ to" in text
    assert "in run 3" in text
    alone = drawn(overlay(FALLING, FALLING * 1.1, FALLING * 0.9))
    assert marks(alone, "↑", "run-3") == 0
    assert "↑" not in "".join(text_of(alone))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_one_of_two_runs_may_diverge_either_way(sign: float) -> None:
    lines = drawn(overlay(FALLING, sign * np.exp(STEPS / 2.5)))
    assert marks(lines, "↑" if sign > 0 else "↓", "run-2") >= 1
    assert abs(float(top_label(lines))) < 10


def test_all_of_y_is_shown_where_that_is_wanted() -> None:
    lines = drawn(overlay(FALLING, np.exp(STEPS / 2.5), view=View(outliers=True)))
    assert "e34" in top_label(lines)
    assert "↑" not in "".join(text_of(lines))


def test_a_spike_of_a_few_steps_is_marked() -> None:
    values = np.where(STEPS == 90, 1e5, FALLING)
    curve = Curve("train", Series.of(STEPS, values), "train")
    lines = drawn(ChartData("loss", (curve,)))
    assert marks(lines, "↑", "train") == 1
    assert "↑ to 1.00e5" in text_of(lines)[0]
    zoomed = drawn(ChartData("loss", (curve,), View(window=(100.0, 150.0))))
    assert "↑" not in "".join(text_of(zoomed))


@pytest.mark.parametrize(
    "values",
    [
        FALLING,
        30 * FALLING**4,
        np.where(STEPS == 90, 30.0, FALLING),
        np.zeros(200),
        np.full(200, 3.0),
        STEPS**3.0,
    ],
)
def test_what_is_not_absurd_stays_in_the_picture(values: np.ndarray) -> None:
    lines = drawn(ChartData("loss", (Curve("train", Series.of(STEPS, values), "train"),)))
    assert "↑" not in "".join(text_of(lines))
    assert "↓" not in "".join(text_of(lines))


def test_training_that_has_fallen_far_does_not_push_validation_out() -> None:
    train = Curve("train", Series.of(STEPS, 2 * np.exp(-STEPS / 10) + 1e-6), "train")
    val = Curve("val", Series.of([50, 100, 150], [3.0, 5.0, 8.0]), "val")
    assert "↑" not in "".join(text_of(drawn(ChartData("loss", (train, val)))))


def test_learning_rates_are_meant_however_far_apart() -> None:
    data = overlay(np.full(200, 1e-4), np.full(200, 1e-3), np.full(200, 0.5), held=True)
    assert "↑" not in "".join(text_of(drawn(data)))


def test_a_curve_out_of_sight_is_not_drawn_along_the_edge() -> None:
    values = np.where((STEPS >= 50) & (STEPS < 150), 1e30, 1.0)
    data = overlay(values, FALLING, FALLING)
    lines = drawn(data, (110, 14))
    top = next(line for line in lines[1:] if "↑" in line.cells)
    assert (
        sum(style == "run-1" and cell != " " for cell, style in zip(top.cells, top.styles, strict=True)) <= 6
    )


def test_the_svg_leaves_them_out_and_marks_them_too() -> None:
    data = overlay(FALLING, FALLING * 1.1, np.exp(STEPS / 2.5))
    text = chart_svg(data)
    ET.fromstring(text)
    assert "↑ " in text
    assert "↑ " not in chart_svg(overlay(FALLING, FALLING * 1.1))
    assert "↑ " not in chart_svg(overlay(FALLING, np.exp(STEPS / 2.5), view=View(outliers=True)))
