"""Why an operation on tensors failed: plain words, the operands, what would make it fit."""

from __future__ import annotations

import ast
from functools import lru_cache

from rich.cells import cell_len

from tui.protocol.operations import Failure, Operand
from tui.widgets.drawn.dims import shape_pieces
from tui.widgets.drawn.highlight import python_spans
from tui.widgets.drawn.lines import Span, StyledLine, wrap
from tui.widgets.drawn.text import Pen, Piece, pieces_line, sentence
from tui.widgets.foreign import clean, one_line

NAME_CELLS = 28
_RAIL = "┃ "


def failure_drawing(failure: Failure, width: int) -> list[StyledLine]:
    """Return the lines, each behind a rail in the colour of errors."""
    room = max(width - len(_RAIL), 16)
    lines = sentence(failure.words, room, "strong")
    if failure.where or failure.line:
        line = one_line(failure.line, 60)
        code = one_line(failure.where, max(room - cell_len(line) - 2, 16))
        where = [(f"{code}  ", "shape")] if code else []
        lines.append(pieces_line([*where, (line, "dim")], room))
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
    shaped = all(operand.shape is not None for operand in operands)
    from_right = shaped and any("met" in operand.roles for operand in operands)  # as torch compares them
    for row in rows:
        pieces: list[Piece] = [("  ", "")]
        for column, part in enumerate(row):
            gap = " " * (cells[column] - _cells(part))
            pieces += [(gap, ""), *part] if column == 1 and from_right else [*part, (gap, "")]
            pieces.append(("  " if cells[column] else "", ""))
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
        for row, part in enumerate(_code_rows(text, tuple(spans), max(width - 4, 8))):
            lead = "→ " if index == row == 0 else "  " if row == 0 else "    "
            lines.append(Pen().write(lead, "accent").draw(part).line())
    return lines


def _code_rows(text: str, spans: tuple[Span, ...], width: int) -> list[StyledLine]:
    """Cut a line of code between words into rows; a comment that does not fit goes into the next."""
    comment = text.find("  # ")
    if 0 < comment <= width < cell_len(text):
        cuts = [
            (0, comment),
            *((comment + 2 + a, comment + 2 + b) for a, b in _cuts(text[comment + 2 :], width)),
        ]
    else:
        cuts = _cuts(text, width)
    return [
        StyledLine(
            text[start:end].rstrip(),
            tuple(
                (max(a, start) - start, min(b, end) - start, style)
                for a, b, style in spans
                if a < end and b > start
            ),
        )
        for start, end in cuts
    ]


def _cuts(text: str, width: int) -> list[tuple[int, int]]:
    return wrap(StyledLine(text, by_words=True), width)


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
