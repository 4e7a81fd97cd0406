"""The line between a run's head and what is shown of it: which view, and the first of its alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich.cells import cell_len
from textual import events
from textual.message import Message

from tui.widgets.foreign import one_line
from tui.widgets.live_lines import LiveLines, Span

RunView = Literal["charts", "layers", "evaluation", "health"]
VIEWS: Final[tuple[tuple[RunView, str], ...]] = (
    ("charts", "Charts"), ("layers", "Layers"), ("evaluation", "Evaluation"), ("health", "Health"),
)  # fmt: skip


class ViewLine(LiveLines):
    """``1 Charts  2 Layers  3 Evaluation  4 Health``, and the first alert where there is room."""

    DEFAULT_CSS = """
    ViewLine { height: 1; background: $surface; }
    ViewLine > .viewline--number { color: $accent; background: $surface; }
    ViewLine > .viewline--name { color: $text-muted; background: $surface; }
    ViewLine > .viewline--current { color: $foreground; background: $surface; text-style: bold underline; }
    ViewLine > .viewline--warn { color: $warning; background: $surface; }
    ViewLine > .viewline--bad { color: $error; background: $surface; text-style: bold; }
    ViewLine > .viewline--muted { color: $text-muted; background: $surface; }
    """
    STYLES = ("number", "name", "current", "warn", "bad", "muted")
    COMPONENT_CLASSES = {f"viewline--{style}" for style in STYLES}

    @dataclass
    class Chosen(Message):
        """A view was clicked."""

        view: RunView

    def __init__(self) -> None:
        super().__init__()
        self._current: RunView = "charts"
        self._alert = ("", "")
        self._more = 0

    def show(self, current: RunView, alert: str, *, severe: bool, more: int) -> None:
        """Show which view it is, and an alert; `more`: how many others there are."""
        self._current = current
        self._alert = (alert, "bad" if severe else "warn")
        self._more = more
        self.show_lines()

    def lay_out(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        """Return the one line."""
        line: list[Span] = []
        used = 0
        for number, (view, name) in enumerate(VIEWS, 1):
            style = "current" if view == self._current else "name"
            line += [(f" {number} ", "number"), (name, style), (" ", "")]
            used += len(name) + 4
        text, style = self._alert
        if text:
            more = f" +{self._more}" if self._more else ""
            room = width - used - 3 - len(more)
            if room >= 12:
                line += [
                    (" " * max(1, room - cell_len(text)), ""),
                    (f"▲ {one_line(text, room)}", style),
                    (more, "muted"),
                ]
        return [line]

    def on_click(self, event: events.Click) -> None:
        """Go to the view that was clicked, or to where the alerts are."""
        end = 0
        for view, name in VIEWS:
            end += len(name) + 4
            if event.x < end:
                self.post_message(self.Chosen(view))
                return
        if self._alert[0]:
            self.post_message(self.Chosen("health"))
