"""Columns and rows of the graph as text."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest

from tests.unit.graph_cases import node_rows, opened, pack, packed
from tui.protocol.autograd import BackwardDone, Node
from tui.widgets.graph.columns import fit, lanes_for
from tui.widgets.graph.model import GraphModel
from tui.widgets.graph.row_lines import foot_line, graph_line, head_line, short_dtype, short_line

GRAPH = packed(
    [[1], [2, 3, 4], [], [], [5, -1], [6], [7], []],
    "oopiokci",
    ["loss", "addmm", "leaf", "leaf", "add", "checkpoint", "Sq", "leaf"],
    ["", "m.fc", "m.fc", "", "m", "m", "m", ""],
)
WORDS = node_rows(GRAPH, {0: "loss", 2: "m.fc.bias", 3: "x"})


def done(norms: list[float], nonfinite: list[int] | None = None) -> BackwardDone:
    return BackwardDone(
        pack("i", range(8)), pack("d", norms), pack("i", nonfinite or [0] * 8), 0.1, 0, spent=False
    )


def lines(model: GraphModel, width: int = 120, *, cpp_names: bool = False) -> list[str]:
    slots = fit(
        width,
        gradients=model.gradients is not None,
        module_cells=model.module_cells,
        lines=model.opened.recorded,
    )
    rails = model.rail_window(0, 99)
    shown = [
        graph_line(model, row, rail, slots, width, cpp_names=cpp_names, module_above="?")
        for row, rail in enumerate(rails)
    ]
    every = [head_line(model, slots, width), *shown, foot_line(model, width)]
    assert all(len(line.cells) == len(line.styles) == width for line in every)
    return ["".join(line.cells).rstrip() for line in every]


@pytest.fixture
def model() -> GraphModel:
    return GraphModel(opened(GRAPH))


@pytest.mark.parametrize("width", range(30, 210, 7))
@pytest.mark.parametrize("modules", [0, 9, 60])
@pytest.mark.parametrize("more", [False, True])
def test_columns_lie_side_by_side_and_fill_the_row(width: int, modules: int, more: bool) -> None:
    slots = fit(width, gradients=more, module_cells=modules, lines=more)
    assert slots[0].column == "node"
    assert slots[0].width >= 26
    assert slots[-1].end == max(width, slots[0].end)
    assert all(left.end + 2 == right.start for left, right in itertools.pairwise(slots))
    if width >= 60:
        assert "shape" in {slot.column for slot in slots}
        assert not more or slots[-1].column == "gradient"
    assert lanes_for(60) < lanes_for(120)


def test_what_is_known_at_once_is_shown_and_the_rest_fills_in(model: GraphModel) -> None:
    before = lines(model)
    assert before[2].split() == ["●", "addmm", "m.fc"]
    assert before[3].split() == ["├─■", "m.fc"]
    model.put(WORDS)
    after = lines(model)
    assert after[1].split() == ["●", "loss", "loss", "(2,", "0)"]
    assert after[2].split() == ["●", "addmm", "m.fc", "(2,", "1)"]
    assert after[3].split() == ["├─■", "bias", "m.fc", "(2,", "2)"]


def test_kinds_differ_by_their_sign(model: GraphModel) -> None:
    model.put(WORDS)
    text = lines(model)
    for row, sign in ((2, "●"), (3, "■"), (4, "▲"), (6, "↻"), (7, "ƒ"), (8, "▲")):
        assert sign in text[row]
    foot, _, keys = text[-1].rpartition("   ")
    assert foot.rstrip().split("  ") == [
        " 8 nodes",
        "■ 1 parameter",
        "▲ 2 inputs",
        "ƒ 1 custom",
        "↻ 1 checkpoint",
    ]
    assert keys.strip() == "space folds · / filters"


def test_an_edge_to_none_is_ticked(model: GraphModel) -> None:
    assert "●╴add" in lines(model)[5]


def test_names_of_autograd(model: GraphModel) -> None:
    model.put(WORDS)
    assert "AddmmBackward0" in lines(model, cpp_names=True)[2]
    assert "LeafBackward0" in lines(model, cpp_names=True)[3]


def test_all_there_is_to_say_of_a_node() -> None:
    model = GraphModel(replace(opened(GRAPH), recorded=True))
    line = "In [3], line 2: y = x @ w"
    more = replace(
        WORDS[1],
        shapes=((2, 3), (4,)),
        dtype="bfloat16",
        saved_bytes=2300,
        traits=("view", "2 outputs"),
        line=line,
    )
    model.put([more])
    text = lines(model, 160)[2]
    for expected in ("view, 2 outputs", "(2, 3) +1 bf16", "2.3 kB", "[3]:2 y = x @ w"):
        assert expected in text
    assert short_line("train.py:7") == "train.py:7"
    assert [short_dtype(each) for each in ("float64", "complex64", "int32")] == ["f64", "c64", "int32"]


def test_gradients_have_a_number_and_a_bar(model: GraphModel) -> None:
    model.put_backward(done([1, 1e-12, math.nan, 0.5, 1e6, 0.01, math.nan, math.inf], [0] * 6 + [12, 3]))
    text = lines(model)
    assert "|grad| 1e-13…1e6" in text[0]
    bars = [line.count("█") for line in text[1:6]]
    assert bars[4] > bars[0] >= bars[3] > bars[1]
    assert "1e-12↓" in text[2]
    assert text[3].endswith("-")
    assert "1e6↑" in text[5]
    assert "NaN! ×12" in text[7]
    assert "Inf! ×3" in text[8]


def test_how_far_a_backward_is(model: GraphModel) -> None:
    model.put_backward(done([1] * 8))
    model.now = 2
    assert [line[0] for line in lines(model)[1:-1]] == ["✓", "✓", "▶", " ", " ", " ", " ", " "]


def test_a_folded_module_is_one_row(model: GraphModel) -> None:
    model.put(WORDS)
    model.fold_by(-9)
    text = lines(model)
    assert "▸ m.fc  2 nodes: addmm" in text[2]
    assert "▸ m  3 nodes: add, checkpoint, Sq" in text[4]
    assert "(2, 4)" in text[4]
    assert "8 nodes · 5 rows" in text[-1]


def test_a_filter_says_what_it_leaves_out(model: GraphModel) -> None:
    model.filter("addmm")
    text = lines(model)
    assert [line.split() for line in text[1:4]] == [
        ["⋮", "1", "node"],
        ["●", "addmm", "m.fc"],
        ["⋮", "6", "nodes"],
    ]
    assert text[-1].startswith(" 1 of 8 nodes match addmm")


def test_foreign_text_is_harmless() -> None:
    nasty = "\x1b[2J[red]\x07\n漢字" * 9
    graph = packed([[1], []], "op", [nasty, "leaf"], [nasty, ""])
    model = GraphModel(opened(graph, nasty))
    model.put([Node(0, nasty, nasty, "operation", ((1,),), nasty, nasty, nasty, nasty, 1, (), (nasty,))])
    for width in (40, 61, 90, 121, 200):
        for cpp_names in (False, True):
            text = "".join(lines(model, width, cpp_names=cpp_names))
            assert not any(ord(character) < 32 for character in text)
            assert "[red]" in text
