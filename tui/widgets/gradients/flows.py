"""The tensors that go into and out of a node, one below the other so that their numbers can be read down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from tui.protocol.autograd import Flow
from tui.widgets import words
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.numbers import Write, writer
from tui.widgets.drawn.summary import statistics_pieces
from tui.widgets.drawn.text import Pen, Piece, pieces_line
from tui.widgets.foreign import cut_cells, one_line

_LABEL_CELLS = 18
_MATRIX_ROWS = 8
_MORE_CELLS = 11
"""Of ``  … 60 more``."""


@dataclass(frozen=True)
class FlowTable:
    """How the flows of one step are laid out: one format and one set of columns for all of them."""

    labels: int
    """Cells of the widest label."""
    shapes: int
    numbers: int
    """Cells of the widest number; 0 where no flow has numbers."""
    write: Write

    @property
    def start(self) -> int:
        """The column in which numbers begin, without the rail before them."""
        return self.labels + 2 + self.shapes + 1


def label_of(flow: Flow, *, outgoing: bool = False) -> str:
    """Return how rules call it: ``g``, ``d self``, or of what was saved its name, with what the user calls it."""
    text = one_line(flow.label, 60)
    if outgoing:
        return f"d {text.removeprefix('grad of ')}"
    if text.startswith("grad of output"):
        return f"g{text.removeprefix('grad of output').strip()}"
    holder = one_line(flow.holder, 40)
    return f"{text} = {holder}" if holder and holder != text else text


def table_of(flows: Sequence[tuple[str, Flow]]) -> FlowTable:
    """Return the layout for some flows with their labels."""
    numbers = [_plain(value) for _, flow in flows for value in flow.numbers]
    write = writer(numbers)
    return FlowTable(
        labels=min(max((cell_len(label) for label, _ in flows), default=0), _LABEL_CELLS),
        shapes=max((cell_len(_shape(flow)) for _, flow in flows), default=0),
        numbers=max((len(write(value)) for value in numbers), default=0),
        write=write,
    )


def flow_lines(
    label: str,
    flow: Flow,
    table: FlowTable,
    width: int,
    *,
    missing: str = "no gradient",
    most_rows: int | None = None,
) -> list[StyledLine]:
    """Return label, shape and numbers of a flow; a matrix by rows, what is large by its statistics.

    `most_rows`: where its numbers take more lines than these, their statistics stand for them.
    """
    lines = _flow_lines(label, flow, table, width, missing)
    if most_rows is not None and len(lines) > most_rows and flow.numbers:
        lines = _flow_lines(label, replace(flow, numbers=()), table, width, missing)
    return [clipped(line, width) for line in lines]


def clipped(line: StyledLine, width: int) -> StyledLine:
    """Return a line that is no wider than its room; its spans are in order."""
    if cell_len(line.plain) <= width:
        return line
    pieces: list[Piece] = []
    position = 0
    for first, last, style in line.spans:
        pieces += [(line.plain[position:first], ""), (line.plain[first:last], str(style))]
        position = last
    return pieces_line([*pieces, (line.plain[position:], "")], width)


def _flow_lines(label: str, flow: Flow, table: FlowTable, width: int, missing: str) -> list[StyledLine]:
    head = Pen().write(cut_cells(label, table.labels), "strong").pad(table.labels + 2)
    if flow.facts is None:
        return [head.write(missing, "dim").line()]
    head.write(_shape(flow), "shape").pad(table.start)
    rows = _rows(flow)
    if rows is None:
        pieces = statistics_pieces(flow.facts.statistics)
        spaced = [(f"{text} ", style) for text, style in pieces]
        room = width - head.cells
        if sum(cell_len(text) for text, _ in spaced) <= room + 1:
            return [head.draw(pieces_line(spaced, room)).line()]
        return [head.line(), Pen().write("  ").draw(pieces_line(spaced, width - 2)).line()]
    cells = table.numbers + 2
    longest = max(len(row) for row in rows)
    inline = table.start + longest * cells <= width
    indent = table.start if inline else 2
    fits = max((width - indent) // cells, 1)
    lines = [] if inline else [head.line()]
    if len(rows) > 1 and longest > fits:  # a matrix is to be read down: cut, not wrapped
        return [*lines, *_cut_rows(rows, table, width)]
    for number, row in enumerate(rows[:_MATRIX_ROWS]):
        for at in range(0, len(row), fits):
            pen = head if inline and number == 0 and at == 0 else Pen().pad(indent)
            for value in row[at : at + fits]:
                text = table.write(_plain(value))
                pen.write(" " * (cells - len(text))).write(text, "" if math.isfinite(value) else "nan")
            lines.append(pen.line())
    if len(rows) > _MATRIX_ROWS:
        lines.append(Pen().pad(indent + 2).write(f"{len(rows) - _MATRIX_ROWS} more rows", "dim").line())
    return lines


def _cut_rows(rows: list[tuple[float, ...]], table: FlowTable, width: int) -> list[StyledLine]:
    cells = table.numbers + 2
    fits = max((width - 2 - _MORE_CELLS) // cells, 1)
    lines = []
    for row in rows[:_MATRIX_ROWS]:
        pen = Pen().pad(2)
        for value in row[:fits]:
            text = table.write(_plain(value))
            pen.write(" " * (cells - len(text))).write(text, "" if math.isfinite(value) else "nan")
        lines.append(pen.write(f"  … {len(row) - fits} more", "dim").line())
    if len(rows) > _MATRIX_ROWS:
        lines.append(Pen().pad(4).write(f"{len(rows) - _MATRIX_ROWS} more rows", "dim").line())
    return lines


def _plain(value: float) -> float:
    """Return the number as it is to be read: minus zero is zero; whole ones are whole."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e6:
        return int(value)
    return value


def _shape(flow: Flow) -> str:
    return "" if flow.facts is None else words.shape(flow.facts.shape) or "()"


def _rows(flow: Flow) -> list[tuple[float, ...]] | None:
    """Return the numbers by rows of the last dimension; None where there are none to show."""
    if not flow.numbers or flow.facts is None:
        return None
    columns = flow.facts.shape[-1] if flow.facts.shape else 1
    if columns <= 0 or len(flow.numbers) % columns:
        return [flow.numbers]
    return [flow.numbers[at : at + columns] for at in range(0, len(flow.numbers), columns)]
