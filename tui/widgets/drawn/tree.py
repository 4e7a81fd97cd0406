"""The tree of a container: rails, labels, types, and a line for each tensor."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from tui.protocol.values import TreeRow
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.summary import statistics_pieces
from tui.widgets.drawn.text import Piece, pieces_line
from tui.widgets.foreign import one_line

LABEL_CELLS = 32
"""Longest label; longer ones are cut."""


def tree_lines(rows: Sequence[TreeRow], omitted: int, width: int, lead: Piece = ("", "")) -> list[StyledLine]:
    """Return one line for each row, cut to the width, and one for those left out; `lead` goes before the first."""
    rails = _rails([row.depth for row in rows])
    labels = [one_line(row.label, LABEL_CELLS) for row in rows]
    column = min(
        max((cell_len(r) + cell_len(t) for r, t in zip(rails, labels, strict=True)), default=0), width // 2
    )
    lines = []
    for index, (row, rail, label) in enumerate(zip(rows, rails, labels, strict=True)):
        pieces: list[Piece] = [lead] if index == 0 else []
        pieces += [(rail, "rail"), (label, "")]
        if label:
            gap = max(column - cell_len(rail) - cell_len(label), 0) if row.tensor is not None else 0
            pieces.append((" " * (gap + 2), ""))
        pieces += [(one_line(row.type_name, 40), "dim" if row.depth else "strong"), (" ", "")]
        for word, style in statistics_pieces(row.summary):
            pieces += [(word, style), (" ", "")]
        lines.append(pieces_line(pieces[:-1], width))
    if omitted:
        lines.append(pieces_line([(f"… {omitted:,} more", "dim")], width))
    return lines


def _rails(depths: list[int]) -> list[str]:
    """Return what stands before each label: ``│  ├─ ``. A row is the last of its siblings if none follows."""
    rails = [""] * len(depths)
    open_below: set[int] = set()  # depths at which a later row stands, seen from below
    for index in range(len(depths) - 1, -1, -1):
        depth = depths[index]
        open_below = {other for other in open_below if other <= depth}
        if depth > 0:
            beams = ["│  " if level in open_below else "   " for level in range(1, depth)]
            rails[index] = "".join(beams) + ("├─ " if depth in open_below else "└─ ")
        open_below.add(depth)
    return rails
