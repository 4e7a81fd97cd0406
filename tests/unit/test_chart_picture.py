"""What is drawn, as text: curves, axes, marks, and foreign text made harmless."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.runs.series import Series
from tui.widgets.cells import Line, Row, changed_spans, cut, to_cells
from tui.widgets.chart.model import ChartData, Curve, Mark, Role, View
from tui.widgets.chart.picture import Memory, Picture, picture
from tui.widgets.chart.plot import Stroke, draw, parsed

LOSS = Series.of(np.arange(1000), np.exp(-np.arange(1000) / 200))


def chart(*curves: Curve, view: View | None = None) -> ChartData:
    return ChartData("loss", curves, view or View())


def drawn(data: ChartData, width: int = 60, height: int = 10) -> list[str]:
    return ["".join(line.cells) for line in picture(data, width, height, Memory()).lines]


def dots(text: str) -> int:
    return sum(
        (ord(character) - 0x2800).bit_count() for character in text if 0x2800 <= ord(character) < 0x2900
    )


def test_importing_the_widget_imports_neither_plotext_nor_numpy() -> None:
    code = "import sys, tui.widgets.chart; print(sorted({'plotext', 'numpy', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 130),
    st.integers(1, 20),
    st.lists(
        st.lists(st.floats(width=32) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0]), max_size=40),
        max_size=3,
    ),
    st.booleans(),
    st.booleans(),
)
def test_any_data_at_any_size_fills_its_cells(
    width: int, height: int, curves: list[list[float]], log_x: bool, log_y: bool
) -> None:
    roles: list[Role] = ["train", "val", "other"]
    data = chart(
        *(
            Curve(role, Series.of(range(len(values)), values), role)
            for role, values in zip(roles, curves, strict=False)
        ),
        view=View(log_x=log_x, log_y=log_y),
    )
    lines = picture(data, width, height, Memory()).lines
    assert len(lines) == height
    assert {(len(line.cells), len(line.styles)) for line in lines} == {(width, width)}


@pytest.mark.parametrize("size", [(118, 12), (58, 10), (38, 6)])
def test_a_falling_loss_falls(size: tuple[int, int]) -> None:
    lines = drawn(chart(Curve("train", LOSS, "train")), *size)
    assert lines[0].startswith(" loss  ─ train 0.006772")
    canvas = [line[5:] for line in lines if "┤" in line or "│" in line]
    first = next(row for row, line in enumerate(canvas) if dots(line[:3]))
    last = max(row for row, line in enumerate(canvas) if dots(line))
    assert first == 0
    assert last == len(canvas) - 1
    assert "1k" in lines[-1]


def test_a_spike_of_one_point_in_a_million_is_drawn() -> None:
    values = np.zeros(1_000_000)
    values[500_000] = 10.0
    lines = drawn(chart(Curve("g", Series.of(np.arange(1_000_000), values))), 80, 12)
    column = {index for line in lines[1:9] for index, character in enumerate(line[5:]) if dots(character)}
    assert len(column) == 1
    assert abs(column.pop() - 37) <= 1


def test_nan_and_infinity_are_marked_and_counted() -> None:
    values = np.ones(100)
    values[[10, 11, 12]] = np.nan
    values[50] = np.inf
    values[70] = -np.inf
    lines = drawn(chart(Curve("", Series.of(np.arange(100), values), "train")), 60, 10)
    assert "NaN ×3" in lines[0]
    assert "  Inf ×1" in lines[0]
    assert "-Inf ×1" in lines[0]
    assert lines[-2].count("×") in (2, 3)
    assert lines[1].count("↑") == 1
    assert lines[-3].count("↓") == 1


def test_a_series_of_nothing_but_nan_is_drawn() -> None:
    lines = drawn(chart(Curve("train", Series.of([0, 1], [math.nan, math.nan]), "train")))
    assert "train NaN" in lines[0]
    assert "NaN ×2" in lines[0]


def test_a_gap_of_nan_breaks_the_line() -> None:
    values = np.ones(100)
    values[40:60] = np.nan
    rows = drawn(chart(Curve("", Series.of(np.arange(100), values), "train")), 60, 10)[1:8]
    row = next(line[5:] for line in rows if dots(line))
    assert dots(row[2:20]) > 0
    assert dots(row[24:30]) == 0
    assert dots(row[36:50]) > 0


def test_a_single_point_is_seen() -> None:
    lines = drawn(chart(Curve("train", Series.of([5], [0.5]), "train")))
    assert sum(line.count("•") for line in lines[1:]) == 1


def test_non_positive_values_on_a_log_axis_are_marked_and_counted() -> None:
    series = Series.of(np.arange(100), np.where(np.arange(100) < 10, -1.0, 10.0 ** (np.arange(100) / 25)))
    lines = drawn(chart(Curve("", series, "train"), view=View(log_y=True)), 60, 12)
    assert "≤0 ×10" in lines[0]
    assert "▾" in lines[-2]
    assert any(label in "".join(line[:5] for line in lines) for label in ("100", "1k"))


def test_nothing_positive_on_a_log_axis_is_no_error() -> None:
    assert "≤0 ×2" in drawn(chart(Curve("", Series.of([0, 1], [0, -1])), view=View(log_y=True)))[0]


def test_curves_are_told_apart_without_colour() -> None:
    val = Series.of([0, 250, 500, 750], [1, 0.7, 0.5, 0.6])
    data = chart(Curve("train", LOSS, "train"), Curve("val", val, "val", Mark(500, 0.5, "best 0.5 @ 500")))
    lines = drawn(data, 118, 12)
    assert "─ train" in lines[0]
    assert "● val 0.6000 ★ best 0.5 @ 500" in lines[0]
    body = "".join(lines[1:])
    assert body.count("●") == 3
    assert body.count("★") == 1


def test_an_empty_chart_says_so() -> None:
    assert "no points yet" in "".join(drawn(chart()))
    assert "no points yet" in "".join(drawn(chart(Curve("train", Series(), "train")), 38, 6))


@pytest.mark.parametrize(
    "text", ["\x1b[31mred", "a\x00b\x9bc", "[/foo] [bold]", "損失 loss", "e\u0301\u202e", "\ud800"]
)
def test_foreign_text_is_harmless_and_keeps_its_width(text: str) -> None:
    line = drawn(ChartData(text, (Curve(text, LOSS, "train"),)), 60, 6)[0]
    assert all(character.isprintable() for character in line)
    assert cell_len(line) == 60
    if "[" in text:
        assert text.lstrip("\x1b") in line


def test_a_title_with_more_than_fits_is_cut() -> None:
    line = drawn(ChartData("損" * 50, (Curve("train", LOSS, "train"),)), 20, 6)[0]
    assert cell_len(line) == 20
    assert "…" in line


def changed_cells(before: Picture, after: Picture) -> int:
    return sum(
        end - start
        for old, new in zip(before.lines, after.lines, strict=True)
        for start, end in changed_spans(old, new)
    )


def test_new_points_change_few_cells() -> None:
    generator = np.random.default_rng(0)
    series = Series()
    series.append(np.arange(6000), np.zeros(6000), 2 + generator.normal(0, 0.2, 6000))
    data = chart(Curve("train", series, "train"), view=View(x_max=10_000))
    before = picture(data, 118, 12, Memory())
    series.append(np.arange(6000, 6050), np.zeros(50), 2 + generator.normal(0, 0.2, 50))
    after = picture(data, 118, 12, before.memory)
    assert 0 < changed_cells(before, after) < 60
    assert changed_cells(after, picture(data, 118, 12, after.memory)) == 0


cells = st.lists(st.tuples(st.sampled_from(["a", "b", " ", "損"]), st.sampled_from(["", "x"])), max_size=40)


def line_of(content: list[tuple[str, str]], width: int = 40) -> Line:
    row = Row(width)
    at = 0
    for text, style in content:
        at = row.put(at, to_cells(text), style)
    return row.line()


@given(cells, cells)
def test_painting_the_changed_spans_gives_the_new_line(
    old: list[tuple[str, str]], new: list[tuple[str, str]]
) -> None:
    before, after = line_of(old), line_of(new)
    painted, styles = list(before.cells), list(before.styles)
    for start, end in changed_spans(before, after):
        painted[start:end] = after.cells[start:end]
        styles[start:end] = after.styles[start:end]
        assert cell_len("".join(after.cells[start:end])) == end - start  # no wide character is cut in two
    assert tuple(painted) == after.cells
    assert all(a == b for a, b, cell in zip(styles, after.styles, after.cells, strict=True) if cell != " ")


@given(st.text(max_size=30), st.integers(0, 30))
def test_cutting_keeps_to_the_width(text: str, width: int) -> None:
    kept = cut(to_cells(text), width)
    assert len(kept) <= width
    assert cell_len("".join(kept)) == len(kept)


def test_a_stroke_goes_through_its_dots() -> None:
    canvas = draw([Stroke(1, [0, 3], [0, 0], []), Stroke(2, [19, 19], [0, 11], [])], 10, 3)
    assert canvas.text == ["         ⢸", "         ⢸", "⣀⣀       ⢸"]
    assert canvas.inks[2] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]


def test_a_broken_stroke_has_a_gap() -> None:
    assert draw([Stroke(1, [0, 1, 18, 19], [0, 0, 0, 0], [0, 2])], 10, 1).text == ["⣀        ⣀"]


def test_what_plotext_writes_is_read_back_at_any_length() -> None:
    canvas = parsed("\x1b[0m\x1b[38;5;7mab\x1b[0m\n", 3, 2)
    assert canvas.text == ["ab ", "   "]
    assert canvas.inks == [[7, 7, 0], [0, 0, 0]]
