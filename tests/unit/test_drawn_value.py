from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.protocol.values import Number, Picture, Shown, TensorFacts, Tile, TreeRow
from tui.widgets.drawn.lines import Line, StyledLine, plain_of
from tui.widgets.drawn.value import value_lines


def facts(
    shape: tuple[int, ...], dtype: str = "float32", statistics: str = "x∈[-2.1, 1.8] μ=0.1 σ=1.0"
) -> TensorFacts:
    size = math.prod(shape)
    return TensorFacts("Tensor", shape, dtype, "cpu", size, 4 * size, statistics=statistics)


def matrix(rows: Sequence[Sequence[Number]], label: str = "") -> Tile:
    return Tile(label, tuple(tuple(row) for row in rows))


def drawn(shown: Shown, width: int = 100) -> list[str]:
    lines = value_lines(shown, width, ("Out[3]: ", "out"))
    return [plain_of(line).rstrip() for line in lines]


def styles_of(lines: Sequence[Line], text: str) -> set[str]:
    return {
        str(style)
        for line in lines
        if isinstance(line, StyledLine)
        for first, last, style in line.spans
        if text in line.plain[first:last]
    }


def test_the_summary_names_everything_in_one_line() -> None:
    tensor = TensorFacts(
        "Tensor", (10, 3), "float32", "cuda:0", 30, 120, 4_000, strides=(1, 10), contiguous=False, is_view=True,
        statistics="NaN! ×2 x∈[-2.1, 1.8] μ=0.1 σ=1.0", nan=2, grad="graph", grad_fn="AddmmBackward0",
    )  # fmt: skip
    lines = value_lines(Shown(tensor), 200, ("Out[3]: ", "out"))
    assert [plain_of(line) for line in lines] == [
        "Out[3]: Tensor (10, 3) float32 cuda:0 n=30 120 B NaN! ×2 x∈[-2.1, 1.8] μ=0.1 σ=1.0 "
        "grad AddmmBackward0 view of 4.0 kB not contiguous strides (1, 10)"
    ]
    assert styles_of(lines, "NaN! ×2") == {"nan"}
    assert styles_of(lines, "not contiguous") == {"dim"}


def test_a_narrow_summary_breaks_between_its_parts() -> None:
    assert drawn(Shown(facts((10, 3))), 38) == [
        "Out[3]: Tensor (10, 3) float32 cpu", "  n=30 120 B x∈[-2.1, 1.8] μ=0.1 σ=1.0",
    ]  # fmt: skip


def test_named_and_varying_dimensions_are_told() -> None:
    tensor = TensorFacts("Tensor", (2, -1), "int8", "meta", 0, None, names=("N", ""))
    assert drawn(Shown(tensor)) == ["Out[3]: Tensor (N=2, -1) int8 meta n=0"]


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (3.14159, "float32", "3.14159"), (2.0, "float32", "2."), (7, "int64", "7"), (1, "bool", "True"),
        (math.nan, "float32", "NaN"), (-math.inf, "float32", "-∞"),
    ],
)  # fmt: skip
def test_a_scalar_is_its_value(value: Number, dtype: str, text: str) -> None:
    shown = Shown(facts((), dtype, "the value again"), Picture("scalar", (matrix([[value]]),)))
    assert drawn(shown) == [f"Out[3]: {text} Tensor () {dtype} cpu 4 B"]


def test_a_complex_scalar_has_both_parts() -> None:
    shown = Shown(facts((), "complex64"), Picture("scalar", (Tile("", ((1.5,),), ((-2.0,),)),)))
    assert drawn(shown)[0].startswith("Out[3]: 1.5-2j Tensor")


def test_a_short_vector_has_bars_over_its_values() -> None:
    shown = Shown(facts((3,), "int64"), Picture("vector", (matrix([[0, 4, 8]]),)))
    assert drawn(shown)[1:] == ["     ▄ █", "   0 4 8"]


