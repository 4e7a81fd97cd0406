"""Series by epoch and by time: every value counts once, in its own column, and no extreme is lost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.small_pages import small_pages
from tui.runs.along import Along, XScale, start_s
from tui.runs.series import Series
from tui.runs.smoothing import Smoothed

START_S = 1.7e9
values = st.floats(width=32) | st.sampled_from([math.nan, math.inf, -math.inf])
points = st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1e5), values), min_size=1, max_size=80)


@pytest.fixture(params=["in memory", "in pages"], scope="module", autouse=True)
def where(request: pytest.FixtureRequest) -> Iterator[None]:
    """The points are all in memory, then nearly all on disk: nobody can tell."""
    with small_pages() if request.param == "in pages" else nullcontext():
        yield


def written(rows: list[tuple[int, float, float]], *, clock: bool) -> Series:
    """A series of these steps, seconds and values; `clock`: with times that go forward."""
    rows = sorted(rows, key=lambda row: row[0])
    seconds = sorted(row[1] for row in rows) if clock else [row[1] for row in rows]
    return Series.of([row[0] for row in rows], [row[2] for row in rows], np.array(seconds) + START_S)


def scales(per_epoch: float) -> list[XScale]:
    return [XScale(), XScale("epoch", per_epoch), XScale("time", start_s=START_S)]


@settings(deadline=None)
@given(points, st.integers(1, 97), st.integers(1, 30), st.booleans())
def test_the_whole_range_holds_every_value_and_every_extreme(
    rows: list[tuple[int, float, float]], per_epoch: int, columns: int, clock: bool
) -> None:
    series = written(rows, clock=clock)
    finite = series.values[np.isfinite(series.values)]
    for scale in scales(per_epoch):
        along = Along(series, scale)
        span = along.x_range()
        assert span is not None
        envelope = along.envelope(np.linspace(*span, columns + 1))
        odd = envelope.nan.sum() + envelope.pos_inf.sum() + envelope.neg_inf.sum()
        assert envelope.finite.sum() + odd == len(series)
        if len(finite):
            assert (np.nanmin(envelope.low), np.nanmax(envelope.high)) == (finite.min(), finite.max())


@settings(deadline=None)
@given(points, st.integers(1, 97), st.lists(st.floats(-1, 1e5), min_size=2, max_size=8).map(sorted))
def test_each_value_is_in_the_column_that_its_x_is_in(
    rows: list[tuple[int, float, float]], per_epoch: int, seconds: list[float]
) -> None:
    series = written(rows, clock=True)
    along = Along(series, XScale("time", start_s=START_S))
    found = along.envelope(seconds)
    for column, (low, high) in enumerate(pairwise(seconds)):
        x = series.wall_times[:] - START_S
        last = column == len(seconds) - 2
        surely = (x >= low + 2e-6) & (x < high - 2e-6)
        perhaps = (x >= low - 2e-6) & (x <= high + 2e-6 if last else x < high + 2e-6)
        counted = found.finite[column] + found.nan[column] + found.pos_inf[column] + found.neg_inf[column]
        assert surely.sum() <= counted <= perhaps.sum()


@given(st.integers(1, 1000), st.integers(1, 10_000))
def test_a_whole_number_of_steps_survives_being_divided_into_epochs(per_epoch: int, steps: int) -> None:
    along = Along(Series.of(range(steps), np.ones(steps)), XScale("epoch", per_epoch))
    for index in {0, steps // 3, steps - 1}:
        x = along.x_of(index)
        assert along.up_to(x) == index + 1
        found = along.at(x)
        assert found is not None
        assert found.step == index


def test_a_clock_that_was_set_back_stands_still_until_it_is_past_again() -> None:
    series = Series.of(range(5), range(5), START_S + np.array([0.0, 10.0, 3.0, 4.0, 12.0]))
    along = Along(series, XScale("time", start_s=START_S))
    assert not series.in_time
    assert [along.x_of(index) for index in range(5)] == [0, 10, 10, 10, 12]
    series.append([5, 6], [START_S + 11, START_S + 20], [5, 6])
    assert [along.x_of(index) for index in range(7)] == [0, 10, 10, 10, 12, 12, 20]
    series.purge_from(2)
    series.append([2], [START_S + 30], [2])
    assert [along.x_of(index) for index in range(3)] == [0, 10, 30]


def test_times_that_are_no_numbers_do_no_harm() -> None:
    series = Series.of(range(4), range(4), [math.nan, START_S, math.inf, START_S + 2])
    along = Along(series, XScale("time", start_s=start_s({"a": series})))
    span = along.x_range()
    assert span is not None
    assert all(map(math.isfinite, span))
    assert along.envelope([span[0] - 1, span[1] + 1]).finite.sum() == 4


def test_reading_takes_the_newest_point_at_or_before() -> None:
    along = Along(Series.of([10, 20, 30], [1, 2, 3]), XScale("epoch", 10))
    assert [point.step if (point := along.at(x)) else None for x in (0.9, 1, 1.99, 2.5, 99)] == [
        None, 10, 10, 20, 30,
    ]  # fmt: skip
    assert along.first_after(1.0) == 2.0
    assert along.first_after(3.0) is None
    assert along.beside(1.5, 2.5) == ((1.0, 1.0), (3.0, 3.0))
    assert along.beside(1.0, 3.0) == (None, None)
    assert along.x_of_step(11) == 2.0
    assert along.x_of_step(31) is None


def test_a_smoothed_curve_has_the_places_of_its_points_and_values_of_its_own() -> None:
    series = Series.of(range(100), np.arange(100.0))
    average = Smoothed(series, 0.9)
    along = Along(series, XScale(), average)
    point = along.at(50)
    assert point is not None
    assert point.value == pytest.approx(average.values[50])
    assert along.envelope([0, 99]).high[0] == average.values[:].max()
    series.append([100], [0], [1000.0])
    assert along.last is not None
    assert 99 < along.last.value < 1000


@settings(deadline=None)
@given(st.lists(points, min_size=1, max_size=5), st.integers(1, 12))
def test_an_envelope_that_goes_on_from_the_last_is_that_of_all_points(
    batches: list[list[tuple[int, float, float]]], columns: int
) -> None:
    edges = np.linspace(0, 1e5, columns + 1)
    series = Series()
    along = Along(series, XScale("time", start_s=START_S))
    for batch in batches:
        batch = sorted(batch)
        series.append(
            [row[0] for row in batch], [START_S + row[1] for row in batch], [row[2] for row in batch]
        )
        found = along.envelope(edges)
    afresh = Along(Series.of(series.steps, series.values, series.wall_times), along.scale).envelope(edges)
    np.testing.assert_array_equal(found.low, afresh.low)
    np.testing.assert_array_equal(found.high, afresh.high)
    np.testing.assert_array_equal(found.finite, afresh.finite)
