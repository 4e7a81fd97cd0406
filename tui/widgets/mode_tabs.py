"""The bar at the top: the four screens, clickable, with their keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

MODES: Final = (
    ("tensors", "F2", "Tensors"),
    ("autograd", "F3", "Autograd"),
    ("builder", "F4", "Builder"),
    ("training", "F5", "Training"),
)
"""Mode, key and title of each screen."""


class ModeTabs(Widget):
    """One line: which screens there are, which one is shown."""

    DEFAULT_CSS = """
    ModeTabs { dock: top; height: 1; background: $panel; color: $text-muted; }
    ModeTabs > .mode-tabs--active { background: $primary; color: $background; text-style: bold; }
    ModeTabs > .mode-tabs--key { color: $accent; background: $panel; }
    ModeTabs > .mode-tabs--brand { color: $primary; background: $panel; text-style: bold; }
    """
    COMPONENT_CLASSES = {"mode-tabs--active", "mode-tabs--key", "mode-tabs--brand"}

    @dataclass
    class Chosen(Message):
        """A tab was clicked."""

        mode: str

    def __init__(self, active: str, modes: tuple[str, ...]) -> None:
        """`modes`: the screens there are; a bar of one screen shows no others."""
        super().__init__()
        self.active = active
        self.modes = tuple(entry for entry in MODES if entry[0] in modes)
        self._spans: list[tuple[int, int, str]] = []

    def render_line(self, y: int) -> Strip:
        """Draw the only line."""
        plain = self.rich_style
        segments = [Segment(" torchtui ", self.get_component_rich_style("mode-tabs--brand"))]
        column = segments[0].cell_length
        self._spans = []
        for mode, key, title in self.modes:
            if mode == self.active:
                parts = [Segment(f" {key} {title} ", self.get_component_rich_style("mode-tabs--active"))]
            else:
                parts = [
                    Segment(f" {key}", self.get_component_rich_style("mode-tabs--key")),
                    Segment(f" {title} ", plain),
                ]
            width = sum(part.cell_length for part in parts)
            self._spans.append((column, column + width, mode))
            column += width
            segments += parts
        hint = "F1 Help "
        if column + len(hint) <= self.size.width:
            segments += [
                Segment(" " * (self.size.width - column - len(hint)), plain),
                Segment(hint, plain + Style(dim=True)),
            ]
        return Strip(segments).adjust_cell_length(self.size.width, plain)

    def on_click(self, event: events.Click) -> None:
        """Tell which tab was clicked."""
        for start, end, mode in self._spans:
            if start <= event.x < end:
                self.post_message(self.Chosen(mode))
