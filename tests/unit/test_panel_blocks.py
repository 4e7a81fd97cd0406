"""The panels beside the charts: what they say and draw of given views, rows and figures."""

from __future__ import annotations

import math
from typing import Literal

import pytest

from tui.protocol.views import Boundary, Confusion, Image, Preview, WorstSample, WorstSamples
from tui.widgets.drawn.scale import scale_of
from tui.widgets.panels.base import PanelLine
from tui.widgets.panels.blocks import (
    Block,
    boundary_block,
    cells,
    confusion_block,
    folded,
    packed,
    preview_block,
    worst_block,
)
from tui.widgets.panels.health import Warned, alert_lines, phase_lines, sparkline
from tui.widgets.panels.layers import MEASURES, LayerRow, coloured, row_line
from tui.widgets.panels.pictures import picture, plane


def text(line: PanelLine) -> str:
    return "".join(part for part, _ in line)


def styles(line: PanelLine) -> list[str]:
    """The style of each cell."""
    return [style for part, style in line for _ in part]


def test_blocks_stand_side_by_side_as_long_as_there_is_room() -> None:
    blocks = [Block(([("a" * 10, "")], [("b", "")])), Block(([("c" * 5, "")],)), Block(([("d" * 9, "")],))]
    assert [text(line).rstrip() for line in packed(blocks, 20)] == [
        "aaaaaaaaaa   ccccc",
        "b",
        "",
        "ddddddddd",
    ]
    assert max(cells(line) for line in packed(blocks, 40)) <= 40


def test_a_confusion_matrix_tells_counts_and_what_is_taken_for_what() -> None:
    view = Confusion("test", 120, ("cat", "dog", "eel"), ((5, 1, 0), (0, 7, 0), (2, 0, 4)), 19)
    lines = confusion_block(view, 80).lines
    assert text(lines[0]) == "confusion · test at step 120 · 16 of 19 right · rows true, columns predicted"
    assert text(lines[1]).split() == ["true", "cat", "dog", "eel"]
    assert [text(line).split() for line in lines[2:5]] == [
        ["cat", "5", "1", "·"], ["dog", "·", "7", "·"], ["eel", "2", "·", "4"],
    ]  # fmt: skip
    for row, line in enumerate(lines[2:5]):  # each number right under its class
        assert text(line).rstrip().endswith(text(line)[-1])
        assert len(text(line)) == len(text(lines[1])), row
    assert "eel → cat  2×" in text(lines[-1])
    none = confusion_block(Confusion("val", 1, ("a", "b"), ((1, 0), (0, 2)), 3), 80).lines
    assert text(none[-1]) == "none was taken for another"


def test_too_many_classes_are_told_by_the_worst_pairs_alone() -> None:
    count = 60
    counts = tuple(tuple(3 if a == b else int((a, b) == (7, 9)) for b in range(count)) for a in range(count))
    lines = confusion_block(Confusion("val", 1, tuple(map(str, range(count))), counts, 181), 80).lines
    assert [text(line) for line in lines[1:]] == ["most confused", "7 → 9  1×"]


def test_grey_pictures_run_from_their_least_to_their_greatest_value() -> None:
    (line,) = picture(Image((2, 2), (0.0, 10.0, 5.0, math.nan)))
    assert styles(line) == ["rgb:000000:808080", "rgb:ffffff:ff5fd2"]
    signed = picture(Image((1, 2), (-1.0, 1.0)))
    assert styles(signed[0]) == ["half:-9:_", "half:+9:_"]
    colour = picture(Image((1, 1, 3), (1.0, 0.0, 0.0)))
    assert styles(colour[0]) == ["rgb:ff0000:"]
    assert [cells(line) for line in picture(Image((3, 3), (0.5,) * 9), 2)] == [6, 6, 6]


def test_the_plane_has_its_top_above_and_the_examples_on_it() -> None:
    values = (1.0,) * 20 + (0.0,) * 20  # class 1 in the upper half
    view = Boundary(
        3, 0.0, 10.0, 0.0, 4.0, (4, 10), "class", values, points=((0.1, 3.9, 1.0), (9.9, 0.1, 0.0))
    )
    lines = plane(view, 10, 2)
    assert [text(line) for line in lines] == ["•▀▀▀▀▀▀▀▀▀", "▀▀▀▀▀▀▀▀▀•"]
    assert len(set(styles(lines[0])[1:])) == 1
    assert styles(lines[0])[1] != styles(lines[1])[0]
    assert text(boundary_block(view, 40, 12).lines[-1]).split() == [
        "x",
        "0",
        "to",
        "10,",
        "y",
        "0",
        "to",
        "4",
        "•",
        "0",
        "•",
        "1",
    ]
    assert plane(Boundary(3, 0, 1, 0, 1, (4, 10), "class", (1.0,)), 10, 2) == []


