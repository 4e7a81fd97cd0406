from __future__ import annotations

from rich.cells import cell_len

from tui.protocol.completing import SignatureTip
from tui.widgets.code_input.rows import Row, Table
from tui.widgets.code_input.tip import tip_text

ROWS = (
    Row("zeros", "function", "(*size, out=None, dtype=None)", "Returns a tensor filled with zeros."),
    Row("漢字", "tensor", "(10, 3) float32"),
    Row("x[/b]\x1b", "value", "'[bold]'"),
)
ADAM = SignatureTip(
    "torch.optim.Adam",
    (
        "params",
        "lr=0.001",
        "betas=(0.9, 0.999)",
        "eps=1e-08",
        "weight_decay=0",
        "amsgrad=False",
        "*",
        "foreach=None",
    ),
    2,
    "Adam",
)


def test_columns_stand_below_one_another() -> None:
    table = Table(ROWS, 120)
    drawn = ["".join(table.cells(index)) for index in range(3)]
    starts = [
        cell_len(text[: text.index(word)])
        for text, word in zip(drawn, ("function", "tensor", "value"), strict=True)
    ]
    assert len(set(starts)) == 1
    assert len({cell_len(text[: text.index(mark)]) for text, mark in zip(drawn, "(('", strict=True)}) == 1
    assert "[/b]" in drawn[2]
    assert "\x1b" not in drawn[2]


def test_no_row_is_wider_than_the_list() -> None:
    long = (Row("n" * 300, "function", "(" + "漢" * 300 + ")", "d" * 900), *ROWS)
    for bounds in (12, 20, 40, 80, 200):
        table = Table(long, bounds)
        assert table.width <= bounds
        for index in range(len(long)):
            assert cell_len("".join(table.cells(index))) <= table.width - 2
            assert all(cell_len(text) <= table.width - 2 for text in table.footer(index))


def test_the_chosen_row_is_told_in_full() -> None:
    table = Table(ROWS, 60)
    assert table.footer(0) == ("zeros(*size, out=None, dtype=None)", "Returns a tensor filled with zeros.")
    assert table.footer(1)[0] == "(10, 3) float32"
    assert not Table((Row("a"), Row("b")), 60).has_footer


def test_a_tip_marks_the_argument_at_the_cursor() -> None:
    text = tip_text(ADAM, 200)
    assert text is not None
    assert text.plain == f"Adam({', '.join(ADAM.parameters)}) → Adam"
    assert [text.plain[span.start : span.end] for span in text.spans] == ["betas=(0.9, 0.999)"]


def test_a_narrow_tip_shows_what_stands_around_the_argument() -> None:
    for width in range(16, 140):
        text = tip_text(ADAM, width)
        if text is None:
            assert width < 40
            continue
        assert text.cell_length <= width
        assert "betas=" in text.plain
    text = tip_text(ADAM, 60)
    assert text is not None
    assert text.plain.startswith("Adam(…, ")
    assert text.plain.endswith(", …)")


def test_a_tip_is_foreign_text() -> None:
    text = tip_text(SignatureTip("f", ("x='[red]\x1b[2J'",), 0), 60)
    assert text is not None
    assert "[red]" in text.plain
    assert "\x1b" not in text.plain


def test_a_tip_tells_which_of_several_forms_it_is() -> None:
    text = tip_text(SignatureTip("torch.max", ("input", "dim"), 1, "Tensor", overload=2, overloads=3), 60)
    assert text is not None
    assert text.plain == "max(input, dim) → Tensor  2/3"


def test_where_a_tip_does_not_fit_there_is_none() -> None:
    assert tip_text(ADAM, 10) is None
    assert tip_text(SignatureTip(), 80) is None
    assert tip_text(SignatureTip("f"), 80) is not None
