"""The viewer's lines as text: grid, head, panel, foot, histogram; and the colour scale."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.protocol.values import TensorFacts
from tui.protocol.viewing import Comparison, Histogram, Statistics, View, ViewFacts
from tui.themes import THEMES
from tui.widgets.drawn.styles import DrawnStyles
from tui.widgets.live_lines import Span
from tui.widgets.tensor_view.foot import FootData, foot_lines
from tui.widgets.tensor_view.grid_lines import GridData, as_table, columns_that_fit, grid_lines, width_needed
from tui.widgets.tensor_view.head import HeadData, head_lines
from tui.widgets.tensor_view.histogram import bars, histogram_lines, squeezed
from tui.widgets.tensor_view.layout import Layout
from tui.widgets.tensor_view.numbers import Cell, NumberFormat
from tui.widgets.tensor_view.painting import heat_style
from tui.widgets.tensor_view.panel_lines import PanelData, panel_lines
from tui.widgets.tensor_view.places import difference, picture_view, read_place, read_tolerance
from tui.widgets.tensor_view.scale import (
    HEAT_STYLES,
    STEPS,
    Limits,
    cell_style,
    known_limits,
    seen_limits,
)
from tui.widgets.tensor_view.viewport import Viewport

FACTS = TensorFacts(
    "Tensor", (4, 3), "float32", "cpu", 12, 48, 48, strides=(3, 1), minimum=-1.0, maximum=50.0
)
VIEW = ViewFacts(FACTS, "1", 0)
QUANTILES = (
    (0.0, -1.0),
    (0.01, -0.9),
    (0.05, -0.8),
    (0.25, -0.5),
    (0.5, 0.0),
    (0.75, 0.5),
    (0.99, 0.9),
    (1.0, 50.0),
)


def texts(lines: list[list[Span]]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def grid(values: dict[tuple[int, int], float | None], *, width: int = 40, **options: object) -> list[str]:
    data = GridData(
        Layout.of((4, 3)), "float32", NumberFormat("fixed", 2), None,
        lambda row, column: Cell(values[row, column]) if (row, column) in values else None,
    )  # fmt: skip
    data = replace(data, **options)  # type: ignore[arg-type]
    viewport = Viewport(4, 3, 10, columns_that_fit(width, 6, 5))
    return texts(grid_lines(data, viewport, 5, width))


# -- grid -----------------------------------------------------------------------------------------


def test_numbers_of_rows_and_columns_stand_around_the_values() -> None:
    assert grid({(0, 0): 1.5, (0, 1): -0.25, (0, 2): math.nan, (3, 1): math.inf, (2, 0): None}) == [
        "0↓ 1→      0      1      2",
        "    0   1.50  -0.25    NaN",
        "    1",
        "    2      ·",
        "    3             ∞",
    ]


def test_only_whole_columns_are_shown_and_more_are_marked() -> None:
    lines = grid({(0, 0): 1.0, (0, 2): 3.0}, width=6 + 2 * 7 + 3)
    assert lines[0] == "0↓ 1→      0      1  ›"
    assert lines[1] == "    0   1.00"


def test_names_of_dimensions_are_in_the_corner() -> None:
    assert grid({}, names=("batch", ""))[0].startswith("batch↓ 1→ ")


def test_a_message_takes_the_place_of_values() -> None:
    assert grid({}, message="nothing\nhere") == ["", "  nothing", "  here"]


def test_columns_grow_to_the_widest_value_in_sight() -> None:
    cells = {(0, 0): Cell(1.0), (9, 0): Cell(123456.0)}
    data = GridData(
        Layout.of((10, 1)), "float32", NumberFormat("fixed", 2), None, lambda r, c: cells.get((r, c))
    )
    assert width_needed(data, Viewport(10, 1, 5, 1), 1) == 5
    assert width_needed(data, Viewport(10, 1, 10, 1), 1) == len("123456.00")
    assert width_needed(data, Viewport(10, 1, 5, 1), 12) == 12


def test_a_page_is_copied_with_tabs() -> None:
    cells = {(0, 0): Cell(1.0), (0, 1): Cell(math.nan), (1, 1): Cell(2.0)}
    data = GridData(
        Layout.of((2, 2)), "float32", NumberFormat("fixed", 1), None, lambda r, c: cells.get((r, c))
    )
    assert as_table(data, Viewport(2, 2, 5, 5)) == "1.0\tNaN\n\t2.0"


# -- colours --------------------------------------------------------------------------------------


def test_signed_values_diverge_around_zero_and_others_do_not() -> None:
    signed, counts = Limits(-0.5, 2.0), Limits(10.0, 20.0)
    assert [signed.step(value) for value in (-2.0, -1.0, 0.0, 1.0, 2.0)] == [-8, -4, 0, 4, 8]
    assert [counts.step(value) for value in (10.0, 15.0, 20.0)] == [0, 4, 8]
    assert Limits(-3.0, -1.0).diverging
    assert not Limits(0.0, 0.0).diverging


def test_what_is_beyond_a_robust_scale_is_told_apart() -> None:
    assert Limits(-1.0, 1.0).step(55.0) == STEPS + 1
    assert Limits(-1.0, 1.0).step(-55.0) == -STEPS - 1
    assert Limits(1.0, 2.0).step(0.5) == 0


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.floats(-1e308, 1e308))
def test_every_finite_value_has_a_step(low: float, high: float, value: float) -> None:
    step = Limits(min(low, high), max(low, high)).step(value)
    assert abs(step) <= STEPS + 1
    if low < 0 and value:
        assert step * value >= 0


def test_one_outlier_does_not_flatten_the_picture() -> None:
    cells = [Cell(float(value)) for value in range(99)] + [
        Cell(1e9),
        Cell(math.nan),
        Cell(math.inf),
        Cell(None),
    ]
    robust, whole = seen_limits(cells, "robust"), seen_limits(cells, "full")
    assert robust is not None
    assert whole is not None
    assert robust.high < 100
    assert whole.high == 1e9
    assert seen_limits(cells, "off") is None
    assert seen_limits([Cell(math.nan)], "full") is None
    few = seen_limits([Cell(1.0), Cell(5.0)], "robust")
    assert (few.low, few.high) == (1.0, 5.0) if few else False


def test_known_quantiles_are_the_ends_of_the_scale() -> None:
    statistics = Statistics(FACTS, 0.0, 1.0, 0, 6, QUANTILES, None, 12)
    assert known_limits(statistics, "robust") == Limits(-0.9, 0.9, seen_only=False)
    assert known_limits(statistics, "full") == Limits(-1.0, 50.0, seen_only=False)
    assert known_limits(statistics, "off") is None
    mostly_zero = replace(statistics, quantiles=tuple((fraction, 0.0) for fraction, _ in QUANTILES))
    assert known_limits(mostly_zero, "robust") == Limits(-1.0, 50.0, seen_only=False)


def test_limits_that_hold_both() -> None:
    assert Limits(0.0, 1.0).joined(Limits(-1.0, 0.5)) == Limits(-1.0, 1.0)
    assert Limits(0.0, 1.0).joined(None) == Limits(0.0, 1.0)


def test_styles_of_cells() -> None:
    limits = Limits(-1.0, 1.0)
    cells = [
        Cell(1.0),
        Cell(-0.5),
        Cell(0.0),
        Cell(math.nan),
        Cell(-math.inf),
        Cell(None),
        Cell(0.0, math.nan),
    ]
    assert [cell_style(cell, limits) for cell in cells] == [
        "heat+8",
        "heat-4",
        "",
        "nan",
        "inf",
        "nothing",
        "nan",
    ]
    assert cell_style(Cell(0.6, 0.8), Limits(0.0, 1.0)) == "heats8"  # by |z|
    assert cell_style(Cell(1), None, boolean=True) == "true"
    assert cell_style(Cell(2**64 - 1), Limits(0.0, 2.0**64)) == "heats8"
    assert cell_style(Cell(1.0), None) == ""


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("name", HEAT_STYLES)
def test_numbers_can_be_read_on_every_step(theme: object, name: str) -> None:
    colours = {**theme.variables, "foreground": theme.foreground, "background": theme.background}  # type: ignore[attr-defined]
    style = heat_style(name, colours)
    assert style.color is not None
    assert style.bgcolor is not None
    assert _contrast(style.color.get_truecolor(), style.bgcolor.get_truecolor()) >= 3.0


def test_a_value_has_the_colours_that_it_has_in_the_transcript() -> None:
    theme = THEMES[0]
    colours = {**theme.variables, "success": theme.success or "", "background": theme.background or ""}
    for name in ("heat+5", "heat-5", "heats5"):
        drawn = DrawnStyles(colours).style(name)
        assert drawn is not None
        assert heat_style(name, colours).bgcolor == drawn.bgcolor


def _contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """The contrast ratio of two colours, as WCAG defines it."""

    def luminance(colour: tuple[int, int, int]) -> float:
        parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


# -- head -----------------------------------------------------------------------------------------


def test_the_head_says_what_is_shown_and_has_a_slider_for_each_other_dimension() -> None:
    layout = Layout.of((16, 3, 32, 8)).at((3, 0, 0, 0))
    data = HeadData(
        "x[3, 0, :, :]", "(16, 3, 32, 8) float32 cpu", "frozen", settings="fixed 4", layout=layout, picked=1
    )
    lines = texts(head_lines(data, 60))
    assert lines[0] == " x[3, 0, :, :]  (16, 3, 32, 8) float32 cpu" + " " * 11 + "frozen"
    assert lines[1] == " fixed 4"
    assert lines[2].startswith("  dim 0  ◂  3 / 16 ▸  ")
    assert lines[3].startswith(" ▌dim 1  ◂  0 / 3  ▸  ●")


def test_the_legend_has_both_ends_of_the_scale() -> None:
    lines = texts(head_lines(HeadData(settings="fixed 4", limits=Limits(-0.5, 2.0)), 60))
    assert lines[1].split() == ["fixed", "4", "-2", "2"]
    lines = texts(head_lines(HeadData(settings="fixed 4", limits=Limits(10.0, 20.0)), 60))
    assert lines[1].split() == ["fixed", "4", "10", "20"]
    lines = texts(head_lines(HeadData(settings="fixed 4", limits=Limits(1.0, 1.0)), 60))
    assert lines[1].split() == ["fixed", "4"]


def test_foreign_text_in_the_head_is_harmless() -> None:
    data = HeadData(
        "x\x1b[2J[/b]", banner="gone: \x07[red]", layout=Layout.of((2, 2, 2)), names=("a\x1b", "", "")
    )
    text = "\n".join(texts(head_lines(data, 60)))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[/b]" in text


def test_many_dimensions_scroll_with_the_picked_one() -> None:
    layout = Layout.of((2,) * 10)
    lines = texts(head_lines(HeadData(layout=layout, picked=7), 60))
    assert len(lines) == 2 + 5
    assert any(line.startswith(" ▌dim 7") for line in lines)


def test_a_size_that_is_not_known_is_a_question_mark() -> None:
    assert "0 / ?" in texts(head_lines(HeadData(layout=Layout.of((-1, 2, 2))), 60))[2]


# -- panel ----------------------------------------------------------------------------------------


def test_the_panel_says_facts_statistics_and_quantiles() -> None:
    statistics = Statistics(replace(FACTS, nan=2, posinf=1), 0.25, 1.5, 3, 4, QUANTILES, None, 12)
    lines = texts(panel_lines(PanelData(VIEW, statistics), 36))
    for expected in (
        "shape    (4, 3)", "dtype    float32 · cpu", "values   12 · 48 B", "strides  (3, 1)", "layout   contiguous",
        " 2 NaN   1 ∞", "mean   0.25       std      1.5", "zeros  3          negative 4",
        "1%     -0.9       99%      0.9", "median 0",
    ):  # fmt: skip
        assert expected in lines
    assert all(len(line) <= 36 for line in lines)


def test_a_sample_is_labelled() -> None:
    many = replace(FACTS, elements=1600)
    statistics = Statistics(many, 0.0, 1.0, 0, 0, QUANTILES, None, 100)
    assert "statistics ─────────── sampled 1/16" in texts(panel_lines(PanelData(VIEW, statistics), 35))


def test_what_is_under_way_and_what_failed_are_said() -> None:
    assert "computing statistics… esc cancels" in texts(
        panel_lines(PanelData(VIEW, computing="statistics"), 36)
    )
    assert "no memory" in texts(panel_lines(PanelData(VIEW, problem="no memory"), 36))


COMPARISON = Comparison(
    FACTS, FACTS, True, "", False, False, 3, 12, 0.5, (1, 2), 0.1, 0.05, (0, 1), "1.0", "1.5"
)


def test_a_comparison_is_said_first() -> None:
    data = PanelData(VIEW, comparison=COMPARISON, compared=("a", "b"))
    lines = texts(panel_lines(data, 40))
    assert lines[1:9] == [
        "a a", "b b", "✗ not allclose  rtol 1e-5 atol 1e-8", "3 of 12 differ", "max |a-b| 0.5 at [1, 2]",
        "mean 0.05 relative 0.1", "first at  [0, 1]", "  1.0 ≠ 1.5",
    ]  # fmt: skip
    same = replace(COMPARISON, equal=True, allclose=True, mismatched=0, first_index=None)
    assert "✓ equal, value for value" in texts(panel_lines(replace(data, comparison=same), 40))
    other = replace(COMPARISON, comparable=False, reason="shapes (4, 3) and (5,) do not broadcast")
    assert "shapes (4, 3) and (5,) do not broadcast" in texts(
        panel_lines(replace(data, comparison=other), 40)
    )


def test_bars_show_every_count() -> None:
    assert bars((8, 4, 1, 0), 2) == ["█   ", "██▂ "]
    assert bars((1_000_000, 1), 1) == ["█▁"]
    assert bars((0, 0), 1) == ["  "]
    assert squeezed((1, 2, 3, 4, 5), 3) == (3, 7, 5)


def test_a_histogram_parts_negative_from_positive() -> None:
    histogram = Histogram((-1.0, -0.5, 0.0, 0.5, 1.0), (1, 2, 2, 1))
    lines = histogram_lines(histogram, 20, height=2)
    assert [style for _, style in lines[2]] == ["negative", "positive"]
    assert texts(lines)[-1] == "-1 1"
    log = replace(histogram, log=True, edges=(-8.0, -6.0, -4.0, -2.0, 0.0), zeros=5)
    assert texts(histogram_lines(log, 20, height=2))[-1] == "5 zeros are not in it"
    assert "log10" in texts(histogram_lines(log, 30))[1]
    assert texts(histogram_lines(Histogram((0.0, 1.0), (0,)), 20))[-1] == "no finite values to count"


# -- foot, places ---------------------------------------------------------------------------------


def test_the_foot_shows_a_value_in_full() -> None:
    data = FootData("x[0, 1]", Cell(0.10000000149011612), "float32")
    assert texts(foot_lines(data, 60)) == [" x[0, 1] = 0.10000000149011612"]
    details = replace(data, details=Cell(0.1, None, 0x3DCCCCCD), notice="copied")
    first, second = texts(foot_lines(details, 60))
    assert first.endswith("copied")
    assert second == " stored  0x3dcccccd  0 01111011 10011001100110011001101"


def test_places_that_are_typed() -> None:
    layout = Layout.of((16, 3, 32, 8)).at((3, 1, 0, 0))
    assert read_place("5, 7", layout, 0, 0) == (3, 1, 5, 7)
    assert read_place("5", layout, 0, 2) == (3, 1, 5, 2)
    assert read_place("[4, 2, -1, -8]", layout, 0, 0) == (4, 2, 31, 0)
    assert read_place("3", Layout.of((9,)), 0, 0) == (3,)
    assert read_place("3", Layout.of((9,)).transposed(), 0, 0) == (3,)
    assert read_place("2 1", Layout.of((3, 3)), 0, 0) == (2, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "whole numbers"),
        ("", "type a row"),
        ("32, 0", "outside dimension 2"),
        ("1, 2, 3", "3 numbers for 4"),
    ],
)
def test_places_that_are_none(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_place(text, Layout.of((16, 3, 32, 8)), 0, 0)


def test_tolerances_that_are_typed() -> None:
    assert read_tolerance(" 1e-3 ", "rtol") == 1e-3
    for text in ("", "a", "-1", "nan"):
        with pytest.raises(ValueError, match="rtol"):
            read_tolerance(text, "rtol")


def test_expressions_that_are_made() -> None:
    assert difference("a", "b + c") == "a - (b + c)"
    assert difference("a @ b", "c") == "(a @ b) - c"


def test_the_part_of_a_tensor_that_is_a_picture() -> None:
    x = View("x")
    assert picture_view(x, Layout.of((28, 28))) == x
    assert picture_view(x, Layout.of((3, 28, 28))) == x
    assert picture_view(x, Layout.of((28, 28, 3))) == x
    batch = Layout.of((16, 3, 28, 28)).at((5, 2, 0, 0))
    assert picture_view(x, batch) == View("x[5]")
    assert picture_view(x, Layout.of((16, 8, 28, 28)).at((5, 2, 0, 0))) == View("x[5, 2]")
    with pytest.raises(ValueError, match="two dimensions"):
        picture_view(x, Layout.of((9,)))


@pytest.mark.parametrize("width", [0, 1, 2, 7, 20, 300])
def test_every_width_can_be_drawn(width: int) -> None:
    statistics = Statistics(FACTS, 1.0, 1.0, 0, 1, QUANTILES, Histogram((0.0, 1.0, 2.0), (1, 2)), 3)
    layout = Layout.of((3, 4, 5, 6))
    assert panel_lines(PanelData(VIEW, statistics, comparison=COMPARISON), width)
    assert head_lines(
        HeadData("x", "y", "z", banner="gone", layout=layout, limits=Limits(0.0, 1.0), picked=0), width
    )
    assert foot_lines(FootData("x", Cell(1.0), "float32", Cell(1.0, None, 3), "copied"), width)
    data = GridData(layout, "float32", NumberFormat(), None, lambda row, column: Cell(1.0))
    assert grid_lines(data, Viewport(5, 6, 3, columns_that_fit(width, 5, 7)), 7, width)
