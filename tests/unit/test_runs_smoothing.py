"""The moving average against its closed form and against TensorBoard's loop, however the points came in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.small_pages import small_pages
from tui.runs import smoothing
from tui.runs.series import Series
from tui.runs.smoothing import STRENGTHS, Smoothed, recurrence

odd = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0])
numbers = st.floats(-1e6, 1e6, width=32) | odd
strengths = st.sampled_from([strength for strength in STRENGTHS if strength])


@pytest.fixture(params=["in memory", "in pages"], scope="module", autouse=True)
def where(request: pytest.FixtureRequest) -> Iterator[None]:
    """The points are all in memory, then nearly all on disk: nobody can tell."""
    with small_pages() if request.param == "in pages" else nullcontext():
        yield


def closed_form(values: list[float], strength: float, *, log: bool) -> list[float]:
    """s_k = Σ w^(k-i) x_i / Σ w^(k-i), over the values that count; NaN for the others."""
    out: list[float] = []
    seen: list[float] = []
    for value in values:
        if not math.isfinite(value) or (log and value <= 0):
            out.append(math.nan)
            continue
        seen.append(math.log(value) if log else value)
        weights = [strength ** (len(seen) - 1 - place) for place in range(len(seen))]
        mean = math.fsum(w * x for w, x in zip(weights, seen, strict=True)) / math.fsum(weights)
        out.append(math.exp(mean) if log else mean)
    return out


def tensorboards(values: list[float], strength: float) -> list[float]:
    """TensorBoard's loop (vz_line_chart2, ``resmoothDataset``), with NaN where it passes a value through."""
    last, counted, out = 0.0, 0, []
    for value in values:
        if not math.isfinite(value):
            out.append(math.nan)
            continue
        last = last * strength + (1 - strength) * value
        counted += 1
        out.append(last / (1 - strength**counted))
    return out


def smoothed(values: list[float], strength: float, *, log: bool = False) -> NDArray[np.floating]:
    average = Smoothed(Series.of(range(len(values)), values), strength, log=log)
    average.update()
    return average.values[:]


@settings(deadline=None)
@given(st.lists(numbers, max_size=60), strengths, st.booleans())
def test_it_is_its_closed_form(values: list[float], strength: float, log: bool) -> None:
    wanted = closed_form(values, strength, log=log)
    size = max((abs(value) for value in wanted if math.isfinite(value)), default=1.0)
    np.testing.assert_allclose(smoothed(values, strength, log=log), wanted, rtol=2e-6, atol=size * 2e-7)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), strengths)
def test_it_is_what_tensorboard_draws(seed: int, strength: float) -> None:
    generator = np.random.default_rng(seed)
    values = generator.normal(5, 1, 700)
    values[generator.random(700) < 0.05] = np.nan
    values = values.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(
        smoothed(values.tolist(), strength), tensorboards(values.tolist(), strength), rtol=1e-6
    )


@settings(deadline=None)
@given(st.integers(0, 40_000), st.floats(0, 0.999), st.floats(-10, 10))
def test_the_recurrence_is_that_of_a_loop(count: int, factor: float, before: float) -> None:
    added = np.random.default_rng(count).normal(size=count)
    wanted, last = [], before
    for number in added.tolist():
        last = factor * last + number
        wanted.append(last)
    np.testing.assert_allclose(recurrence(added, factor, before), wanted, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.lists(st.tuples(st.integers(0, 300), numbers), max_size=60), st.integers(0, 400)),
        min_size=1, max_size=6,
    ),
    strengths, st.booleans(),
)  # fmt: skip
def test_points_that_come_late_or_are_dropped_are_as_if_they_had_always_been_so(
    rounds: list[tuple[list[tuple[int, float]], int]], strength: float, log: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(smoothing, "CHUNK", 16)
        series = Series()
        average = Smoothed(series, strength, log=log)
        for points, purge in rounds:
            series.append([step for step, _ in points], [0.0] * len(points), [value for _, value in points])
            average.update()
            series.purge_from(purge)
        average.update()
        afresh = Smoothed(Series.of(series.steps, series.values), strength, log=log)
        afresh.update()
    np.testing.assert_allclose(average.values, afresh.values, rtol=1e-6)
    assert len(average.values) == len(series)
    assert average.behind == 0


def test_a_constant_stays_that_constant_from_the_first_point_on() -> None:
    for strength in STRENGTHS[1:]:
        np.testing.assert_allclose(smoothed([0.7] * 500, strength), 0.7, rtol=1e-6)


def test_a_step_is_passed_on_across_chunks() -> None:
    count = smoothing.CHUNK + 100
    values = np.ones(count)
    values[: smoothing.CHUNK] = 0.0
    found = smoothed(values.tolist(), 0.9)
    assert found[smoothing.CHUNK - 1] == 0
    assert found[smoothing.CHUNK] == pytest.approx(0.1, rel=1e-6)
    assert found[smoothing.CHUNK + 1] == pytest.approx(0.19, rel=1e-6)


def test_extremes_of_the_average_survive_its_pyramid() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    average = Smoothed(Series.of(range(5000), values), 0.9)
    average.update()
    measures, _ = average.pyramid.query(average.values, np.array([7]), np.array([4990]))
    assert (measures[0, 0], measures[1, 0]) == (average.values[7:4990].min(), average.values[7:4990].max())


def test_values_beyond_float32_are_smoothed_too() -> None:
    assert smoothed([1e300, 1e300], 0.9).tolist() == pytest.approx([1e300, 1e300])
