"""What an operation did: shapes in and out with marks, broadcast shapes under one another, notes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

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

_LOUD = ("Warning: ", "Careful: ")
"""Beginnings of notes on what is probably a mistake."""
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
        lines += _broken([_label(step, label_cells), *_one_line(step)], room)
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
    facts, notes = _facts(step), step.notes
    if step.aligned and len(step.inputs) > 1:
        lines = [one(one_line(step.text, width), "dim")] if label else []
        lines += _aligned(step, width)
        lines += flow(dotted(facts), width, indent=0) if facts else []
    else:
        chunks = [label, *_one_line(step)] if label else _one_line(step)
        tail: list[Piece] = [(f"  {' · '.join(facts)}", "dim")] if facts else []
        pieces = [piece for chunk in chunks for piece in chunk]
        if (
            not step.inputs and len(notes) == 1
        ):  # of a new tensor there is little to say: in one line, if it fits
            whole = f"  {' · '.join([*facts, *notes])}"
            if _cells(pieces) + cell_len(whole) <= width:
                tail, notes = [(whole, "dim")], ()
        if _cells(pieces) + _cells(tail) <= width:
            lines = [pieces_line([*pieces, *tail], width)]
        else:
            lines = _broken(chunks, width)
            lines += flow(dotted(facts), width, indent=0) if facts else []
    for note in notes:
        if note.startswith(_LOUD):
            lines += sentence(note, width - 2, "warn", lead=("▲ ", "warn"), indent=2)
        else:
            lines += sentence(note, width, "dim")
    return lines


def _broken(chunks: list[list[Piece]], width: int) -> list[StyledLine]:
    """Put chunks on as many lines as they need, the later ones moved in; a shape is only cut where it must be."""
    lines, pen = [], Pen()
    for chunk in chunks:
        pieces = [*chunk]
        if pen.cells and pen.cells + _cells(pieces) > width:
            lines.append(pen.line())
            pen = Pen().write("  ")
            pieces[0] = (pieces[0][0].lstrip(), pieces[0][1])
        for text, style in pieces:
            pen.write(one_line(text, max(width - pen.cells, 1)), style)
    return [*lines, pen.line()]


def _one_line(step: Step) -> list[list[Piece]]:
    """Return the chunks of ``(3, 1) + (4,) → (3, 4)``, ``sum (Σ2, 3) → (3,)`` or ``rand → (2,)``."""
    operation = one_line(step.operation, 24)
    infix = operation in _INFIX and len(step.inputs) == 2
    chunks: list[list[Piece]] = [] if infix else [[(operation, "accent"), ("  " if step.inputs else "", "")]]
    for index, operand in enumerate(step.inputs):
        between: list[Piece] = [(f" {operation} ", "accent")] if infix and index else []
        comma: list[Piece] = [] if infix or index == len(step.inputs) - 1 else [(", ", "")]
        chunks.append([*between, *_safe(shape_pieces(operand, step.output)), *comma])
    if step.output.shape is None and not step.output.text:  # `backward()`: what it did is elsewhere
        return chunks
    return [*chunks, [(" → ", "dim"), *_safe(shape_pieces(step.output))]]


def _cells(pieces: Iterable[Piece]) -> int:
    return sum(cell_len(text) for text, _ in pieces)


def _safe(pieces: list[Piece]) -> list[Piece]:
    return [(one_line(text, 40), style) for text, style in pieces]


def _facts(step: Step) -> list[str]:
    """Return what became of type, device and memory, in a few words each, but for what the notes say."""
    told = " ".join(step.notes)
    output, operand = step.output, step.inputs[0] if step.inputs else None
    name = one_line(operand.text, NAME_CELLS) if operand is not None and operand.text else "the input"
    facts = []
    tensors = [other for other in step.inputs if other.shape is not None]
    if output.dtype and _changes_dtype(step, tensors):
        facts.append(one_line(output.dtype, 20))
    if (
        output.device
        and step.storage != "shared"
        and any(other.device not in ("", "numpy", output.device) for other in tensors)
    ):
        facts.append(f"on {one_line(output.device, 20)}")
    memory = {
        "view": f"view of {name} · shares storage",
        "same": f"{name} itself, changed in place",
        "shared": "shares memory with the array",
        "new": "new storage" if step.inputs and step.kind in ("reshape", "index", "convert") else "",
    }.get(step.storage, "")
    if memory and not any(word in told for word in _SAID.get(step.storage, ())):
        facts.append(memory)
    if not output.contiguous and "not contiguous" not in told:
        strides = f", strides {words.shape(output.strides)}" if output.strides is not None else ""
        facts.append(f"not contiguous{strides}")
    return facts


def _changes_dtype(step: Step, tensors: list[Operand]) -> bool:
    """Return whether the dtype of the result is news: masks and indices only choose, a new tensor has some."""
    if step.kind == "index":
        tensors = tensors[:1]
    elif step.operation == "where":
        tensors = [operand for operand in tensors if operand.dtype != "bool"]
    return not tensors or any(operand.dtype and operand.dtype != step.output.dtype for operand in tensors)


def _met(step: Step) -> tuple[int, ...]:
    """Return the shape to which the operands were stretched; a reduction's own is what was left of it."""
    shapes = [operand.shape for operand in step.inputs if operand.shape is not None]
    if step.kind != "reduction":
        return step.output.shape or ()
    rows = zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1)
    return tuple(next((size for size in sizes if size != 1), 1) for sizes in rows)[::-1]


def _aligned(step: Step, width: int) -> list[StyledLine]:
    """Draw broadcast shapes right-aligned, each dimension under those that it met."""
    output = _met(step)
    reduced = step.kind == "reduction"
    rank = max([len(output), *(len(operand.shape or ()) for operand in step.inputs)])
    rows = [_columns(operand, output, rank) for operand in step.inputs]
    rows.append([_plain_column(output, index, rank) for index in range(rank)])
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
    line = _with_columns(result, rows[-1], columns)
    end = Pen().write(" → ", "dim").write(words.shape(step.output.shape or ()), "strong").line()
    lines.append(Pen().draw(line).draw(end).line() if reduced else line)
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


def _plain_column(shape: tuple[int, ...], index: int, rank: int) -> Piece:
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