def test_negative_values_hang_below_the_baseline_and_nan_is_marked() -> None:
    shown = Shown(facts((4,)), Picture("vector", (matrix([[-1.0, 2.0, math.nan, math.inf]]),)))
    lines = value_lines(shown, 60)
    up, down, values = (plain_of(line) for line in lines[1:])
    assert "██" in up
    assert "×" in up
    assert "∞" in up
    assert down.strip()
    assert values.split() == ["-1.", "2.", "NaN", "∞"]
    assert styles_of(lines, "NaN") == {"nan"}
    assert styles_of(lines[2:3], "▄") == {"bar-"}


def test_a_long_vector_tells_what_a_bar_is() -> None:
    shown = Shown(
        facts((1000,)), Picture("vector", (matrix([[float(n) for n in range(250)]]),), (1, 4), "mean")
    )
    lines = drawn(shown, 52)
    assert lines[-1] == "  each bar is the mean of 20 values"
    assert 0 < len(lines[1].strip()) <= 50


def test_bars_that_do_not_stand_on_zero_say_so() -> None:
    shown = Shown(facts((2,)), Picture("vector", (matrix([[100.5, 101.5]]),)))
    assert drawn(shown)[-1] == "  bars from 100.5 to 101.5"


def test_a_small_matrix_shows_its_numbers_on_colours() -> None:
    shown = Shown(facts((2, 2)), Picture("matrix", (matrix([[-1.5, 0.25], [math.nan, 3.0]]),)))
    lines = value_lines(shown, 60)
    assert [plain_of(line) for line in lines[1:]] == ["   -1.50  0.25 ", "     NaN  3.00 "]
    assert styles_of(lines, "NaN") == {"heatnan"}
    assert styles_of(lines, "3.00") == {"heat+9"}
    assert styles_of(lines, "-1.50") == {"heat-5"}


def test_a_matrix_without_room_for_numbers_becomes_blocks_with_a_legend() -> None:
    rows = [[row * 30.0 + column for column in range(30)] for row in range(30)]
    rows[0][0], rows[9][9] = math.nan, math.inf
    shown = Shown(facts((960, 480)), Picture("matrix", (matrix(rows),), (32, 16), "mean"))
    lines = drawn(shown, 100)
    assert len(lines) == 1 + 15 + 2
    assert "×" in lines[1]
    assert "∞" in lines[1 + 4]
    assert lines[-2].split() == ["0", "899"]
    assert lines[-1] == "  each block is the mean of 32×16 values"


def test_clipped_colours_are_told() -> None:
    shown = Shown(facts((2, 3)), Picture("matrix", (matrix([[1.0, 2.0, 3.0, 1.0], [2.0, 1.0, 900.0, 3.0]]),)))
    assert drawn(shown)[-1].split() == ["0", "≥3"]


def test_slices_stand_side_by_side_and_the_rest_is_counted() -> None:
    tiles = tuple(matrix([[number, -1], [0, 1]], f"[{number}]") for number in range(3))
    shown = Shown(facts((5, 2, 2), "int64"), Picture("slices", tiles, tiles_omitted=2))
    wide, narrow = drawn(shown, 80), drawn(shown, 20)
    assert wide[1].split() == ["[0]", "[1]", "[2]"]
    assert wide[2].split() == ["0", "-1", "1", "-1", "2", "-1"]
    assert wide[-1] == "  2 more matrices"
    assert [line.split() for line in narrow if line.startswith("  [")][:2] == [
        ["[0]", "[1]"],
        ["[2]"],
    ]


