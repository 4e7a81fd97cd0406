"""Ticks, labels, numbers and axis ranges."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.widgets.chart.scale import Axis, x_axis, y_axis
from tui.widgets.chart.ticks import (
    count_text,
    log_tick_values,
    nice_step,
    tick_labels,
    tick_values,
    value_text,
)

numbers = st.floats(-1e9, 1e9, allow_nan=False)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([0, 500, 1000, 1500], ["0", "500", "1k", "1.5k"]),
        ([0, 200, 400, 600, 800, 1000, 1200], ["0", "200", "400", "600", "800", "1k", "1.2k"]),
        ([0.035, 0.04], ["0.035", "0.04"]),
        ([0.0001, 0.0002], ["1e-4", "2e-4"]),
        ([0, 1e-5], ["0", "1e-5"]),
        ([-2.5, 0, 2.5], ["-2.5", "0", "2.5"]),
        ([1e6, 2e6], ["1M", "2M"]),
        ([0.1, 1.0, 10.0, 100.0, 1000.0], ["0.1", "1", "10", "100", "1k"]),
        ([1e18, 2e18], ["1e18", "2e18"]),
        ([9.8e-4, 1e-3], ["9.8e-4", "1e-3"]),
        ([], []),
    ],
)
def test_labels_are_short_and_plain(values: list[float], wanted: list[str]) -> None:
    assert tick_labels(values) == wanted


def test_values_of_a_log_axis_are_named_each_for_itself() -> None:
    assert tick_labels([1e-7, 1e-5, 0.01, 1.0, 1e5], log=True) == ["1e-7", "1e-5", "0.01", "1", "100k"]


@given(numbers, st.floats(1e-6, 1e9), st.integers(2, 9))
def test_ticks_lie_on_the_axis_and_their_labels_tell_them_apart(low: float, span: float, most: int) -> None:
    high = low + span
    if not high - low > abs(low) * 1e-6:  # such a range has no digits to tell its ticks apart by
        return
    values = tick_values(low, high, most)
    assert 1 <= len(values) <= most
    assert all(low - span * 1e-6 <= value <= high + span * 1e-6 for value in values)
    assert len(set(tick_labels(values))) == len(values)


@given(st.floats(1e-300, 1e300))
def test_a_nice_step_is_1_2_2_5_or_5_and_not_smaller(least: float) -> None:
    step = nice_step(least)
    assert step >= least * (1 - 1e-6)
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(mantissa - factor) for factor in (1, 2, 2.5, 5)) < 1e-6


def test_whole_ticks_are_whole() -> None:
    assert tick_values(0, 3, 9, whole=True) == [0, 1, 2, 3]
    assert all(value % 1 == 0 for value in tick_values(0, 10, 5, whole=True))


@given(st.floats(1e-12, 1e6), st.floats(1.5, 1e12), st.integers(2, 8))
def test_log_ticks_lie_on_the_axis(low: float, factor: float, most: int) -> None:
    values = log_tick_values(low, low * factor, most)
    assert len(values) <= most
    assert all(low * (1 - 1e-6) <= value <= low * factor * (1 + 1e-6) for value in values)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (0.12341, "0.1234"),
        (12.3456, "12.35"),
        (0.0012345, "0.001234"),
        (1234.56, "1235"),
        (0, "0"),
        (1.2345e-5, "1.23e-5"),
        (-3e7, "-3.00e7"),
        (math.nan, "NaN"),
        (math.inf, "Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_values_have_four_digits_that_count(value: float, wanted: str) -> None:
    assert value_text(value) == wanted


def test_counts_are_short() -> None:
    assert [count_text(count) for count in (7, 999, 12_345, 10**7)] == ["7", "999", "12.3k", "10M"]


@given(numbers, st.floats(0, 1e9), st.integers(1, 30))
def test_the_y_axis_holds_the_data(low: float, span: float, rows: int) -> None:
    axis = y_axis(low, low + span, rows, None, log=False)
    margin = (axis.high - axis.low) * 1e-6
    assert axis.low <= low + margin
    assert axis.high >= low + span - margin
    assert axis.high > axis.low


@given(st.floats(1e-30, 1e30), st.floats(1, 1e20))
def test_the_log_y_axis_holds_the_data(low: float, factor: float) -> None:
    axis = y_axis(low, low * factor, 10, None, log=True)
    assert 0 < axis.low <= low * (1 + 1e-6)
    assert low * factor * (1 - 1e-6) <= axis.high


def test_the_y_axis_keeps_still_while_the_data_fits_and_fills_it() -> None:
    axis = y_axis(0.1, 2.3, 10, None, log=False)
    assert y_axis(0.2, 2.0, 10, axis, log=False) is axis
    assert y_axis(0.1, 2.3 * 2, 10, axis, log=False) != axis
    assert y_axis(0.1, 0.4, 10, axis, log=False).high < axis.high


def test_the_x_axis_grows_in_few_steps() -> None:
    axis: Axis | None = None
    seen = set()
    for last in range(0, 100_000, 10):
        axis = x_axis((0.0, float(last)), axis, low=None, high=None, log=False)
        assert axis.high >= last
        seen.add(axis.high)
    assert len(seen) < 60


@pytest.mark.parametrize("last", [7.0, 99.0, 683.0, 2999.0, 22_900.0, 123_456.0])
def test_the_x_axis_ends_with_the_data_or_a_little_beyond(last: float) -> None:
    axis = x_axis((1.0, last), None, low=None, high=None, log=False, least=0.01)
    assert last <= axis.high <= 1.031 * last
    grown = x_axis((1.0, 1.01 * axis.high), axis, low=None, high=None, log=False, ahead=1.1, least=0.01)
    assert 1.01 * 1.1 * axis.high <= grown.high * (1 + 1e-9)
    assert grown.high <= 1.01 * 1.15 * axis.high
    over = x_axis((1.0, 1.02 * axis.high), grown, low=None, high=None, log=False, ahead=1.0, least=0.01)
    assert over.high <= 1.06 * axis.high  # nothing more comes


def test_the_x_axis_goes_no_further_than_the_data_is_to() -> None:
    before = x_axis((0.0, 900.0), None, low=0, high=None, log=False)
    assert x_axis((0.0, 950.0), before, low=0, high=None, log=False, ahead=1.5, most=1000.0).high == 1000.0
    assert x_axis((0.0, 950.0), before, low=0, high=None, log=False, ahead=1.1, most=9000.0).high < 1100


def test_an_axis_begins_with_data_that_begins_late() -> None:
    assert x_axis((1.0, 100.0), None, low=None, high=None, log=False).low == 0
    assert x_axis((45_000.0, 100_000.0), None, low=None, high=None, log=False).low == 45_000


def test_a_known_end_keeps_the_x_axis_still_and_is_left_when_the_data_goes_beyond() -> None:
    def high(last: float) -> float:
        return x_axis((0.0, last), None, low=None, high=1234.0, log=False).high

    assert high(1) == high(1000) == 1234.0
    assert high(2000) >= 2000


def test_fractions_and_values_are_inverse() -> None:
    for axis in (Axis(-1, 3), Axis(1e-3, 1e3, True)):
        assert axis.value(axis.fraction(0.5)) == pytest.approx(0.5)
        assert (axis.fraction(axis.low), axis.fraction(axis.high)) == (0, 1)
    assert Axis(1, 10, True).fraction(0) == -math.inf
