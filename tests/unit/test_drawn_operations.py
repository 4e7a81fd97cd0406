from __future__ import annotations

from dataclasses import replace

from rich.cells import cell_len

from tui.protocol.operations import DimRole, Explanation, Failure, Operand, Step
from tui.widgets.drawn.explanation import explanation_lines
from tui.widgets.drawn.failure import failure_drawing, is_code
from tui.widgets.drawn.lines import plain_of


def operand(text: str, shape: tuple[int, ...] | None, *roles: DimRole, dtype: str = "float32") -> Operand:
    return Operand(text, shape, dtype, "cpu", roles)


def drawn(*steps: Step, width: int = 80, omitted: int = 0) -> list[str]:
    return [plain_of(line).rstrip() for line in explanation_lines(Explanation(steps, omitted), width)]


ADDED = Step(
    "+", "x + y", "elementwise", (operand("x", (3, 1), "", "stretched"), operand("y", (4,))),
    operand("", (3, 4)), aligned=True, notes=("y has no first dimension: it is taken as 1",),
)  # fmt: skip
PRODUCT = Step(
    "@", "x @ w", "matmul", (operand("x", (2, 3), "kept", "met"), operand("w", (3, 4), "met", "kept")),
    operand("", (2, 4)), storage="new",
)  # fmt: skip


def test_a_broadcast_stands_right_aligned_with_its_dimensions_marked() -> None:
    assert drawn(ADDED) == [
        "│   x    3  1→4",
        "│ + y  ·→3    4",
        "│ ─────────────",
        "│ →      3    4",
        "│ y has no first dimension: it is taken as 1",
    ]


def test_the_dimensions_that_met_are_marked_on_both_sides() -> None:
    assert drawn(PRODUCT) == ["│ (2, ‹3›) @ (‹3›, 4) → (2, 4)"]


def test_views_say_whose_storage_they_share() -> None:
    output = Operand("", (3, 2), "float32", "cpu", strides=(1, 3), contiguous=False)
    step = Step(".T", "x.T", "reshape", (operand("x", (2, 3)),), output, storage="view")
    assert drawn(step, width=90) == [
        "│ .T  (2, 3) → (3, 2)  view of x · shares storage · not contiguous, strides (1, 3)"
    ]
    assert drawn(step, width=40) == [
        "│ .T  (2, 3) → (3, 2)", "│ view of x · shares storage ·", "│ not contiguous, strides (1, 3)",
    ]  # fmt: skip


def test_a_loss_that_stretched_its_operands_shows_what_met_and_warns_loudly() -> None:
    loss = Step(
        "mse_loss", "F.mse_loss(y, t)", "reduction",
        (operand("y", (4,)), operand("t", (4, 1), "", "stretched")), operand("", ()), aligned=True,
        notes=("Warning: (4,) against (4, 1) gives (4, 4)",),
    )  # fmt: skip
    assert drawn(loss) == [
        "│ mse_loss",
        "│   y  ·→4    4",
        "│   t    4  1→4",
        "│ ─────────────",
        "│ →      4    4 → ()",
        "│ ▲ Warning: (4,) against (4, 1) gives (4, 4)",
    ]
    lines = explanation_lines(Explanation((loss,)), 80)
    assert any(style == "warn" for line in lines for _, _, style in line.spans)


def test_a_shape_is_not_broken_over_two_lines() -> None:
    product = Step(
        "@", "q @ k.mT", "matmul",
        (operand("q", (2, 4, 8, 16), "", "", "kept", "met"), operand("k.mT", (2, 4, 16, 8), "", "", "met", "kept")),
        operand("", (2, 4, 8, 8)),
    )  # fmt: skip
    assert drawn(product, width=40) == ["│ (2, 4, 8, ‹16›) @ (2, 4, ‹16›, 8)", "│   → (2, 4, 8, 8)"]


def test_a_mask_is_no_change_of_dtype_and_a_new_tensor_has_one() -> None:
    mask = replace(operand("x > 0", (4,), dtype="bool"), device="cpu")
    chosen = Step("[ ]", "x[x > 0]", "index", (operand("x", (4,)), mask), operand("", (2,)))
    made = Step("tensor", "torch.tensor([1])", "convert", (), operand("", (1,), dtype="int64"), storage="new")
    assert drawn(chosen) == ["│ [ ]  (4,), (4,) → (2,)"]
    assert drawn(made) == ["│ tensor → (1,)  int64"]


def test_a_long_cure_stays_behind_its_rail() -> None:
    failure = Failure(
        "", "In [1], line 1", "+", "", (), ("alpha_beta(gamma) + delta.unsqueeze(1)  # → (3, 4)",)
    )
    lines = [plain_of(line).rstrip() for line in failure_drawing(failure, 44)]
    assert lines[-2:] == ["┃ → alpha_beta(gamma) + delta.unsqueeze(1)", "┃     # → (3, 4)"]


