"""The panel of the latest evaluation: what is drawn of examples, and what stands in the place of figures."""

from __future__ import annotations

from rich.cells import cell_len

from tui.protocol.views import Boundary, Image, WorstSample, WorstSamples
from tui.widgets.drawn.scale import Scale
from tui.widgets.panels.base import PanelLine
from tui.widgets.panels.blocks import Block, boundary_block, in_columns, sparks, worst_block
from tui.widgets.panels.layers import MEASURES, MOST_CELLS, LayerRow, cells_of, row_line


def text(line: PanelLine) -> str:
    return "".join(part for part, _ in line)


def styles(lines: tuple[PanelLine, ...]) -> set[str]:
    return {style for line in lines for _, style in line}


def test_a_number_and_what_was_made_of_it_are_named_and_neither_is_called_wrong() -> None:
    view = WorstSamples("val", 8, (WorstSample(3, 0.086, "8.074", "7.782", None, None, "1, 2, 3"),))
    lines = worst_block(view, 60, 12).lines
    assert "target 8.074  output 7.782" in [text(line).rstrip() for line in lines]
    assert "bad" not in styles(lines)


def test_a_class_taken_for_another_is_marked_and_one_taken_for_itself_is_not() -> None:
    for predicted, marked in (("7", True), ("1", False)):
        view = WorstSamples("val", 8, (WorstSample(3, 2.0, "1", predicted, 0.9, None),))
        lines = worst_block(view, 60, 12).lines
        assert f"1 → {predicted} 90%" in [text(line).rstrip() for line in lines]
        assert ("bad" in styles(lines)) == marked


def test_pictures_stand_beside_what_was_made_of_them_in_the_same_greys() -> None:
    wanted, made = Image((2, 2), (0.0, 1.0, 1.0, 0.0)), Image((2, 2), (-0.01, 0.5, 2.0, 0.0))
    view = WorstSamples("val", 8, (WorstSample(3, 2.0, "", "", None, wanted, "", wanted, made),))
    lines = worst_block(view, 60, 12).lines
    picture = next(line for line in lines if any(style.startswith("rgb:") for _, style in line))
    drawn = [style for _, style in picture if style]
    assert drawn[0] == "rgb:000000:ffffff"
    assert drawn[-2] == "rgb:000000:ffffff"  # -0.01 is black, 2.0 white
    assert drawn[-1].startswith("rgb:8")
    assert not any("→" in text(line) or "heat" in style for line in lines for _, style in line)


def test_curves_have_one_scale() -> None:
    view = WorstSamples(
        "val", 8, (WorstSample(3, 2.0, "", "", None, None, "", None, None, (0.0, 1.0), (0.0, 0.5)),)
    )
    shown = [text(line) for line in worst_block(view, 60, 12).lines]
    assert any(line.startswith("target ▁█") for line in shown)
    assert any(line.startswith(("output ▁▅", "output ▁▄")) for line in shown)


def test_sparks_are_as_many_as_values_whatever_they_are() -> None:
    values = (float("nan"), float("inf"), -1e308, 1e308, 0.0)
    assert len(sparks(values, (-1e308, 1e308))) == len(values)
    assert sparks((1.0, 1.0), (1.0, 1.0)) == "▄▄"


def test_a_plane_of_values_tells_what_its_colours_stand_for() -> None:
    view = Boundary(1, 0.0, 1.0, 0.0, 1.0, (2, 2), "value", (0.25, 0.5, 0.75, 1.0))
    assert "■ 0  ■ 1" in text(boundary_block(view, 60, 20).lines[-1])


def test_few_samples_of_a_layer_are_wide_and_many_fit() -> None:
    assert cells_of(80, 1) == MOST_CELLS
    assert cells_of(80, 81) == 1
    scale = Scale(-1.0, 1.0, diverging=False)
    for count in (1, 3, 30, 200):
        row = LayerRow("weight", [1.0] * (count - 1) + [float("nan")], 1.0)
        line = row_line(row, MEASURES[0], scale, 10, 60)
        assert cell_len(text(line)) <= 60
        assert "×" in text(line)


def test_blocks_fill_two_columns_and_a_wide_one_stands_alone() -> None:
    def block(name: str, width: int, height: int) -> Block:
        return Block(tuple([(name * width, "")] for _ in range(height)))

    blocks = [block("a", 20, 5), block("b", 10, 2), block("c", 28, 1), block("d", 50, 2), block("e", 5, 1)]
    shown = [text(line) for line in in_columns(blocks, 60)]
    assert shown[0] == "a" * 20 + " " * 11 + "b" * 10
    assert shown[3] == "a" * 20 + " " * 11 + "c" * 28  # under the shorter one
    assert shown[6:8] == ["d" * 50] * 2
    assert shown[-1] == "eeeee"
    assert all(cell_len(line) <= 60 for line in shown)
    assert in_columns([], 60) == []
