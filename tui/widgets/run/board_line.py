"""The line under the charts: how they are shown and by which keys that changes, or what is read at the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from tui.widgets.cells import to_cells
from tui.widgets.live_lines import LiveLines, Span


@dataclass(frozen=True)
class Part:
    """A piece of the line."""

    key: str
    """The key that it is about; empty: it is told, not asked."""
    text: str
    """Foreign text."""
    on: bool = False
    """Whether it is another than charts have by themselves."""
    action: str = ""
    """What a click on it does."""
    style: str = "key"
    """Of the key: ``key``, or ``run-N`` for the colour of a run."""


def fitting(parts: Sequence[Part], width: int) -> list[tuple[int, Part]]:
    """Return the parts that fit, each with its column: where room is short, those that say the usual go first."""
    kept = list(parts)
    while kept:
        placed, column = [], 1
        for part in kept:
            placed.append((column, part))
            column += cells_of(part) + 2
        if column - 2 <= width:
            return placed
        usual = [index for index, part in enumerate(kept) if not part.on]
        kept.pop(usual[-1] if usual else -1)
    return []


def cells_of(part: Part) -> int:
    """Return how many cells a part takes."""
    return len(to_cells(part.text)) + (len(part.key) + 1 if part.key else 0)


class BoardLine(LiveLines):
    """One line; its parts are clickable."""

    DEFAULT_CSS = """
    BoardLine { height: 1; background: $background; color: $text-muted; }
    BoardLine > .boardline--key { color: $footer-key-foreground; background: $background; }
    BoardLine > .boardline--on { color: $foreground; background: $background; text-style: bold; }
    BoardLine > .boardline--run-0 { color: $train; background: $background; }
    BoardLine > .boardline--run-1 { color: $val; background: $background; }
    BoardLine > .boardline--run-2 { color: $test; background: $background; }
    BoardLine > .boardline--run-3 { color: $other; background: $background; }
    BoardLine > .boardline--run-4 { color: $nan; background: $background; }
    BoardLine > .boardline--run-5 { color: $error; background: $background; }
    BoardLine > .boardline--run-6 { color: $foreground; background: $background; }
    """
    STYLES = ("key", "on", *(f"run-{number}" for number in range(7)))
    COMPONENT_CLASSES = {f"boardline--{style}" for style in STYLES}

    @dataclass
    class Chosen(Message):
        """A part was clicked."""

        action: str

    def __init__(self) -> None:
        super().__init__()
        self._parts: Sequence[Part] = ()

    def show_parts(self, parts: Sequence[Part]) -> None:
        """Show these parts, as many as there is room for."""
        if parts != self._parts:
            self._parts = parts
            self.show_lines()

    def lay_out(self, width: int, height: int) -> list[list[Span]]:
        """Return the line."""
        spans: list[Span] = []
        end = 0
        for column, part in fitting(self._parts, width):
            spans.append((" " * (column - end), ""))
            if part.key:
                spans.append((f"{part.key} ", part.style))
            spans.append((part.text, "on" if part.on else ""))
            end = column + cells_of(part)
        return [spans]

    def on_click(self, event: events.Click) -> None:
        """Tell which part was clicked."""
        for column, part in fitting(self._parts, self.size.width):
            if part.action and column <= event.x < column + cells_of(part):
                self.post_message(self.Chosen(part.action))
                return
