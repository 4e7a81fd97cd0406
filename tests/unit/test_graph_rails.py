"""The rails of small graphs against pictures drawn by hand; large ones by what must hold of any."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.unit.graph_cases import Edges, chain, drawn, residual_blocks, row_graph, structure
from tui.widgets.graph.lanes import Lanes
from tui.widgets.graph.rails import Rails, draw


def picture(text: str) -> list[str]:
    """Return the lines of a picture; each ends at its last mark."""
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def test_a_chain_is_a_straight_line_and_its_parameter_hangs_off_it() -> None:
    assert drawn(chain(4), "ooop") == picture(
        """
●
●
●
╰─■
"""
    )
    assert drawn(chain(3), "ooi") == ["●", "●", "▲"]


def test_the_result_alone_is_one_mark() -> None:
    assert drawn([[]]) == ["●"]


def test_a_diamond_closes() -> None:
    assert drawn([[1, 2], [3], [3], []]) == picture(
        """
●
├─●
● │
●─╯
"""
    )


def test_a_plain_network_is_a_straight_line() -> None:
    # loss, relu, addmm with bias and t(weight), relu, addmm of data
    edges = [[1], [2], [3, 6, 4], [], [5], [], [7], [8, -1, 9], [], [10], []]
    assert drawn(edges, "ooopopooopp"[:8] + "pop") == picture(
        """
●
●
●
├─■
├─●
│ ╰─■
●
●╴
├─■
╰─●
  ╰─■
"""
    )


def test_residual_blocks_leave_the_stream_and_come_back() -> None:
    edges, kinds = residual_blocks(2)
    assert drawn(edges, kinds) == picture(
        """
●
├─●╴
│ ├─■
│ ●
│ ●
│ ├─■
│ ●
│ ●
●─╯
├─●╴
│ ├─■
│ ●
│ ●
│ ├─■
│ ●
│ ●
▲─╯
"""
    )


def test_one_parameter_used_again_and_again_has_a_lane_of_its_own() -> None:
    # three steps of h = tanh(h @ w): mm leads to the step before and to w
    assert drawn([[1], [2, 6], [3], [4, 6], [5], [6, -1], []], "oooooop") == picture(
        """
●
●───────╮
●       │
●───────┤
●       │
●───────┤
        ■
"""
    )


def test_the_outputs_of_a_split_meet_in_it() -> None:
    # cat(f(a), g(b), c) with a, b, c = split(x)
    assert drawn([[1, 2, 3], [3], [3], [4], []], "ooooi") == picture(
        """
●
├─●
├─│─●
●─┴─╯
▲
"""
    )


def test_two_inputs() -> None:
    assert drawn([[1], [2, 3], [], []], "ooii") == picture(
        """
●
●
├─▲
▲
"""
    )


def test_the_same_tensor_twice_is_one_edge() -> None:
    assert drawn([[1, 1], []], "oi") == ["●", "▲"]


def test_an_edge_to_none_is_ticked() -> None:
    assert drawn([[-1, 1], []], "oi") == ["●╴", "▲"]
    assert drawn([[-1], []][:1]) == ["●╴"]


def test_what_crosses_a_lane_passes_behind_it() -> None:
    assert drawn([[1, 2, 4], [3, 4], [3], [4], []]) == picture(
        """
