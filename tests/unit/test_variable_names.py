"""What a name hides, and whether a variable can have it."""

from __future__ import annotations

import builtins
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.widgets.variables.names import rename_problem, shadows


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("torch", "torch"),
        ("F", "torch.nn.functional"),
        ("sum", "the builtin sum"),
        ("x", ""),
        ("__name__", ""),
    ],
)
def test_what_a_name_hides(name: str, hidden: str) -> None:
    assert shadows(name) == hidden


PROBLEMS = [
    ("", "type a new name"),
    ("2x", "cannot begin with a digit"),
    ("a b", "cannot hold a space"),
    ("a-b", "cannot hold -"),
    ("a\x1b[2Jb", "not a name"),
    ("[red]", "cannot hold ["),
    ("lambda", "Python's own"),
    ("None", "Python's own"),
    ("x", "x is taken"),
    ("ｘ", "x is taken"),  # as Python reads it
    ("torch", "would shadow torch"),
    ("sum", "would shadow the builtin sum"),
    ("Out", "belongs to IPython"),
    ("_hidden", "not listed"),
]


@pytest.mark.parametrize(("new", "problem"), PROBLEMS)
def test_a_name_that_cannot_be_had(new: str, problem: str) -> None:
    assert problem in rename_problem(new, {"x", "y"})


@pytest.mark.parametrize("new", ["z", "x2", "größe", "变量", "match", "weights_2"])
def test_a_name_that_can(new: str) -> None:
    assert rename_problem(new, {"x", "y"}) == ""


@given(st.text(max_size=8))
def test_what_is_let_through_runs_as_a_cell(new: str) -> None:
    if rename_problem(new, {"x"}):
        return
    names = {"x": 1}
    exec(f"{new} = x; del x", names)
    assert [name for name in names if name != "__builtins__"] == [next(n for n in names if names[n] == 1)]
    assert not keyword.iskeyword(new)
    assert not hasattr(builtins, new)
