"""The rows of the tuning panel as lines: fields by group, then layers; each with the step that it was changed at."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len

from tui.protocol.run import RunChange
from tui.protocol.training import TuneField, TuneLayer, TuneTable
from tui.widgets import words
from tui.widgets.builder.line_text import LineText
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, sentence
from tui.widgets.foreign import clean, one_line

_FIELD: Final = "field:"
_LAYER: Final = "layer:"
_NAME: Final = 14
_MARK: Final = 3
NEXT_STEP: Final = "from the next step"


@dataclass(frozen=True)
class TuneState:
    """What the panel is drawn from."""

    table: TuneTable = field(default_factory=TuneTable)
    changes: tuple[RunChange, ...] = ()
    """Of the run so far, in order."""
    pending: Mapping[str, int] = field(default_factory=dict)
    """Rows changed by the user, and how many changes of each were noted before: until there are more, the change
    takes effect at a step that is not known yet."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Why a row was not changed, in words."""


def field_key(one: TuneField) -> str:
    """Return the key of a field's row."""
    return f"{_FIELD}{'' if one.group is None else one.group}:{one.name}"


def layer_key(one: TuneLayer) -> str:
    """Return the key of a layer's row."""
    return _LAYER + one.path


def field_of(state: TuneState, key: str) -> TuneField | None:
    """Return the field of a row; None where the row is none."""
    return next((one for one in state.table.fields if field_key(one) == key), None)


def layer_of(state: TuneState, key: str) -> TuneLayer | None:
    """Return the layer of a row; None where the row is none."""
    return next((one for one in state.table.layers if layer_key(one) == key), None)


def in_order(fields: Sequence[TuneField]) -> list[TuneField]:
    """Return the fields group by group, the learning rate first in each, settings of the loop last."""
    return sorted(fields, key=lambda one: (one.group is None, one.group or 0, one.name != "lr"))


def changes_of(state: TuneState, key: str) -> list[RunChange]:
    """Return the changes of a row, the newest last."""
    one, layer = field_of(state, key), layer_of(state, key)
    names: set[str] = set()
    if layer is not None:
        names = {f"frozen {layer.path}".rstrip(), f"frozen {layer.path}"}
    elif one is not None:
        names = {one.name} if one.group is None else {one.name, f"{one.name}[{one.group}]"}
    return [change for change in state.changes if change.name in names]


def since_text(state: TuneState, key: str) -> str:
    """Return from which step on a row is as it is; empty where it was never changed."""
    changes = changes_of(state, key)
    if key in state.pending and len(changes) <= state.pending[key]:
        return NEXT_STEP
    return f"from step {changes[-1].step:,}" if changes else ""


def toggled(text: str) -> str | None:
    """Return the other value of a field that is True or False; None for any other."""
    return {"True": "False", "False": "True"}.get(text)


def scaled(text: str, factor: float) -> str | None:
    """Return a number scaled; None for what is no number."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return repr(value * factor)


def panel_rows(
    state: TuneState, width: int, here: str, edit: LineText | None
) -> Iterator[tuple[str, list[StyledLine]]]:
    """Yield the key and the lines of each row; rows without a key are titles. `edit`: what is typed in row `here`."""
    groups = {one.group for one in state.table.fields if one.group is not None}
    group: int | str | None = "none yet"
    for one in in_order(state.table.fields):
        if one.group != group:
            group = one.group
            yield "", [_title(_group_title(one.group, len(groups)), width)]
        key = field_key(one)
        yield key, _field_lines(state, one, width, edit if key == here else None)
    layers = state.table.layers
    if layers:
        frozen = sum(layer.frozen for layer in layers)
        yield "", [_title(f"Layers: {frozen} of {len(layers)} frozen", width)]
    for layer in layers:
        yield layer_key(layer), _layer_lines(state, layer, width)


def _group_title(group: int | None, groups: int) -> str:
    if group is None:
        return "Loop"
    return f"Optimizer, group {group}" if groups > 1 else "Optimizer"


def _title(text: str, width: int) -> StyledLine:
    return Pen().write(f" {one_line(text, width - 1)}", "title").line()


def _field_lines(state: TuneState, one: TuneField, width: int, edit: LineText | None) -> list[StyledLine]:
    key = field_key(one)
    since = since_text(state, key)
    pen = (
        Pen()
        .write(" ● " if since else "   ", "changed")
        .write(one_line(one.name, _NAME - 1))
        .pad(_NAME + _MARK)
    )
    room = max(width - pen.cells - 1, 4)
    if edit is not None:
        _draw_edit(pen, edit, room)
    else:
        pen.write(one_line(shown_number(one.text), room), "changed" if since else "")
        _right(pen, since, width)
    return [pen.line(), *_problem(state, key, width)]


def shown_number(text: str) -> str:
    """Return a number in at most five digits, anything else as it is."""
    try:
        value = float(text)
    except ValueError:
        return text
    short = f"{value:.5g}"
    return short if len(short) < len(text) else text


def _layer_lines(state: TuneState, layer: TuneLayer, width: int) -> list[StyledLine]:
    key = layer_key(layer)
    since = since_text(state, key)
    pen = Pen().write(" ○ " if layer.frozen else " ● ", "dim" if layer.frozen else "good")
    path = one_line(layer.path or "the model itself", max(width // 2 - _MARK, 8))
    pen.write(path, "dim" if layer.frozen else "strong").write(" ")
    pen.write(f"{one_line(layer.class_name, 20)} {words.count(layer.parameters)}", "dim")
    _right(pen, f"frozen {since}".strip() if layer.frozen else since.replace("from", "again from", 1), width)
    return [pen.line(), *_problem(state, key, width)]


def _right(pen: Pen, text: str, width: int) -> None:
    """Write a note at the right end, shortened where there is little room, left out where there is none."""
    for said in (text, text.replace("from the next step", "next step").replace("from step ", "@ "), text[:6]):
        if said and cell_len(said) + 2 <= width - pen.cells:
            pen.pad(width - cell_len(said) - 1).write(said, "dim")
            return


def _problem(state: TuneState, key: str, width: int) -> list[StyledLine]:
    problem = state.problems.get(key, "")
    return (
        sentence(problem, max(width - 1, 10), "error", lead=("   ✘ ", "error"), indent=5)[:6]
        if problem
        else []
    )


def _draw_edit(pen: Pen, edit: LineText, width: int) -> None:
    text = clean(edit.text).replace("\n", " ")
    start = max(0, edit.at - width + 1)
    pen.write(text[start : edit.at], "typed").write(text[edit.at : edit.at + 1] or " ", "caret")
    pen.write(text[edit.at + 1 : start + width], "typed")
