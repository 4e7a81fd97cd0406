"""One step of a backward, a node, findings, changes and the line at the top, as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tui.protocol.autograd import BackwardStep, Flow, Node
from tui.protocol.gradients import (
    Change,
    Changes,
    Finding,
    Findings,
    GradientCheck,
    GradientRow,
    GradientTable,
)
from tui.protocol.messages import Variable
from tui.protocol.values import TensorFacts
from tui.widgets.gradients.changes import change_blocks
from tui.widgets.gradients.findings import finding_blocks
from tui.widgets.gradients.head import HeadData, head_pieces, head_rows
from tui.widgets.gradients.item_lines import Block
from tui.widgets.gradients.node import node_blocks
from tui.widgets.gradients.reading import Call, read_call, read_descent, read_seed
from tui.widgets.gradients.start import candidates_of, start_blocks
from tui.widgets.gradients.step import renamed, step_blocks

WIDTH = 53
MUL = Node(4, "mul", "MulBackward0", "operation", ((3,),), "float32", line="In [3], line 2: y = x * w")
LEAF = Node(5, "leaf", "AccumulateGrad", "parameter", ((3,),), "float32", name="w")
NAMES = {5: "w.grad", 1: "relu"}


def facts(*shape: int, statistics: str = "") -> TensorFacts:
    return TensorFacts("Tensor", shape, "float32", "cpu", math.prod(shape), 4, statistics=statistics)


def flow(label: str, shape: Sequence[int], *values: float, to: int = -1, holder: str = "") -> Flow:
    return Flow(label, to, facts(*shape), values, holder)


STEP = BackwardStep(
    4,
    MUL,
    (flow("grad of output", (3,), 1.0, 0.0, 0.0),),
    (flow("self", (3,), 2.0, -1.0, 0.5, holder="x"),),
    (flow("grad of other", (3,), 2.0, -0.0, 0.0, to=5),),
    ("d other (3,) = g * self", "where g (3,), self (3,)"),
)


def lines_of(blocks: Sequence[Block]) -> list[str]:
    return [line.plain for block in blocks for line in block.lines]


def drawn(step: BackwardStep, width: int = WIDTH, **options: bool) -> list[str]:
    return lines_of(step_blocks(step, 6, "backward", lambda node: NAMES.get(node, "?"), width, **options))  # type: ignore[arg-type]


def test_a_step_is_drawn_so_that_its_numbers_can_be_read_down() -> None:
    lines = drawn(STEP)
    rows = {kind: next(line for line in lines if kind in line) for kind in ("▼ g ", "self = x", "d other   ")}
    ends = [
        rows["▼ g "].index("1.00") + 4,
        rows["self = x"].index("2.00") + 4,
        rows["d other   "].index("2.00") + 4,
    ]
    assert len(set(ends)) == 1
    assert rows["d other   "].endswith("→ w.grad")
    assert "-0" not in rows["d other   "]
    assert "│ d other (3,) = g * self" in "\n".join(lines)
    assert "that is w.grad = g * x" in "\n".join(lines)
    assert " step 5 of 6 " in lines[0]
    assert "In [3], line 2: y = x * w" in lines[2]


@pytest.mark.parametrize("width", [20, 30, 40, 53, 78, 118])
def test_nothing_is_wider_than_its_room(width: int) -> None:
    wide = replace(
        STEP, saved=(flow("weight", (4, 16), *[0.123] * 64),), note="A note that is rather long. " * 4
    )
    for step in (STEP, wide):
        assert max(map(len, drawn(step, width))) <= width


def test_the_box_is_closed_on_both_sides() -> None:
    lines = drawn(STEP)
    box = [line for line in lines if line.startswith(("╭", "│", "╰"))]
    assert box[0][0] + box[0][-1] == "╭╮"
    assert box[-1][0] + box[-1][-1] == "╰╯"
    assert {len(line) for line in box} == {len(box[0])}


def test_only_what_went_somewhere_can_be_chosen() -> None:
    blocks = step_blocks(STEP, 6, "backward", lambda node: NAMES[node], WIDTH)
    assert [block.key for block in blocks if block.key] == ["node 5"]


def test_a_matrix_is_drawn_by_rows_and_what_is_large_by_its_statistics() -> None:
    small = replace(STEP, incoming=(flow("grad of output", (2, 3), 1, 2, 3, 4, 5, 6),))
    lines = drawn(small)
    at = next(index for index, line in enumerate(lines) if "(2, 3)" in line)
    assert lines[at].split()[-3:] == ["1.00", "2.00", "3.00"]
    assert lines[at + 1].split() == ["│", "4.00", "5.00", "6.00"]
    large = Flow("grad of output", -1, facts(512, 512, statistics="NaN! ×3 x∈[-1.0, 1.0] μ=0.0 σ=0.1"))
    text = "\n".join(drawn(replace(STEP, incoming=(large,))))
    assert "(512, 512)" in text
    assert "NaN! ×3" in text


def test_a_matrix_that_is_too_wide_is_cut_not_wrapped() -> None:
    lines = drawn(
        replace(STEP, saved=(), outgoing=(), incoming=(flow("grad of output", (2, 30), *range(60)),))
    )
    cut = [line for line in lines if "more" in line]
    assert len(cut) == 2
    assert cut[0].split()[1:3] == ["0", "1"]
    assert cut[1].split()[1:3] == ["30", "31"]


def test_where_no_gradient_came_it_is_said() -> None:
    none = replace(
        STEP, incoming=(Flow("grad of output 0", -1, None), flow("grad of output 1", (3,), 1, 2, 3))
    )
    text = "\n".join(drawn(none))
    assert "g0" in text
    assert "no gradient" in text
    assert "g1" in text


def test_at_a_leaf_the_gradient_is_added_up_but_not_by_a_peek() -> None:
    leaf = BackwardStep(
        5,
        LEAF,
        (flow("grad of output", (3,), 2, 0, 0),),
        (),
        (),
        (),
        note="w: what comes in is its gradient.",
    )
    assert "w.grad += g" in "\n".join(drawn(leaf))
    peek = "\n".join(lines_of(step_blocks(leaf, 6, "peek", lambda node: "", WIDTH)))
    assert "w.grad stays as it is" in peek
    assert "+=" not in peek


def test_rules_are_told_in_the_user_s_names_as_far_as_they_are_known() -> None:
    def name_of(node: int) -> str:
        return NAMES[node]

    assert renamed(STEP, name_of) == ["w.grad = g * x"]
    unnamed = replace(
        STEP, saved=(flow("self", (3,), 1, 2, 3),), outgoing=(flow("grad of other", (3,), to=1),)
    )
    assert renamed(unnamed, name_of) == []
    method = replace(STEP, rule=("d other (3,) = self.self(g)",))
    assert renamed(method, name_of) == ["w.grad = x.self(g)"]


def test_compact_drawings_have_no_empty_lines() -> None:
    assert any(not line.strip(" │") for line in drawn(STEP))
    assert all(line.strip(" │") for line in drawn(STEP, compact=True))


def test_a_node_is_described_and_asks_for_a_backward() -> None:
    node = replace(
        MUL, saved=("self (3,) float32", "freed"), saved_bytes=12, traits=("view",), module="model.fc"
    )
    text = "\n".join(lines_of(node_blocks(node, ran=False, width=WIDTH)))
    for expected in (
        "MulBackward0",
        "(3,) float32",
        "view",
        "12 B",
        "self (3,) float32",
        "model.fc",
        "b runs backward",
    ):
        assert expected in text
    assert "none came here" in "\n".join(lines_of(node_blocks(node, ran=True, width=WIDTH)))
    bad = replace(node, gradient_norm=math.nan, gradient_nonfinite=7)
    assert "7 values are NaN" in "\n".join(lines_of(node_blocks(bad, ran=True, width=WIDTH)))


def test_findings_are_told_with_their_cure() -> None:
    rows = (
        Finding(
            "vanishing", "The gradient falls by 1e5 over 12 layers.", node=3, cure="normalize between layers"
        ),
        Finding("no gradient", "model.head.bias got none.", name="model.head.bias"),
        Finding("spent", "A backward has freed it."),
    )
    blocks = finding_blocks(Findings(rows), WIDTH)
    text = "\n".join(lines_of(blocks))
    assert "▼ Gradients vanish" in text
    assert "→ normalize between layers" in text
    assert [block.key for block in blocks] == ["finding 0", "finding 1", "note 2"]
    assert "Nothing wrong" in "\n".join(lines_of(finding_blocks(Findings(()), WIDTH)))
    assert "d looks" in "\n".join(lines_of(finding_blocks(None, WIDTH)))


def test_changes_show_before_and_after_with_digits_enough_to_differ() -> None:
    rows = (
        Change("w", "[1, 2]", "[0.8, 2]", 2.236, 2.154),
        Change("big", "norm 2.31", "norm 2.31", 2.31412, 2.31409),
        Change("frozen", "norm 1", "norm 1", 1.0, 1.0),
    )
    text = "\n".join(lines_of(change_blocks(Changes("p -= 0.1 * p.grad", rows), 80)))
    assert "[1, 2]" in text
    assert "→ [0.8, 2]" in text
    assert "norm 2.31412" in text
    assert "→ norm 2.31409" in text
    assert "frozen" in text
    assert "= norm 1" in text
    assert "Nothing was changed" in "\n".join(lines_of(change_blocks(Changes("x", ()), 80)))


def test_how_far_a_step_moved_is_said_where_values_are_too_many() -> None:
    rows = (
        Change("model.layers[11].weight", "norm 3.3", "norm 3.3", 3.3, 3.3000001, 2.5e-7),
        Change("b", "[1]", "[0.9]", 1.0, 0.9, 0.1),
    )
    for width in (53, 79):
        text = lines_of(change_blocks(Changes("opt.step()", rows), width))
        (line,) = [line for line in text if "moved" in line]
        assert "norm 3.3" in line
        assert line.rstrip().endswith("→ moved 2.5e-7")
        assert line.strip().partition("  ")[0].endswith(".weight")
        assert any("[1]" in line and "→ [0.9]" in line for line in text)
        assert "run their cell again" in " ".join(" ".join(text).split())


def test_nothing_found_asks_for_a_backward_only_before_one() -> None:
    assert "after a backward" in " ".join(lines_of(finding_blocks(Findings(()), 80)))
    assert "after a backward" not in " ".join(lines_of(finding_blocks(Findings(()), 80, ran=True)))


def test_in_little_room_the_rule_comes_before_what_it_needs() -> None:
    step = replace(
        STEP, saved=(flow("self", (3, 3), *map(float, range(9))),), rule=("d other (3, 3) = g * self",)
    )
    wide, tight = drawn(step), drawn(step, compact=True)

    def place(lines: list[str], text: str) -> int:
        return next(number for number, line in enumerate(lines) if text in line)

    assert place(wide, "│ self") < place(wide, "│ d other")
    assert place(tight, "│ d other") < place(tight, "│ self")
    boxed = [[line for line in lines if line.startswith("│")] for lines in (wide, tight)]
    assert len(boxed[0]) > len(boxed[1])  # of the matrix its statistics alone


def test_what_the_viewer_can_open_can_be_chosen() -> None:
    saved = (
        flow("self", (3,), 1.0, 2.0, 3.0),
        replace(flow("mask", (3,), 1.0, 0.0, 1.0), view="graph1.saved[0]['mask']"),
    )
    blocks = step_blocks(replace(STEP, saved=saved), 6, "peek", lambda node: "", WIDTH)
    assert "view graph1.saved[0]['mask']" in [block.key for block in blocks]


def test_a_gradient_check_shows_its_worst_entry() -> None:
    check = GradientCheck(
        False, "The gradient is wrong.", 12, 0.25, "w[2, 0]: autograd 0.5, differences 0.25"
    )
    text = "\n".join(lines_of(change_blocks(check, 60)))
    assert "✘ The gradient is wrong." in text
    assert "12 entries" in text
    assert "w[2, 0]: autograd 0.5, differences 0.25" in text


@pytest.mark.parametrize("width", [40, 60, 78, 118, 160])
def test_the_line_at_the_top_never_loses_the_sum_of_backwards(width: int) -> None:
    row = GradientRow("w", (3,), "float32", "cpu", False, True, 1.0, 1.0)
    table = GradientTable((row,), 12)
    data = HeadData("(out[:, 3] ** 2).mean()", facts(4, 2), 123456, spent=True, recording=True, table=table)
    for one in (data, replace(data, notice="something long that has to be said " * 5), HeadData(table=table)):
        rows = ["".join(piece for piece, _ in row) for row in head_rows(one, width)]
        assert rows[0].rstrip().endswith("gradients hold the sum of 12 backwards")
        assert max(map(len, rows)) <= max(width, 49)


def test_what_has_to_be_said_is_said_whole() -> None:
    notice = (
        "This graph is spent: a backward has freed what its nodes saved. Run its cell again, then press r."
    )
    rows = head_rows(HeadData(notice=notice), 80)
    said = " ".join("".join(piece for piece, style in row if style == "warn").strip() for row in rows)
    assert said == notice
    assert len(head_rows(HeadData(notice="short"), 80)) == 1
    assert len(head_rows(HeadData(notice="long " * 400), 80)) == 3


def test_a_root_that_is_nan_is_told() -> None:
    root = replace(facts(), statistics="NaN!", minimum=None)
    assert "q = NaN!" in "".join(piece for piece, _ in head_pieces(HeadData("q", root, 4), 80))


def test_the_line_at_the_top_tells_the_state_in_words() -> None:
    text = "".join(piece for piece, _ in head_pieces(HeadData("y", facts(), 6), 118))
    for expected in ("y", "● live", "6 nodes", "○ not recording"):
        assert expected in text
    spent = HeadData(
        "y", facts(), 6, spent=True, recording=True, create_graph=True, working="backward", can_end=True
    )
    text = "".join(piece for piece, _ in head_pieces(spent, 140))
    for expected in ("spent: run its cell again", "◉ recording", "create_graph", "backward: esc ends it"):
        assert expected in text
    fixed = replace(spent, working="reading the graph", can_end=False)
    assert "reading the graph │" in "".join(piece for piece, _ in head_pieces(fixed, 140))


def variable(name: str, shape: tuple[int, ...] = (), grad: str = "graph") -> Variable:
    return Variable(name, "tensor", "Tensor", shape, "float32", "cpu", grad=grad, grad_fn="MulBackward0")  # type: ignore[arg-type]


def test_candidates_are_results_scalars_and_the_newest_first() -> None:
    rows = [variable("h", (3,)), variable("a"), variable("w", (3,), "leaf"), variable("loss"), variable("z")]
    names = [one.expression for one in candidates_of(rows, run_paused=False)]
    assert names == ["loss", "z", "a", "h"]
    paused = candidates_of([*rows, variable("output", (32, 10))], run_paused=True)
    assert [(one.expression, one.of_run) for one in paused][:2] == [("loss", True), ("output", True)]
    blocks = start_blocks(paused, torch_ready=True, width=100)
    assert [block.key for block in blocks if block.key] == [one.expression for one in paused]
    assert "of the paused run's last batch" in "\n".join(lines_of(blocks))


def test_without_candidates_it_is_said_what_to_type() -> None:
    text = "\n".join(lines_of(start_blocks([], torch_ready=True, width=60)))
    assert "y = (x * w + b).relu().sum()" in text
    assert all(len(line) <= 60 for line in text.split("\n"))
    assert "imported" in "\n".join(lines_of(start_blocks([], torch_ready=False, width=60)))


def test_foreign_text_is_made_harmless() -> None:
    nasty = "[red]\x1b[2J\u202e"
    step = replace(
        STEP,
        node=replace(MUL, name=nasty, line=nasty),
        rule=(nasty,),
        note=nasty,
        saved=(flow(nasty, (1,), 1.0),),
    )
    finding = Finding("dead", nasty, cure=nasty)
    change = Change(nasty, nasty, "after")
    blocks = [
        *step_blocks(step, 6, "backward", lambda node: nasty, WIDTH),
        *finding_blocks(Findings((finding,)), WIDTH),
        *change_blocks(Changes(nasty, (change,)), WIDTH),
        *start_blocks(candidates_of([variable(nasty)], run_paused=False), torch_ready=True, width=WIDTH),
    ]
    text = "\n".join(lines_of(blocks))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]" in text


# -- what is typed --------------------------------------------------------------------------------


def test_a_call_is_read_as_function_and_inputs() -> None:
    assert read_call(" f(x, w[0]) ") == Call("f", ("x", "w[0]"))
    assert read_call("model.loss(a.double())") == Call("model.loss", ("a.double()",))
    for wrong in ("", "f", "f()", "f(x, dim=1)", "f(*xs)", "f(x", "1 + 1"):
        with pytest.raises(ValueError, match=r"type a call|only plain arguments"):
            read_call(wrong)


def test_a_learning_rate_or_an_optimizer_is_read() -> None:
    assert read_descent("1e-2", ("opt",)) == 0.01
    assert read_descent("opt.step()", ("opt",)) == "opt"
    for wrong in ("nan", "adam", ""):
        with pytest.raises(ValueError, match=r"learning rate such as 0.1 or one of opt"):
            read_descent(wrong, ("opt",))


def test_a_first_gradient_is_read() -> None:
    assert read_seed(" ones ") == "ones"
    assert read_seed("one-hot 1,2") == "one-hot 1,2"
    for wrong in ("", "one-hot "):
        with pytest.raises(ValueError, match="type"):
            read_seed(wrong)
