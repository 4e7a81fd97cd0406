"""The kernel's tables as rows of a `RecordTable`: pure functions from protocol dataclasses to cells."""

from __future__ import annotations

import math

from rich.text import Text

from tui.protocol.messages import Leaf, LeafTable, ModuleTree, Variable, VariableTable
from tui.widgets import words
from tui.widgets.foreign import one_line
from tui.widgets.record_table import Row

VARIABLE_COLUMNS = ("name", "shape", "dtype", "grad", "memory", "summary")
LEAF_COLUMNS = ("leaf", "shape", "dtype", "|value|", "|grad|", "verdict")
MODULE_COLUMNS = ("module", "class", "trainable", "frozen", "buffers", "own parameters", "settings")
GRAD_WORDS = {
    "": "",
    "requires_grad": "requires",
    "leaf": "leaf",
    "leaf+grad": "leaf .grad",
    "graph": "graph",
}


def _cell(text: str, style: str = "", width: int = 200) -> Text:
    return Text(one_line(text, width), style=style, no_wrap=True, end="")


def variable_rows(table: VariableTable, accent: str) -> list[Row]:
    """Return a row for each variable; what changed since the last cell is marked and drawn in `accent`."""
    return [(row.name, _variable(row, accent, several_devices(table))) for row in table.rows]


def several_devices(table: VariableTable) -> bool:
    """Return whether any tensor is elsewhere than on the CPU, so that devices are worth a word."""
    return any(row.device not in ("", "cpu") for row in table.rows)


def _variable(row: Variable, accent: str, with_device: bool) -> tuple[Text, ...]:
    mark = "•" if row.changed else " "
    dtype = f"{row.dtype} {row.device}" if with_device and row.device else row.dtype
    return (
        _cell(f"{mark}{row.name}", f"bold {accent}" if row.changed else "bold", 24),
        _cell(
            words.shape(row.shape) if row.shape is not None else row.type_name,
            "" if row.shape is not None else "dim",
            24,
        ),
        _cell(dtype),
        _cell(GRAD_WORDS[row.grad]),
        _cell(words.size(row.size_bytes) if row.size_bytes is not None else ""),
        _cell(row.summary),
    )


def variable_detail(row: Variable) -> str:
    """Return what there is to say of one variable, in a few lines."""
    head = [row.type_name]
    if row.shape is not None:
        head.append(words.shape(row.shape))
    head += [part for part in (row.dtype, row.device) if part]
    if row.size_bytes is not None:
        head.append(words.size(row.size_bytes))
    lines = [f"{row.name}: {' '.join(head)}"]
    if row.grad_fn:
        lines.append(f"made by {row.grad_fn}")
    elif row.grad:
        lines.append(
            {
                "leaf": "leaf, requires grad, .grad is None",
                "leaf+grad": "leaf, requires grad, has a .grad",
            }.get(row.grad, "")
        )
    lines.append(row.summary)
    return "\n".join(line for line in lines if line)


def variable_totals(table: VariableTable) -> str:
    """Return the line under the table: how many, how much memory on each device."""
    memory = ", ".join(
        f"{words.size(total)} on {device}" for device, total in sorted(table.total_bytes.items())
    )
    omitted = f", {table.omitted} more not shown" if table.omitted else ""
    noun = "variable" if len(table.rows) == 1 else "variables"
    return f"{len(table.rows)} {noun}{omitted}" + (f" · {memory}" if memory else "")


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
