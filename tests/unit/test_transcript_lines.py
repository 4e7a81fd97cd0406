from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from tui.widgets.drawn.highlight import python_spans
from tui.widgets.drawn.lines import StyledLine, plain_of, rows_of, segments, wrap
from tui.widgets.transcript.cells import Cell, input_lines
from tui.widgets.transcript.model import Cells, Layout
from tui.widgets.transcript.outputs import FailureBlock, result_lines


def rows(line: str | StyledLine, width: int) -> list[str]:
    return [plain_of(line)[start:end] for start, end in wrap(line, width)]


@given(st.text(st.sampled_from("ab 日é"), max_size=60), st.integers(2, 20), st.integers(0, 6), st.booleans())
def test_rows_fit_and_lose_nothing(text: str, width: int, indent: int, by_words: bool) -> None:
    line = StyledLine(text, indent=indent, by_words=by_words)
    cut = rows(line, width)
    assert "".join(cut) == text
    assert rows_of(line, width) == len(cut)
    assert rows_of(text, width) == len(rows(text, width))
    room = max(width - indent, 2)
    assert all(cell_len(row) <= (width if index == 0 else room) for index, row in enumerate(cut))


def test_notices_wrap_between_words() -> None:
    assert rows(StyledLine("one two three", by_words=True), 8) == ["one two ", "three"]
    assert rows("one two three", 8) == ["one two ", "three"]
    assert rows("one twothree", 8) == ["one twot", "hree"]
    assert rows(StyledLine("one twothree", by_words=True), 8) == ["one ", "twothree"]


def test_segments_join_what_looks_alike() -> None:
    red, bold = Style(color="red"), Style(bold=True)
    drawn = list(segments("abcdef", [(1, 4, red), (3, 5, bold)], Style.null(), 0, 6))
    assert [(segment.text, str(segment.style)) for segment in drawn] == [
        ("a", "none"), ("bc", "red"), ("d", "bold red"), ("e", "bold"), ("f", "none"),
    ]  # fmt: skip
    assert len(list(segments("abc", [(0, 1, red), (1, 3, red)], Style.null(), 0, 3))) == 1


def test_python_is_coloured() -> None:
    code = "def f(x):\n    return 'é' + str(1)  # note"
    spans = python_spans(code)
    lines = code.split("\n")
    named = {lines[row][start:end]: name for row, line in enumerate(spans) for start, end, name in line}
    assert named["def"] == named["return"] == "code.keyword"
    assert named["f"] == "code.function"
    assert named["str"] == "code.builtin"
    assert named["# note"] == "code.comment"
    assert named["1"] == "code.number"
    assert python_spans("%time x ? \x00 '") != []


def test_results_carry_their_number() -> None:
    assert [plain_of(line) for line in result_lines({"text/plain": "3"}, 4)] == ["Out[4]: 3"]
    assert [plain_of(line) for line in result_lines({"text/plain": "a\nb"}, 4)] == ["Out[4]:", "a", "b"]
    assert [plain_of(line) for line in result_lines({"text/plain": "x[mean]"}, None)] == ["x[mean]"]
    assert result_lines({}, None) == []


def test_pictures_are_named_with_their_size() -> None:
    data = {"text/plain": "<Figure>", "image/png": "A" * 45_000, "text/html": "<b>no</b>"}
    assert [plain_of(line) for line in result_lines(data, None)] == ["<Figure>", "[image/png 33.8 kB]"]


def test_an_exception_without_traceback_is_told() -> None:
    block = FailureBlock("ValueError", "bad \x1b[2J", [])
    assert [plain_of(line) for line in block.lines] == ["ValueError: bad ␛[2J"]
    assert not block.foldable


def test_prompt_tells_whether_a_cell_runs() -> None:
    cell = Cell("a", gap=False)
    cell.count, cell.code = 3, "for x in y:\n    pass\n"
    assert [plain_of(line) for line in input_lines(cell)] == ["In [*]: for x in y:", "   ...:     pass"]
    cell.status, cell.elapsed_s, cell.ours = "ok", 75.0, False
    first = input_lines(cell)[0]
    assert not isinstance(first, str)
    assert first.plain == "In [3]: for x in y:"
    assert first.right == "other terminal · 1:15"


def test_layout_finds_the_line_at_every_row() -> None:
    cells = Cells()
    for number in range(3):
        cell = cells.get(str(number))
        cell.count, cell.code = number, "x" * 15
        cell.show_input()
        cell.stream("", "out\n" * 2)
    layout = Layout(cells.cells, 10)
    found = [place for row in range(layout.rows) if (place := layout.locate(row)) is not None]
    assert len(found) == layout.rows
    texts = [plain_of(line) for _, line, index in found if index == 0]
    assert texts == ["In [*]: " + "x" * 15, "out", "out", *(["", "In [*]: " + "x" * 15, "out", "out"] * 2)]
    anchor = layout.anchor(layout.rows - 1)
    assert anchor is not None
    assert layout.row_of(anchor) == layout.rows - 1


def test_a_cell_that_has_lost_rows_since_it_was_laid_out_has_nothing_there() -> None:
    cells = Cells()
    cell = cells.get("flood")
    cell.stream("", "a line that takes two rows\nshort\n")
    layout = Layout(cells.cells, 20)
    cell.clear(wait=False)
    cell.stream("", "short\n")
    assert [layout.locate(row) is not None for row in range(layout.rows)] == [True, False, False]


def test_many_cells_and_outputs_are_capped() -> None:
    cells = Cells()
    for number in range(2_500):
        cells.get(str(number)).stream("", "x\n")
    cells.trim()
    assert len(cells.cells) == 2_000
    first = Layout(cells.cells, 40).locate(0)
    assert first is not None
    assert plain_of(first[1]) == "… 500 earlier cells dropped"
    one = cells.get("one")
    for number in range(2_000):
        one.stream("stderr" if number % 2 else "", f"{number}\n")
    assert one.line_count() <= 510
    assert "1,500 earlier lines dropped" in "\n".join(
        plain_of(line) for block in one.blocks for line in block.lines
    )
