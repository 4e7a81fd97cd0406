"""The table of gradients as lines: what stands in each column, and which columns there is room for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich.cells import cell_len

from tui.protocol.gradients import GradientRow, GradientTable
from tui.widgets import words
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, Piece, flow, sentence
from tui.widgets.foreign import cut_cells, one_line
from tui.widgets.gradients.norms import LogScale, norm_text, percent, scale_of
from tui.widgets.gradients.order import Group, Order, SortKey, particular, update_mark

Column = Literal[
    "name", "shape", "dtype", "device", "value", "grad", "bar", "update", "zeros", "min", "max", "mean", "std",
    "sum", "verdict",
]  # fmt: skip
ORDER: Final[tuple[Column, ...]] = (
    "name", "shape", "dtype", "device", "value", "grad", "bar", "update", "zeros", "min", "max", "mean", "std",
    "sum", "verdict",
)  # fmt: skip
_WISHES: Final[tuple[Column, ...]] = (
    "name", "grad", "shape", "bar", "update", "value", "zeros", "device", "dtype", "sum", "min", "max", "mean", "std",
    "verdict",
)  # fmt: skip
"""Which columns get room first."""
_TITLES: Final[dict[Column, str]] = {
    "value": "|value|", "grad": "|grad|", "bar": "", "update": "upd:val", "sum": "backwards",
}  # fmt: skip
_RIGHT: Final[frozenset[Column]] = frozenset(
    ("value", "grad", "update", "zeros", "min", "max", "mean", "std", "sum")
)
SORTS: Final[dict[Column, SortKey]] = {
    "name": "name", "value": "value", "grad": "grad", "bar": "grad", "zeros": "zeros", "update": "update",
}  # fmt: skip
_BAR_CELLS: Final = 8
_NAME_CELLS: Final = 34
_LEAST_NAME: Final = 10
_VERDICT_CELLS: Final = 20
_GAP: Final = 1
_MEASURED: Final = 400
"""Rows that the width of columns is taken from; in longer tables numbers have room for any number."""
_WIDEST_NUMBER: Final = len("-1.23e-10")


@dataclass(frozen=True)
class Slot:
    """Where a column is."""

    column: Column
    start: int
    width: int


def text_of(row: GradientRow, column: Column) -> str:
    """Return what stands in a cell, clean."""
    match column:
        case "name":
            return one_line(row.name, 200)
        case "shape":
            return words.shape(row.shape)
        case "dtype":
            return one_line(row.dtype, 20)
        case "device":
            return one_line(row.device, 12)
        case "value":
            return norm_text(row.value_norm)
        case "grad":
            if row.nonfinite:
                return f"NaN/Inf ×{words.count(row.nonfinite)}"
            return "None" if row.grad_norm is None else norm_text(row.grad_norm)
        case "update":
            ratio = row.update_ratio
            return "" if ratio is None else f"{_ratio(ratio)} {update_mark(ratio)}"
        case "sum":
            return f"{row.backwards:,}" if row.backwards and row.grad_norm is not None else ""
        case "verdict":
            return one_line(row.verdict if row.grad_norm is not None else particular(row), 200)
        case _:
            return "" if row.grad_norm is None else _statistic(row, column)


def _ratio(ratio: float) -> str:
    return f"{ratio:.1f}" if math.isfinite(ratio) else norm_text(ratio)


def _statistic(row: GradientRow, column: Column) -> str:
    if column == "zeros":
        return percent(row.zero_fraction)
    value = {"min": row.minimum, "max": row.maximum, "mean": row.mean, "std": row.std}[column]
    return norm_text(value)


def fit(rows: Sequence[GradientRow], width: int) -> list[Slot]:
    """Return the columns that fit a width, left to right; a column in which nothing stands is left out."""
    natural = {column: _natural(rows, column) for column in ORDER}
    natural["name"] = max(min(natural["name"], _NAME_CELLS), _LEAST_NAME)
    widths: dict[Column, int] = {}
    left = max(width - 1, 1)
    for column in _WISHES:
        if not natural[column]:
            continue
        least = natural[column]
        if column == "name":
            least = min(natural["name"], max(_LEAST_NAME, width // 3), left)
        elif column == "verdict":
            least = _VERDICT_CELLS
        needed = least + (_gap(width) if widths else 0)
        if needed <= left:
            widths[column] = least
            left -= needed
    if "verdict" in widths:
        widths["verdict"] += left
    else:
        widths["name"] += min(left, natural["name"] - widths["name"])
    slots: list[Slot] = []
    start = 1
    for column in ORDER:
        if column in widths:
            slots.append(Slot(column, start, widths[column]))
            start += widths[column] + _gap(width)
    return slots


def _gap(width: int) -> int:
    return 2 if width >= 90 else _GAP


def _natural(rows: Sequence[GradientRow], column: Column) -> int:
    """Return how wide a column would like to be; 0 where it would say nothing."""
    if column == "bar":
        scale = scale_of(row.grad_norm for row in rows)
        return max(_BAR_CELLS, cell_len(scale.words())) if any(row.grad_norm for row in rows) else 0
    if column == "dtype" and all(row.dtype == "float32" for row in rows):
        return 0
    if column == "device" and all(row.device in ("", "cpu") for row in rows):
        return 0
    widest = max((cell_len(text_of(row, column)) for row in rows[:_MEASURED]), default=0)
    if len(rows) > _MEASURED and column in _RIGHT:
        widest = max(widest, _WIDEST_NUMBER)
    return max(widest, cell_len(_title(column))) if widest else 0


def _title(column: Column) -> str:
    return _TITLES.get(column, column)


def head_line(slots: Sequence[Slot], order: Order, scale: LogScale, width: int) -> StyledLine:
    """Return the titles: an arrow where it sorts, what the bars mean, what the ratio should be."""
    pen = Pen()
    for slot in slots:
        text = scale.words() if slot.column == "bar" else _title(slot.column)
        if SORTS.get(slot.column) == order.key and slot.column != "bar":
            text = f"{order.arrow}{text}" if slot.column in _RIGHT else f"{text} {order.arrow}"
        if slot.column == "update" and slot.width >= 7:
            text = text if order.key == "update" else "upd:val"
        sorted_here = SORTS.get(slot.column) == order.key and slot.column in _RIGHT
        text = cut_cells(text, slot.width + sorted_here)  # the arrow may stand in the gap before the column
        _place(pen, slot, text, "")
    return pen.pad(width).line()


def row_line(row: GradientRow, slots: Sequence[Slot], scale: LogScale) -> StyledLine:
    """Return one row."""
    pen = Pen()
    for slot in slots:
        if slot.column == "bar":
            _place(pen, slot, scale.bar(row.grad_norm, slot.width), "nan" if row.nonfinite else "bars")
            continue
        text = text_of(row, slot.column)
        text = end_of(text, slot.width) if slot.column == "name" else cut_cells(text, slot.width)
        _place(pen, slot, text, _style(row, slot.column))
    return pen.line()


def end_of(path: str, width: int) -> str:
    """Return a path with its beginning cut off where it is too long: its end tells it from others."""
    while cell_len(path) > width and len(path) > 1:
        path = "…" + path.lstrip("…")[1:]
    return path


def _place(pen: Pen, slot: Slot, text: str, style: str) -> None:
    at = slot.start + (slot.width - cell_len(text) if slot.column in _RIGHT else 0)
    pen.pad(at).write(text, style)


def _style(row: GradientRow, column: Column) -> str:
    if column == "name":
        return "strong" if row.requires_grad else "dim"
    if column == "shape":
        return "shape" if row.grad_norm is not None else "dim"
    if row.grad_norm is None:
        return "dim"
    if column == "grad":
        return "nan" if row.nonfinite else "strong" if row.grad_norm else "warn"
    if column == "update" and row.update_ratio is not None:
        return "good" if update_mark(row.update_ratio) == "≈" else "warn"
    if column == "zeros":
        return "warn" if row.zero_fraction is not None and row.zero_fraction > 0.9 else ""
    if column == "sum":
        return "warn" if row.backwards is not None and row.backwards > 1 else "dim"
    return "" if column == "value" else "dim"


def group_line(group: Group, width: int) -> StyledLine:
    """Return the line above rows without a gradient: how many, and why."""
    count = len(group.rows)
    pen = Pen().write(" ▪ " if group.pressing else " · ", "warn" if group.pressing else "dim")
    told = f"{count} without .grad: "
    if pen.cells + cell_len(told) + cell_len(group.why) > width:
        told = f"{count}: "  # the rows below say None
    pen.write(told, "warn" if group.pressing else "dim")
    return pen.write(one_line(group.why, max(width - pen.cells, 1)), "" if group.pressing else "dim").line()


def detail_lines(row: GradientRow | None, width: int) -> list[StyledLine]:
    """Return everything there is to say of one row."""
    if row is None:
        return []
    facts: list[Piece] = [(words.shape(row.shape), "shape"), (one_line(f"{row.dtype} {row.device}", 40), "")]
    facts.append(("parameter" if row.is_parameter else "tensor", "dim"))
    facts.append((f"|value| {norm_text(row.value_norm)}", ""))
    if row.grad_norm is not None:
        facts.append((f"|grad| {norm_text(row.grad_norm)}", "strong"))
        if row.nonfinite:
            facts.append((f"NaN/Inf ×{row.nonfinite:,}", "nan"))
        facts.append((f"∈[{norm_text(row.minimum)}, {norm_text(row.maximum)}]", ""))
        facts.append((f"μ={norm_text(row.mean)} σ={norm_text(row.std)}", ""))
        facts.append((f"{percent(row.zero_fraction)} zeros", ""))
    lines = flow(facts, width, lead=(f"{one_line(row.name, max(width - 4, 8))} ", "title"))
    if row.update_ratio is not None:
        lines += sentence(_update_words(row.update_ratio), width, "dim")
    return lines + sentence(row.verdict, width, "warn" if row.grad_norm is None and row.requires_grad else "")


def backwards_words(count: int) -> str:
    """Return ``1 backward``, ``2 backwards``."""
    return f"{count} backward{'' if count == 1 else 's'}"


def _update_words(ratio: float) -> str:
    mark = update_mark(ratio)
    judgement = {
        "≈": "about right",
        "▲": "large: the learning rate may be too high",
        "▼": "small: it hardly moves",
    }
    return (
        f"next step: |update| is 10^{_ratio(ratio)} of |value|; the target is about 10^-3: {judgement[mark]}"
    )


def sum_words(table: GradientTable | None) -> tuple[str, bool]:
    """Return of how many backwards the gradients are the sum, and whether that is worth a warning."""
    if table is None:
        return "gradients: not read yet", False
    held = sum(row.grad_norm is not None for row in table.rows)
    if not held:
        return "no gradients held", False
    if table.backwards > 1:
        return f"gradients hold the sum of {backwards_words(table.backwards)}", True
    if table.backwards == 1:
        return "gradients hold 1 backward", False
    return f"{held} gradients held, of backwards before we looked", False


def total_words(table: GradientTable) -> str:
    """Return the totals of the table."""
    rows = table.rows
    held = sum(row.grad_norm is not None for row in rows)
    tracked = sum(row.requires_grad for row in rows)
    bad = sum(row.nonfinite > 0 for row in rows)
    parts = [f"{len(rows)} tensors", f"{tracked} require grad", f"{held} hold a gradient"]
    parts += [f"{bad} with NaN or Inf"] if bad else []
    parts += [f"{table.omitted:,} more not shown"] if table.omitted else []
    return " · ".join(parts)