●
├─●─╮
├─│─│─●
│ │ ●─╯
●─┴─╯
"""
    )


def test_lanes_past_the_cap_share_a_column_with_their_number() -> None:
    # two that lead to twenty each
    many = list(range(2, 22))
    lines = drawn([[1, *many], many, *[[22]] * 20, []], cap=4)
    crowded = [line for line in lines if "⋯" in line]
    assert crowded
    assert all(len(line) <= 2 * 4 + 3 for line in lines)
    assert max(int(line.split("⋯")[1]) for line in crowded) >= 10
    assert "│" not in lines[-1]


def test_a_fan_in_of_ten_thousand() -> None:
    count = 10_000
    lines = drawn([list(range(1, count + 1)), *[[count + 1]] * count, []], "o" * (count + 1) + "i")
    assert len(lines) == count + 2
    assert max(map(len, lines)) <= 2 * 12 + 6
    assert lines[0] == "●"
    assert lines[5] == lines[9_000] == "├─│─│─┼─●"  # each of them joins a lane that is there
    assert lines[-1].count("▲") == 1


def test_a_depth_of_a_hundred_thousand() -> None:
    graph = row_graph(structure(chain(100_000)))
    rails = Rails(graph)
    assert [rail.text for rail in rails.window(99_990, 100)] == ["●"] * 10


def random_edges(seed: int, count: int) -> tuple[Edges, str]:
    """Return a graph in which every node but the first has a user."""
    draw_from = random.Random(seed)
    edges: list[list[int]] = [[] for _ in range(count)]
    for node in range(1, count):
        for _ in range(draw_from.choice([1, 1, 1, 2, 2, 3, 8])):
            edges[max(0, node - draw_from.choice([1, 1, 2, 3, 10, 100]))].append(node)
        if draw_from.random() < 0.1:
            edges[node - 1].append(-1)
    kinds = "".join(draw_from.choice("ppi") if not each else "o" for each in edges)
    return edges, kinds


UP, DOWN, LEFT, RIGHT = "│╯╰├┤┴┼", "│╮╭├┤┬┼", "─╯╮┤┴┬┼", "─╰╭├┴┬┼"
MARKS = "●■▲"


def reached(lines: list[str], row: int) -> set[int]:
    """Return the rows that the drawn lines of a row lead to: down and to the sides, never up."""

    def cell(row: int, column: int) -> str:
        line = lines[row] if row < len(lines) else ""
        return line[column : column + 1] or " "

    start = next(column for column, mark in enumerate(lines[row]) if mark in MARKS)
    found: set[int] = set()
    seen: set[tuple[int, int, str]] = set()
    ways = [(row + 1, start, "down"), (row, start - 1, "left"), (row, start + 1, "right")]
    while ways:
        here = row_now, column, way = ways.pop()
        if column < 0 or row_now >= len(lines) or here in seen:
            continue
        seen.add(here)
        mark = cell(row_now, column)
        if mark in MARKS:
            found |= {row_now} - {row}
        elif way == "down" and mark in UP:
            ways += [(row_now + 1, column, "down")] if mark in DOWN else []
            ways += [(row_now, column - 1, "left")] if mark in LEFT else []
            ways += [(row_now, column + 1, "right")] if mark in RIGHT else []
        elif way != "down" and (mark == "│" or mark in (RIGHT if way == "left" else LEFT)):
            passes = mark in "│─" or mark in (LEFT if way == "left" else RIGHT)
            ways += [(row_now, column + (1 if way == "right" else -1), way)] if passes else []
            ways += [(row_now + 1, column, "down")] if mark in DOWN and mark != "│" else []
    return found


@pytest.mark.parametrize("seed", range(6))
def test_every_edge_can_be_followed_in_the_drawing(seed: int) -> None:
    edges, kinds = random_edges(seed, 300)
    lines = drawn(edges, kinds, cap=60)
    assert not any("⋯" in line for line in lines)
    for row, targets in enumerate(edges):
        assert {target for target in targets if target >= 0} <= reached(lines, row), (row, lines[row])


@pytest.mark.parametrize("cap", [3, 12])
@pytest.mark.parametrize("seed", range(3))
def test_any_window_is_what_the_whole_shows(seed: int, cap: int) -> None:
    edges, kinds = random_edges(seed, 500)
    graph = row_graph(structure(edges, kinds))
    lanes = Lanes(cap)
    whole = [draw(lanes.step(graph), cap, bool(graph.ticked[row])) for row in range(500)]
    rails = Rails(graph, cap, every=16)
    places = random.Random(seed)
    for _ in range(50):
        first = places.randrange(500)
        assert list(rails.window(first, 20)) == whole[first : first + 20]
    fresh = Rails(graph, cap, every=16)
    while not fresh.prepare(0.0):
        pass
    assert list(fresh.window(480, 40)) == whole[480:]


@pytest.mark.parametrize("seed", range(4))
def test_lines_fit_each_other(seed: int) -> None:
    """What leads down from a cell is met from above by the cell below it, and the other way round."""
    lines = drawn(*random_edges(seed, 400))
    marks = MARKS + "⋯"
    for above, below in itertools.pairwise(lines):
        for place in range(0, min(max(len(above), len(below)), 24), 2):
            top, bottom = above[place : place + 1] or " ", below[place : place + 1] or " "
            if top in DOWN:
                assert bottom in UP or bottom in marks, (above, below)
            if bottom in UP:
                assert top in DOWN or top in marks, (above, below)
    for line in lines:
        for place in range(1, min(len(line) - 1, 24), 2):
            if line[place] == "─":
                assert line[place - 1] in RIGHT + marks + "│", line
                assert line[place + 1] in LEFT + marks + "│", line
