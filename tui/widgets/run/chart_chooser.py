"""The list of all charts of a run: which are shown, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.widgets.keys import key
from tui.widgets.live_lines import LiveLines, Span


@dataclass(frozen=True)
class Choice:
    """A chart that there can be."""

    title: str
    about: str
    """Its tags."""
    on: bool


def matching(choices: Sequence[Choice], words: str) -> list[int]:
    """Return the places of the choices that have every word in their title or tags."""
    wanted = words.lower().split()
    return [
        place for place, choice in enumerate(choices)
        if all(word in f"{choice.title} {choice.about}".lower() for word in wanted)
    ]  # fmt: skip


def moved(choices: Sequence[Choice], shown: Sequence[int], at: int, by: int) -> list[Choice]:
    """Return the choices with that in row ``at`` of the ``shown`` ones put past the one ``by`` rows on."""
    out = list(choices)
    target = at + by
    if not (0 <= at < len(shown) and 0 <= target < len(shown)):
        return out
    taken = out.pop(shown[at])
    out.insert(shown[target], taken)
    return out


class ChoiceLines(LiveLines):
    """The rows of the list that there is room for, with the cursor."""

    DEFAULT_CSS = """
    ChoiceLines { height: 1fr; background: $surface; color: $foreground; }
    ChoiceLines > .choicelines--here {
        background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold;
    }
    ChoiceLines > .choicelines--about { color: $text-muted; background: $surface; }
    ChoiceLines > .choicelines--off { color: $text-disabled; background: $surface; }
    """
    STYLES = ("here", "about", "off")
    GROUNDS = True
    COMPONENT_CLASSES = {f"choicelines--{style}" for style in STYLES}

    @dataclass
    class Clicked(Message):
        """A row was clicked."""

        row: int

    @dataclass
    class Turned(Message):
        """The wheel was turned by so many rows."""

        rows: int

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Choice] = []
        self._at = 0
        self._top = 0

    def show_rows(self, rows: list[Choice], at: int) -> None:
        """Show these rows, that with the cursor in sight."""
        self._rows, self._at = rows, at
        self.show_lines()

    def lay_out(self, width: int, height: int) -> list[list[Span]]:
        """Return the rows in sight."""
        self._top = max(min(self._top, self._at, len(self._rows) - height), self._at - height + 1, 0)
        if not self._rows:
            return [[(" no chart has that in its name", "about")]]
        return [
            self._row(row, self._top + place == self._at, width)
            for place, row in enumerate(self._rows[self._top :][:height])
        ]

    def _row(self, row: Choice, here: bool, width: int) -> list[Span]:
        mark = "✔" if row.on else " "
        if here:
            return [(f" [{mark}] {row.title}  {row.about}".ljust(width), "here")]
        return [(f" [{mark}] {row.title}", "" if row.on else "off"), (f"  {row.about}", "about")]

    def on_click(self, event: events.Click) -> None:
        """Tell the row."""
        if self._top + event.y < len(self._rows):
            self.post_message(self.Clicked(self._top + event.y))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Go down."""
        self.post_message(self.Turned(1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Go up."""
        self.post_message(self.Turned(-1))


class Filter(Input):
    """What is typed into it filters the list; the space bar is the list's."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Leave the space bar to the screen."""
        return key != "space" and super().check_consume_key(key, character)


class ChartChooser(ModalScreen[list[Choice] | None]):
    """Choose and arrange the charts; dismissed with all of them, or None where nothing shall change."""

    DEFAULT_CSS = """
    ChartChooser { align: center middle; background: $background 60%; }
    ChartChooser > Vertical {
        width: 72; max-width: 96%; height: 80%; max-height: 30;
        background: $surface; border: round $primary; padding: 0 1;
    }
    ChartChooser Input, ChartChooser Input:focus { border: none; height: 1; padding: 0 1; background: $panel; }
    ChartChooser Static { height: auto; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key("escape", "cancel", "Cancel", "choose.cancel", "Change nothing", first=True),
        key("enter", "accept", "Done", "choose.accept", "Show them so", first=True),
        key("space", "check", "Show", "choose.toggle", "Show this chart, or not", first=True),
        key("up", "go(-1)", "Up", "choose.up", "The row above", first=True),
        key("down", "go(1)", "Down", "choose.down", "The row below", first=True),
        key("pageup", "go(-10)", "Page up", "choose.page-up", "Ten rows up", first=True),
        key("pagedown", "go(10)", "Page down", "choose.page-down", "Ten rows down", first=True),
        key("shift+up,ctrl+up", "move(-1)", "Move up", "choose.move-up", "Put it further up", first=True),
        key("shift+down,ctrl+down", "move(1)", "Move down", "choose.move-down", "Put it further down", first=True),
        key("ctrl+a", "check_all", "All", "choose.all", "Show all of these, or none", first=True),
    ]  # fmt: skip

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._choices = list(choices)
        self._shown = list(range(len(self._choices)))
        self._at = 0

    def compose(self) -> ComposeResult:
        """Lay out the filter, the list and the keys."""
        with Vertical() as box:
            box.border_title = "Charts"
            yield Filter(placeholder="type to filter")
            yield ChoiceLines()
            yield Static(
                "space shows or hides · shift+↑↓ moves · ctrl+a all · enter done · esc cancels", markup=False
            )

    def on_mount(self) -> None:
        """Begin with the filter: what is typed goes there."""
        self.query_one(Input).focus()
        self._show()

    def _show(self) -> None:
        self._at = min(max(0, self._at), max(0, len(self._shown) - 1))
        self.query_one(ChoiceLines).show_rows([self._choices[place] for place in self._shown], self._at)

    @on(Input.Changed)
    def filter(self, event: Input.Changed) -> None:
        """Show the charts that have the words."""
        self._shown = matching(self._choices, event.value)
        self._show()

    @on(ChoiceLines.Clicked)
    def row_clicked(self, event: ChoiceLines.Clicked) -> None:
        """Show or hide the clicked chart."""
        self._at = event.row
        self.action_check()

    @on(ChoiceLines.Turned)
    def wheel_turned(self, event: ChoiceLines.Turned) -> None:
        """Go through the list."""
        self.action_go(event.rows)

    def action_go(self, rows: int) -> None:
        """Put the cursor so many rows further."""
        self._at += rows
        self._show()

    def action_check(self) -> None:
        """Show the chart under the cursor, or not."""
        if self._shown:
            place = self._shown[self._at]
            self._choices[place] = replace(self._choices[place], on=not self._choices[place].on)
            self._show()

    def action_check_all(self) -> None:
        """Show all charts of the list, or none if all are shown."""
        on = not all(self._choices[place].on for place in self._shown)
        for place in self._shown:
            self._choices[place] = replace(self._choices[place], on=on)
        self._show()

    def action_move(self, rows: int) -> None:
        """Put the chart under the cursor further up or down."""
        if 0 <= self._at + rows < len(self._shown):
            self._choices = moved(self._choices, self._shown, self._at, rows)
            self._shown = matching(self._choices, self.query_one(Input).value)
            self._at += rows
            self._show()

    def action_accept(self) -> None:
        """Show the charts so."""
        self.dismiss(self._choices)

    def action_cancel(self) -> None:
        """Change nothing."""
        self.dismiss(None)
