from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.protocol.python_text import call_at_end, expression_start, outline


def test_brackets_pair_up_outside_strings_and_comments() -> None:
    code = "f(a[1], ')', \"(\" '''(\n''') # ("
    seen = outline(code)
    assert {code[start] + code[end] for start, end in seen.pairs.items()} == {"()", "[]"}
    assert seen.unmatched == seen.unclosed == ()
    assert seen.comment


def test_what_is_open_at_the_end_is_told() -> None:
    assert outline("f([1, 2").unclosed == (1, 2)
    assert outline("f(1]").unmatched == (3,)
    assert outline("print('it").string == 6
    assert outline("x = '''a\nb").string == 4
    assert outline(r"x = 'a\'b'").string is None
    assert outline("don't\nf(").unclosed == (7,)


@given(st.text(alphabet="ab.,()[]{}'\"#\\\n =", max_size=40))
def test_any_text_is_read(code: str) -> None:
    seen = outline(code)
    assert all(start < end for start, end in seen.pairs.items())
    for end in range(len(code) + 1):
        assert 0 <= expression_start(code, end, seen) <= end
    call_at_end(code)


@pytest.mark.parametrize(
    ("code", "expression"),
    [
        ("x = torch.rand", "torch.rand"),
        ("a + model.layers[0].weight", "model.layers[0].weight"),
        ("return f(1, (2)).sum", "f(1, (2)).sum"),
        ("y = 'abc'.join", "'abc'.join"),
        ("not x", "x"),
        ("return", ""),
        ("x = ", ""),
        ("if (a + b)", "(a + b)"),
        ("[1, 2]", "[1, 2]"),
        ("größe.µ", "größe.µ"),
    ],
)
def test_the_expression_before_the_cursor(code: str, expression: str) -> None:
    assert code[expression_start(code, len(code), outline(code)) :] == expression


@pytest.mark.parametrize(
    ("code", "callee", "position", "keyword"),
    [
        ("torch.zeros(", "torch.zeros", 0, ""),
        ("torch.zeros(2, 3", "torch.zeros", 1, ""),
        ("f(a, dim=", "f", 1, "dim"),
        ("f(a, dim=1, ", "f", 1, ""),
        ("f(a == b", "f", 0, ""),
        ("torch.tensor([1, 2", "torch.tensor", 0, ""),
        ("f((1, 2), g(3), ", "f", 2, ""),
        ("f(g(1, ", "g", 1, ""),
        ("f((1, ", "f", 0, ""),
        ("f('a, b', \"c,", "f", 1, ""),
        ("f(\n    1,\n    ", "f", 1, ""),
        ("x[0].sum(", "x[0].sum", 0, ""),
    ],
)
def test_the_call_around_the_cursor(code: str, callee: str, position: int, keyword: str) -> None:
    call = call_at_end(code)
    assert call is not None
    assert (call.callee, call.position, call.keyword) == (callee, position, keyword)


@pytest.mark.parametrize(
    "code", ["", "f(1)", "(1, ", "if (", "def f(", "class A(", "[f, ", "# f(", "not (", "f)("]
)
def test_where_no_call_is_open(code: str) -> None:
    assert call_at_end(code) is None


@given(
    st.lists(st.sampled_from(["1", "[2, 3]", "'a,b'", "g(4, 5)", "k=6", "{7: 8}"]), min_size=1, max_size=5)
)
def test_arguments_are_counted_as_python_does(arguments: list[str]) -> None:
    arguments = sorted(arguments, key=lambda text: text.startswith("k="))
    arguments = list(dict.fromkeys(arguments))
    code = f"f({', '.join(arguments)})"
    tree = ast.parse(code, mode="eval").body
    assert isinstance(tree, ast.Call)
    call = call_at_end(code[:-1] + ", ")
    assert call is not None
    assert call.position == len(tree.args)
    assert list(call.keywords) == [item.arg for item in tree.keywords]