def test_the_parts_of_a_nested_tensor_differ_in_size() -> None:
    tiles = (
        matrix([[1.0, 2.0]], "[0]"),
        matrix([[3.0], [4.0], [5.0]], "[1]"),
        matrix([], "[2]"),
        matrix([[]], "[3]"),
    )
    lines = drawn(Shown(facts((4, -1, -1)), Picture("slices", tiles)))[1:]
    assert [line.split() for line in lines] == [
        ["[0]", "[1]", "[2]", "[3]"],
        ["1.", "2.", "3."],
        ["4."],
        ["5."],
    ]
    blocks = drawn(Shown(facts((4, -1, -1)), Picture("slices", tiles, (2, 2), "mean")))
    assert blocks[1].split() == ["[0]", "[1]", "[2]", "[3]"]


def test_blocks_keep_the_shape_of_what_they_stand_for() -> None:
    tile = matrix([[float(row + column) for column in range(30)] for row in range(15)])
    square = drawn(Shown(facts((15, 30)), Picture("matrix", (tile,), (2, 2), "mean")))
    tall = drawn(Shown(facts((30, 30)), Picture("matrix", (tile,), (2, 1), "mean")))
    assert len(tall) - len(square) == 15 - 8


def test_a_picture_that_cannot_be_says_why() -> None:
    assert drawn(Shown(facts((2,)), Picture("none", reason="no values on meta")))[1:] == [
        "  no values on meta"
    ]
    assert len(drawn(Shown(facts((0,)), Picture("none")))) == 1
    meta = facts((2,), statistics="meta: no values")
    assert len(drawn(Shown(meta, Picture("none", reason="meta: no values")))) == 1


numbers = st.one_of(st.integers(-(2**63), 2**64), st.floats())


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    kind = draw(st.sampled_from(["scalar", "vector", "matrix", "slices"]))
    rows = 1 if kind in ("scalar", "vector") else draw(st.integers(1, 40))
    columns = 1 if kind == "scalar" else draw(st.integers(1, 70))
    some = draw(st.lists(numbers, min_size=3, max_size=3))
    grid = tuple(tuple(some[(row * 7 + column) % 3] for column in range(columns)) for row in range(rows))
    imaginary = tuple(tuple(1.5 for _ in row) for row in grid) if draw(st.booleans()) else ()
    count = draw(st.integers(1, 9)) if kind == "slices" else 1
    tiles = tuple(Tile(f"[{n}, {n}]" if kind == "slices" else "", grid, imaginary) for n in range(count))
    block = draw(st.sampled_from([(1, 1), (3, 2)]))
    reduction = "" if block == (1, 1) else draw(st.sampled_from(["mean", "sample"]))
    return Picture(kind, tiles, block, reduction, draw(st.integers(0, 3)))  # type: ignore[arg-type]


@settings(deadline=None)
@given(pictures(), st.integers(24, 130), st.sampled_from(["float32", "bool"]))
def test_no_line_is_wider_than_the_pane_and_no_picture_higher_than_a_screen(
    picture: Picture, width: int, dtype: str
) -> None:
    lines = value_lines(Shown(facts((2, 3), dtype), picture), width, ("Out[1000]: ", "out"))
    assert all(cell_len(plain_of(line)) <= width for line in lines)
    assert len(lines) <= 48  # the picture, and its line of facts wrapped in a narrow pane
    for line in lines:
        assert isinstance(line, StyledLine)
        assert all(0 <= first < last <= len(line.plain) for first, last, _ in line.spans)


def test_equal_values_are_told_in_a_word() -> None:
    zeros = replace(facts((3, 4)), statistics="x∈[0.0, 0.0] μ=0.0 σ=0.0")
    assert " all 0.0" in drawn(Shown(zeros), 80)[0]
    assert "x∈" not in drawn(Shown(zeros), 80)[0]
    row = TreeRow(1, ".bias", "Parameter", "(9,) int64 x∈[-7, -7] μ=-7.0 σ=0.0", facts((9,), "int64"))
    tree = Shown(tree=(TreeRow(0, "", "Linear", ""), row))
    assert drawn(tree, 80)[1] == "└─ .bias  Parameter (9,) int64 all -7"
    for other in (
        "NaN! ×1 x∈[0.0, 0.0] μ=0.0 σ=0.0",
        "≈ x∈[0.0, 0.0] μ=0.0 σ=0.0 sampled 1/10",
        "x∈[0.0, 0.1] μ=0.0 σ=0.0",
    ):
        assert "all" not in drawn(Shown(replace(zeros, statistics=other)), 90)[0]


