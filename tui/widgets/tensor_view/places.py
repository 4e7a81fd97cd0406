"""From what was typed to a place in a tensor, and to tolerances. Pure functions; refusals are for the user."""

from __future__ import annotations

import math

from tui.protocol.viewing import View
from tui.widgets.tensor_view.layout import Layout, arranged, in_brackets


def read_place(text: str, layout: Layout, row: int, column: int) -> tuple[int, ...]:
    """Return the tensor's index of ``row``, ``row, column`` or a whole index; negative ones count from the end.

    Raises:
        ValueError: it is none of these, or outside; says what would be right.
    """
    parts = text.strip().strip("[]()").replace(",", " ").split()
    try:
        numbers = [int(part) for part in parts]
    except ValueError:
        raise ValueError(f"a place is whole numbers, such as 3, 5; {text.strip()!r} is not") from None
    dims = len(layout.shape)
    if not numbers:
        raise ValueError("type a row, a row and a column, or a whole index")
    if len(numbers) == dims and dims > 2:
        index = list(numbers)
    elif len(numbers) > 2:
        raise ValueError(f"{len(numbers)} numbers for {dims} dimensions: type row, column or {dims} numbers")
    elif len(numbers) == 1:
        vector = layout.row_dim is None and layout.column_dim is not None
        index = list(layout.cell_index(row, numbers[0]) if vector else layout.cell_index(numbers[0], column))
    else:
        index = list(layout.cell_index(*numbers))
    for dim, (number, size) in enumerate(zip(index, layout.shape, strict=True)):
        if size >= 0 and not -size <= number < size:
            raise ValueError(f"{number} is outside dimension {dim}, which has {size} ({-size} to {size - 1})")
        index[dim] = number + size if number < 0 <= size else max(0, number)
    return tuple(index)


def read_tolerance(text: str, name: str) -> float:
    """Return a tolerance.

    Raises:
        ValueError: it is no number of 0 or more.
    """
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} is a number such as 1e-5; {text.strip()!r} is not") from None
    if math.isnan(value) or value < 0:
        raise ValueError(f"{name} is 0 or more, not {text.strip()}")
    return value


def difference(left: str, right: str) -> str:
    """Return the expression of the difference of two tensors."""
    return f"{in_brackets(left)} - {in_brackets(right)}"


def picture_view(view: View, layout: Layout) -> View:
    """Return the view to be looked at as an image: (H, W), (1, H, W), (3, H, W) or (H, W, 3) out of what is shown.

    Raises:
        ValueError: it has no such part.
    """
    shape = layout.shape
    if len(shape) < 2:
        raise ValueError(f"a picture needs two dimensions or three; this tensor has {len(shape)}")
    if len(shape) == 2 or (len(shape) == 3 and (shape[0] in (1, 3) or shape[2] == 3)):
        return view
    kept = 3 if shape[-3] in (1, 3) or shape[-1] == 3 else 2
    index = ", ".join(str(layout.index[dim]) for dim in range(len(shape) - kept))
    return View(f"{in_brackets(arranged(view))}[{index}]")
