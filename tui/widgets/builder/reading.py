"""A model that was read, and a checkpoint beside a model, as lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from tui.protocol.models import (
    CheckpointCompared,
    KeyRow,
    ModelRead,
    ModelRow,
)
from tui.widgets import words
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, sentence
from tui.widgets.foreign import one_line
from tui.widgets.gradients.item_lines import Block

_TIME = 17
"""Cells of a time with its share."""
_SIGNS = {"match": ("✓", "good"), "missing": ("−", "warn"), "unexpected": ("+", "warn")}


def model_blocks(read: ModelRead, width: int) -> list[Block]:
    """Return a line for each module, and under the one that failed why."""
    rows = read.rows
    columns = _columns(read, width)
    blocks = [_model_block(row, read.total_ms, columns, width) for row in rows]
    if read.omitted:
        blocks.append(Block((Pen().write(f"  {read.omitted:,} more modules are not shown", "dim").line(),)))
    return blocks


def model_head(read: ModelRead, width: int) -> str:
    """Return what is known of the whole model."""
    top = read.rows[0] if read.rows else None
    parts = []
    if top is not None:
        counts = f"{top.trainable + top.frozen:,} parameters"
        parts.append(counts + (f" ({top.frozen:,} frozen)" if top.frozen else ""))
        if top.buffers:
            parts.append(f"{top.buffers:,} in buffers")
    if read.output_shapes:
        parts.append(f"→ {read.output_shapes}")
    if read.total_ms is not None:
        parts.append(f"{read.total_ms:.3g} ms")
    return one_line(" · ".join(parts), width)


def _last(path: str) -> str:
    return path[path.rfind("[") :] if path.endswith("]") else path.rpartition(".")[2]


@dataclass(frozen=True)
class _Columns:
    """How wide the columns of a model's rows are."""

    name: int
    kind: int
    shapes: int
    whole: bool = True
    """Whether the shapes that come in stand before those that go out."""


def _columns(read: ModelRead, width: int) -> _Columns:
    """Return the columns that leave room for the parameters and times."""
    rows = read.rows
    name = min(max((2 * row.depth + cell_len(_last(row.path)) + 2 for row in rows), default=10), 28) + 1
    kind = min(max((cell_len(row.class_name) for row in rows), default=10), 22)
    rest = 10 + (_TIME if read.total_ms is not None else 0)  # the parameters, with the gaps between
    for whole in (True, False):
        shapes = min(max((len(_shapes(row, whole)) for row in rows), default=0), 44)
        if name + kind + shapes + rest + 4 <= width:
            return _Columns(name, kind, shapes, whole)
    short = max(10, min(kind, width - name - shapes - rest - 4))
    return _Columns(name, short, max(min(shapes, width - name - short - rest - 4), 0), whole=False)


def _shapes(row: ModelRow, whole: bool) -> str:
    if not row.input_shapes and not row.output_shapes:
        return ""
    return f"{row.input_shapes} → {row.output_shapes or '?'}" if whole else row.output_shapes or "?"


def _model_block(row: ModelRow, total_ms: float | None, columns: _Columns, width: int) -> Block:
    name, kind, shapes = columns.name, columns.kind, columns.shapes
    failed = bool(row.error)
    indented = "  " * row.depth + ("✗ " if failed else "") + _last(row.path)
    pen = Pen().write(" ").write(one_line(indented, name - 1), "error" if failed else "strong")
    pen.pad(name + 1).write(one_line(row.class_name, kind), "code").pad(name + kind + 2)
    if shapes:
        pen.write(one_line(_shapes(row, columns.whole), shapes), "shape").pad(name + kind + shapes + 3)
    number = row.trainable + row.frozen
    count = words.count(number) if number else "·"
    pen.write(f"{count:>7}", "" if number else "dim")
    facts = []
    if total_ms is not None:
        facts.append("" if row.forward_ms is None else _time(row.forward_ms, total_ms))
    facts += [
        "frozen" if row.frozen and not row.trainable else "",
        f"tied: {', '.join(row.tied)}" if row.tied else "",
        f"{row.hooks} hook{'s' * (row.hooks != 1)}" if row.hooks else "",
        f"{row.calls} calls" if row.calls > 1 else "",
        row.statistics,
        row.settings,
    ]
    rest = "  ".join(filter(None, facts))
    pen.write("  ").write(one_line(rest, max(width - pen.cells, 1)), "dim")
    lines: list[StyledLine] = [pen.line()]
    if failed:
        lines += sentence(row.error, max(width - 4, 20), "error", lead=("    ", ""), indent=4)
    return Block(tuple(lines), row.path)


def _time(own_ms: float, total_ms: float) -> str:
    share = f" {100 * own_ms / total_ms:3.0f} %" if total_ms > 0 else ""
    return f"{own_ms:7.3g} ms{share}"


def key_blocks(compared: CheckpointCompared, width: int) -> list[Block]:
    """Return a line for each key of a checkpoint, those that do not fit before the others."""
    rows: Sequence[KeyRow] = compared.rows
    key = min(max((cell_len(row.key) for row in rows), default=10) + 2, max(20, width // 2))
    blocks = []
    for row in rows:
        sign, style = _SIGNS.get(row.status, ("✗", "error"))
        pen = Pen().write(f" {sign} ", style).write(one_line(row.key, key - 1)).pad(key + 4)
        if row.status == "match":
            text = row.ours
        elif row.status == "missing":
            text = f"missing in the file; the model has {row.ours}"
        elif row.status == "unexpected":
            text = f"not in the model; the file has {row.theirs}" if row.theirs else "not in the model"
        else:
            text = f"model {row.ours} · file {row.theirs}"
        if row.status == "match" or cell_len(text) <= width - pen.cells:
            pen.write(one_line(text, max(width - pen.cells, 1)), "dim" if row.status == "match" else style)
            blocks.append(Block((pen.line(),), row.key))
        else:  # on lines of its own: it is why the file is looked at
            more = sentence(text, max(width - 6, 20), style, lead=("      ", ""), indent=6)
            blocks.append(Block((pen.line(), *more), row.key))
    return blocks
