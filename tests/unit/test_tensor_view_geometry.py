"""The part of a matrix that is on the screen, and the cells that are kept of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.protocol.values import TensorFacts
from tui.protocol.viewing import View, ViewFacts, Window
from tui.widgets.tensor_view.cells import MOST_CELLS, MOST_PANES, MOST_VALUES, Kept, Pane, Shelf
from tui.widgets.tensor_view.layout import Layout
from tui.widgets.tensor_view.numbers import Cell
from tui.widgets.tensor_view.viewport import Box, Viewport

FACTS = ViewFacts(TensorFacts("Tensor", (9, 9), "float32", "cpu", 81, 324), "1", 0)
SIZES = st.integers(0, 200)


def window(row: int, column: int, rows: int, columns: int, value: float = 1.0) -> Window:
    return Window(FACTS, row, column, ((value,) * columns,) * rows)


# -- viewport -------------------------------------------------------------------------------------


def test_the_cursor_scrolls_only_at_the_edge() -> None:
    view = Viewport(100, 50, 10, 5)
    assert view.moved(9, 4) == Viewport(100, 50, 10, 5, 0, 0, 9, 4)
    assert view.moved(10, 5) == Viewport(100, 50, 10, 5, 1, 1, 10, 5)
    assert view.moved(-1, -1) == view
    assert view.moved(1000, 1000) == Viewport(100, 50, 10, 5, 90, 45, 99, 49)


def test_pages_keep_the_place_on_the_screen() -> None:
    view = Viewport(100, 50, 10, 5).moved(3, 2)
    assert view.paged(1, 0) == Viewport(100, 50, 10, 5, 10, 0, 13, 2)
    assert view.paged(0, 1) == Viewport(100, 50, 10, 5, 0, 5, 3, 7)
    assert view.paged(20, 0).row == 99
    assert view.paged(1, 0).paged(-1, 0) == view


def test_the_wheel_takes_the_cursor_along_only_where_it_must() -> None:
    view = Viewport(100, 50, 10, 5).moved(5, 0)
    assert view.scrolled(3, 0) == Viewport(100, 50, 10, 5, 3, 0, 5, 0)
    assert view.scrolled(8, 0) == Viewport(100, 50, 10, 5, 8, 0, 8, 0)
    assert view.scrolled(-3, 0) == view


def test_a_jump_puts_the_cell_in_the_middle_unless_it_is_in_sight() -> None:
    view = Viewport(100, 50, 10, 5)
    assert view.at(50, 25) == Viewport(100, 50, 10, 5, 45, 23, 50, 25)
    assert view.at(4, 3) == Viewport(100, 50, 10, 5, 0, 0, 4, 3)
    assert view.at(99, 49).box == Box(90, 45, 10, 5)


def test_a_matrix_smaller_than_the_screen_and_one_that_is_empty() -> None:
    assert Viewport(3, 2, 10, 5).box == Box(0, 0, 3, 2)
    assert Viewport(0, 3, 10, 5).box.area == 0
    assert Viewport(0, 0, 10, 5).moved(1, 1) == Viewport(0, 0, 10, 5)


@given(
    SIZES,
    SIZES,
    st.lists(st.tuples(st.sampled_from("mpsawo"), st.integers(-300, 300), st.integers(-300, 300))),
)
def test_the_cursor_is_always_in_sight(rows: int, columns: int, doings: list[tuple[str, int, int]]) -> None:
    view = Viewport(rows, columns, 10, 5)
    for doing, down, across in doings:
        match doing:
            case "m":
                view = view.moved(down, across)
            case "p":
                view = view.paged(down % 5 - 2, across % 5 - 2)
            case "s":
                view = view.scrolled(down, across)
            case "a":
                view = view.at(abs(down), abs(across))
            case "w":
                view = view.sized(down, across)
            case _:
                view = view.over(abs(down), abs(across))
        assert view.height >= 1
        assert view.width >= 1
        assert view.top <= view.row < view.top + view.height
        assert view.left <= view.column < view.left + view.width
        assert 0 <= view.row <= max(0, view.rows - 1)
        assert 0 <= view.column <= max(0, view.columns - 1)
        assert view.top + view.box.rows <= view.rows
        assert view.left + view.box.columns <= view.columns


def test_the_page_ahead() -> None:
    before = Viewport(100, 50, 10, 5)
    assert before.paged(1, 0).next_page(before) == Box(20, 0, 10, 5)
    assert before.paged(0, 1).next_page(before) == Box(0, 10, 10, 5)
    assert before.moved(2, 2).next_page(before) is None
    end = before.moved(99, 0)
    assert end.next_page(before) is None


# -- cells ----------------------------------------------------------------------------------------


def test_what_is_missing_is_asked_for_and_no_more() -> None:
    kept = Kept()
    assert kept.missing(Box(0, 0, 4, 4)) == Box(0, 0, 4, 4)
    kept.add(window(0, 0, 3, 4), 0)
    assert kept.missing(Box(0, 0, 4, 4)) == Box(3, 0, 1, 4)
    assert kept.missing(Box(0, 0, 3, 4)) is None
    assert kept.missing(Box(0, 2, 3, 4)) == Box(0, 4, 3, 2)
    assert kept.missing(Box(0, 0, 0, 0)) is None


def test_no_request_is_larger_than_a_window_and_all_are_read_in_the_end() -> None:
    kept, whole = Kept(), Box(0, 0, 200, 90)
    asked = 0
    while (box := kept.missing(whole)) is not None:
        assert box.area <= MOST_VALUES
        kept.add(window(box.row, box.column, box.rows, box.columns), 0)
        asked += 1
    assert asked == -(-200 // (MOST_VALUES // 90))
    assert len(kept.cells) == 200 * 90
    wide = Kept().missing(Box(0, 0, 3, 10_000))
    assert wide is not None
    assert wide.area <= MOST_VALUES


def test_old_cells_are_shown_until_new_ones_come() -> None:
    kept = Kept()
    kept.add(window(0, 0, 2, 2, 1.0), 0)
    kept.age = 1
    assert kept.get(0, 0) == Cell(1.0)
    assert kept.missing(Box(0, 0, 2, 2)) == Box(0, 0, 2, 2)
    kept.add(window(0, 0, 1, 2, 5.0), 0)  # asked for before they grew old: still to be read again
    assert kept.missing(Box(0, 0, 2, 2)) == Box(0, 0, 2, 2)
    kept.add(window(0, 0, 2, 2, 7.0), 1)
    assert kept.missing(Box(0, 0, 2, 2)) is None
    assert kept.get(1, 1) == Cell(7.0)


def test_what_the_kernel_does_not_have_is_not_asked_for_again() -> None:
    kept = Kept()
    kept.add(window(0, 0, 2, 2), 0)
    kept.add_nothing(Box(0, 0, 3, 2), 0)
    assert kept.missing(Box(0, 0, 3, 2)) is None
    assert kept.get(0, 0) == Cell(1.0)
    assert kept.get(2, 0) == Cell(None)


def test_the_oldest_cells_are_forgotten() -> None:
    kept = Kept()
    for row in range(0, 40 * (MOST_CELLS // 4000 + 2), 40):
        kept.add(window(row, 0, 40, 100), 0)
    assert len(kept.cells) <= MOST_CELLS
    assert kept.get(0, 0) is None
    assert kept.get(row, 0) is not None


def test_parts_of_a_window_go_together() -> None:
    kept = Kept()
    kept.add(Window(FACTS, 3, 4, ((1.0, None),), ((2.0, 0.0),), ((7, 8),)), 0)
    assert kept.get(3, 4) == Cell(1.0, 2.0, 7)
    assert kept.get(3, 5) == Cell(None, 0.0, 8)
    assert list(kept.within(Box(0, 0, 10, 5))) == [Cell(1.0, 2.0, 7)]


def test_a_few_panes_are_kept() -> None:
    shelf = Shelf()
    layout = Layout.of((9, 9, 9))
    panes = [Pane(View("x"), layout.slid(0, index)) for index in range(MOST_PANES + 1)]
    for pane in panes:
        shelf.of(pane).add(window(0, 0, 1, 1), 0)
    assert shelf.of(panes[-1]).get(0, 0) is not None
    assert shelf.of(panes[0]).get(0, 0) is None
    shelf.grow_old()
    assert shelf.of(panes[-1]).missing(Box(0, 0, 1, 1)) == Box(0, 0, 1, 1)


def test_a_pane_asks_for_its_cells() -> None:
    layout = Layout.of((16, 3, 32, 8)).at((3, 1, 0, 0))
    request = Pane(View("x"), layout, with_bits=True).request(Box(5, 6, 7, 8))
    assert (request.row_dim, request.column_dim, request.index) == (2, 3, (3, 1, 0, 0))
    assert (request.row, request.column, request.rows, request.columns) == (5, 6, 7, 8)
    assert request.with_bits