def test_worst_samples_tell_target_prediction_and_loss() -> None:
    image = Image((8, 8), (0.0,) * 64)
    view = WorstSamples(
        "val",
        9,
        (WorstSample(3, 4.25, "7", "1", 0.91, image), WorstSample(5, 2.0, "a", "a", None, None, "1.5")),
    )
    shown = [text(line) for line in worst_block(view, 60, 12).lines]
    assert "highest loss · val at step 9" in shown[0]
    assert any("7 → 1 91%" in line for line in shown)
    assert any("#3 loss 4.25" in line for line in shown)
    assert any("1.5" in line for line in shown)


def test_a_preview_breaks_its_text_and_loses_no_control_character_into_the_terminal() -> None:
    lines = preview_block(Preview(9, 1, "to be or not to be\x1b[2J that is"), 12, 10).lines
    assert all("\x1b" not in text(line) for line in lines)
    assert all(cells(line) <= 12 for line in lines[1:])
    assert folded("to be or not to be", 8) == ["to be or", "not to", "be"]
    assert folded("x" * 20, 8) == ["x" * 8, "x" * 8, "x" * 4]


@pytest.mark.parametrize("width", [80, 120])
def test_a_row_of_layers_fits_and_marks_what_is_not_finite(width: int) -> None:
    measure = MEASURES[0]
    row = LayerRow("features.0.weight", [0.1, math.nan, 1.0, 0.0] * 40, 0.0)
    line = row_line(row, measure, scale_of([coloured(measure, value) for value in row.values]), 20, width)
    assert cells(line) <= width
    assert "×" in text(line)
    assert math.isnan(coloured(measure, 0.0))
    assert coloured(MEASURES[1], -3.0) == 0.0  # the usual thousandth is neither warm nor cold


def test_phases_are_one_bar_with_their_shares() -> None:
    bar, *legend = phase_lines([("data", 1.0), ("forward", 3.0)], 40)
    assert cells(bar) == 40
    assert "data 1 ms 25%" in " ".join(map(text, legend))
    assert "forward 3 ms 75%" in " ".join(map(text, legend))
    assert phase_lines([], 40) == []


def test_a_spark_line_does_not_blow_up_noise() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([5, 5, 5], 8) == "▄▄▄"
    assert sparkline([1000.0, 1000.1], 8) == "▄▄"
    assert sparkline([math.nan], 8) == ""


def test_an_alert_that_is_over_says_so() -> None:
    assert text(alert_lines(Warned("bad", True, True), 80)[0]) == "▲ bad"
    assert text(alert_lines(Warned("bad", True, False), 80)[0]) == "△ bad  (over)"
    assert len(alert_lines(Warned("word " * 40, False, True), 60)) == 4


@pytest.mark.parametrize("kind", ["class", "value"])
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, 1e308, -1e308])
def test_a_plane_with_numbers_beyond_all_measure_is_drawn(
    kind: Literal["class", "value"], odd: float
) -> None:
    points = ((0.5, 0.5, odd), (odd, 0.5, 1.0), (0.5, odd, 1.0))
    for ends in ((0.0, 1.0), (odd, 1.0), (0.0, odd)):
        view = Boundary(1, *ends, *ends, (2, 2), kind, (odd, -odd, 0.0, 1.0), (odd, 1.0, 0.0, 0.5), points)
        assert len(boundary_block(view, 40, 10).lines) >= 3


@pytest.mark.parametrize("odd", [math.nan, math.inf, 1e308])
@pytest.mark.parametrize("shape", [(2, 2), (1, 1, 3), (2, 2, 3)])
def test_a_picture_with_numbers_beyond_all_measure_is_drawn(shape: tuple[int, ...], odd: float) -> None:
    values = [odd, -odd, 0.0] * 4
    lines = picture(Image(shape, tuple(values[: math.prod(shape)])))
    assert [len(text(line)) for line in lines] == [shape[1]]


def test_a_plane_of_values_is_coloured_between_its_least_and_greatest() -> None:
    view = Boundary(1, 0.0, 1.0, 0.0, 1.0, (2, 3), "value", (-4.0, 0.0, 4.0, -4.0, 0.0, 4.0))
    (line,) = plane(view, 3, 1)
    low, middle, high = (style.split(":")[1] for _, style in line)
    assert len({low, middle, high}) == 3


def test_what_a_record_calls_its_split_does_not_reach_the_terminal() -> None:
    odd = "val\x1b[31m[/x]\n"
    samples = WorstSamples(odd, 1, (WorstSample(0, 1.0, odd, odd, None, None),))
    for block in (confusion_block(Confusion(odd, 1, (odd,), ((1,),), 1), 80), worst_block(samples, 80, 5)):
        assert not any(mark in text(line) for line in block.lines for mark in "\x1b\n")


@pytest.mark.parametrize("width", [-2, 0, 1])
def test_text_is_folded_even_where_there_is_no_room(width: int) -> None:
    assert "".join(folded("ab🙂 c", width)).replace(" ", "") == "ab🙂c"
