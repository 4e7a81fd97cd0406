"""Unpacking what the kernel sent; the rows' graph; nodes in words; gradients."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.unit.graph_cases import node_rows, pack, packed, row_graph, structure
from tui.protocol.autograd import BackwardDone, GraphStructure
from tui.widgets.graph.gradients import gradients_of
from tui.widgets.graph.known import KnownNodes
from tui.widgets.graph.row_graph import WEIGHT
from tui.widgets.graph.structure import unpack


def test_a_structure_is_read_back() -> None:
    graph = structure(
        [[1, 2], [-1, 3], [3], []], "ocop", ["add", "f", "t", "leaf"], ["", "m", "m[0]", "m[0]"]
    )
    assert [graph.targets_of(node) for node in range(4)] == [[1, 2], [-1, 3], [3], []]
    assert [graph.operation_of(node) for node in range(4)] == ["add", "f", "t", "leaf"]
    assert [graph.kind_of(node) for node in range(4)] == ["operation", "custom", "operation", "parameter"]
    assert [graph.module_of(node) for node in range(4)] == ["", "m", "m[0]", "m[0]"]
    assert [graph.users(node) for node in range(4)] == [[], [0], [0], [1, 2]]


def test_users_are_told_once() -> None:
    assert structure([[1, 1], []]).users(1) == [0]


GOOD = packed([[1], []])


@pytest.mark.parametrize(
    "broken",
    [
        replace(GOOD, nodes=3),
        replace(GOOD, edges=pack("i", [1, 0, 2])),
        replace(GOOD, edges=pack("i", [1, 0, 0])),
        replace(GOOD, edges=pack("i", [1, 1, 1])),
        replace(GOOD, edges=pack("i", [3, -1, 1, 1])),
        replace(GOOD, operation=pack("i", [0, 7])),
        replace(GOOD, kinds=pack("B", [0, 9])),
        replace(GOOD, module=pack("i", [-1, 0])),
        replace(GOOD, nodes=0, edges="", operation="", kinds="", module=""),
    ],
)
def test_what_does_not_fit_together_is_refused(broken: GraphStructure) -> None:
    with pytest.raises(ValueError, match="graph"):
        unpack(broken)


def test_rows_of_several_nodes_lead_on_as_one() -> None:
    graph = structure([[1, 3], [2, 2], [3, -1], [4], []], "oooop")
    rows = row_graph(graph, [0, 1, 3, 4])  # 1 and 2 share a row
    targets = [list(rows.targets[rows.starts[i] : rows.starts[i + 1]]) for i in range(rows.rows)]
    assert targets == [[1, 2], [2], [3], []]
    assert list(rows.parent) == [-1, 0, -1, 2]
    assert list(rows.ticked) == [0, 0, 0, 0]  # a row of several is not ticked for what is inside


def test_what_only_brings_a_parameter_is_told_from_what_computes() -> None:
    # addmm leads to a bias, t(weight) and a long way to x
    graph = structure([[1, 2, 4], [], [3], [], [5], [6], [7], [8], []], "opopooooi")
    words = [WEIGHT[each] for each in row_graph(graph).weight]
    assert words[:4] == ["none", "parameter", "carrier", "parameter"]
    assert words[4] == "none"


# -- nodes in words -------------------------------------------------------------------------------


def test_a_node_is_asked_for_once_until_it_has_expired() -> None:
    rows = node_rows(packed([[1], [2], []]), {1: "h"})
    known = KnownNodes()
    assert known.ask(range(3), limit=2) == (0, 1)
    assert known.ask(range(3), limit=9) == (2,)
    known.put(rows[:2])
    assert known.ask(range(3), limit=9) == ()
    assert known.get(1) == rows[1]
    assert known.get(2) is None
    assert known.names == {1: "h"}
    known.expire()
    assert known.get(1) == rows[1]
    assert known.ask(range(3), limit=9) == (0, 1, 2)


def test_the_nodes_that_nobody_looked_at_go_first() -> None:
    rows = node_rows(packed([[1], [2], []]))
    known = KnownNodes(capacity=2)
    known.put(rows[:2])
    known.get(0)
    known.put(rows[2:])
    assert [known.get(node) is not None for node in range(3)] == [True, False, True]
    assert known.ask(range(3), limit=9) == (1,)


# -- gradients ------------------------------------------------------------------------------------


def done(norms: list[float], nonfinite: list[int], order: list[int]) -> BackwardDone:
    return BackwardDone(pack("i", order), pack("d", norms), pack("i", nonfinite), 0.1, 0, spent=True)


def test_norms_and_what_is_wrong_with_them() -> None:
    caught = gradients_of(
        done([1, 2, 1e-9, 1e9, math.nan, math.nan, 0, 1.5], [0] * 4 + [3] + [0] * 3, [*range(8)]), 8
    )
    assert [caught.alarm(node) for node in range(8)] == [
        "", "", "vanishing", "exploding", "nonfinite", "", "vanishing", "",
    ]  # fmt: skip
    assert caught.norm(5) is None  # none came
    norm = caught.norm(4)
    assert norm is not None
    assert math.isnan(norm)
    assert (caught.scale.low, caught.scale.high) == (-10, 9)


def test_it_is_those_far_from_where_backward_began_that_are_wrong() -> None:
    shrinking = [10.0 ** -(node / 4) for node in range(100)]
    caught = gradients_of(done(shrinking, [0] * 100, [*range(100)]), 100)
    alarms = [caught.alarm(node) for node in range(100)]
    assert alarms[:16] == [""] * 16
    assert "exploding" not in alarms
    assert set(alarms[40:]) == {"vanishing"}
    growing = gradients_of(
        done([1.0, 0.1] + [1e13 * 3**node for node in range(98)], [0] * 100, [*range(100)]), 100
    )
    assert [growing.alarm(node) for node in (0, 1, 2, 99)] == ["", "", "", "exploding"]


def test_how_far_a_backward_is() -> None:
    caught = gradients_of(done([1] * 5, [0] * 5, [0, 2, 1, 3]), 5)
    assert [caught.progress(node, node + 1, 1) for node in range(5)] == ["ran", "now", "ran", "", ""]
    assert caught.progress(0, 3, 1) == "now"  # a folded row
    assert caught.progress(0, 3, 3) == "ran"
    assert caught.progress(2, 4, 1) == ""
    assert caught.progress(0, 1, None) == ""


def test_without_any_gradient_there_is_nothing_to_measure() -> None:
    caught = gradients_of(done([math.nan] * 2, [0, 0], []), 2)
    assert caught.norm(0) is None
    assert caught.alarm(0) == ""


def test_gradients_of_another_graph_are_refused() -> None:
    with pytest.raises(ValueError, match="another graph"):
        gradients_of(done([1, 2], [0, 0], [0, 1]), 3)
    with pytest.raises(ValueError, match="another graph"):
        gradients_of(done([1, 2], [0, 0], [0, 5]), 2)
