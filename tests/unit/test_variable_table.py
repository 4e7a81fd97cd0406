"""Rows of the variables table: the tree, the columns that fit, the cells, the words below."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.protocol.children import ChildTable
from tui.protocol.messages import Variable, VariableTable
from tui.widgets.cells import Line
from tui.widgets.variables.columns import Slot, fit, memory_text, short_dtype
from tui.widgets.variables.detail import detail_lines, gradient_words, memory_words, totals
from tui.widgets.variables.drawing import entry_line, header_line
from tui.widgets.variables.order import Order
from tui.widgets.variables.tree import Entry, entries, parent_of, still_there

X = Variable("x", "tensor", "Tensor", (32, 1, 8, 8), "float32", "cpu", size_bytes=8192, own_bytes=8192,
             storage="1", summary="x∈[-3.09, 3.53] μ=0.0 σ=0.978")  # fmt: skip
ROW = replace(X, name="row", shape=(8, 8), own_bytes=256, shares_with="x")
SAME = replace(X, name="same", shares_with="x", same_as="x")
BAD = replace(X, name="bad", shape=(3,), summary="NaN! ×1 +Inf! ×2 x∈[1.0, 1.0]", size_bytes=12, own_bytes=12)
LOSS = Variable(
    "loss", "tensor", "Tensor", (), "float32", "cpu", "graph", "MseLossBackward0", 4, summary="0.25"
)
N = Variable("n", "value", "int", summary="5")
MODEL = Variable(
    "model", "module", "Net", grad="requires_grad", size_bytes=12_400, unfolds=True, summary="Linear"
)
FC = Variable("model.fc", "module", "Linear", size_bytes=48, unfolds=True, summary="12 parameters")
WEIGHT = Variable(
    "model.fc.weight", "parameter", "Parameter", (3, 4), "float32", "cpu", "leaf+grad", size_bytes=48
)
UNFOLDED = {"model": ChildTable((FC,)), "model.fc": ChildTable((WEIGHT,), 7)}
ALL = (X, ROW, SAME, BAD, LOSS, N, MODEL)


def shown(*rows: Variable) -> list[Entry]:
    return entries(rows or ALL, {}, Order())


def text(line: Line) -> str:
    return "".join(line.cells).rstrip()


def drawn(
    row: Variable, width: int = 120, order: Order | None = None, *, among: tuple[Variable, ...] = ALL
) -> str:
    slots = fit(shown(*among), width, order or Order())
    return text(entry_line(shown(row)[0], slots, width))


# -- the tree -------------------------------------------------------------------------------------


def test_parts_stand_below_what_holds_them_by_the_end_of_their_path() -> None:
    tree = entries((N, MODEL), UNFOLDED, Order())
    assert [(e.depth, e.label, e.fold) for e in tree] == [
        (0, "n", ""),
        (0, "model", "open"),
        (1, ".fc", "open"),
        (2, ".weight", ""),
        (2, "7 more", ""),
    ]
    assert [e.key for e in tree[1:4]] == ["model", "model.fc", "model.fc.weight"]
    assert [parent_of(tree, i) for i in range(5)] == [0, 1, 1, 2, 2]
    assert [e.fold for e in entries((N, MODEL), {}, Order())] == ["", "closed"]


def test_what_is_not_known_yet_and_what_is_gone_is_said() -> None:
    assert [e.label for e in entries((MODEL,), {"model": None}, Order())] == ["model", "…"]
    gone = {"model": ChildTable((), reason="model is no longer there")}
    assert [e.label for e in entries((MODEL,), gone, Order())][1] == "model is no longer there"


def test_a_filter_keeps_what_the_found_is_below() -> None:
    assert [e.key for e in entries((N, MODEL), UNFOLDED, Order(), "3x4")] == [
        "model",
        "model.fc",
        "model.fc.weight",
    ]
    assert [e.key for e in entries((N, MODEL), UNFOLDED, Order(), "int")] == ["n"]
    assert entries((N, MODEL), UNFOLDED, Order(), "absent") == []


def test_parts_are_sorted_within_what_holds_them() -> None:
    small, large = (
        replace(FC, name="model.a", unfolds=False),
        replace(FC, name="model.b", unfolds=False, size_bytes=99),
    )
    tree = entries((N, MODEL), {"model": ChildTable((small, large))}, Order("memory"))
    assert [e.key for e in tree] == ["model", "model.b", "model.a", "n"]


def test_what_is_gone_does_not_stay_unfolded() -> None:
    assert list(still_there(UNFOLDED, (MODEL,))) == ["model", "model.fc"]
    assert still_there(UNFOLDED, (N,)) == {}
    assert list(still_there({**UNFOLDED, "model": None}, (MODEL,))) == ["model"]
    assert still_there(UNFOLDED, (replace(MODEL, unfolds=False),)) == {}


# -- columns --------------------------------------------------------------------------------------


def columns(width: int, *rows: Variable, order: Order | None = None) -> list[str]:
    return [slot.column for slot in fit(shown(*rows), width, order or Order())]


def test_shape_comes_before_values_and_columns_as_there_is_room() -> None:
    assert columns(120) == ["name", "shape", "dtype", "grad", "memory", "values"]
    assert columns(48) == ["name", "shape", "dtype", "grad", "values"]
    assert columns(42) == ["name", "shape", "dtype", "values"]
    assert columns(28) == ["name", "shape", "dtype"]
    assert columns(48, order=Order("memory"))[:4] == ["name", "shape", "dtype", "memory"]


def test_a_column_in_which_nothing_stands_is_left_out() -> None:
    assert columns(120, N) == ["name", "shape", "values"]
    assert "grad" not in columns(120, X, N)
    assert "device" not in columns(120)
    assert "device" in columns(120, X, replace(X, name="g", device="cuda:0"))


@given(st.integers(1, 200), st.text(max_size=40), st.booleans())
def test_columns_never_overlap_nor_stick_out(width: int, name: str, by_memory: bool) -> None:
    rows = (*ALL, replace(X, name=name, device="cuda:1", type_name=name))
    slots = fit(shown(*rows), width, Order("memory" if by_memory else "defined"))
    assert all(a.end < b.start for a, b in itertools.pairwise(slots))
    assert all(slot.end <= width for slot in slots)
    for entry in shown(*rows):
        assert len(entry_line(entry, slots, width).cells) == width


def test_the_head_shows_what_sorts_the_table() -> None:
    for order, expected in (
        (Order("memory"), "memory ▼"),
        (Order("memory", reverse=True), "memory ▲"),
        (Order("name"), "name ▲"),
        (Order("changed"), "name, changed ▲"),
    ):
        slots = fit(shown(), 120, order)
        assert expected in text(header_line(slots, order, 120))
    assert not re.search("[▲▼]", text(header_line(fit(shown(), 120, Order()), Order(), 120)))


# -- cells ----------------------------------------------------------------------------------------


def test_a_row_in_full() -> None:
    for expected in ("x", "(32, 1, 8, 8)", "float32", "8.2 kB", "x∈[-3.09, 3.53]"):
        assert expected in drawn(X)


def test_where_room_is_short_dtypes_are_abbreviated_and_the_range_stays() -> None:
    line = drawn(X, 48)
    assert "f32" in line
    assert "float32" not in line
    assert "[-3.09" in line
    assert [short_dtype(d) for d in ("bfloat16", "int64", "uint8", "complex64", "bool", "float8_e4m3fn")] == [
        "bf16", "i64", "u8", "c64", "bool", "f8_e4m3fn",
    ]  # fmt: skip


def test_memory_that_is_another_names_says_whose() -> None:
    assert [memory_text(row) for row in (X, ROW, SAME, N)] == ["8.2 kB", "in x", "= x", ""]


def test_what_is_no_tensor_has_its_value_beside_its_class() -> None:
    slots = fit(shown(), 120, Order())
    dtype = next(slot.start for slot in slots if slot.column == "dtype")
    assert drawn(N).index("5") == dtype
    assert drawn(MODEL).index("Linear") == next(slot.start for slot in slots if slot.column == "values")
    assert "12.4 kB" in drawn(MODEL)


def test_nan_and_inf_stand_out_by_words_and_style() -> None:
    slots = fit(shown(), 120, Order())
    line = entry_line(shown(BAD)[0], slots, 120)
    loud = "".join(cell for cell, style in zip(line.cells, line.styles, strict=True) if style == "nan")
    assert loud == "NaN! ×1+Inf! ×2"


def test_a_string_that_looks_like_statistics_is_not_loud() -> None:
    line = entry_line(
        shown(replace(N, type_name="str", summary="'NaN! ×1'"))[0], fit(shown(), 120, Order()), 120
    )
    assert "nan" not in line.styles


def test_marks_do_not_rest_on_colour() -> None:
    assert drawn(replace(X, changed=True)).startswith("•")
    assert drawn(X).startswith(" ")
    assert "▸" in drawn(MODEL)
    assert "shadows the builtin sum" in drawn(replace(N, name="sum"))
    part = Entry("d['sum']", "['sum']", 1, "", replace(N, name="sum"))
    assert "shadows" not in text(entry_line(part, fit(shown(), 120, Order()), 120))


NASTY = "[/foo][bold]x\x1b]0;t\x07\x1b[2J\u202e\n\x00y[mean]"


@pytest.mark.parametrize(
    "nasty",
    [NASTY, "x" * 100_000, "日本" * 5000, "\ud800", "e\u0301" * 50],
    ids=["commands", "long", "wide", "surrogate", "combining"],
)
def test_foreign_text_is_one_harmless_line(nasty: str) -> None:
    row = Variable(
        nasty, "value", nasty, None, nasty, nasty, "graph", nasty, 5, summary=nasty, shares_with=nasty
    )
    for width in (20, 48, 120):
        line = entry_line(shown(row)[0], fit(shown(row), width, Order()), width)
        assert len(line.cells) == width
        everything = text(line) + "".join(t for spans in detail_lines(row, (row,), width) for t, _ in spans)
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", everything)


def test_a_wide_name_is_not_cut_through_a_character() -> None:
    row = replace(X, name="变量" * 20)
    for width in range(10, 60):
        cells = entry_line(shown(row)[0], fit(shown(row), width, Order()), width).cells
        for cell, after in itertools.pairwise(cells):
            assert (cell in "变量" and cell != "") == (after == "")


def test_a_note_is_drawn_across() -> None:
    assert "7 more" in text(entry_line(Entry("k", "7 more", 1), [Slot("name", 0, 5)], 30))


# -- the words below ------------------------------------------------------------------------------


def said(row: Variable, width: int = 200) -> str:
    return "\n".join("".join(t for t, _ in line) for line in detail_lines(row, ALL, width))


def test_the_detail_says_what_the_row_cannot() -> None:
    assert said(X).splitlines()[0] == "x Tensor (32, 1, 8, 8) float32 cpu · 2,048 values"
    assert "8.2 kB, shared with row, same · no gradient is tracked" in said(X)
    assert "view of x, 256 B of 8.2 kB; counted there" in said(ROW)
    assert "the same object as x" in said(SAME)
    assert "result of MseLossBackward0, in a graph" in said(LOSS)
    assert said(LOSS).splitlines()[-1] == "0.25"
    assert "del sum gives it back" in said(replace(N, name="sum"))


def test_memory_and_gradient_in_words() -> None:
    part = replace(X, own_bytes=8)
    assert memory_words(part, ()) == "8 B of a storage of 8.2 kB, all of it kept alive"
    assert memory_words(replace(X, shares_with="w"), ()) == "shares storage with w; counted there"
    assert memory_words(N, ()) == ""
    assert gradient_words(replace(WEIGHT, grad="leaf")).endswith(".grad is None")
    assert gradient_words(WEIGHT).endswith(".grad is there")
    assert gradient_words(N) == ""
    many = [replace(X, name=f"v{i}", shares_with="x") for i in range(9)]
    assert memory_words(X, many).endswith("shared with v0, v1, v2 and 6 more")


def test_the_detail_keeps_to_its_width() -> None:
    for width in (10, 30, 48):
        for line in detail_lines(BAD, ALL, width):
            assert sum(len(t) for t, _ in line) <= width


def test_totals_count_shared_memory_once_and_say_so() -> None:
    table = VariableTable(ALL, {"cuda:0": 2 * 10**9, "cpu": 28}, omitted=5, shared_bytes=20)
    line = totals(table, 7)
    for expected in ("12 variables", "5 not listed", "28 B on cpu", "2.0 GB on cuda:0", "20 B shared"):
        assert expected in line
    assert totals(table, 2, filtered=True).startswith("2 of 12 variables")
    assert totals(VariableTable((X,), {}), 1) == "1 variable"