def test_of_a_long_label_the_middle_is_left_out_and_of_statistics_what_does_not_fit() -> None:
    key = "['transformer.layers.11.self_attention.in_proj_weight']"
    tensor = replace(facts((96, 32)), statistics="x∈[-0.216, 0.217] μ=0.001 σ=0.1")
    rows = (
        TreeRow(0, "", "dict", "2 items"),
        TreeRow(1, key, "Tensor", f"(96, 32) float32 {tensor.statistics}", tensor),
        TreeRow(
            1,
            "['x']",
            "Tensor",
            "(3,) float32 [0.1 0.2 0.3]",
            replace(facts((3,)), statistics="x∈[0.1, 0.3]"),
        ),
    )
    wide, narrow = drawn(Shown(tree=rows), 140), drawn(Shown(tree=rows), 70)
    assert key in wide[1]
    assert wide[1].endswith("x∈[-0.216, 0.217] μ=0.001 σ=0.1")
    assert wide[2].endswith("[0.1 0.2 0.3]")
    assert narrow[1].startswith("├─ ['transforme…")
    assert narrow[1].endswith("attention.in_proj_weight']  Tensor (96, 32) float32")
    assert narrow[2].endswith("(3,) float32")


def test_values_that_do_not_fit_give_way_to_their_statistics() -> None:
    bias = replace(facts((8,)), statistics="x∈[1.0, 2.0]")
    row = TreeRow(1, ".bias", "Parameter", "(8,) float32 [1.01 1.02 1.03 1.04 1.05 1.06 1.07 2.01]", bias)
    shown = Shown(tree=(TreeRow(0, "", "Linear", ""), row))
    assert drawn(shown, 100)[1].endswith("2.01]")
    assert drawn(shown, 60)[1] == "└─ .bias  Parameter (8,) float32 x∈[1.0, 2.0]"


def test_bars_leave_out_a_line_with_nothing_and_show_the_lowest_value() -> None:
    def bars(*values: float) -> list[str]:
        return drawn(Shown(facts((len(values),)), Picture("vector", (Tile("", (values,)),))), 80)[1:]

    assert [line.strip() for line in bars(0, 0)] == ["0 0"]
    assert len(bars(-9, -8)) == 2
    assert len(bars(-9, 8)) == 3
    assert bars(7, 8)[0].split() == ["▁", "█"]
    assert bars(5, 5)[-1].split() == ["5", "5"]  # no legend from 5 to 5


def test_a_container_is_a_tree_with_rails() -> None:
    rows = (
        TreeRow(0, "", "dict", "3 items"),
        TreeRow(1, "['a']", "list", "2 items"),
        TreeRow(2, "[0]", "Tensor", "(3,) float32 NaN! ×1", facts((3,))),
        TreeRow(2, "[1]", "int", "7"),
        TreeRow(1, "['b\x1b[2J']", "Tensor", "(2,) float32", facts((2,))),
    )
    lines = value_lines(Shown(tree=rows, tree_omitted=4), 60, ("Out[3]: ", "out"))
    assert [plain_of(line) for line in lines] == [
        "Out[3]: dict 3 items",
        "├─ ['a']  list 2 items",
        "│  ├─ [0]  Tensor (3,) float32 NaN! ×1",
        "│  └─ [1]  int 7",
        "└─ ['b␛[2J']  Tensor (2,) float32",
        "… 4 more",
    ]
    assert styles_of(lines, "NaN! ×1") == {"nan"}
    assert all(cell_len(line) <= 20 for line in drawn(Shown(tree=rows), 20))
