from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.color import Color

from tui.themes import THEMES
from tui.widgets.drawn.numbers import short, writer
from tui.widgets.drawn.scale import STEPS, scale_of
from tui.widgets.drawn.styles import DrawnStyles, contrast

values = st.lists(st.floats(width=32), min_size=1, max_size=40)


@given(values)
def test_every_value_has_a_step_and_its_sign_is_kept(some: list[float]) -> None:
    scale = scale_of(some)
    for value in some:
        level = scale.level(value)
        if math.isnan(value) or math.isinf(value):
            assert level == ("nan" if math.isnan(value) else "inf")
        elif scale.diverging:
            assert level == "0" if value == 0 else level[0] == ("-" if value < 0 else "+")
            assert int(level) <= STEPS
        else:
            assert value >= 0
            assert 0 <= int(level[1:]) <= STEPS


def test_an_outlier_does_not_flatten_the_rest() -> None:
    scale = scale_of([*range(1, 10), 1_000.0])
    assert (scale.high, scale.above) == (9.0, True)
    assert scale.level(1.0) != scale.level(9.0) == scale.level(1_000.0)
    far = scale_of([-1.0, 0.5, 1.0, 0.25, 0.5, -0.5, -900.0, 0.75])
    assert (far.low, far.below, far.above) == (-1.0, True, False)


def test_a_few_values_are_never_cut() -> None:
    scale = scale_of([0.1, 0.2, 3.0, -0.3])
    assert (scale.high, scale.above, scale.below) == (3.0, False, False)


def test_zeros_do_not_hide_a_few_values() -> None:
    scale = scale_of([0.0] * 99 + [3.0])
    assert scale.high == 3.0
    assert scale.level(0.0) == "s0"


def test_values_far_from_zero_are_told_apart() -> None:
    scale = scale_of([100.0, 101.0, 102.0])
    assert (scale.low, scale.high) == (100.0, 102.0)
    assert [scale.level(value) for value in (100.0, 101.0, 102.0)] == ["s0", "s4", "s9"]


@pytest.mark.parametrize("some", [[], [math.nan], [math.inf, -math.inf], [0.0], [7.0, 7.0], [-0.0]])
def test_values_without_a_range_are_fine(some: list[float]) -> None:
    scale = scale_of(some)
    assert all(scale.level(value) for value in some)
    assert all(-1 <= scale.fraction(value) <= 1 for value in some if math.isfinite(value))


@pytest.mark.parametrize(
    ("some", "texts"),
    [
        ([1, -20, 300], ["1", "-20", "300"]),
        ([1.0, -2.0], ["1.", "-2."]),
        ([-2.106, 0.5], ["-2.11", "0.50"]),
        ([123.4, 5.67], ["123.4", "5.7"]),
        ([0.0123, math.nan], ["0.0123", "NaN"]),
        ([1.2e-5, 0.0, math.inf, -math.inf], ["1.2e-5", "0", "∞", "-∞"]),
        ([3.25e9, -1.0], ["3.25e9", "-1e0"]),
    ],
)
def test_numbers_share_one_format(some: list[float], texts: list[str]) -> None:
    write = writer(some)
    assert [write(value) for value in some] == texts


def test_booleans_are_letters_and_limits_short() -> None:
    assert [writer([0, 1], boolean=True)(value) for value in (0, 1)] == ["F", "T"]
    assert [short(value) for value in (0.0, -2.1, 12345.0, 1e-9, math.nan, 10**12)] == [
        "0", "-2.1", "1.234e4", "1e-9", "NaN", "1e12",
    ]  # fmt: skip


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: str(theme.name))
def test_text_is_readable_on_every_step_of_every_theme(theme: object) -> None:
    variables = {
        "background": theme.background, "foreground": theme.foreground, "success": theme.success,  # type: ignore[attr-defined]
        "warning": theme.warning, **theme.variables,  # type: ignore[attr-defined]
    }  # fmt: skip
    styles = DrawnStyles(variables)
    levels = ["nan", "inf", "0", *(f"{sign}{step}" for sign in "+-s" for step in range(1, STEPS + 1))]
    grounds = []
    for level in levels:
        style = styles.style(f"heat{level}")
        assert style is not None
        assert style.color is not None
        assert style.bgcolor is not None
        text, ground = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
        assert contrast(text, ground) >= 4.5
        grounds.append(ground)
    ground_of = dict(zip(levels, grounds, strict=True))
    assert contrast(ground_of["+9"], ground_of["0"]) > 2
    assert contrast(ground_of["-9"], ground_of["0"]) > 2
    assert len({str(ground) for ground in grounds}) == len(grounds)


def test_half_blocks_have_one_step_above_another() -> None:
    styles = DrawnStyles({})
    half, above, below = (styles.style(name) for name in ("half:+9:-2", "heat+9", "heat-2"))
    assert half is not None
    assert above is not None
    assert below is not None
    assert (half.color, half.bgcolor) == (above.bgcolor, below.bgcolor)
    assert styles.style("stderr") is None
