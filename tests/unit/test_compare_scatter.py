"""A knob against a metric, as text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.widgets.compare.scatter import ScatterData, ScatterDot, scatter_lines
from tui.widgets.panels.base import PanelLine

SIZE = (60, 14)


def drawn(*dots: ScatterDot, size: tuple[int, int] = SIZE, larger: bool = False) -> list[PanelLine]:
    return scatter_lines(ScatterData("lr", "val/loss", dots, larger), *size)


def text_of(lines: list[PanelLine]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def test_each_run_has_its_mark_and_its_colour() -> None:
    lines = drawn(ScatterDot(0.1, 2.0, "1", 3), ScatterDot(0.2, 1.0, "2", 5), ScatterDot(0.3, 0.5, "3", 9))
    cells = [cell for line in lines[:-2] for cell in line[1:]]
    assert {("1", "run-3"), ("2", "run-5"), ("3", "run-2")} <= set(cells)
    row = next(line for line in lines if ("3", "run-2") in line)
    place = row.index(("3", "run-2"))
    assert ("★", "good") in (row[place - 1], row[min(place + 1, len(row) - 1)])  # the lowest is the best
    assert sum(cell == ("★", "good") for cell in cells) == 1


def test_runs_in_one_place_are_counted() -> None:
    same = [ScatterDot(0.1, 2.0, str(number), number) for number in range(3)]
    text = "\n".join(text_of(drawn(*same, ScatterDot(0.2, 1.0, "7", 1))))
    assert "●×3" in text
    assert "7" in text
    assert "◆" not in text
    best = "\n".join(text_of(drawn(*same, ScatterDot(0.2, 3.0, "7", 1))))
    assert "●×3★" in best


def test_the_y_axis_has_labels_equally_far_apart() -> None:
    lines = text_of(drawn(ScatterDot(0.1, 0.12, "1"), ScatterDot(0.2, 2.3, "2")))
    rows = [row for row, line in enumerate(lines) if "┤" in line]
    assert len(rows) >= 3
    assert len({after - before for before, after in pairwise(rows)}) == 1


def test_marks_stand_at_their_values() -> None:
    lines = text_of(
        drawn(*(ScatterDot(number, float(number), str(number)) for number in range(5)), larger=True)
    )
    for number in range(5):
        if (
            row := next((line for line in lines if line.strip().startswith(f"{number} ┤")), None)
        ) is not None:
            assert str(number) in row.split("┤")[1]


numbers = st.floats(-1e12, 1e12) | st.sampled_from([0.0, 1e-300, 5.0])


@given(
    st.lists(st.tuples(numbers, numbers, st.sampled_from(["", "1", "a"])), max_size=9),
    st.integers(1, 90), st.integers(1, 20), st.booleans(),
)  # fmt: skip
def test_any_runs_at_any_size_have_lines_of_one_width(
    dots: list[tuple[float, float, str]], width: int, height: int, larger: bool
) -> None:
    lines = drawn(*(ScatterDot(*dot) for dot in dots), size=(width, height), larger=larger)
    if dots:
        assert len({len(line) for line in text_of(lines)[:-2]}) == 1
        assert len(lines) == max(3, height - 2) + 2


@pytest.mark.parametrize("value", [0.0, 5.0, -1e-9])
def test_runs_of_one_value_are_in_the_middle(value: float) -> None:
    lines = text_of(drawn(ScatterDot(0.1, value, "1"), ScatterDot(0.2, value, "2")))
    row = next(place for place, line in enumerate(lines) if "1" in line.split("│")[-1].split("┤")[-1])
    assert 3 <= row <= 8
