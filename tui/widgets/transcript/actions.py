"""What the keys do with a cell, and which of them make sense for it: no widget."""

from __future__ import annotations

from typing import Literal

from tui.widgets.transcript.cells import Cell

Deed = Literal["edit", "rerun", "copy_code", "copy_output", "view", "image", "drawing", "traceback", "fold"]


def possible(cell: Cell | None, deed: str) -> bool:
    """Return whether something can be done with a cell; what is no deed always can."""
    if deed not in (
        "edit",
        "rerun",
        "copy_code",
        "copy_output",
        "view",
        "image",
        "drawing",
        "traceback",
        "fold",
    ):
        return True
    if cell is None:
        return False
    if deed in ("edit", "rerun", "copy_code"):
        return cell.code is not None
    if deed == "traceback":
        return cell.can_unfold_traceback
    if deed in ("copy_output", "fold"):
        return cell.can_fold
    if deed == "drawing":
        return any(result.shown is not None for result in cell.results)
    return (image_count(cell) if deed == "image" else tensor_count(cell)) is not None


def tensor_count(cell: Cell) -> int | None:
    """Return n of the ``Out[n]`` of a cell that is a tensor; None where there is none."""
    for result in reversed(cell.results):
        if result.count is not None and result.shown is not None and result.shown.tensor is not None:
            return result.count
    return None


def image_count(cell: Cell) -> int | None:
    """Return n of the ``Out[n]`` of a cell that can be looked at as an image."""
    for result in reversed(cell.results):
        if result.count is not None and result.has_image:
            return result.count
    return None
