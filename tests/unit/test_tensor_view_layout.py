"""Which dimensions are on the screen, and the index notation that says so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.protocol.viewing import View
from tui.widgets.tensor_view.layout import (
    Layout,
    arranged,
    cell_notation,
    in_brackets,
    notation,
    read_notation,
)

X = View("x")
SHAPES = st.lists(st.integers(0, 6), max_size=5).map(tuple)


def test_the_usual_layouts() -> None:
    assert Layout.of(()) == Layout((), None, None, ())
    assert Layout.of((5,)) == Layout((5,), 0, None, (0,))
    assert Layout.of((5, 3)) == Layout((5, 3), 0, 1, (0, 0))
    assert Layout.of((16, 3, 32, 8)) == Layout((16, 3, 32, 8), 2, 3, (0, 0, 0, 0))


def test_rows_columns_and_sliders() -> None:
    layout = Layout.of((16, 3, 32, 8))
    assert (layout.rows, layout.columns, layout.sliders) == (32, 8, (0, 1))
    assert (Layout.of((5,)).rows, Layout.of((5,)).columns) == (5, 1)
    assert (Layout.of(()).rows, Layout.of(()).columns) == (1, 1)
    assert Layout.of((5,)).transposed().columns == 5


@given(SHAPES, st.lists(st.sampled_from(["row", "column", "swap", "slide"]), max_size=12))
def test_whatever_is_done_two_different_dimensions_are_shown(
    shape: tuple[int, ...], doings: list[str]
) -> None:
    layout = Layout.of(shape)
    for doing in doings:
        if doing == "row":
            layout = layout.with_next_row_dim()
        elif doing == "column":
            layout = layout.with_next_column_dim()
        elif doing == "swap":
            layout = layout.transposed()
        elif layout.sliders:
            layout = layout.slid(layout.sliders[0], 2)
        shown = [dim for dim in (layout.row_dim, layout.column_dim) if dim is not None]
        assert len(set(shown)) == len(shown) == min(2, len(shape))
        assert set(shown) | set(layout.sliders) == set(range(len(shape)))
        assert all(layout.index[dim] == 0 for dim in shown)
        assert all(0 <= layout.index[dim] < max(1, shape[dim]) for dim in layout.sliders)


def test_the_key_for_rows_goes_through_every_dimension_but_that_of_the_columns() -> None:
    layout, seen = Layout.of((2, 3, 4, 5)), []
    for _ in range(3):
        seen.append(layout.row_dim)
        layout = layout.with_next_row_dim()
    assert (seen, layout.row_dim, layout.column_dim) == ([2, 0, 1], 2, 3)


def test_of_a_matrix_and_a_vector_it_transposes() -> None:
    assert Layout.of((4, 5)).with_next_row_dim() == Layout.of((4, 5)).with_next_column_dim()
    assert Layout.of((4, 5)).with_next_row_dim().rows == 5
    assert Layout.of((4,)).with_next_column_dim() == Layout((4,), None, 0, (0,))


def test_sliders_stop_at_their_ends() -> None:
    layout = Layout.of((4, 2, 2))
    assert layout.slid(0, 10).index == (3, 0, 0)
    assert layout.slid(0, -10).index == (0, 0, 0)
    assert Layout.of((0, 2, 2)).slid(0, 1).index == (0, 0, 0)
    assert Layout.of((-1, 2, 2)).slid(0, 7).index == (7, 0, 0)


def test_a_place_in_the_tensor_and_a_place_on_the_screen() -> None:
    layout = Layout.of((16, 3, 32, 8)).at((4, 2, 30, 7))
    assert layout.index == (4, 2, 0, 0)
    assert layout.place_of((4, 2, 30, 7)) == (30, 7)
    assert layout.cell_index(30, 7) == (4, 2, 30, 7)
    assert Layout.of(()).cell_index(0, 0) == ()
    assert Layout.of((5,)).transposed().cell_index(0, 3) == (3,)


def test_another_shape_keeps_what_it_can() -> None:
    layout = Layout.of((16, 3, 32, 8)).transposed().at((15, 2, 0, 0))
    fitted = layout.fitted((10, 3, 32, 8))
    assert (fitted.index, fitted.row_dim, fitted.column_dim) == ((9, 2, 0, 0), 3, 2)
    assert layout.fitted((5, 3)) == Layout.of((5, 3))
    assert layout.fitted((0, 3, 32, 8)).index == (0, 2, 0, 0)


# -- notation -------------------------------------------------------------------------------------


def test_notation_of_what_is_shown() -> None:
    layout = Layout.of((16, 3, 32, 8)).at((3, 0, 5, 7))
    assert notation(X, layout) == "x[3, 0, :, :]"
    assert notation(X, layout.with_next_row_dim()) == "x[:, 0, 0, :]"
    assert cell_notation(X, layout, 5, 7) == "x[3, 0, 5, 7]"
    assert notation(X, Layout.of((5, 3))) == "x"
    assert cell_notation(X, Layout.of(()), 0, 0) == "x"


def test_notation_is_python() -> None:
    assert notation(View("a - b"), Layout.of((2, 2, 2))) == "(a - b)[0, :, :]"
    assert in_brackets("model.fc.weight[:, 3]") == "model.fc.weight[:, 3]"
    assert in_brackets("-a") == "(-a)"
    assert in_brackets("f(x)") == "f(x)"
    assert in_brackets("1 +") == "(1 +)"


def test_arrangements_are_written_as_pytorch_does_them() -> None:
    assert arranged(View("x", "mean", 1)) == "x.mean(dim=1, keepdim=True)"
    assert arranged(View("a + b", "max", 0)) == "(a + b).amax(dim=0, keepdim=True)"
    assert arranged(View("x", "sort descending", 2)) == "x.sort(dim=2, descending=True).values"
    assert arranged(View("x", "sort ascending", 2)) == "x.sort(dim=2).values"
    assert arranged(View("x", "min", 0)) == "x.amin(dim=0, keepdim=True)"


def test_a_typed_index_over_what_is_shown_moves_the_sliders() -> None:
    layout = Layout.of((16, 3, 32, 8))
    assert read_notation("x[4, 2, :, :]", X, layout) == layout.at((4, 2, 0, 0))
    assert read_notation(" x[4,:, 3 ,:] ", X, layout) == Layout(layout.shape, 1, 3, (4, 0, 3, 0))
    swapped = layout.transposed()
    assert read_notation("x[1, 1, :, :]", X, swapped) == swapped.at((1, 1, 0, 0))


def test_any_other_text_is_another_view() -> None:
    layout = Layout.of((16, 3, 32, 8))
    other = [
        "x[4]",
        "x[4, 2, ::2, :]",
        "x[16, 0, :, :]",
        "y[4, 2, :, :]",
        "x",
        "x[4, 2, 1, 0]",
        "x[:, :, :, 0]",
    ]
    other += ["", "x[-1, 0, :, :]", "xx[4, 2, :, :]", "x[4, 2, :, :].T", "x["]
    for text in other:
        assert read_notation(text, X, layout) is None, text


@given(SHAPES.filter(lambda shape: len(shape) > 2 and 0 not in shape), st.data())
def test_what_is_written_reads_back(shape: tuple[int, ...], data: st.DataObject) -> None:
    layout = Layout.of(shape)
    for _ in range(data.draw(st.integers(0, 4))):
        layout = layout.with_next_row_dim()
    index = tuple(data.draw(st.integers(0, size - 1)) for size in shape)
    layout = layout.at(index)
    assert read_notation(notation(X, layout), X, layout) == layout