def test_shapes_that_clash_stand_right_aligned() -> None:
    operands = (operand("x", (5, 3), "", "met"), operand("y", (5,), "met"))
    failure = Failure("x + y", "In [1], line 1", "+", "They do not fit.", operands)
    lines = [plain_of(line).rstrip() for line in failure_drawing(failure, 60)]
    assert lines[2:] == ["┃   x  (5, ‹3›)  float32  cpu", "┃   y    (‹5›,)  float32  cpu"]


def test_what_vanished_or_was_made_is_marked_without_colour() -> None:
    total = Step("sum", "x.sum(0)", "reduction", (operand("x", (2, 3), "summed", "kept"),), operand("", (3,)))
    row = Step(
        "[ ]", "x[0]", "index", (operand("x", (2, 3), "removed", "kept"),), operand("", (3,)), storage="view"
    )
    wider = Step("unsqueeze", "x", "reshape", (operand("x", (3,)),), operand("", (1, 3), "new", "kept"))
    assert drawn(total) == ["│ sum  (Σ2, 3) → (3,)"]
    assert drawn(row)[0].startswith("│ [ ]  (2→·, 3) → (3,)  view of x")
    assert drawn(wider) == ["│ unsqueeze  (3,) → (+1, 3)"]


def test_what_a_note_says_is_not_said_twice() -> None:
    step = Step(
        "add_", "y.add_(1)", "elementwise", (operand("y", (4,)),), operand("", (4,)), storage="same",
        notes=("in place: y itself was changed",),
    )  # fmt: skip
    assert drawn(step) == ["│ add_  (4,) → (4,)", "│ in place: y itself was changed"]
    assert drawn(replace(step, notes=())) == ["│ add_  (4,) → (4,)  y itself, changed in place"]
    kept = Step(
        "mean", "x", "reduction", (operand("x", (2, 3), "", "summed"),), operand("", (2, 1), "", "summed")
    )
    assert drawn(kept) == ["│ mean  (2, Σ3) → (2, 1)"]


def test_a_promotion_and_a_number_are_told() -> None:
    step = Step(
        "*", "k * 2.0", "elementwise", (operand("k", (3,), dtype="int64"), Operand("2.0", None)),
        operand("", (3,)),
    )  # fmt: skip
    assert drawn(step) == ["│ (3,) * 2.0 → (3,)  float32"]


def test_several_steps_take_a_line_each_and_the_last_is_drawn_in_full() -> None:
    lines = drawn(PRODUCT, ADDED, omitted=2)
    assert lines[0] == "│ … 2 operations before"
    assert lines[1] == "│ x @ w  (2, ‹3›) @ (‹3›, 4) → (2, 4)"
    assert lines[2] == "│ x + y"
    assert lines[3:] == drawn(ADDED)
    assert explanation_lines(Explanation(()), 80) == []


def test_explanations_fit_and_foreign_names_command_nothing() -> None:
    wild = Step(
        "+", "a\x1b[2J" * 30, "elementwise",
        (operand("日本\x1b[2J" * 9, (3, 1, 20000), "", "stretched", ""), operand("[/b]", (1, 7, 20000))),
        operand("", (3, 7, 20000)), aligned=True, notes=("a very long sentence " * 6,),
    )  # fmt: skip
    for width in (20, 38, 80):
        lines = drawn(PRODUCT, wild, wild, width=width)
        assert all(cell_len(line) <= width for line in lines)
        assert not any("\x1b" in line for line in lines)


FAILURE = Failure(
    "x @ w", "In [3], line 2", "@", "The last dimension of x, 3, must equal the first of w, 5.",
    (operand("x", (2, 3), "", "met"), operand("w", (5, 2), "met", ""), Operand("k", None)),
    ("x @ w[:3]", "make w from 3 rows"),
)  # fmt: skip


def test_a_failure_is_words_operands_and_cures_behind_a_rail() -> None:
    lines = failure_drawing(FAILURE, 80)
    assert [plain_of(line).rstrip() for line in lines] == [
        "┃ The last dimension of x, 3, must equal the first of w, 5.",
        "┃ x @ w  In [3], line 2",
        "┃   x  (2, ‹3›)      float32  cpu",
        "┃   w  (‹5›, 2)      float32  cpu",
        "┃   k  not a tensor",
        "┃ → x @ w[:3]",
        "┃ → make w from 3 rows",
    ]
    assert "code.number" in {style for _, _, style in lines[5].spans}
    assert "code.number" not in {style for _, _, style in lines[6].spans}
    assert all(cell_len(plain_of(line)) <= 30 for line in failure_drawing(FAILURE, 30)[:-2])


def test_code_is_told_from_sentences() -> None:
    for code in ("x.T", "x = x.to('cuda')", "x @ w[:3]"):
        assert is_code(code)
    for words in ("transpose", "make w fit", "", "x" * 600, "(" * 300):
        assert not is_code(words)
