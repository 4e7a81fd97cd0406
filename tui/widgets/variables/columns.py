"""The columns of the table: what stands in each, and which of them there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from rich.cells import cell_len

from tui.protocol.messages import Variable
from tui.widgets import words
from tui.widgets.variables.names import shadows
from tui.widgets.variables.order import Order
from tui.widgets.variables.tree import Entry

Column = Literal["name", "shape", "dtype", "device", "grad", "memory", "values"]
COLUMNS: Final[tuple[Column, ...]] = ("name", "shape", "dtype", "device", "grad", "memory", "values")
"""From left to right: shape before values."""
GRAD_WORDS: Final = {"leaf": "leaf", "leaf+grad": ".grad", "graph": "graph"}
_FIRST: Final[dict[Column, int]] = {
    "name": 22,
    "shape": 16,
    "dtype": 14,
    "device": 8,
    "grad": 6,
    "memory": 10,
}
"""Cells that a column gets at most before the next one gets any."""
_MOST: Final[dict[Column, int]] = {"name": 44, "shape": 30}
"""Cells that a column gets at most of what is left over."""
_VALUES_WISHED: Final = 13
"""Cells that show the range of most tensors."""
_VALUES_LEAST: Final = 8
_ROOMY: Final = 76
"""Cells of the table past which columns stand two cells apart."""
_DTYPES: Final = (
    ("bfloat", "bf"),
    ("float", "f"),
    ("uint", "u"),
    ("int", "i"),
    ("complex", "c"),
    ("quint", "qu"),
    ("qint", "qi"),
)
_SHORT_DTYPE: Final = 5
FOLDS: Final = {"": "  ", "closed": "▸ ", "open": "▾ "}


@dataclass(frozen=True)
class Slot:
    """Where a column is."""

    column: Column
    start: int
    width: int
    short: bool = False
    """Whether dtypes are to be abbreviated."""

    @property
    def end(self) -> int:
        """The cell after it."""
        return self.start + self.width


def text_of(entry: Entry, column: Column) -> str:
    """Return what stands in a cell, foreign and uncut."""
    row = entry.row
    if column == "name":
        return name_text(entry)
    if row is None:
        return ""
    match column:
        case "shape":
            return row.type_name if row.shape is None else _shape(row.shape)
        case "dtype":
            return row.dtype
        case "device":
            return row.device
        case "grad":
            return GRAD_WORDS.get(row.grad, "")
        case "memory":
            return memory_text(row)
        case _:
            return values_text(entry)


def name_text(entry: Entry) -> str:
    """Return the first column: a mark of what changed, folds as a tree, the name."""
    mark = "•" if entry.row is not None and entry.row.changed else " "
    return f"{mark}{'  ' * entry.depth}{FOLDS[entry.fold]}{entry.label}"


def memory_text(row: Variable) -> str:
    """Return the memory, or whose it is: it counts once."""
    if row.same_as:
        return f"= {row.same_as}"
    if row.shares_with:
        return f"in {row.shares_with}"
    return "" if not row.size_bytes else words.size(row.size_bytes)


def values_text(entry: Entry) -> str:
    """Return statistics or a value on one line; a name that hides something of Python's or torch's says so first."""
    row = entry.row
    if row is None:
        return ""
    hidden = "" if entry.depth else shadows(row.name)
    return " · ".join(part for part in (f"shadows {hidden}" if hidden else "", row.summary) if part)


def short_dtype(dtype: str) -> str:
    """Return a dtype in few characters, as for ``float32`` ``f32``."""
    for long, short in _DTYPES:
        if dtype.startswith(long):
            return short + dtype.removeprefix(long)
    return dtype


def fit(shown: Sequence[Entry], width: int, order: Order) -> list[Slot]:
    """Return the columns that fit a width, from left to right.

    Name and shape come first, then what sorts the table, dtype, device (where there are several), values, gradient
    and memory. A column in which nothing stands is left out.
    """
    natural = _natural(shown, order)
    gap = 2 if width >= _ROOMY else 1
    taken = sum(gap + min(natural[column], _FIRST[column]) for column in COLUMNS[:5] if natural[column])
    short = taken + _VALUES_WISHED > width and natural["dtype"] > _SHORT_DTYPE
    if short:
        natural["dtype"] = _SHORT_DTYPE
    wishes: list[Column] = ["name", "shape", "dtype"]
    wishes += ["memory"] if order.key == "memory" else []
    wishes += ["device"] if several_devices(shown) else []
    wishes += ["values", "grad"]
    wishes += [] if order.key == "memory" else ["memory"]
    widths: dict[Column, int] = {}
    left = width
    for column in wishes:
        if not natural[column]:
            continue
        least = min(natural[column], _FIRST.get(column, 1))
        if column == "values":
            least = min(_VALUES_WISHED, max(_VALUES_LEAST, left - gap))
        if column == "name":
            least = min(least, max(8, width // 3))
        needed = least + (gap if widths else 0)
        if needed <= left:
            widths[column] = least
            left -= needed
    for column in ("name", "shape"):
        if column in widths:
            extra = min(left, min(natural[column], _MOST[column]) - widths[column])
            if "values" in widths:  # which a long name must not squeeze out
                extra = min(extra, max(0, left + _VALUES_WISHED - 24))
            widths[column] += max(0, extra)
            left -= max(0, extra)
    if "values" in widths:
        widths["values"] += left
    slots: list[Slot] = []
    start = 0
    for column in COLUMNS:
        if column in widths:
            slots.append(Slot(column, start, widths[column], short))
            start += widths[column] + gap
    return slots


def _natural(shown: Sequence[Entry], order: Order) -> dict[Column, int]:
    """Return how wide each column would like to be; 0 where nothing stands in it."""
    natural: dict[Column, int] = {}
    for column in COLUMNS[:-1]:
        widest = max(
            (_width(text_of(entry, column)) for entry in shown if entry.row or column == "name"), default=0
        )
        natural[column] = max(widest, len(title(column, order))) if widest else 0
    natural["values"] = int(any(entry.row is not None and entry.row.summary for entry in shown))
    return natural


def several_devices(shown: Sequence[Entry]) -> bool:
    """Return whether any tensor is elsewhere than on the CPU, so that devices are worth a word."""
    return any(entry.row is not None and entry.row.device not in ("", "cpu") for entry in shown)


def title(column: Column, order: Order) -> str:
    """Return the head of a column, with an arrow where it sorts the table."""
    if column == order.key:
        return f"{column} {order.arrow}"
    if column == "name":  # where what sorts the table has no column of its own
        if order.key in ("changed", "kind"):
            return f"   name, {order.key} {order.arrow}"
        return "   name" + (f" {order.arrow}" if order.key == "defined" and order.reverse else "")
    return column


@lru_cache(maxsize=4096)
def _shape(shape: tuple[int, ...]) -> str:
    return words.shape(shape)


def _width(text: str) -> int:
    return min(len(text), 100) if text.isascii() else cell_len(text[:100])
