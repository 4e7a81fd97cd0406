"""The property form of a block: a field for each argument, edited where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.message import Message

from tui.protocol.building import Block as DesignBlock
from tui.protocol.building import BlockFacts, Catalogue
from tui.widgets.builder.fields import Field, fields_of, stepped, value_problem
from tui.widgets.builder.line_text import LineText
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, sentence
from tui.widgets.foreign import clean, one_line
from tui.widgets.gradients.item_lines import ItemLines
from tui.widgets.keys import key

_NAME = 18
_VALUE_LEAST = 14
HINT = "enter sets it · ← → change · del default · esc back to the tree"


class PropertyForm(ItemLines, inherit_bindings=False):
    """Edits one block; a wrong value stays in its field, with words, until it is right or given up."""

    DEFAULT_CSS = """
    PropertyForm { display: none; }
    PropertyForm > .itemlines--given { color: $foreground; text-style: bold; }
    PropertyForm > .itemlines--caret { background: $foreground; color: $background; }
    PropertyForm > .itemlines--typed { color: $accent; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"itemlines--{name}" for name in ("given", "caret", "typed")}
    BINDINGS: ClassVar[list[BindingType]] = [
        key(
            "up,shift+tab",
            "field(-1)",
            "Up",
            "builder.form-up",
            "The field above; this one is set",
            show=False,
        ),
        key(
            "down,tab",
            "field(1)",
            "Down",
            "builder.form-down",
            "The field below; this one is set",
            show=False,
        ),
        key("enter", "field(1)", "Set", "builder.form-set", "Set the field and go to the next"),
        key("escape", "give_up", "Back", "builder.form-back", "Leave the field as it was; then the form"),
    ]
    OWN_GROUND = frozenset({"thumb", "rest", "caret"})

    @dataclass
    class Changed(Message):
        """The block is to be another one."""

        block: DesignBlock

    class Left(Message):
        """The user is done with the form."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._fields: list[Field] = []
        self._known: tuple[BlockFacts | None, Catalogue | None] = (None, None)
        self._block = 0
        self._edit: LineText | None = None
        self._problem = ""
        self._title = ""
        self._rows: list[tuple[str, list[StyledLine]]] = []

    # -- what is shown ----------------------------------------------------------------------------

    def show(
        self, block: DesignBlock, facts: BlockFacts | None, catalogue: Catalogue | None, title: str
    ) -> None:
        """Show the fields of a block; what is being typed in one of them stays."""
        fresh = block.id != self._block
        self._known = (facts, catalogue)
        self._fields = fields_of(block, facts, catalogue)
        self._block, self._title = block.id, title
        if fresh:
            self._edit, self._problem = None, ""
        self.lay_out_again(to_top=fresh)

    @property
    def field(self) -> Field | None:
        """The field under the cursor."""
        return next((one for one in self._fields if one.name == self.current_key), None)

    @property
    def problem(self) -> str:
        """What is wrong with what is typed; empty: nothing."""
        return self._problem

    def lay_out(self, width: int) -> tuple[Sequence[str], Sequence[int]]:
        """Lay out the fields, their titles, and what is wrong with one."""
        self._rows = []
        here = self.current_key or (self._fields[0].name if self._fields else "")
        for field in self._fields:
            if field.section:
                self._rows.append(("", [Pen().write(f" {one_line(field.section, width)}", "title").line()]))
            self._rows.append((field.name, self._lines(field, width, current=field.name == here)))
        return [name for name, _ in self._rows], [len(lines) for _, lines in self._rows]

    def _lines(self, field: Field, width: int, *, current: bool) -> list[StyledLine]:
        pen = Pen().write("   ").write(one_line(field.name, _NAME - 1)).pad(_NAME + 3)
        if current and self._edit is not None:
            _draw_edit(pen, self._edit, max(width - pen.cells - 1, 4))
        elif field.value:
            pen.write(one_line(field.value, max(width - pen.cells, 4)), "given")
        else:
            pen.write(one_line(field.rest, max(width - pen.cells, 4)), "dim")
        if current and (field.choices or field.step) and self._edit is None:
            pen.write(" ◂ ▸", "key")
        at = max(_NAME + 3 + _VALUE_LEAST, pen.cells + 2)
        below = current and cell_len(field.help) > width - at
        if field.help and width - at > 12 and not below:
            pen.pad(at).write(one_line(field.help, width - at), "dim")
        lines = [pen.line()]
        if current and self._problem:
            lines += sentence(self._problem, max(width - 4, 10), "error", lead=("   ✗ ", "error"), indent=5)
        elif below:
            lines += sentence(field.help, max(width - 6, 10), "dim", lead=("     ", ""), indent=5)[:4]
        return lines

    def item_line(self, item: int, line: int, width: int) -> StyledLine:
        """Return a line of a field."""
        return self._rows[item][1][line]

    def head_lines(self, width: int) -> Sequence[StyledLine]:
        """Return what the form is about, and its keys."""
        return [
            Pen().write(f" {one_line(self._title, width - 1)}", "title").line(),
            Pen().write(f" {one_line(HINT, width - 1)}", "dim").line(),
        ]

    # -- keys -------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """Edit the field."""
        if self.take(event):
            event.stop()
            event.prevent_default()

    def take(self, event: events.Key) -> bool:
        """Do what a key asks in the field; return whether it meant something there."""
        field = self.field
        if field is None:
            return False
        if event.key in ("left", "right") and (self._edit is None or field.choices):
            value = stepped(
                field, self._edit.text if self._edit else field.value, 1 if event.key == "right" else -1
            )
            if value is not None:
                self._edit = LineText.end_of(value)
                self.commit()
                return True
        if event.key in ("home", "end") and self._edit is None:
            self.go_to(self._fields[0 if event.key == "home" else -1].name)
            return True
        if event.key == "delete" and self._edit is None:
            self._edit = LineText()
            self.commit()
            return True
        edit = self._edit if self._edit is not None else LineText.end_of(field.value)
        changed = edit.key(event.key)
        if changed is None and event.character is not None and event.is_printable:
            changed = (edit if self._edit is not None else LineText()).insert(event.character)
        if changed is None:
            return False
        self._edited(changed)
        return True

    def on_paste(self, event: events.Paste) -> None:
        """Put pasted text in the field."""
        event.stop()
        if self.field is not None:
            self._edited((self._edit or LineText()).insert(event.text))

    def _edited(self, edit: LineText) -> None:
        self._edit = edit
        if self._problem and self.field is not None:
            self._problem = value_problem(self.field, edit.text)
        self.lay_out_again()

    def commit(self) -> bool:
        """Set the field to what is typed; return whether it can be."""
        field, edit = self.field, self._edit
        if field is None or edit is None:
            return True
        self._problem = value_problem(field, edit.text)
        if self._problem:
            self.lay_out_again()
            return False
        block = field.take(edit.text)
        self._edit = None
        self._fields = fields_of(
            block, *self._known
        )  # at once: the next field is set in the block as it is now
        self.lay_out_again()
        self.post_message(self.Changed(block))
        return True

    def action_field(self, step: int) -> None:
        """Set the field and go to another one."""
        if self.commit():
            self.action_move(step)
            self.lay_out_again()

    def action_give_up(self) -> None:
        """Leave the field as it was; then the form."""
        if self._edit is not None or self._problem:
            self._edit, self._problem = None, ""
            self.lay_out_again()
        else:
            self.post_message(self.Left())

    def on_item_lines_highlighted(self, event: ItemLines.Highlighted) -> None:
        """Draw the field that the keys are now for; what was typed elsewhere and not set is gone."""
        event.stop()
        self._edit, self._problem = None, ""
        self.lay_out_again()


def _draw_edit(pen: Pen, edit: LineText, width: int) -> None:
    """Draw a text under edit with its cursor, the part around it where there is no room for all."""
    text = clean(edit.text).replace("\n", " ")
    start = max(0, edit.at - width + 1)
    pen.write(text[start : edit.at], "typed").write(text[edit.at : edit.at + 1] or " ", "caret")
    pen.write(text[edit.at + 1 : start + width], "typed")
