"""The table of gradients as text: columns, order, groups, norms and their bars."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from tui.protocol.gradients import GradientRow, GradientTable
from tui.widgets.gradients.norms import LogScale, norm_text, percent, scale_of
from tui.widgets.gradients.order import Order, groups_of, sorted_rows, update_mark
from tui.widgets.gradients.table import (
    detail_lines,
    fit,
    group_line,
    head_line,
    row_line,
    sum_words,
    total_words,
)

HAS = "has a gradient: the sum of all backwards since it was last zeroed"
W = GradientRow(
    "model.fc.weight", (10, 64), "float32", "cpu", True, True, 4.0, 0.02, -0.01, 0.02, 1e-4, 0.003, 0.5, 0, -3.1, 1, HAS
)  # fmt: skip
B = replace(W, name="model.fc.bias", shape=(10,), grad_norm=2e-6, update_ratio=-5.2, zero_fraction=0.0)
BAD = replace(W, name="head", grad_norm=math.nan, nonfinite=3, update_ratio=None)
NONE = GradientRow(
    "v", (3,), "float32", "cpu", False, True, 1.0, None, verdict="no backward has reached it yet"
)
FROZEN = GradientRow("x", (3,), "float32", "cpu", False, False, 1.0, None, verdict="requires_grad is False")
RESULT = replace(
    NONE, name="y", is_leaf=False, verdict="not a leaf: made by SumBackward0; .grad is kept only after retain_grad()"
)  # fmt: skip


def names(*rows: GradientRow, order: Order) -> list[str]:
    return [row.name for row in sorted_rows(rows, order)]


def test_a_row_has_its_norms_a_bar_and_its_update_ratio() -> None:
    rows = (W, B)
    slots, scale = fit(rows, 140), scale_of([W.grad_norm, B.grad_norm])
    head = head_line(slots, Order(), scale, 140).plain
    text = row_line(W, slots, scale).plain
    for column, expected in (
        ("|value|", "4"),
        ("|grad|", "0.02"),
        ("zeros", "50%"),
        ("upd:val", "-3.1 ≈"),
        ("min", "-0.01"),
    ):
        end = head.index(column) + len(column)
        assert text[:end].rstrip().endswith(expected), column
    assert text.startswith(" model.fc.weight")
    assert "(10, 64)" in text
    assert "███" in text
    assert "-5.2 ▼" in row_line(B, slots, scale).plain


@pytest.mark.parametrize("width", [2, 10, 24, 38, 53, 79, 119, 200])
def test_columns_fit_every_width_and_the_gradient_comes_before_the_rest(width: int) -> None:
    slots = fit((W, B, NONE), width)
    assert all(slot.start + slot.width <= max(width, 2) for slot in slots)
    for before, after in pairwise(slots):
        assert before.start + before.width < after.start
    assert slots[0].column == "name"
    if width >= 24:
        assert "grad" in {slot.column for slot in slots}
    for row in (W, NONE):
        assert len(row_line(row, slots, scale_of([0.1])).plain) <= max(width, 2)


def test_what_would_say_nothing_has_no_column() -> None:
    columns = {slot.column for slot in fit((NONE,), 160)}
    assert not columns & {"bar", "update", "zeros", "min", "std", "sum", "dtype", "device"}
    columns = {slot.column for slot in fit((replace(W, dtype="float64", device="cuda:0"),), 160)}
    assert {"bar", "update", "zeros", "dtype", "device"} <= columns


def test_nan_is_loud() -> None:
    line = row_line(BAD, fit((BAD,), 100), scale_of([BAD.grad_norm]))
    at = line.plain.index("NaN/Inf ×3")
    assert any(first <= at < last and style == "nan" for first, last, style in line.spans)


def test_numbers_sort_largest_first_and_nan_before_them() -> None:
    assert names(B, NONE, W, BAD, order=Order("grad")) == ["head", "model.fc.weight", "model.fc.bias", "v"]
    assert names(B, NONE, W, order=Order("grad", reverse=True)) == ["model.fc.bias", "model.fc.weight", "v"]
    assert names(W, B, order=Order("name")) == ["model.fc.bias", "model.fc.weight"]
    assert names(W, B, order=Order()) == ["model.fc.weight", "model.fc.bias"]


def test_choosing_the_same_column_turns_the_order() -> None:
    assert Order("grad").by("grad") == Order("grad", reverse=True)
    assert Order("grad").by("name") == Order("name")
    seen = [Order()]
    while seen[-1].next() not in seen:
        seen.append(seen[-1].next())
    assert {order.key for order in seen} == {"listed", "name", "value", "grad", "zeros", "update"}


def test_those_without_a_gradient_are_grouped_by_why_the_pressing_ones_first() -> None:
    other = replace(
        RESULT, name="z", verdict="not a leaf: made by MulBackward0; .grad is kept only after retain_grad()"
    )
    groups = groups_of((FROZEN, RESULT, NONE, other, W), Order())
    assert [(group.pressing, [row.name for row in group.rows]) for group in groups] == [
        (False, ["model.fc.weight"]), (True, ["v"]), (False, ["x"]), (False, ["y", "z"]),
    ]  # fmt: skip
    assert (
        group_line(groups[3], 80).plain
        == " · 2 without .grad: not a leaf: .grad is kept only after retain_grad()"
    )
    assert "made by SumBackward0" in row_line(RESULT, fit((RESULT,), 100), scale_of([])).plain


def test_the_row_under_the_cursor_is_told_in_full() -> None:
    text = "\n".join(line.plain for line in detail_lines(W, 60))
    for expected in (
        "model.fc.weight",
        "(10, 64)",
        "parameter",
        "∈[-0.01, 0.02]",
        "50% zeros",
        "about right",
        HAS.split()[0],
    ):
        assert expected in text
    assert all(len(line.plain) <= 60 for line in detail_lines(W, 60))
    assert detail_lines(None, 60) == []


@pytest.mark.parametrize(
    ("ratio", "mark"), [(-3.0, "≈"), (-2.0, "≈"), (-1.9, "▲"), (-4.1, "▼"), (math.nan, "▲"), (-math.inf, "▼")]
)
def test_update_ratios_are_judged_against_their_target(ratio: float, mark: str) -> None:
    assert update_mark(ratio) == mark


def test_of_how_many_backwards_the_gradients_are_the_sum() -> None:
    assert sum_words(GradientTable((NONE,))) == ("no gradients held", False)
    assert sum_words(GradientTable((W,), 1)) == ("gradients hold 1 backward", False)
    assert sum_words(GradientTable((W,), 3)) == ("gradients hold the sum of 3 backwards", True)
    assert "before we looked" in sum_words(GradientTable((W,), 0))[0]
    assert total_words(GradientTable((W, BAD, NONE), omitted=4)) == (
        "3 tensors · 3 require grad · 2 hold a gradient · 1 with NaN or Inf · 4 more not shown"
    )  # fmt: skip


def test_a_bar_is_as_long_as_the_logarithm() -> None:
    scale = LogScale(-4, 0)
    assert scale.bar(1.0, 8) == "████████"
    assert scale.bar(1e-2, 8) == "████"
    assert scale.bar(1e-9, 8) == "▏"
    assert [scale.bar(value, 8) for value in (0.0, None, math.nan)] == ["", "", ""]
    assert scale.bar(math.inf, 8) == "████████"


def test_a_scale_covers_its_values_and_three_decades_at_least() -> None:
    scale = scale_of([1e-7, 3.0, 0.0, None, math.nan, math.inf])
    assert (scale.low, scale.high) == (-8, 1)
    assert scale_of([0.5, 0.6]).high - scale_of([0.5, 0.6]).low >= 3
    assert scale_of([1.0]).bar(1.0, 8)
    assert scale_of([]).bar(0.5, 8)


def test_numbers_are_short_and_say_what_is_not_finite() -> None:
    assert [norm_text(value) for value in (0.0123, 1.2e-5, 12345.0, 0.0, math.nan, math.inf, None)] == [
        "0.0123", "1.2e-5", "1.23e4", "0", "NaN", "∞", "-",
    ]  # fmt: skip
    assert [percent(part) for part in (0.0, 0.001, 0.5, 0.999, 1.0, None)] == [
        "0%",
        "<1%",
        "50%",
        ">99%",
        "100%",
        "-",
    ]


def test_in_long_tables_no_number_is_cut() -> None:
    rows = (
        *(replace(W, name=f"w{i}", minimum=1.0) for i in range(1000)),
        replace(W, name="last", minimum=-1.23e-10),
    )
    slots = fit(rows, 160)
    assert "-1.23e-10" in row_line(rows[-1], slots, scale_of([0.02])).plain
