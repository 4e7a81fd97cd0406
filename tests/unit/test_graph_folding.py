"""Folding by module, filtering, and a cursor that stays on its node."""

from __future__ import annotations

import pytest

from tests.unit.graph_cases import chain, node_rows, opened, packed, structure
from tui.widgets.graph.folding import Folds, filtered_rows, folded_rows, matching, module_steps
from tui.widgets.graph.model import FOLDED_FROM, GraphModel

MODULES = ["", "m.a[1]", "m.a[1]", "m.a[0].l", "m.a[0].l", "m.a[0]", "m.b", "m.b", "", "m.b"]
OPERATIONS = ["sum", "relu", "addmm", "relu", "addmm", "add", "mul", "exp", "view", "leaf"]
GRAPH = packed(chain(10), "o" * 9 + "p", OPERATIONS, MODULES)


@pytest.fixture
def model() -> GraphModel:
    return GraphModel(opened(GRAPH))


def rows_of(model: GraphModel) -> list[tuple[int, int]]:
    return [model.rows.span(row) for row in range(len(model.rows))]


def folded(level: int) -> list[tuple[int, int]]:
    folds = Folds(structure(chain(10), "", OPERATIONS, MODULES))
    folds.fold_to(level)
    rows = folded_rows(folds)
    return [rows.span(row) for row in range(len(rows)) if rows.kind(row) == "fold"]


def test_the_paths_down_to_a_module() -> None:
    assert module_steps("m.a[0].l") == ("m", "m.a", "m.a[0]", "m.a[0].l")
    assert module_steps("") == ()


def test_what_lies_together_folds_level_by_level() -> None:
    assert folded(5) == []
    assert folded(4) == [(3, 5)]
    assert folded(3) == [(1, 3), (3, 6)]
    assert folded(2) == [(1, 6), (6, 8)]
    assert folded(1) == [(1, 8)]  # what comes after a node of no module is another stretch


def test_a_stretch_is_called_by_the_deepest_module_that_holds_all_of_it() -> None:
    folds = Folds(structure(chain(3), "", (), ["", "m.a[1]", "m.a[1]"]))
    assert [stretch.path for stretch in folds.stretches.around(1)] == ["m.a[1]"]


def test_a_module_that_ran_twice_folds_twice() -> None:
    folds = Folds(structure(chain(6), "", (), ["m.x", "m.x", "", "m.x", "m.x", ""]))
    folds.fold_to(1)
    rows = folded_rows(folds)
    assert [rows.span(row) for row in range(len(rows))] == [(0, 2), (2, 3), (3, 5), (5, 6)]


def test_space_folds_the_innermost_module_and_unfolds_it(model: GraphModel) -> None:
    model.go_to_row(4)
    assert model.toggle_fold()
    assert (3, 5) in rows_of(model)
    assert model.cursor_row == 3
    assert model.current == 3
    assert model.summary(3) == "2 nodes: relu, addmm"
    assert model.toggle_fold()
    assert model.cursor_row == 4  # back on its node
    assert model.current == 4


def test_folding_outwards(model: GraphModel) -> None:
    model.go_to_row(3)
    spans = []
    while model.fold_around():
        spans.append(model.rows.span(model.cursor_row))
    assert spans == [(3, 5), (3, 6), (1, 6), (1, 8)]
    assert not model.fold_around()
    assert model.toggle_fold()  # unfolds one; what is inside stays as it was folded
    assert model.rows.span(model.cursor_row) == (1, 6)


def test_unfolding_all_takes_what_was_folded_one_by_one(model: GraphModel) -> None:
    model.go_to_row(3)
    model.toggle_fold()
    assert model.fold_by(1)
    assert len(model.rows) == 10
    assert not model.fold_by(1)


def test_a_node_of_no_module_does_not_fold(model: GraphModel) -> None:
    assert not model.toggle_fold()


