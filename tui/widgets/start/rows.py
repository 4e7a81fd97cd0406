"""The rows of the form as lines: Start, the dry run, sections with what is changed in them, fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tui.widgets.builder.line_text import LineText
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, Piece, pieces_line, sentence
from tui.widgets.foreign import clean, one_line
from tui.widgets.start.fields import KIND_HELP, KIND_KEY, SECTIONS, Field, Values, shown_value

START: Final = "start"
DRY: Final = "dry"
TRYING: Final = "dry run"
"""What is waited for while a dry run is under way."""
ENDING: Final = "ending the dry run"
"""What is waited for once the user has ended it."""
FOLD: Final = "fold:"
"""Before the name of a section: the key of its row."""
_NAME: Final = 16
_INDENT: Final = 3
_HELP_AT: Final = 36
"""Column that the help of a field begins in, or further right."""


@dataclass(frozen=True)
class FormState:
    """What the form is drawn from."""

    fields: tuple[Field, ...] = ()
    values: Values = field(default_factory=dict)
    folded: frozenset[str] = frozenset()
    """Names of the sections that are folded."""
    preset: str = ""
    refused: str = ""
    """Why it was not started; empty: it was not tried, or is on its way."""
    doing: str = ""
    """What is waited for, such as ``starting``; empty: nothing."""
    remembered: bool = False
    """Whether `values` are those of the last time, as they were."""

    def with_values(self, values: Values) -> FormState:
        """Return the state with other values; what was refused may be right now."""
        return replace(self, values=values, refused="", remembered=False)

    def with_folded(self, folded: frozenset[str]) -> FormState:
        """Return the state with other sections folded."""
        return replace(self, folded=folded)


def rows_of(state: FormState) -> list[str]:
    """Return the keys of the rows that are there, in order."""
    rows = [START, DRY, *(one.key for one in state.fields if not one.section)]
    for name in SECTIONS:
        keys = [one.key for one in state.fields if one.section == name]
        if keys:
            rows += [FOLD + name, *(() if name in state.folded else keys)]
    return rows


def row_lines(
    state: FormState, row: str, width: int, edit: LineText | None, problem: str, *, current: bool
) -> list[StyledLine]:
    """Return the lines of a row; `edit`: what is typed in it, `problem`: what is wrong with that."""
    if row == START:
        return _start(state, width)
    if row == DRY:
        return [
            Pen().write(" ◌ Dry run", "code" if state.doing != TRYING else "dim")
            .write(one_line("   one batch through everything first; nothing is kept (d)", width - 10), "dim").line()
        ]  # fmt: skip
    if row.startswith(FOLD):
        return [_section(state, row.removeprefix(FOLD), width)]
    found = next(one for one in state.fields if one.key == row)
    return _field(found, state.values, width, edit, problem, current=current)


def _start(state: FormState, width: int) -> list[StyledLine]:
    kind = state.values.get(KIND_KEY, "train")
    pen = Pen()
    if state.doing and state.doing != TRYING:
        pen.write(f" ▶ {state.doing}…", "button").write("   esc gives it up", "dim")
        return [pen.line()]
    pen.write(" ▶ Start" if kind == "train" else f" ▶ Start: {kind}", "button").write("  ")
    said: list[Piece] = [(f" {one_line(state.preset, 30)}", "strong")]
    changed = len(state.values)
    if changed:
        words = f" · {changed} as last time, D: defaults" if state.remembered else f" · {changed} changed"
        said.append((words, "changed"))
    else:
        said.append((" as it is", "dim"))
    lines = [pen.draw(pieces_line(said, width - pen.cells)).line()]
    if state.refused:
        lines += sentence(state.refused, width - 1, "error", lead=("   ✘ ", "error"), indent=5)[:8]
    return lines


def _section(state: FormState, name: str, width: int) -> StyledLine:
    folded = name in state.folded
    pieces: list[Piece] = [(f" {'▸' if folded else '▾'} ", "dim"), (SECTIONS[name], "title")]
    if folded:
        inside = [one for one in state.fields if one.section == name]
        changed = [one for one in inside if one.key in state.values]
        for number, one in enumerate(changed):
            text = f"{one.name} {one_line(state.values[one.key], 40)}"
            pieces.append((("  " if number == 0 else " · ") + text, "changed"))
        if not changed:
            pieces.append(("  " + " · ".join(one.name for one in inside), "dim"))
    return pieces_line(pieces, width)


def _field(
    one: Field, values: Values, width: int, edit: LineText | None, problem: str, *, current: bool
) -> list[StyledLine]:
    changed = one.key in values
    pen = Pen().write(" ● " if changed else "   ", "changed").write(one_line(one.name, _NAME - 1))
    pen.pad(_INDENT + _NAME)
    room = max(width - pen.cells, 4)
    if edit is not None:
        _draw_edit(pen, edit, room - 1)
    else:
        pen.write(one_line(shown_value(one, values), room), "changed" if changed else "")
    if current and edit is None:
        pen.write(" ◂ ▸" if one.choices else " …" if one.pick is not None else "", "key")
    words = _help(one, values)
    at = max(_HELP_AT, pen.cells + 2)
    if words and width - at > 12:
        pen.pad(at).write(one_line(words, width - at), "dim")
    lines = [pen.line()]
    if problem:
        lines += sentence(problem, max(width - 1, 10), "error", lead=("   ✘ ", "error"), indent=5)
    return lines


def _help(one: Field, values: Values) -> str:
    return KIND_HELP[values.get(KIND_KEY, "train")] if one.key == KIND_KEY else one.help


def help_of(state: FormState, row: str, *, editing: bool = False) -> str:
    """Return what a row is for, all of it; `editing`: whether something is typed in it."""
    if row in (START, ""):
        return (
            "Enter trains it; all below may stay as it is. Home comes back here, tab goes to the description."
        )
    if row == DRY:
        return "Enter tries one batch: shapes, loss at start, memory, and what is wrong. No run, no file, no change."
    if row.startswith(FOLD):
        return "Space unfolds it." if row.removeprefix(FOLD) in state.folded else "Space folds it."
    one = next(one for one in state.fields if one.key == row)
    words = _help(one, state.values)
    if one.key in state.values:
        if one.pick == "optimizer":
            words = "its learning rate is given here, knobs of the preset such as lr do not reach it"
        words = f"{words} · default: {one.rest} (del)"
    if editing:
        return f"enter: set it · esc: leave it as it was · {words}".rstrip(" ·")
    how = "enter: choose" if one.pick is not None else "space: next" if one.choices else "enter: edit"
    return f"{words} · {how}" if words else how


def _draw_edit(pen: Pen, edit: LineText, width: int) -> None:
    """Draw a text under edit with its cursor, the part around it where there is no room for all."""
    text = clean(edit.text).replace("\n", " ")
    start = max(0, edit.at - width + 1)
    pen.write(text[start : edit.at], "typed").write(text[edit.at : edit.at + 1] or " ", "caret")
    pen.write(text[edit.at + 1 : start + width], "typed")


def rows_needed(state: FormState, sections: Sequence[str]) -> int:
    """Return how many rows there are with only these sections unfolded."""
    return len(rows_of(state.with_folded(frozenset(SECTIONS) - set(sections))))
