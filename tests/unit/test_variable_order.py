"""Orders and filters of the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.protocol.messages import Variable
from tui.widgets.variables.filtering import matches
from tui.widgets.variables.order import SORT_KEYS, Order, ordered

W = Variable("w", "parameter", "Parameter", (3, 4), "float32", "cuda:0", "leaf+grad", size_bytes=48)
VIEW = Variable(
    "view", "tensor", "Tensor", (2,), "float64", "cpu", size_bytes=48, own_bytes=8, shares_with="w"
)
N = Variable("n", "value", "int", summary="5", changed=True)
T10 = Variable("t10", "tensor", "Tensor", (), "int64", "cpu", size_bytes=8)
T9 = Variable("t9", "tensor", "Tensor", (100,), "bool", "cpu", size_bytes=100, changed=True)
NET = Variable("Net", "module", "Net", grad="requires_grad", size_bytes=1000)
ROWS = (W, VIEW, N, T10, T9, NET)


def names(order: Order) -> list[str]:
    return [row.name for row in ordered(ROWS, order)]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order(), "w view n t10 t9 Net"),
        (Order(reverse=True), "Net t9 t10 n view w"),
        (Order("name"), "n Net t9 t10 view w"),
        (Order("name", reverse=True), "w view t10 t9 Net n"),
        (Order("memory"), "Net t9 w t10 view n"),  # the view's memory is w's
        (Order("memory", reverse=True), "view t10 w t9 Net n"),
        (Order("shape"), "t9 w view t10 n Net"),
        (Order("dtype"), "t9 w view t10 n Net"),
        (Order("changed"), "n t9 w view t10 Net"),
        (Order("kind"), "Net w view t10 t9 n"),
    ],
    ids=str,
)
def test_orders(order: Order, expected: str) -> None:
    assert names(order) == expected.split()


def test_the_cycle_comes_around_and_a_second_wish_reverses() -> None:
    order, seen = Order(), []
    for _ in SORT_KEYS:
        seen.append(order.key)
        order = order.next()
    assert (tuple(seen), order) == (SORT_KEYS, Order())
    assert Order("name").by("memory") == Order("memory")
    assert Order("memory").by("memory") == Order("memory", reverse=True)
    assert [Order("name").arrow, Order("memory").arrow, Order("memory", reverse=True).arrow] == [
        "▲",
        "▼",
        "▲",
    ]


@given(st.sampled_from(SORT_KEYS), st.booleans(), st.permutations(ROWS))
def test_no_order_loses_a_row_and_equals_stay(key: str, reverse: bool, rows: list[Variable]) -> None:
    order = Order(key, reverse)  # type: ignore[arg-type]
    result = ordered(rows, order)
    assert sorted(row.name for row in result) == sorted(row.name for row in rows)
    if key != "defined":
        assert ordered(result, order) == result


FOUND = {
    "": "w view n t10 t9 Net",
    "t1": "t10",
    "NET": "Net",
    "3x4": "w",
    "(3, 4)": "w",
    "cuda": "w",
    "float": "w view",
    "tensor 64": "view t10",
    "module": "Net",
    "leaf": "w",
    "nothing": "",
    "[": "",
}


@pytest.mark.parametrize("query", FOUND, ids=repr)
def test_each_word_of_a_filter_must_be_somewhere(query: str) -> None:
    assert [row.name for row in ROWS if matches(row, query)] == FOUND[query].split()
