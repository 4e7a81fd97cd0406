"""A layer drawn from the one before is the same as one drawn afresh."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.widgets.chart import layers, plot
from tui.widgets.chart.layers import layer
from tui.widgets.chart.plot import Canvas, Stroke

WIDTH, HEIGHT = 12, 4
SIZE = (WIDTH, HEIGHT)


@st.composite
def strokes(draw: st.DrawFn, ink: int) -> Stroke:
    """A stroke as curves make them: columns that do not go back, a piece here and there."""
    columns = sorted(draw(st.lists(st.integers(0, 2 * WIDTH - 1), min_size=1, max_size=20)))
    rows = draw(st.lists(st.integers(0, 4 * HEIGHT - 1), min_size=len(columns), max_size=len(columns)))
    breaks = draw(st.sets(st.integers(1, len(columns)), max_size=3))
    return Stroke(ink, columns, rows, [0, *sorted(index for index in breaks if index < len(columns))])


@st.composite
def tails(draw: st.DrawFn, stroke: Stroke) -> Stroke:
    """The same stroke with another end."""
    kept = draw(st.integers(0, len(stroke.columns)))
    other = draw(strokes(stroke.ink))
    last = stroke.columns[kept - 1] if kept else 0
    added = [(c, r) for c, r in zip(other.columns, other.rows, strict=True) if c >= last]
    columns = [*stroke.columns[:kept], *(c for c, _ in added)]
    rows = [*stroke.rows[:kept], *(r for _, r in added)]
    if not columns:
        return stroke
    return Stroke(stroke.ink, columns, rows, [index for index in stroke.breaks if index < len(columns)])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_is_kept_is_what_would_be_drawn(data: st.DataObject) -> None:
    old = [data.draw(strokes(ink)) for ink in (1, 2)]
    new = [data.draw(tails(stroke)) for stroke in old]
    grown = layer(new, SIZE, layer(old, SIZE, None))
    afresh = layer(new, SIZE, None)
    assert grown.canvas.text == afresh.canvas.text
    assert grown.canvas.inks == afresh.canvas.inks


def test_the_same_strokes_are_not_drawn_again() -> None:
    before = layer([Stroke(1, [0, 5], [0, 5], [0])], SIZE, None)
    assert layer([Stroke(1, [0, 5], [0, 5], [0])], SIZE, before) is before


def test_a_growing_curve_is_drawn_at_its_end_only(monkeypatch: pytest.MonkeyPatch) -> None:
    before = layer([Stroke(1, list(range(20)), [3] * 20, [0])], SIZE, None)
    drawn: list[Stroke] = []

    def draw(strokes: list[Stroke], width: int, height: int) -> Canvas:
        drawn.extend(strokes)
        return plot.draw(strokes, width, height)

    monkeypatch.setattr(layers, "draw", draw)
    layer([Stroke(1, list(range(22)), [3] * 22, [0])], SIZE, before)
    assert [stroke.columns for stroke in drawn] == [[17, 18, 19, 20, 21]]
