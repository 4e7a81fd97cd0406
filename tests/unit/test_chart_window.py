"""Zooming, panning, following and the cursor's steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.runs.along import Along, XScale
from tui.runs.series import Series
from tui.widgets.chart.looking import Looking
from tui.widgets.chart.window import Whole, following, panned, showing, zoomed

WHOLE = Whole((0.0, 1000.0), 800.0, 1.0)
LOG = Whole((1.0, 1000.0), 800.0, 1.0, log=True)


def test_what_one_zooms_about_stays_where_it_is() -> None:
    window = zoomed(WHOLE, None, 2.0, 250.0)
    assert window == (125.0, 625.0)
    assert zoomed(WHOLE, window, 0.5, 250.0) is None


def test_on_a_log_axis_too() -> None:
    window = zoomed(LOG, None, 3.0, 10.0)
    assert window is not None
    low, high = window
    assert 10 / low == pytest.approx(10 ** (1 / 3))
    assert high / 10 == pytest.approx(100 ** (1 / 3))


def test_without_a_cursor_one_zooms_about_the_newest_point() -> None:
    assert zoomed(WHOLE, None, 2.0, None) == (400.0, 900.0)
    assert zoomed(WHOLE, (0.0, 100.0), 2.0, None) == (25.0, 75.0)
    assert zoomed(WHOLE, (0.0, 100.0), 2.0, 900.0) == (25.0, 75.0)


def test_there_is_a_closest() -> None:
    window = None
    for _ in range(60):
        window = zoomed(WHOLE, window, 1.6, 500.0)
    assert window is not None
    assert window[1] - window[0] == pytest.approx(4.0)
    window = None
    for _ in range(200):
        window = zoomed(LOG, window, 1.6, 500.0)
    assert window is not None
    assert 1 < window[1] - window[0] < 20


@given(
    st.lists(st.tuples(st.booleans(), st.floats(-3, 3), st.floats(-100, 1100)), max_size=30), st.booleans()
)
def test_whatever_one_does_something_of_the_axis_is_shown(
    moves: list[tuple[bool, float, float]], log: bool
) -> None:
    whole = LOG if log else WHOLE
    window = None
    for zoom, amount, about in moves:
        window = zoomed(whole, window, 2.0**amount, about) if zoom else panned(whole, window, amount)
        if window is not None:
            assert window[0] < window[1]
            assert window[0] >= whole.span[0] - 1e-6
            assert window[1] <= whole.span[1] + 1e-6


def test_panning_ends_where_the_axis_does() -> None:
    assert panned(WHOLE, None, 1.0) is None
    assert panned(WHOLE, (100.0, 200.0), 0.25) == (125.0, 225.0)
    assert panned(WHOLE, (100.0, 200.0), -5.0) == (0.0, 100.0)
    assert panned(WHOLE, (850.0, 950.0), 3.0) == (900.0, 1000.0)


def test_following_moves_on_in_steps_so_that_most_of_the_time_nothing_moves() -> None:
    moved = following(Whole((0.0, 1000.0), 801.0, 1.0), (700.0, 800.0))
    assert moved == (725.0, 825.0)
    assert following(Whole((0.0, 1000.0), 824.0, 1.0), moved) is moved
    assert following(Whole((0.0, 1e9), 12_345.0, 1.0), moved)[1] >= 12_345.0


def test_a_place_out_of_sight_is_brought_in_with_the_least_move() -> None:
    assert showing(WHOLE, (100.0, 200.0), 150.0) == (100.0, 200.0)
    assert showing(WHOLE, (100.0, 200.0), 250.0) == (150.0, 250.0)
    assert showing(WHOLE, (100.0, 200.0), 50.0) == (50.0, 150.0)
    assert showing(WHOLE, None, 50.0) is None


def follows(looking: Looking) -> bool:
    return looking.follows


def test_zoomed_to_the_end_one_follows_what_comes() -> None:
    looking = Looking()
    looking.zoom(WHOLE, 4.0)
    assert follows(looking)
    looking.follow(Whole((0.0, 1000.0), 990.0, 1.0))
    assert looking.window is not None
    assert looking.window[1] >= 990
    looking.pan(WHOLE, -2.0)
    assert not follows(looking)
    before = looking.window
    looking.follow(Whole((0.0, 5000.0), 4000.0, 1.0))
    assert looking.window == before


def walk_of(*steps: int) -> Along:
    return Along(Series.of(steps, [0.0] * len(steps)), XScale())


def test_the_cursor_goes_by_columns_where_points_are_many_and_by_points_where_they_are_few() -> None:
    looking, dense = Looking(), walk_of(*range(801))
    looking.walk(dense, WHOLE, 0.0, forward=False)
    assert looking.cursor == 800  # the first press puts it on the newest
    looking.walk(dense, WHOLE, 790.4, forward=False)
    assert looking.cursor == 790
    sparse = walk_of(0, 400, 800)
    looking.walk(sparse, WHOLE, 780.0, forward=False)
    assert looking.cursor == 400
    looking.walk(sparse, WHOLE, 410.0, forward=True)
    assert looking.cursor == 800
    looking.walk(sparse, WHOLE, 810.0, forward=True)
    assert looking.cursor == 800


def test_several_points_of_one_step_do_not_hold_the_cursor() -> None:
    looking, walk = Looking(), walk_of(0, 5, 5, 5, 9)
    looking.put(WHOLE, 5.0)
    looking.walk(walk, WHOLE, 5.1, forward=True)
    assert looking.cursor == 9
    looking.walk(walk, WHOLE, 8.9, forward=False)
    looking.walk(walk, WHOLE, 4.9, forward=False)
    assert looking.cursor == 0


def test_a_cursor_that_leaves_the_window_takes_it_along() -> None:
    looking, walk = Looking(), walk_of(*range(801))
    looking.window = (100.0, 200.0)
    looking.put(WHOLE, 199.0)
    looking.walk(walk, WHOLE, 210.0, forward=True)
    assert looking.cursor == 210
    assert looking.window == (110.0, 210.0)


def test_the_mouse_reads_the_point_at_or_before_it() -> None:
    looking = Looking()
    looking.point_at(walk_of(10, 20), 19.9, pin=False)
    assert (looking.cursor, looking.pinned) == (10.0, False)
    looking.point_at(walk_of(10, 20), None, pin=False)
    assert looking.cursor is None
    looking.point_at(walk_of(), 5.0, pin=True)
    assert (looking.cursor, looking.pinned) == (None, False)
