"""Leaves and modules as cells."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from tui.protocol.messages import Leaf, LeafTable, ModuleRow, ModuleTree
from tui.widgets.record_table import Row
from tui.widgets.variable_rows import (
    LEAF_COLUMNS,
    MODULE_COLUMNS,
    leaf_rows,
    module_rows,
)

LEAF = Leaf(
    "model.fc.weight", (10, 64), "float32", "cpu", True, True, 2.5, 0.125, verdict="sum of 1 backward"
)
FC = ModuleRow(
    "model[0]", "Linear", 1, "in_features=64, out_features=10", ("weight (10, 64)", "bias (10,)"), 650, 0, 0
)

NASTY = "[/foo][bold]x\x1b]0;t\x07\x1b[2J\u202e\n\x00y[mean]"
COMMANDING = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def cells(row: Row) -> list[str]:
    return [cell.plain.strip() for cell in row[1]]


def test_a_leaf_with_a_gradient_one_without_and_one_that_is_spoilt() -> None:
    without = replace(LEAF, name="a", grad_norm=None)
    spoilt = replace(LEAF, name="b", grad_norm=math.nan, grad_nonfinite=3)
    meta = replace(LEAF, name="c", value_norm=None, grad_norm=math.inf, grad_nonfinite=1)
    rows = leaf_rows(LeafTable((LEAF, without, spoilt, meta)), "#00ff00", "#ff0000")
    assert all(len(row[1]) == len(LEAF_COLUMNS) for row in rows)
    grads = [row[1][LEAF_COLUMNS.index("|grad|")] for row in rows]
    assert [cell.plain for cell in grads] == ["0.125", "None", "NAN", "INF"]
    assert [str(cell.style) for cell in grads] == ["#00ff00", "dim", "#ff0000", "#ff0000"]
    assert rows[0][1][LEAF_COLUMNS.index("verdict")].plain == "sum of 1 backward"
    assert "None" not in rows[3][1][LEAF_COLUMNS.index("|value|")].plain


def test_a_frozen_leaf_is_dimmed() -> None:
    frozen = leaf_rows(LeafTable((replace(LEAF, requires_grad=False),)), "", "")[0]
    assert "dim" in str(frozen[1][0].style)


def test_modules_are_indented_and_named_by_their_last_part() -> None:
    root = ModuleRow("model", "Net", 0, "", (), 1300, 10, 2)
    rows = module_rows(
        ModuleTree((root, FC, replace(FC, path="model.head", depth=1, tied=("weight",)),
                    replace(FC, path="model.head['a.b']", depth=2)))
    )  # fmt: skip
    assert all(len(row[1]) == len(MODULE_COLUMNS) for row in rows)
    assert [row[0] for row in rows] == ["model", "model[0]", "model.head", "model.head['a.b']"]
    names = [row[1][0].plain for row in rows]
    assert [name.strip() for name in names] == ["model", "[0]", "head", "['a.b']"]
    indents = [len(name) - len(name.lstrip()) for name in names]
    assert indents[0] < indents[1] == indents[2] < indents[3]
    linear = " ".join(cells(rows[1]))
    for expected in ("Linear", "in_features=64, out_features=10", "weight (10, 64), bias (10,)", "650"):
        assert expected in linear
    assert "weight (10, 64) (tied), bias (10,)" in cells(rows[2])
    counts = dict(zip(MODULE_COLUMNS, cells(rows[0]), strict=True))
    assert [counts[name] for name in ("trainable", "frozen", "buffers")] == ["1,300", "10", "2"]


@pytest.mark.parametrize("nasty", [NASTY, "x" * 100_000, "日本" * 5000, "\ud800"])
def test_foreign_text_is_one_harmless_line(nasty: str) -> None:
    rows = [
        *leaf_rows(LeafTable((replace(LEAF, name=nasty, dtype=nasty, verdict=nasty),)), "", ""),
        *module_rows(
            ModuleTree((replace(FC, path=nasty, class_name=nasty, settings=nasty, parameters=(nasty,)),))
        ),
    ]
    for _, row in rows:
        for cell in row:
            assert COMMANDING.search(cell.plain) is None
            assert not cell.spans  # no markup was read
            assert cell.cell_len <= 250
            cell.plain.encode()
    if nasty == NASTY:
        assert "[/foo][bold]x" in rows[0][1][0].plain
