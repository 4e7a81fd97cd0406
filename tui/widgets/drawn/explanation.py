"""What an operation did: shapes in and out with marks, broadcast shapes under one another, notes."""

from __future__ import annotations

from rich.cells import cell_len

from tui.protocol.operations import Explanation, Operand, Step
from tui.widgets import words
from tui.widgets.drawn.dims import dim_piece, roles_of, shape_pieces
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, Piece, dotted, flow, one, pieces_line, sentence
from tui.widgets.foreign import one_line

_RAIL = "│ "
NAME_CELLS = 24
"""Longest name of an operand in an aligned block."""
_ARITHMETIC = ("+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "<<", ">>")
_INFIX = {*_ARITHMETIC, *(f"{sign}=" for sign in _ARITHMETIC), "==", "!=", "<", "<=", ">", ">="}

_SAID = {"same": ("in place",), "shared": ("shares memory",), "new": ("a copy",)}
"""Words of a note that make a fact on the memory superfluous."""


def explanation_lines(explanation: Explanation, width: int) -> list[StyledLine]:
    """Return one line for each step but the last, which is drawn in full."""
    room = max(width - len(_RAIL), 16)
    lines: list[StyledLine] = []
    if explanation.omitted:
        many = explanation.omitted
        lines.append(one(f"… {many:,} operation{'s' if many != 1 else ''} before", "dim"))
    *before, last = explanation.steps or (None,)
    if last is None:
        return []
    label_cells = min(max((cell_len(_cut(step.text)) for step in explanation.steps), default=0), room // 3)
    for step in before:
        lines += _broken([*_label(step, label_cells), *_one_line(step)], room)
    label = _label(last, label_cells) if before else []
    lines += _full(last, room, label)
    return [Pen().write(_RAIL, "rail").draw(line).line() for line in lines]


def _cut(text: str) -> str:
    return one_line(text, 40)


def _label(step: Step, cells: int) -> list[Piece]:
    text = one_line(step.text, cells)
    return [(text, "dim"), (" " * (cells - cell_len(text) + 2), "")]


def _full(step: Step, width: int, label: list[Piece]) -> list[StyledLine]:
    """Draw a step with its block, what became of the memory, and its notes."""
    facts = _facts(step)
    if step.aligned and len(step.inputs) > 1:
        lines = [one(one_line(step.text, width), "dim")] if label else []
        lines += _aligned(step, width)
        lines += flow(dotted(facts), width, indent=0) if facts else []
    else:
        pieces = [*label, *_one_line(step)]
        tail: list[Piece] = [(f"  {' · '.join(facts)}", "dim")] if facts else []
        used = sum(cell_len(text) for text, _ in pieces)
        if used + sum(cell_len(text) for text, _ in tail) <= width:
            lines = [pieces_line([*pieces, *tail], width)]
        else:
            lines = _broken(pieces, width)
            lines += flow(dotted(facts), width, indent=0) if facts else []
    for note in step.notes:
        lines += sentence(note, width, "dim")
    return lines


def _broken(pieces: list[Piece], width: int) -> list[StyledLine]:
    """Put pieces on as many lines as they need, broken before the arrow and the operators."""
    lines, pen = [], Pen()
    for text, style in pieces:
        if pen.cells and pen.cells + cell_len(text) > width:
            lines.append(pen.line())
            pen, text = Pen().write("  "), text.lstrip()
        pen.write(one_line(text, max(width - pen.cells, 1)), style)
    return [*lines, pen.line()]


def _one_line(step: Step) -> list[Piece]:
    """Return ``(3, 1) + (4,) → (3, 4)`` or ``sum (Σ2, 3) → (3,)``."""
    operation = one_line(step.operation, 24)
    infix = operation in _INFIX and len(step.inputs) == 2
    pieces: list[Piece] = [] if infix else [(operation, "accent"), ("  ", "")]
    for index, operand in enumerate(step.inputs):
        if index:
            pieces += [(f" {operation} ", "accent") if infix else (", ", "")]
        pieces += _safe(shape_pieces(operand, step.output))
    pieces += [(" → ", "dim"), *_safe(shape_pieces(step.output))]
    return pieces


def _safe(pieces: list[Piece]) -> list[Piece]:
    return [(one_line(text, 40), style) for text, style in pieces]


def _facts(step: Step) -> list[str]:
    """Return what became of type, device and memory, in a few words each, but for what the notes say."""
    told = " ".join(step.notes)
    output, operand = step.output, step.inputs[0] if step.inputs else None
    name = one_line(operand.text, NAME_CELLS) if operand is not None and operand.text else "the input"
    facts = []
    tensors = [other for other in step.inputs if other.shape is not None]
    if output.dtype and any(other.dtype and other.dtype != output.dtype for other in tensors):
        facts.append(one_line(output.dtype, 20))
    if (
        output.device
        and step.storage != "shared"
        and any(other.device and other.device != output.device for other in tensors)
    ):
        facts.append(f"on {one_line(output.device, 20)}")
    memory = {
        "view": f"view of {name} · shares storage",
        "same": f"{name} itself, changed in place",
        "shared": "shares memory with the array",
        "new": "new storage" if step.kind in ("reshape", "index", "convert") else "",
    }.get(step.storage, "")
    if memory and not any(word in told for word in _SAID.get(step.storage, ())):
        facts.append(memory)
    if not output.contiguous and "not contiguous" not in told:
        strides = f", strides {words.shape(output.strides)}" if output.strides is not None else ""
        facts.append(f"not contiguous{strides}")
    return facts


def _aligned(step: Step, width: int) -> list[StyledLine]:
    """Draw broadcast shapes right-aligned, each dimension under those that it met."""
    output = step.output.shape or ()
    rank = max([len(output), *(len(operand.shape or ()) for operand in step.inputs)])
    rows = [_columns(operand, output, rank) for operand in step.inputs]
    rows.append([_plain_column(step.output, index, rank) for index in range(rank)])
    columns = [max(cell_len(row[index][0]) for row in rows) for index in range(rank)]
    operation = one_line(step.operation, 12)
    infix = operation in _INFIX
    sign = cell_len(operation) if infix else 1
    names = [one_line(operand.text, NAME_CELLS) for operand in step.inputs]
    name_cells = min(
        max(cell_len(name) for name in names), max(width - sum(columns) - 2 * rank - sign - 3, 6)
    )
    lines = [] if infix else [one(operation, "accent")]
    for index, (operand, row) in enumerate(zip(step.inputs, rows, strict=False)):
        before = operation if infix and index == len(step.inputs) - 1 else ""
        pen = Pen().write(before.rjust(sign), "accent").write(" ").write(one_line(names[index], name_cells))
        pen.pad(sign + 1 + name_cells)
        if operand.shape is None:
            pen.write("  a number" if cell_len(names[index]) else "", "dim")
        lines.append(_with_columns(pen, row, columns))
    total = sign + 1 + name_cells + sum(columns) + 2 * rank
    lines.append(one("─" * min(total, width), "rail"))
    result = Pen().write("→".rjust(sign), "accent").pad(sign + 1 + name_cells)
    lines.append(_with_columns(result, rows[-1], columns))
    return [pieces_line(_pieces(line), width) for line in lines]


def _columns(operand: Operand, output: tuple[int, ...], rank: int) -> list[Piece]:
    """Return the dimensions of an operand in `rank` columns; those it lacks are taken as 1 and stretched."""
    if operand.shape is None:
        return [("", "")] * rank
    roles, missing = roles_of(operand), rank - len(operand.shape)
    added = [
        dim_piece(output[index], "added") if index < len(output) else ("", "") for index in range(missing)
    ]
    own = [
        dim_piece(size, role, output[missing + index] if missing + index < len(output) else None)
        for index, (size, role) in enumerate(zip(operand.shape, roles, strict=True))
    ]
    return [*added, *own]


def _plain_column(operand: Operand, index: int, rank: int) -> Piece:
    shape = operand.shape or ()
    place = index - (rank - len(shape))
    return (str(shape[place]), "strong") if place >= 0 else ("", "")


def _with_columns(pen: Pen, row: list[Piece], columns: list[int]) -> StyledLine:
    for (text, style), cells in zip(row, columns, strict=True):
        pen.write(" " * (2 + cells - cell_len(text))).write(text, style)
    return pen.line()


def _pieces(line: StyledLine) -> list[Piece]:
    """Return a line as pieces again, so that it can be cut."""
    pieces: list[Piece] = []
    position = 0
    for first, last, style in line.spans:
        pieces += [(line.plain[position:first], ""), (line.plain[first:last], str(style))]
        position = last
    return [*pieces, (line.plain[position:], "")]
