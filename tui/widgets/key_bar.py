"""The bottom line: the keys that matter here, each with a word. Clickable; greyed where it makes no sense now.

In the place of Textual's `Footer`, which is a widget for each key, built anew whenever a binding changes: here it is
one line that is painted again only where it says something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

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
    everywhere: bool = False
    """Whether it is the app's: the others make room for it."""

    @property
    def cells(self) -> int:
        """How many it takes."""
        return cell_len(self.shown) + 1 + cell_len(self.label)


@runtime_checkable
class KeysByState(Protocol):
    """A screen whose most useful keys are others from moment to moment."""

    def bar_keys(self) -> Sequence[tuple[str, str]] | None:
        """Return the ids of the screen's bindings to show, the most useful first, each with what it is called now.

        None: those that are to be shown always.
        """


def fitting(entries: list[Entry], width: int) -> list[tuple[int, Entry]]:
    """Return the entries that fit `width` cells, each with the column it begins in; the app's before the rest."""
    ours = sum(entry.cells + 2 for entry in entries if entry.everywhere)
    placed: list[tuple[int, Entry]] = []
    column, full = 1, False
    for entry in entries:
        if not entry.everywhere:
            full = full or column + entry.cells + ours > width
            if full:
                continue
        if column + entry.cells > width:
            break
        placed.append((column, entry))
        column += entry.cells + 2
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
        """The keys; those that do not fit too, but where the screen has put them in the order of their use."""

    def on_mount(self) -> None:
        """Follow the bindings of the screen."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self._bindings_changed(self.screen)

    def on_resize(self) -> None:
        """Show more keys, or fewer."""
        self._bindings_changed(self.screen)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        # the screen's keys, then the app's: what has the focus brings its own, which the help tells
        active = list(screen.active_bindings.values())
        chosen = screen.bar_keys() if isinstance(screen, KeysByState) else None
        if chosen is None:
            entries = [self._entry(each) for each in active if each.binding.show]
        else:
            by_id = {each.binding.id: each for each in reversed(active) if each.node is screen}
            others = [each for each in active if each.binding.show and each.node is not screen]
            entries = [self._entry(each) for each in others if each.node is not self.app]
            entries += [self._entry(by_id[id], label) for id, label in chosen if id in by_id]
            entries += [self._entry(each) for each in others if each.node is self.app]
        entries = list({entry.label: entry for entry in reversed(entries)}.values())[::-1]
        if chosen is not None:
            entries = [entry for _, entry in fitting(entries, self.size.width)]
        if entries != self.entries:
            self.entries = entries
            self.refresh()

    def _entry(self, active: ActiveBinding, label: str = "") -> Entry:
        binding = active.binding
        return Entry(
            binding.key,
            self.app.get_key_display(binding),
            label or binding.description,
            active.enabled,
            active.node is self.app,
        )

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
            end = column + entry.cells
        return Strip(segments).adjust_cell_length(self.size.width, plain)

    def on_click(self, event: events.Click) -> None:
        """Press the clicked key."""
        for column, entry in fitting(self.entries, self.size.width):
            if column <= event.x < column + entry.cells:
                if entry.enabled:
                    self.app.simulate_key(entry.key)
                return
