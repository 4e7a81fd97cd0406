"""The bottom line: the keys that matter here, each with a word. Clickable; greyed where it makes no sense now.

In the place of Textual's `Footer`, which is a widget for each key, built anew whenever a binding changes: here it is
one line that is painted again only where it says something else.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import ActiveBinding
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget


@dataclass(frozen=True)
class Entry:
    """One key of the bar."""

    key: str
    """As Textual names it."""
    shown: str
    """As keyboards print it."""
    label: str
    enabled: bool


def fitting(entries: list[Entry], width: int) -> list[tuple[int, Entry]]:
    """Return the entries that fit `width` cells, each with the column it begins in."""
    placed: list[tuple[int, Entry]] = []
    column = 1
    for entry in entries:
        needed = cell_len(entry.shown) + 1 + cell_len(entry.label)
        if column + needed > width:
            break
        placed.append((column, entry))
        column += needed + 2
    return placed


class KeyBar(Widget):
    """The keys that matter on this screen."""

    DEFAULT_CSS = """
    KeyBar { height: 1; background: $panel; color: $foreground; }
    KeyBar > .key-bar--key { color: $footer-key-foreground; background: $panel; text-style: bold; }
    KeyBar > .key-bar--off { color: $text-disabled; background: $panel; }
    """
    COMPONENT_CLASSES = {"key-bar--key", "key-bar--off"}

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        """The keys, those that do not fit too."""

    def on_mount(self) -> None:
        """Follow the bindings of the screen."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self._bindings_changed(self.screen)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        # the screen's keys, then the app's: what has the focus brings its own, which the help tells
        entries = [self._entry(active) for active in screen.active_bindings.values() if active.binding.show]
        entries = list({entry.label: entry for entry in reversed(entries)}.values())[::-1]
        if entries != self.entries:
            self.entries = entries
            self.refresh()

    def _entry(self, active: ActiveBinding) -> Entry:
        shown = self.app.get_key_display(active.binding)
        return Entry(active.binding.key, shown, active.binding.description, active.enabled)

    def render_line(self, y: int) -> Strip:
        """Draw the only line."""
        plain = self.rich_style
        on, off = self.get_component_rich_style("key-bar--key"), self.get_component_rich_style("key-bar--off")
        segments: list[Segment] = []
        end = 0
        for column, entry in fitting(self.entries, self.size.width):
            segments.append(Segment(" " * (column - end), plain))
            segments.append(Segment(entry.shown, on if entry.enabled else off + Style(bold=True)))
            segments.append(Segment(f" {entry.label}", plain if entry.enabled else off))
            end = column + cell_len(entry.shown) + 1 + cell_len(entry.label)
        return Strip(segments).adjust_cell_length(self.size.width, plain)

    def on_click(self, event: events.Click) -> None:
        """Press the clicked key."""
        for column, entry in fitting(self.entries, self.size.width):
            if column <= event.x < column + cell_len(entry.shown) + 1 + cell_len(entry.label):
                if entry.enabled:
                    self.app.simulate_key(entry.key)
                return
