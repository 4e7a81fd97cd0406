"""The tuning panel beside a run in progress."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from tui.protocol.run import RunChange
from tui.protocol.training import TuneField, TuneTable
from tui.widgets.builder.line_text import LineText
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen
from tui.widgets.foreign import one_line
from tui.widgets.gradients.item_lines import ItemLines
from tui.widgets.keys import key
from tui.widgets.tune.rows import (
    TuneState,
    changes_of,
    field_key,
    field_of,
    layer_key,
    layer_of,
    panel_rows,
    toggled,
)

HINTS = ("< halves lr · > doubles it", "⏎ edit · space freeze · esc back")


class TunePanel(ItemLines, inherit_bindings=False):
    """Edits what can be changed; what the kernel refuses stays in its field, with words, until given up."""

    DEFAULT_CSS = """
    TunePanel { display: none; background: $surface; border-left: solid $panel; }
    TunePanel > .itemlines--changed { color: $accent; text-style: bold; }
    TunePanel > .itemlines--caret { background: $foreground; color: $background; }
    TunePanel > .itemlines--typed { color: $accent; text-style: bold; }
    TunePanel > .itemlines--thumb { background: $surface; }
    TunePanel > .itemlines--rest { background: $surface; }
    TunePanel > .itemlines--cursor { background: $panel; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"itemlines--{name}" for name in ("changed", "caret", "typed")}
    BINDINGS: ClassVar[list[BindingType]] = [
        key(
            "enter",
            "enter",
            "Edit",
            "tune.enter",
            "Edit the value, set what was typed; freeze a layer",
            show=False,
        ),
        key(
            "space", "switch", "Freeze", "tune.toggle", "Freeze a layer or thaw it; True or False", show=False
        ),
        key("up", "row(-1)", "Up", "tune.up", "The row above", show=False),
        key("down", "row(1)", "Down", "tune.down", "The row below", show=False),
        key("pageup", "page(-1)", "Page up", "tune.page-up", "One page up", show=False),
        key("pagedown", "page(1)", "Page down", "tune.page-down", "One page down", show=False),
        key(
            "escape", "give_up", "Back", "tune.back", "Leave the value as it was; then the panel", show=False
        ),
    ]
    OWN_GROUND = frozenset({"thumb", "rest", "caret"})

    @dataclass
    class TuneWanted(Message):
        """A field is to have another value."""

        field: TuneField
        text: str

    @dataclass
    class FreezeWanted(Message):
        """A layer is to be frozen, or thawed."""

        path: str
        frozen: bool

    class Left(Message):
        """The user is done with the panel."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.state = TuneState()
        self._edit: LineText | None = None
        self._rows: list[tuple[str, list[StyledLine]]] = []

    # -- what is shown ----------------------------------------------------------------------------

    def show(self, table: TuneTable, changes: Sequence[RunChange]) -> None:
        """Show what can be changed; what is being typed stays."""
        changed = replace(self.state, table=table, changes=tuple(changes))
        if changed != self.state:
            self.state = changed
            self.lay_out_again()

    def start_anew(self) -> None:
        """Forget what was of another run."""
        self.state, self._edit = TuneState(), None
        self.lay_out_again(to_top=True)

    def noted(self, row: str) -> None:
        """Say that a change was noted, and will take effect."""
        pending = {**self.state.pending, row: len(changes_of(self.state, row))}
        problems = {name: text for name, text in self.state.problems.items() if name != row}
        self.state = replace(self.state, pending=pending, problems=problems)
        if row == self.current_key:
            self._edit = None
        self.lay_out_again()

    def refuse(self, row: str, message: str) -> None:
        """Say why a row was not changed."""
        self.state = replace(self.state, problems={**self.state.problems, row: message})
        self.lay_out_again()

    @property
    def editing(self) -> bool:
        """Whether something is being typed."""
        return self._edit is not None

    def lay_out(self, width: int) -> tuple[Sequence[str], Sequence[int]]:
        """Lay out the rows."""
        here = self.current_key
        self._rows = list(panel_rows(self.state, width, here, self._edit))
        return [row for row, _ in self._rows], [len(lines) for _, lines in self._rows]

    def item_line(self, item: int, line: int, width: int) -> StyledLine:
        """Return a line of a row."""
        return self._rows[item][1][line]

    def head_lines(self, width: int) -> Sequence[StyledLine]:
        """Return the title and the keys."""
        title = Pen().write(" Tuning", "title").write(" from the next step on", "dim").line()
        return [title, *(Pen().write(f" {one_line(hint, width - 1)}", "dim").line() for hint in HINTS)]

    # -- keys -------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """Edit the value."""
        edit = self._edit
        if edit is None:
            return
        changed = edit.key(event.key)
        if changed is None and event.character is not None and event.is_printable:
            changed = edit.insert(event.character)
        if changed is not None:
            event.stop()
            event.prevent_default()
            self._edit = changed
            self.lay_out_again()

    def on_paste(self, event: events.Paste) -> None:
        """Put pasted text in the value."""
        event.stop()
        if self._edit is not None:
            self._edit = self._edit.insert(event.text)
            self.lay_out_again()

    def action_enter(self) -> None:
        """Edit the value, or set what was typed; freeze or thaw a layer."""
        field = field_of(self.state, self.current_key)
        if field is None:
            self.action_switch()
        elif self._edit is None:
            self._edit = LineText.end_of(field.text)
            self.lay_out_again()
        elif self._edit.text.strip() in ("", field.text):
            self.action_give_up()
        else:
            self.post_message(self.TuneWanted(field, self._edit.text.strip()))

    def action_switch(self) -> None:
        """Freeze a layer or thaw it; change True to False."""
        layer, field = layer_of(self.state, self.current_key), field_of(self.state, self.current_key)
        if layer is not None:
            self.post_message(self.FreezeWanted(layer.path, not layer.frozen))
        elif field is not None and (other := toggled(field.text)) is not None:
            self.post_message(self.TuneWanted(field, other))
        elif field is not None:
            self.action_enter()

    def action_row(self, step: int) -> None:
        """Go to another row; what was typed and not set is gone."""
        self._drop()
        self.action_move(step)

    def _drop(self) -> None:
        problems = {name: text for name, text in self.state.problems.items() if name != self.current_key}
        self._edit = None
        self.state = replace(self.state, problems=problems)
        self.lay_out_again()

    def action_give_up(self) -> None:
        """Leave the value as it was; then the panel."""
        if self._edit is not None or self.current_key in self.state.problems:
            self._drop()
        else:
            self.post_message(self.Left())

    def on_click(self, event: events.Click) -> None:
        """Go to a row; a click on the one under the cursor edits it, or freezes it."""
        event.prevent_default()
        line = event.y - len(self.head_lines(self._width))
        item = bisect_right(self._starts, self._top + line) - 1
        if line < 0 or not 0 <= item < len(self.keys) or not self.keys[item]:
            return
        if self.keys[item] == self.current_key:
            self.action_enter()
        else:
            self._drop()
            self.go_to(self.keys[item])

    def on_item_lines_highlighted(self, event: ItemLines.Highlighted) -> None:
        """Keep it here: nobody else follows the cursor."""
        event.stop()


def row_of_field(field: TuneField) -> str:
    """Return the row that a field stands in."""
    return field_key(field)


def row_of_layer(path: str, table: TuneTable) -> str:
    """Return the row that a layer stands in; empty: there is no such layer."""
    return next((layer_key(one) for one in table.layers if one.path == path), "")
