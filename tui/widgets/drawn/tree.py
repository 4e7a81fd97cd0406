"""The tree of a container: rails, labels, types, and a line for each tensor."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from tui.protocol.values import TreeRow
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.summary import statistics_pieces
from tui.widgets.drawn.text import Piece, pieces_line
from tui.widgets.foreign import cut_cells, one_line

LABEL_CELLS = 32
"""Longest label where a line is short; of longer ones the middle is left out, since both ends tell them apart."""
ROW_CELLS = 28
"""What a row has at least beside its label where the line is longer: type and shape."""


def tree_lines(rows: Sequence[TreeRow], omitted: int, width: int, lead: Piece = ("", "")) -> list[StyledLine]:
    """Return one line for each row, cut to the width, and one for those left out; `lead` goes before the first."""
    rails = _rails([row.depth for row in rows])
    room = max(LABEL_CELLS, width - ROW_CELLS)
    labels = [_label(row.label, room - cell_len(rail)) for row, rail in zip(rows, rails, strict=True)]
    ends = [cell_len(r) + cell_len(t) for r, t in zip(rails, labels, strict=True)]
    columns = _columns(rows, ends)
    lines = []
    for index, (row, rail, label) in enumerate(zip(rows, rails, labels, strict=True)):
        pieces: list[Piece] = [lead] if index == 0 else []
        pieces += [(rail, "rail"), (label, "")]
        if label:
            pieces.append((" " * (max(columns[index] - ends[index], 0) + 2), ""))
        pieces += [(one_line(row.type_name, 40), "dim" if row.depth else "strong"), (" ", "")]
        room = width - sum(cell_len(text) for text, _ in pieces)
        pieces += _words(row.summary, room, row.tensor.statistics if row.tensor is not None else "")
        lines.append(pieces_line(pieces, width))
    if omitted:
        lines.append(pieces_line([(f"… {omitted:,} more", "dim")], width))
    return lines


def _columns(rows: Sequence[TreeRow], ends: Sequence[int]) -> list[int]:
    """Return where each tensor's label ends at the widest of its siblings; 0 for any other row."""
    widest: dict[int, int] = {}
    parents: list[int] = []  # of each row
    here: dict[int, int] = {}  # the last row of each depth
    for index, row in enumerate(rows):
        here[row.depth] = index
        parents.append(here.get(row.depth - 1, -1))
        if row.tensor is not None:
            widest[parents[-1]] = max(widest.get(parents[-1], 0), ends[index])
    return [
        widest[parent] if row.tensor is not None else 0 for row, parent in zip(rows, parents, strict=True)
    ]


def _words(summary: str, room: int, statistics: str) -> list[Piece]:
    """Return the words of a row; of statistics as many as fit, since half a range says nothing.

    Values that do not fit give way to their `statistics`.
    """
    pieces: list[Piece] = []
    words = statistics_pieces(summary)
    if statistics and words and words[-1][0].startswith("[") and cell_len(summary) > room:
        words = [*words[:-1], *statistics_pieces(statistics)]
    for word, style in words:
        if cell_len(word) > room and ("∈" in word or word[0] in "μσ"):
            break
        pieces += [(" ", "")] if pieces else []
        pieces.append((word, style))
        room -= cell_len(word) + 1
    return pieces


def _label(label: str, cells: int) -> str:
    """Return a label without its middle where it is too long: ``['encoder.la…inear1.weight']``."""
    text = one_line(label, 400)
    cells = max(cells, 8)
    if cell_len(text) <= cells:
        return text
    end = text[-(cells * 2 // 3) :]
    while cell_len(end) > cells * 2 // 3:
        end = end[1:]
    return cut_cells(text, cells - cell_len(end)) + end


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
