"""The form: Start under the enter key, the fields below it in sections that fold, each edited where it stands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from tui.widgets.builder.line_text import LineText
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.gradients.item_lines import ItemLines
from tui.widgets.keys import key
from tui.widgets.start.fields import Field, Values, cycled, with_value
from tui.widgets.start.rows import DRY, FOLD, START, FormState, row_lines, rows_of

_NUMBER_STARTS = frozenset("0123456789.-")


class StartForm(ItemLines, inherit_bindings=False):
    """Edits the values of the fields; a wrong one stays in its field, with words, until it is right or given up."""

    DEFAULT_CSS = """
    StartForm > .itemlines--changed { color: $accent; text-style: bold; }
    StartForm > .itemlines--button { color: $success; text-style: bold; }
    StartForm > .itemlines--caret { background: $foreground; color: $background; }
    StartForm > .itemlines--typed { color: $accent; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"itemlines--{name}" for name in ("changed", "button", "caret", "typed")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        key("enter", "enter", "Start/edit", "start.enter", "Start; edit the field, set what was typed"),
        key("space", "cycle(1)", "Change", "start.cycle", "The next value of a field; fold a section"),
        key("d", "dry", "Dry run", "start.dry", "Try one batch through everything; nothing is kept"),
        key("delete,backspace", "default", "Default", "start.default", "The field's default again"),
        key("D", "all_defaults", "All defaults", "start.all-defaults", "Every field's default again", show=False),
        key("right", "cycle(1)", "Next", "start.next", "The next value; unfold a section", show=False),
        key("left", "cycle(-1)", "Previous", "start.previous", "The value before; fold a section", show=False),
        key("up", "field(-1)", "Up", "start.up", "The field above; what was typed is set", show=False),
        key("down", "field(1)", "Down", "start.down", "The field below; what was typed is set", show=False),
        key("pageup", "page(-1)", "Page up", "start.page-up", "One page up", show=False),
        key("pagedown", "page(1)", "Page down", "start.page-down", "One page down", show=False),
        key("home", "ends(0)", "Top", "start.top", "Up to Start", show=False),
        key("end", "ends(-1)", "End", "start.end", "Down to the last field", show=False),
        key("escape", "give_up", "Back", "start.back", "Leave the field as it was; end the dry run; leave the form"),
    ]  # fmt: skip
    OWN_GROUND = frozenset({"thumb", "rest", "caret"})

    @dataclass
    class Changed(Message):
        """The values are others now."""

        values: Values

    @dataclass
    class PickWanted(Message):
        """Something is to be chosen for a field."""

        field: Field

    class Typing(Message):
        """An edit has begun, or has ended."""

    class Pressed(Message):
        """Start was pressed."""

    class DryPressed(Message):
        """A dry run is wanted."""

    class Left(Message):
        """The user is done with the form."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.state = FormState()
        self._edit: LineText | None = None
        self._problem = ""
        self._rows: list[tuple[str, list[StyledLine]]] = []

    # -- what is shown ----------------------------------------------------------------------------

    def show(self, state: FormState, *, fresh: bool = False) -> None:
        """Show fields and values; `fresh`: they are another preset's."""
        if fresh:
            self._edit, self._problem = None, ""
            self._keys, self._cursor = (
                (),
                0,
            )  # keys that come before there is room to lay it out are for Start
        if fresh or state != self.state:
            self.state = state
            self.lay_out_again(to_top=fresh)

    @property
    def field(self) -> Field | None:
        """The field under the cursor; None on what is no field."""
        return next((one for one in self.state.fields if one.key == self.current_key), None)

    @property
    def problem(self) -> str:
        """What is wrong with what is typed; empty: nothing."""
        return self._problem

    @property
    def editing(self) -> bool:
        """Whether something is being typed."""
        return self._edit is not None

    def lay_out(self, width: int) -> tuple[Sequence[str], Sequence[int]]:
        """Lay out the rows."""
        here = self.current_key or START
        rows = rows_of(self.state)
        edit, problem = (self._edit, self._problem) if self.field is not None else (None, "")
        self._rows = [
            (row, row_lines(self.state, row, width, edit if row == here else None, problem if row == here else "",
                            current=row == here))
            for row in rows
        ]  # fmt: skip
        return [row for row, _ in self._rows], [len(lines) for _, lines in self._rows]

    def item_line(self, item: int, line: int, width: int) -> StyledLine:
        """Return a line of a row."""
        return self._rows[item][1][line]

    # -- typing -----------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """Edit the field."""
        if self.take(event):
            event.stop()
            event.prevent_default()

    def take(self, event: events.Key) -> bool:
        """Do what a key asks in the field; return whether it meant something there."""
        field, edit = self.field, self._edit
        if field is None:
            return False
        printable = event.character is not None and event.is_printable
        if edit is None:
            if not (field.number and printable and event.character in _NUMBER_STARTS):
                return False
            edit = LineText()
        changed = edit.key(event.key)
        if changed is None and printable:
            changed = edit.insert(event.character or "")
        if changed is None:
            return False
        self._edited(changed)
        return True

    def on_paste(self, event: events.Paste) -> None:
        """Put pasted text in the field."""
        event.stop()
        field = self.field
        if field is not None and not field.closed and field.pick is None:
            self._edited((self._edit or LineText()).insert(event.text))

    def _edited(self, edit: LineText) -> None:
        if self._edit is None:
            self.post_message(self.Typing())
        self._edit = edit
        if self._problem:
            self._problem = self._problem_of(edit.text)
        self.lay_out_again()

    def _problem_of(self, text: str) -> str:
        assert self.field is not None
        try:
            with_value(self.field, self.state.values, text)
        except ValueError as error:
            return str(error)
        return ""

    def commit(self) -> bool:
        """Set the field to what is typed; return whether it can be."""
        field, edit = self.field, self._edit
        if field is None or edit is None:
            return True
        self._problem = self._problem_of(edit.text)
        if not self._problem:
            self._edit = None
            self.post_message(self.Typing())
            self.set_value(field, edit.text)
        self.lay_out_again()
        return not self._problem

    def set_value(self, field: Field, text: str) -> None:
        """Set a field, which can have the value, and tell."""
        self._take(with_value(field, self.state.values, text))

    def _take(self, values: dict[str, str]) -> None:
        if values != self.state.values:
            self.show(self.state.with_values(values))
            self.post_message(self.Changed(values))

    # -- keys -------------------------------------------------------------------------------------

    def action_enter(self) -> None:
        """Start, fold, or edit: what the cursor is on."""
        here, field = self.current_key or START, self.field
        if here == START:
            self.action_start()
        elif here == DRY:
            self.action_dry()
        elif here.startswith(FOLD):
            self.fold(here)
        elif self._edit is not None:
            if self.commit():
                self.action_move(1)
                self.lay_out_again()
        elif field is not None:
            self._begin(field)

    def _begin(self, field: Field) -> None:
        if field.pick is not None:
            self.post_message(self.PickWanted(field))
        elif field.closed:
            self.action_cycle(1)
        else:
            self._edited(LineText.end_of(self.state.values.get(field.key, field.default)))

    def action_cycle(self, step: int) -> None:
        """Go to the next value, or fold."""
        here, field = self.current_key, self.field
        if here.startswith(FOLD):
            self.fold(here)
        elif here in (START, DRY):
            return
        elif field is not None:
            text = cycled(field, self.state.values, step)
            if text is not None:
                self.set_value(field, text)
            elif step > 0:
                self._begin(field)

    def fold(self, row: str) -> None:
        """Fold a section, or unfold it."""
        name = row.removeprefix(FOLD)
        self.show(self.state.with_folded(self.state.folded ^ {name}))
        if name not in self.state.folded:
            self._bring_into_sight(row, sum(one.section == name for one in self.state.fields))
        self.post_message(self.Highlighted(self, row))  # what there is to say of it is another thing now

    def _bring_into_sight(self, row: str, following: int) -> None:
        """Scroll so that a row and so many after it are on the screen; the row itself where not all can be."""
        if row in self.keys:
            item = list(self.keys).index(row)
            end = self._starts[min(item + following + 1, len(self.keys))]
            self._top = min(max(self._top, end - self.page_rows), self._starts[item])
            self._settle()
            self.paint()

    def action_default(self) -> None:
        """Give the field its default again."""
        field = self.field
        if field is not None:
            self._problem = ""
            self._take({name: text for name, text in self.state.values.items() if name != field.key})

    def action_all_defaults(self) -> None:
        """Give every field its default again."""
        self._take({})

    def action_start(self) -> None:
        """Start, unless what is typed cannot be."""
        if self.commit():
            self.post_message(self.Pressed())

    def action_dry(self) -> None:
        """Ask for a dry run."""
        if self.commit():
            self.post_message(self.DryPressed())

    def action_field(self, step: int) -> None:
        """Set the field and go to another row."""
        if self.commit():
            self.action_move(step)
            self.lay_out_again()

    def action_page(self, pages: int) -> None:
        """Go a page on."""
        if self.commit():
            super().action_page(pages)

    def action_ends(self, item: int) -> None:
        """Go to the first or the last row."""
        if self.commit():
            self.go_to(self.keys[item])

    def action_give_up(self) -> None:
        """Leave the field as it was; then the form."""
        if self._edit is not None or self._problem:
            self._edit, self._problem = None, ""
            self.post_message(self.Typing())
            self.lay_out_again()
        else:
            self.post_message(self.Left())

    def on_click(self, event: events.Click) -> None:
        """Go to a row; what it is for is done at once where it is no field, else by the second click."""
        event.prevent_default()
        item = bisect_right(self._starts, self._top + event.y) - 1
        if not 0 <= item < len(self.keys) or not self.commit():
            return
        row, here = self.keys[item], self.current_key
        self.go_to(row)
        if row == here or row in (START, DRY) or row.startswith(FOLD):
            self.action_enter()

    def on_resize(self) -> None:
        """Keep the row under the cursor in sight."""
        self.call_after_refresh(lambda: self.go_to(self.current_key))

    def on_item_lines_highlighted(self, event: ItemLines.Highlighted) -> None:
        """Draw the row that the keys are now for."""
        self._edit, self._problem = None, ""
        self.lay_out_again()
