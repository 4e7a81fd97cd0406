"""A row of the table as cells of the screen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tui.widgets.cells import Line, Row, cut, to_cells
from tui.widgets.foreign import LINE_LIMIT
from tui.widgets.variables.columns import Slot, name_text, short_dtype, text_of, title, values_text
from tui.widgets.variables.names import shadows
from tui.widgets.variables.order import Order
from tui.widgets.variables.tree import Entry

STYLES: Final = ("name", "changed", "part", "dim", "nan", "grad", "warn", "mark")
"""Of cells; `""` is plain."""
_SHOUT: Final = re.compile(r"(?:NaN|[+-]Inf)! [×≥][\d,]+|(?:NaN|[+-]Inf)!")


def header_line(slots: Sequence[Slot], order: Order, width: int) -> Line:
    """Return the titles of the columns."""
    row = Row(width)
    for slot in slots:
        text = title(slot.column, order)
        at = max(slot.start, slot.end - len(text)) if slot.column == "memory" else slot.start
        row.put(at, cut(to_cells(text), slot.width), "")
    return row.line()


def entry_line(entry: Entry, slots: Sequence[Slot], width: int) -> Line:
    """Return one row of the table."""
    row = Row(width)
    if entry.row is None:
        row.put(0, cut(to_cells(name_text(entry)), width), "dim")
        return row.line()
    flowing = _flow(entry, slots, width)
    for slot in slots:
        if flowing is not None and flowing.start <= slot.start < flowing.end:
            continue
        _put(row, entry, slot)
    if flowing is not None:
        _put_values(row, entry, flowing)
    return row.line()


def _flow(entry: Entry, slots: Sequence[Slot], width: int) -> Slot | None:
    """Return where the value of what is no tensor stands: in the cells that only a tensor would fill."""
    if entry.row is None or entry.row.dtype or not values_text(entry):
        return None
    at = {slot.column: slot for slot in slots}
    start = next((slot.start for slot in slots if slot.column not in ("name", "shape")), None)
    if start is None:
        return None
    memory = at.get("memory")
    if memory is None or not text_of(entry, "memory"):
        return Slot("values", start, width - start)
    before = Slot("values", start, max(0, memory.start - 1 - start))
    if "values" in at and at["values"].width > before.width:
        return None
    return before if before.width >= 8 else None


def _put(row: Row, entry: Entry, slot: Slot) -> None:
    if slot.column == "values":
        _put_values(row, entry, slot)
        return
    assert entry.row is not None
    text = text_of(entry, slot.column)[:LINE_LIMIT]
    style = ""
    match slot.column:
        case "name":
            _put_name(row, entry, slot)
            return
        case "shape":
            style = "dim" if entry.row.shape is None else ""
        case "dtype":
            style = "dim"
            text = short_dtype(text) if slot.short else text
        case "device":
            style = "dim"
        case "grad":
            style = "grad" if entry.row.grad == "leaf+grad" else ""
        case _:
            style = "dim" if entry.row.same_as or entry.row.shares_with else ""
    cells = cut(to_cells(text), slot.width)
    at = slot.end - len(cells) if slot.column == "memory" else slot.start
    row.put(at, cells, style)


def _put_name(row: Row, entry: Entry, slot: Slot) -> None:
    assert entry.row is not None
    cells = cut(to_cells(name_text(entry)[:LINE_LIMIT]), slot.width)
    marks = 1 + 2 * entry.depth + 2
    hides = not entry.depth and shadows(entry.row.name)
    style = "changed" if entry.row.changed else "dim" if hides else "part" if entry.depth else "name"
    row.put(slot.start, cells[:marks], "changed" if entry.row.changed else "mark")
    row.put(slot.start + min(marks, len(cells)), cells[marks:], style)


def _put_values(row: Row, entry: Entry, slot: Slot) -> None:
    text = values_text(entry)[:LINE_LIMIT]
    if slot.width < 24:
        text = text.replace("x∈", "", 1)
    hides = "" if entry.depth or entry.row is None else shadows(entry.row.name)
    cells = cut(to_cells(text), slot.width)
    row.put(slot.start, cells, "")
    if hides:
        row.put(slot.start, cells[: len(f"shadows {hides}")], "warn")
    if ("!" in text and entry.is_tensor) or (entry.row is not None and entry.row.kind == "array"):
        for shout in _SHOUT.finditer(text):  # statistics are plain ASCII up to here, a cell each
            row.put(slot.start + shout.start(), cells[shout.start() : shout.end()], "nan")
