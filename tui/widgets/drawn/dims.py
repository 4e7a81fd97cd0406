"""Shapes with a mark on each dimension that something happened to; the marks can be read without colour.

``1→4`` stretched · ``·→4`` added · ``‹3›`` met another and vanished · ``Σ3`` added up · ``3→·`` gone · ``+1`` made.
"""

from __future__ import annotations

from tui.protocol.operations import DimRole, Operand
from tui.widgets.drawn.text import Piece

_STYLES: dict[DimRole, str] = {
    "stretched": "mark", "added": "mark", "met": "mark", "summed": "mark", "removed": "mark", "new": "mark",
}  # fmt: skip


def size_text(size: int) -> str:
    """Return the size of a dimension; ``?`` for one that is not known."""
    return str(size) if size >= 0 else "?"


def roles_of(operand: Operand) -> tuple[DimRole, ...]:
    """Return one role for each dimension."""
    shape = operand.shape or ()
    nothing: DimRole = ""
    return operand.roles if len(operand.roles) == len(shape) else (nothing,) * len(shape)


def dim_piece(size: int, role: DimRole, target: int | None = None) -> Piece:
    """Return one dimension; `target` is what it was stretched to, where that is known."""
    text = size_text(size)
    if role == "stretched":
        text = f"{text}→{size_text(target)}" if target is not None else f"{text}*"
    elif role == "added":
        text = f"·→{text}"
    elif role == "met":
        text = f"‹{text}›"
    elif role == "summed":
        text = f"Σ{text}"
    elif role == "removed":
        text = f"{text}→·"
    elif role == "new":
        text = f"+{text}"
    return text, _STYLES.get(role, "")


def shape_pieces(operand: Operand, output: Operand | None = None) -> list[Piece]:
    """Return a shape with its marks, ``(2, ‹3›)``; what is no tensor by its text."""
    if operand.shape is None:
        return [(operand.text or "number", "")]
    targets = (output.shape or ()) if output is not None else ()
    pieces: list[Piece] = [("(", "")]
    roles = roles_of(operand)
    for index, (size, role) in enumerate(zip(operand.shape, roles, strict=True)):
        from_right = len(operand.shape) - index
        target = targets[-from_right] if from_right <= len(targets) else None
        if index:
            pieces.append((", ", ""))
        # Of a result, `summed` is the 1 that is left of a dimension.
        pieces.append(dim_piece(size, "kept" if role == "summed" and output is None else role, target))
    return [*pieces, (",)" if len(operand.shape) == 1 else ")", "")]