def test_going_to_a_node_unfolds_what_hides_it(model: GraphModel) -> None:
    model.fold_by(-9)
    assert len(model.rows) == 4
    model.go_to(4)
    assert model.rows.span(model.cursor_row) == (4, 5)
    model.go_to(99)
    assert model.current == 4


def test_the_rails_go_through_what_is_folded() -> None:
    # a residual block whose inside is folded
    graph = packed([[1, 4], [2], [3], [4], []], "ooooi", (), ["", "m.f", "m.f", "m.f", ""])
    model = GraphModel(opened(graph))
    model.go_to_row(1)
    model.toggle_fold()
    assert [rail.text for rail in model.rail_window(0, 9)] == ["●", "├─●", "●─╯"]


def test_a_large_graph_opens_folded_as_deep_as_can_be_read() -> None:
    count = 20 * FOLDED_FROM
    modules = [f"m[{node // 1000}][{node // 40}]" for node in range(count)]
    model = GraphModel(opened(packed(chain(count), "", (), modules)))
    assert len(model.rows) == count // 40
    assert len(GraphModel(opened(packed(chain(count)))).rows) == count


# -- the filter -----------------------------------------------------------------------------------


def test_a_filter_keeps_matches_and_tells_of_the_gaps(model: GraphModel) -> None:
    model.filter("relu")
    assert [(model.rows.kind(row), span) for row, span in enumerate(rows_of(model))] == [
        ("gap", (0, 1)), ("node", (1, 2)), ("gap", (2, 3)), ("node", (3, 4)), ("gap", (4, 10)),
    ]  # fmt: skip
    assert model.rows.kept == 2
    assert model.current == 1  # the nearest match


@pytest.mark.parametrize(
    ("query", "nodes"),
    [
        ("ADDMM", [2, 4]), ("a[0]", [3, 4, 5]), ("a[0] relu", [3]), ("parameter", [9]), ("h2", [6]), ("", range(10)),
        ("nothing", []),
    ],
)  # fmt: skip
def test_words_are_looked_for_in_operation_module_kind_and_name(query: str, nodes: list[int]) -> None:
    found = matching(structure(chain(10), "o" * 9 + "p", OPERATIONS, MODULES), query, {6: "my_H2"})
    assert found.nonzero()[0].tolist() == list(nodes)


def test_a_filter_that_keeps_nothing_leaves_one_gap(model: GraphModel) -> None:
    model.filter("nothing")
    assert rows_of(model) == [(0, 10)]
    assert model.rows.kind(0) == "gap"
    model.filter("")
    assert len(model.rows) == 10


def test_matches_go_round_also_when_the_filter_has_ended(model: GraphModel) -> None:
    assert not model.match(1)
    model.filter("relu")
    model.filter("")
    assert [model.match(1) and model.current for _ in range(3)] == [3, 1, 3]
    assert model.match(-1)
    assert model.current == 1


def test_names_that_come_late_are_found(model: GraphModel) -> None:
    model.filter("hidden")
    assert model.rows.kept == 0
    assert set(model.wanted(0, 5, 100)) == set(range(10))
    model.put(node_rows(GRAPH, {5: "hidden"}))
    assert model.rows.kept == 1


def test_parameters_and_users() -> None:
    model = GraphModel(opened(packed([[1, 2], [3], [3], []], "ooop")))
    assert model.next_parameter()
    assert model.current == 3
    climbed = []
    while model.previous_user():
        climbed.append(model.current)
    assert climbed == [2, 0]
    model.filter("nothing")
    assert not model.next_parameter()


def test_going_to_what_a_filter_hides_ends_it(model: GraphModel) -> None:
    model.filter("relu")
    model.go_to(2)
    assert model.query == ""
    assert model.current == 2
    assert len(model.rows) == 10


def test_rows_of_a_filter_begin_where_it_changes() -> None:
    keep = structure(chain(4), "", ["a", "b", "a", "b"])
    assert filtered_rows(matching(keep, "b", {})).firsts.tolist() == [0, 1, 2, 3]
