"""Why an operation on tensors failed: plain words, the operands, what would make it fit."""

from __future__ import annotations

import ast
from functools import lru_cache

from rich.cells import cell_len

from tui.protocol.operations import Failure, Operand
from tui.widgets.drawn.dims import shape_pieces
from tui.widgets.drawn.highlight import python_spans
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, Piece, pieces_line, sentence
from tui.widgets.foreign import clean, one_line

NAME_CELLS = 28
_RAIL = "┃ "


def failure_drawing(failure: Failure, width: int) -> list[StyledLine]:
    """Return the lines, each behind a rail in the colour of errors."""
    room = max(width - len(_RAIL), 16)
    lines = sentence(failure.words, room, "strong")
    if failure.where or failure.line:
        where = [(f"{one_line(failure.where, 60)}  ", "shape")] if failure.where else []
        lines.append(pieces_line([*where, (one_line(failure.line, 60), "dim")], room))
    lines += _operands(failure.operands, room)
    for cure in failure.cures:
        lines += _cure(clean(cure), room)
    return [Pen().write(_RAIL, "error").draw(line).line() for line in lines]


def _operands(operands: tuple[Operand, ...], width: int) -> list[StyledLine]:
    """Return a table: name, shape, dtype, device."""
    if not operands:
        return []
    rows: list[list[list[Piece]]] = []
    for operand in operands:
        rows.append(
            [
                [(one_line(operand.text, NAME_CELLS), "")],
                [(one_line(text, 40), style or "shape") for text, style in shape_pieces(operand)]
                if operand.shape is not None
                else [("not a tensor", "dim")],
                [(one_line(operand.dtype, 16), "")],
                [(one_line(operand.device, 12), "")],
            ]
        )
    cells = [max(_cells(row[column]) for row in rows) for column in range(4)]
    lines = []
    for row in rows:
        pieces: list[Piece] = [("  ", "")]
        for column, part in enumerate(row):
            pieces += [*part, (" " * (cells[column] - _cells(part) + (2 if cells[column] else 0)), "")]
        lines.append(pieces_line([piece for piece in pieces if piece[0]], width))
    return lines


def _cells(pieces: list[Piece]) -> int:
    return sum(cell_len(text) for text, _ in pieces)


def _cure(cure: str, width: int) -> list[StyledLine]:
    """Return a cure: as coloured code where it is code, else as a sentence."""
    if not is_code(cure):
        return sentence(cure, width, lead=("→ ", "accent"), indent=2)
    lines = []
    for index, (text, spans) in enumerate(zip(cure.split("\n"), python_spans(cure), strict=True)):
        code = StyledLine(text, tuple(spans))
        lines.append(Pen().write("→ " if index == 0 else "  ", "accent").draw(code).line())
    return lines


@lru_cache(maxsize=256)
def is_code(text: str) -> bool:
    """Return whether a text is Python that does something: not a single word, not a sentence."""
    if len(text) > 500:
        return False
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Name) for node in body)
