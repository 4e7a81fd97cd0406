"""A row of the tree as a line: the block, its shapes, what it costs, and below it why it fails."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rich.cells import cell_len

from tui.protocol.building import BlockFacts
from tui.widgets import words
from tui.widgets.builder.label import Layers, label_pieces
from tui.widgets.builder.rows import TreeRow
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, Piece, pieces_line, sentence
from tui.widgets.foreign import cut_cells, one_line

_LABEL_LEAST: Final = 24
_NUMBER: Final = 7
_SHAPES_WIDEST: Final = 26
MOST_ERROR_LINES: Final = 6


@dataclass(frozen=True)
class Columns:
    """How wide the columns are; 0: there is no room for one."""

    label: int
    input: int = 0
    output: int = 0
    parameters: int = 0
    macs: int = 0
    memory: int = 0


@dataclass(frozen=True)
class Seen:
    """What is known of a design while its rows are drawn."""

    facts: Mapping[int, BlockFacts]
    layers: Layers
    stale: bool = False
    """Whether the facts are those of the design before the last edit."""
    selected: Collection[int] = ()
    """Ids of the blocks that the next edit is about, where there are several."""
    columns: Columns = Columns(_LABEL_LEAST)


def columns_of(rows: Sequence[TreeRow], seen: Seen, width: int) -> Columns:
    """Return the columns that there is room for: the label first, then the shapes, then the costs."""
    known = [seen.facts[row.block.id] for row in rows if row.block.id in seen.facts]
    label = max((cell_len(row.rails) + 4 + _label_width(row, seen) for row in rows), default=_LABEL_LEAST)
    label = max(_LABEL_LEAST, label)
    output = min(max([6, *(len(one.output_shapes) for one in known)]), _SHAPES_WIDEST)
    inputs = min(max([5, *(len(one.input_shapes) for one in known)]), _SHAPES_WIDEST)
    columns = Columns(min(label, max(width - output - 1, _LABEL_LEAST)), output=output)
    room = width - _LABEL_LEAST - 1 - output - 1
    least = min(label, 34)
    if room - (least - _LABEL_LEAST) >= _NUMBER + 1:
        columns = replace(columns, parameters=_NUMBER)
        room -= _NUMBER + 1
    if room - (least - _LABEL_LEAST) >= _NUMBER + 1:
        columns = replace(columns, macs=_NUMBER)
        room -= _NUMBER + 1
    if room - (label - _LABEL_LEAST) >= inputs + 3:
        columns = replace(columns, input=inputs)
        room -= inputs + 3
    if room - (label - _LABEL_LEAST) >= _NUMBER + 2:
        columns = replace(columns, memory=_NUMBER + 1)
        room -= _NUMBER + 2
    return replace(columns, label=_LABEL_LEAST + max(room, 0))


def _label_width(row: TreeRow, seen: Seen) -> int:
    label = label_pieces(row.block, seen.facts.get(row.block.id), seen.layers)
    return sum(cell_len(text) for text, _ in label) + len(_hidden_words(row))


def _hidden_words(row: TreeRow) -> str:
    return f"  {row.hidden} block{'s' * (row.hidden != 1)}" if row.hidden else ""


def head_line(columns: Columns) -> StyledLine:
    """Return the titles of the columns."""
    pen = Pen().write("  block").pad(columns.label)
    if columns.input:
        pen.write(" ").write("input".ljust(columns.input)).write("  ")
    if columns.output:
        pen.write(" ").write("output".ljust(columns.output))
    for title, wide in (("params", columns.parameters), ("MACs", columns.macs), ("act.", columns.memory)):
        if wide:
            pen.write(" ").write(title.rjust(wide))
    return pen.line()


def row_lines(row: TreeRow, seen: Seen, width: int) -> list[StyledLine]:
    """Return the line of a block, and under it what is wrong with it and what would mend it."""
    facts = seen.facts.get(row.block.id)
    line = _block_line(row, facts, seen)
    if facts is None or not has_words(facts) or seen.stale:
        return [line]
    indent = cell_len(row.rails) + 4
    said, style = (facts.error, "error") if facts.error else (facts.note, "warn")
    lines = sentence(said, max(width - 1, 20), style, lead=(" " * indent, ""), indent=indent) if said else []
    if len(lines) > MOST_ERROR_LINES:
        lines = [*lines[: MOST_ERROR_LINES - 1], Pen().write(" " * indent).write("…", "error").line()]
    for number, fix in enumerate(facts.fixes[:3]):
        key = ("f", " applies: ") if number == 0 else (f"{number + 1}", " instead: ")
        lead: list[Piece] = [(" " * indent, ""), (key[0], "key"), (key[1], "dim")]
        lines.append(pieces_line([*lead, (one_line(fix.label, width), "good")], width))
    return [line, *lines]


def has_words(facts: BlockFacts) -> bool:
    """Return whether there is something to say below the row of a block."""
    return bool(facts.error or facts.note or facts.fixes)


def _block_line(row: TreeRow, facts: BlockFacts | None, seen: Seen) -> StyledLine:
    columns = seen.columns
    failed = facts is not None and facts.status == "failed" and not seen.stale
    unreached = facts is not None and facts.status == "not reached"
    mark: Piece = ("▸ " if row.folded else "▾ ", "fold") if row.holds else ("  ", "")
    selected: Piece = ("▌", "selected") if row.block.id in seen.selected else (" ", "")
    pieces: list[Piece] = [selected, (row.rails, "rail"), mark]
    if failed:
        pieces.append(("✗ ", "error"))
    label = label_pieces(row.block, facts, seen.layers)
    if failed:
        label = [(text, "error" if style in ("", "layer", "structure") else style) for text, style in label]
    elif unreached:
        label = [(text, "dim") for text, _ in label]
    pieces += label
    if row.hidden:
        pieces.append((_hidden_words(row), "dim"))
    pen = Pen().draw(pieces_line(pieces, columns.label - 1)).pad(columns.label)
    if facts is not None:
        _facts(pen, facts, columns, stale=seen.stale)
    return pen.line()


def _facts(pen: Pen, facts: BlockFacts, columns: Columns, *, stale: bool) -> None:
    shape_style = "dim" if stale else "shape"
    if columns.input:
        text = one_line(facts.input_shapes, columns.input)
        pen.write(" ").write(text.ljust(columns.input), "dim").write(" →" if text else "  ", "dim")
    if columns.output:
        shown = facts.output_shapes if facts.status == "ok" or stale else ""
        pen.write(" ").write(one_line(shown, columns.output).ljust(columns.output), shape_style)
    if facts.status != "ok":
        return
    plain = "dim" if stale else ""
    for text, wide in (
        (_parameters(facts), columns.parameters),
        ("" if facts.macs is None else words.count(facts.macs) if facts.macs else "·", columns.macs),
        (words.size(facts.activation_bytes) if facts.activation_bytes else "·", columns.memory),
    ):
        if wide:
            pen.write(" ").write(cut_cells(text, wide).rjust(wide), "dim" if text == "·" else plain)


def _parameters(facts: BlockFacts) -> str:
    number = facts.trainable + facts.frozen
    if facts.tied and not number:
        return "tied"
    return words.count(number) if number else "·"


def space_dimensions(shapes: str) -> int | None:
    """Return how many dimensions of space a shape ``(N, C, …)`` has; None where that is not known."""
    first = re.match(r"\(([^()]*)\)", shapes)
    if first is None:
        return None
    rank = len([part for part in first[1].split(",") if part.strip()])
    return max(1, min(3, rank - 2)) if rank else None
