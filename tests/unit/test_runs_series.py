"""The envelope of a series against plain Python, whatever the points, the edges and the way they came in."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.small_pages import small_pages
from tui.runs.pyramid import FAN
from tui.runs.series import Series

values = st.floats(width=32) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0])
points = st.lists(st.tuples(st.integers(0, 3000), values), max_size=300)


@pytest.fixture(params=["in memory", "in pages"], scope="module", autouse=True)
def where(request: pytest.FixtureRequest) -> Iterator[None]:
    """The points are all in memory, then nearly all on disk: nobody can tell."""
    with small_pages() if request.param == "in pages" else nullcontext():
        yield


def series_of(*batches: list[tuple[int, float]]) -> Series:
    series = Series()
    for batch in batches:
        series.append([step for step, _ in batch], [0.0] * len(batch), [value for _, value in batch])
    return series


def same(found: float, wanted: float | None) -> bool:
    return math.isnan(found) if wanted is None else found == wanted


def in_column(all_points: list[tuple[int, float]], edges: list[float], column: int) -> list[float]:
    last = column == len(edges) - 2
    return [
        value
        for step, value in sorted(all_points, key=lambda point: point[0])
        if edges[column] <= step and (step <= edges[-1] if last else step < edges[column + 1])
    ]


def check_envelope(series: Series, all_points: list[tuple[int, float]], edges: list[float]) -> None:
    envelope = series.envelope(edges)
    for column in range(len(edges) - 1):
        inside = in_column(all_points, edges, column)
        finite = [value for value in inside if math.isfinite(value)]
        assert same(envelope.low[column], min(finite, default=None))
        assert same(envelope.high[column], max(finite, default=None))
        assert same(envelope.low_positive[column], min((v for v in finite if v > 0), default=None))
        assert envelope.finite[column] == len(finite)
        assert envelope.nan[column] == sum(map(math.isnan, inside))
        assert envelope.pos_inf[column] == inside.count(math.inf)
        assert envelope.neg_inf[column] == inside.count(-math.inf)
        assert envelope.non_positive[column] == sum(value <= 0 for value in finite)
        if finite:
            assert envelope.mean[column] == pytest.approx(math.fsum(finite) / len(finite), rel=1e-6, abs=1e31)
        for found, wanted in ((envelope.first, inside[:1]), (envelope.last, inside[-1:])):
            np.testing.assert_array_equal(found[column], wanted[0] if wanted else math.nan)


@settings(deadline=None, max_examples=150)
@given(st.lists(points, max_size=4), st.lists(st.floats(-10, 3010), min_size=2, max_size=9).map(sorted))
def test_every_value_counts_once_and_every_extreme_survives(
    batches: list[list[tuple[int, float]]], edges: list[float]
) -> None:
    check_envelope(series_of(*batches), [point for batch in batches for point in batch], edges)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 4 * FAN**2 + 5), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_extremes_survive_in_a_long_series(count: int, columns: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    numbers = generator.normal(size=count).astype(np.float32)
    numbers[generator.random(count) < 0.02] = np.nan
    series = Series()
    for part in np.array_split(np.arange(count), 7):
        series.append(part, part, numbers[part])
    edges = np.linspace(0, max(1, count - 1), columns + 1)
    envelope = series.envelope(edges)
    assert envelope.finite.sum() + envelope.nan.sum() == count
    for column in range(columns):
        upper = (
            np.arange(count) <= edges[-1] if column == columns - 1 else np.arange(count) < edges[column + 1]
        )
        inside = numbers[(np.arange(count) >= edges[column]) & upper]
        inside = inside[~np.isnan(inside)]
        if len(inside):
            assert (envelope.low[column], envelope.high[column]) == (inside.min(), inside.max())


def test_a_spike_among_many_points_shows_in_its_column_alone() -> None:
    numbers = np.zeros(100_000, dtype=np.float32)
    numbers[65_432] = 7.0
    envelope = Series.of(np.arange(100_000), numbers).envelope(np.linspace(0, 100_000, 101))
    assert np.flatnonzero(envelope.high).tolist() == [65]
    assert envelope.high[65] == 7.0


def test_the_pyramid_is_not_read_point_by_point() -> None:
    """A column reads at most two blocks of each level: that is what makes ten million points cheap."""
    series = Series.of(np.arange(200_000), np.ones(200_000))
    levels = series.pyramid._levels
    assert [len(level) for level in levels] == [6250, 195, 6]


def test_purging_forgets_the_points_and_their_summaries() -> None:
    series = Series.of(np.arange(5000), np.arange(5000.0))
    assert series.purge_from(100) == 4900
    assert len(series) == 100
    series.append(np.arange(100, 4000), np.zeros(3900), np.full(3900, -5.0))
    envelope = series.envelope([0, 5000])
    assert (envelope.low[0], envelope.high[0], envelope.finite[0]) == (-5.0, 99.0, 4000)
    assert series.purge_from(10_000) == 0


def test_values_that_float32_cannot_hold_are_kept_exactly() -> None:
    series = Series.of([0, 1], [0.5, 2.0])
    assert series.values.dtype == np.float32
    series.append([2, 3], [0, 0], [0.1, 1e300])
    assert series.values.dtype == np.float64
    assert series.values.tolist() == [0.5, 2.0, 0.1, 1e300]


def test_points_of_one_step_keep_their_order_and_late_ones_find_their_place() -> None:
    series = Series.of([0, 5, 5, 9], [1, 2, 3, 4], [10, 11, 12, 13])
    series.append([5, 1], [20, 21], [7, 8])
    assert series.steps.tolist() == [0, 1, 5, 5, 5, 9]
    assert series.values.tolist() == [1, 8, 2, 3, 7, 4]
    assert series.wall_times.tolist() == [10, 21, 11, 12, 20, 13]


def test_the_version_changes_with_the_points_and_only_then() -> None:
    series = Series()
    seen = [series.version]
    series.append([], [], [])
    assert series.version == seen[0]
    series.append([1], [0], [1])
    assert series.version not in seen
    seen.append(series.version)
    series.purge_from(5)
    assert series.version == seen[-1]
    series.purge_from(1)
    assert series.version not in seen


def test_an_empty_series_has_no_last_point_no_range_and_an_empty_envelope() -> None:
    series = Series()
    assert series.last is None
    assert series.x_range() is None
    assert series.best(largest=True) is None
    assert np.isnan(series.envelope([0, 1, 2]).low).all()


def test_best_is_the_first_of_the_best_finite_values() -> None:
    series = Series.of([0, 1, 2, 3, 4], [math.nan, 2, 1, 1, math.inf])
    smallest, largest = series.best(largest=False), series.best(largest=True)
    assert smallest is not None
    assert largest is not None
    assert (smallest.step, smallest.value) == (2, 1)
    assert (largest.step, largest.value) == (1, 2)


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 60), st.floats(-1e3, 1e3)), max_size=40), min_size=1, max_size=6
    ),
    st.integers(1, 12),
)
def test_an_envelope_that_goes_on_from_the_last_is_that_of_all_points(
    batches: list[list[tuple[int, float]]], columns: int
) -> None:
    edges = np.linspace(0, 60, columns + 1)
    growing = Series()
    for batch in batches:
        if batch:
            growing.append([step for step, _ in batch], [0.0] * len(batch), [value for _, value in batch])
        found = growing.envelope(edges)
    afresh = Series.of(growing.steps, growing.values).envelope(edges)
    for field in dataclasses.fields(afresh):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(afresh, field.name), field.name)
