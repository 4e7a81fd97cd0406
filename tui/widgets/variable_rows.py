"""Leaves and modules as rows of a `RecordTable`: pure functions from protocol dataclasses to cells."""

from __future__ import annotations

import math

from rich.text import Text

from tui.protocol.messages import Leaf, LeafTable, ModuleTree
from tui.widgets import words
from tui.widgets.foreign import one_line
from tui.widgets.record_table import Row

LEAF_COLUMNS = ("leaf", "shape", "dtype", "|value|", "|grad|", "verdict")
MODULE_COLUMNS = ("module", "class", "trainable", "frozen", "buffers", "own parameters", "settings")


def _cell(text: str, style: str = "", width: int = 200) -> Text:
    return Text(one_line(text, width), style=style, no_wrap=True, end="")


def _norm(value: float | None) -> str:
    if value is None:
        return "None"
    return f"{value:.3g}" if math.isfinite(value) else str(value).upper()


def leaf_rows(table: LeafTable, accent: str, error: str) -> list[Row]:
    """Return a row for each leaf; gradients in `accent`, those with NaN or Inf in `error`."""
    return [(row.name, _leaf(row, accent, error)) for row in table.rows]


def _leaf(row: Leaf, accent: str, error: str) -> tuple[Text, ...]:
    grad_style = "dim" if row.grad_norm is None else error if row.grad_nonfinite else accent
    return (
        _cell(row.name, "bold" if row.requires_grad else "dim", 40),
        _cell(words.shape(row.shape)),
        _cell(row.dtype),
        _cell(_norm(row.value_norm) if row.value_norm is not None else "-"),
        _cell(_norm(row.grad_norm), grad_style),
        _cell(row.verdict, "" if row.grad_norm is not None else "dim"),
    )


def module_rows(tree: ModuleTree) -> list[Row]:
    """Return a row for each module, indented by its depth."""
    rows: list[Row] = []
    for row in tree.rows:
        last = row.path if row.depth == 0 else _last_part(row.path)
        own = ", ".join(
            f"{text} (tied)" if text.split(" ")[0] in row.tied else text for text in row.parameters
        )
        rows.append(
            (
                row.path,
                (
                    _cell("  " * row.depth + last, "bold" if row.depth == 0 else "", 40),
                    _cell(row.class_name, width=30),
                    _count(row.trainable),
                    _count(row.frozen),
                    _count(row.buffers),
                    _cell(own, width=60),
                    _cell(row.settings, "dim", 100),
                ),
            )
        )
    return rows


def _count(number: int) -> Text:
    cell = _cell(f"{number:,}" if number else "·", "" if number else "dim")
    cell.justify = "right"
    return cell


def _last_part(path: str) -> str:
    return path[path.rfind("[") :] if path.endswith("]") else path.rpartition(".")[2]
