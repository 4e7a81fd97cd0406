"""A displayed value, drawn: the summary and the picture of a tensor, the tree of a container."""

from __future__ import annotations

from tui.protocol.values import Shown
from tui.widgets.drawn.lines import Line
from tui.widgets.drawn.picture import picture_lines, scalar_text
from tui.widgets.drawn.summary import summary_pieces
from tui.widgets.drawn.text import Piece, flow
from tui.widgets.drawn.tree import tree_lines


def value_lines(shown: Shown, width: int, lead: Piece = ("", "")) -> list[Line]:
    """Return the drawing of a value at a width; `lead` (``Out[3]: ``) goes before its first line."""
    if shown.tree:
        return list(tree_lines(shown.tree, shown.tree_omitted, width, lead))
    if shown.tensor is None:
        return []
    boolean = shown.tensor.dtype == "bool"
    picture = shown.picture
    value = scalar_text(picture, boolean) if picture is not None and picture.kind == "scalar" else ""
    pieces = summary_pieces(shown.tensor, statistics=not value)
    if value:
        style = "nan" if value.lstrip("-") in ("nan", "inf") else "big"
        pieces = [({"nan": "NaN", "inf": "∞", "-inf": "-∞"}.get(value, value), style), *pieces]
    lines: list[Line] = [*flow(pieces, width, lead=lead)]
    if picture is None or (picture.kind == "none" and picture.reason in shown.tensor.statistics):
        return lines  # why there is no picture is said already
    return [*lines, *picture_lines(picture, width, boolean)]
