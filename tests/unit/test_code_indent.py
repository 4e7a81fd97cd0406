from __future__ import annotations

import pytest

from tui.widgets.code_input import graphemes
from tui.widgets.code_input.brackets import closing_for, marks
from tui.widgets.code_input.indent import comment_toggled, looks_complete, next_indent, shifted


@pytest.mark.parametrize(
    ("before", "indent"),
    [
        ("x = 1", 0),
        ("if x:", 4),
        ("if x:  # a note: this", 4),
        ("    return x", 0),
        ("        raise ValueError('a')", 4),
        ("    pass", 0),
        ("    returned = 1", 4),
        ("for a in b:\n    break", 0),
        ("x = f(", 4),
        ("    x = f(", 8),
        ("x = f(a,", 6),
        ("x = {'k': [1,", 11),
        ("x = f(  # why", 4),
        ("x = f(a,\n      b)", 0),
        ("    x = f(\n        a,\n    )", 4),
        ("def f(a,\n      b):", 4),
        ("x = ':'", 0),
        ("print('# not a comment:'):", 4),
    ],
)
def test_the_indent_of_the_next_line(before: str, indent: int) -> None:
    assert next_indent(before) == " " * indent


@pytest.mark.parametrize(
    ("code", "done"),
    [("f('(')", True), ("x = '''a", False), ("x = 'a", True), ("# (", True), ("if x:  # why", False)],
)
def test_a_guess_at_completeness_reads_strings_and_comments(code: str, done: bool) -> None:
    assert looks_complete(code) is done


def test_lines_are_shifted() -> None:
    assert shifted(["a", "", "  b"], 1) == ["    a", "", "      b"]
    assert shifted(["      a", "", "  b", "\tc", "d"], -1) == ["  a", "", "b", "c", "d"]


def test_comments_come_and_go() -> None:
    lines = ["    if x:", "", "        y  # note"]
    commented = comment_toggled(lines)
    assert commented == ["    # if x:", "", "    #     y  # note"]
    assert comment_toggled(commented) == lines
    assert comment_toggled(["# a", "b"]) == ["# # a", "# b"]
    assert comment_toggled(["#a"]) == ["a"]


def test_the_pair_at_the_cursor_is_marked() -> None:
    text = "f(a[')'], 1)]"
    assert marks(text, 1).pair == (1, 11)
    assert marks(text, 12).pair == (12 - 1, 1)
    assert marks(text, 3).pair == (3, 7)
    assert marks(text, 0).pair == ()
    assert marks(text, 0).wrong == (12,)


def test_a_bracket_is_closed_only_where_it_encloses_nothing() -> None:
    assert closing_for("(", "") == ")"
    assert closing_for("[", ") + 1") == "]"
    assert closing_for("(", "x") == ""
    assert closing_for("x", "") == ""


def test_the_cursor_goes_over_what_a_reader_takes_for_one_character() -> None:
    for character in ("e\u0301", "👍🏽", "👩\u200d🔬", "漢", "a"):
        line = f"x{character}y"
        assert graphemes.after(line, 1) == 1 + len(character)
        assert graphemes.before(line, 1 + len(character)) == 1
    assert graphemes.before("\u0301", 1) == 0
    assert graphemes.after("", 0) == 0
