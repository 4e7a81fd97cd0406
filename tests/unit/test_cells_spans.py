"""Which cells of a line are painted again."""

from __future__ import annotations

from tui.widgets.cells import Line, changed_spans


def line(text: str, styles: dict[int, str] | None = None) -> Line:
    found = styles or {}
    return Line(tuple(text), tuple(found.get(column, "") for column in range(len(text))))


def test_a_blank_is_another_one_only_where_its_style_has_a_ground() -> None:
    before, after = line("ab  c"), line("ab  c", {2: "caret", 3: "dim"})
    assert list(changed_spans(before, after)) == []
    assert list(changed_spans(before, after, own_ground=frozenset({"caret"}))) == [(2, 3)]
    assert list(changed_spans(after, before, own_ground=frozenset({"caret"}))) == [(2, 3)]
    assert list(changed_spans(before, after, grounds=True)) == [(2, 4)]
