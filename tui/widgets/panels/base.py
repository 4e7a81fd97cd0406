"""Lines in the colours of the drawings of tensors, and how far they are scrolled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.color import Color
from rich.style import Style
from textual import events
from textual.binding import BindingType

from tui.widgets.drawn.styles import DrawnStyles
from tui.widgets.keys import key
from tui.widgets.live_lines import LiveLines, Span

PanelLine = list[Span]
MOST_STYLES = 8192
"""Kept at a time: pictures in colour bring new ones with each evaluation."""


class _Styles(dict[str, Style]):
    """The styles by name, made when they are first needed."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel = panel

    def __missing__(self, name: str) -> Style:
        if len(self) >= MOST_STYLES:
            self.clear()
        self[name] = made = self._panel.style_of(name)
        return made


class Panel(LiveLines, can_focus=True):
    """A page of lines that scrolls, with the styles of ``tui.widgets.drawn.styles`` and ``rgb:112233:445566``."""

    DEFAULT_CSS = """
    Panel { height: 1fr; padding: 0 1; }
    Panel > .panel--muted { color: $text-muted; }
    Panel > .panel--title { color: $primary; text-style: bold; }
    Panel > .panel--bad { color: $error; text-style: bold; }
    Panel > .panel--good { color: $success; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"panel--{name}" for name in ("muted", "title", "bad", "good")}
    GROUNDS = True
    BINDINGS: ClassVar[list[BindingType]] = [
        key("up", "scroll_lines(-1)", "Up", "panel.up", "A line up", show=False),
        key("down", "scroll_lines(1)", "Down", "panel.down", "A line down", show=False),
        key("pageup", "scroll_lines(-10)", "Page up", "panel.page-up", "Ten lines up", show=False),
        key("pagedown", "scroll_lines(10)", "Page down", "panel.page-down", "Ten lines down", show=False),
        key("home", "scroll_lines(-100000)", "Top", "panel.top", "To the first line", show=False),
        key("end", "scroll_lines(100000)", "End", "panel.end", "To the last line", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._styles = _Styles(self)
        self._drawn: DrawnStyles | None = None  # None: the theme is another
        self._top = 0

    def page(self, width: int) -> tuple[Sequence[PanelLine], Sequence[PanelLine]]:
        """Return the lines that stay at the top, and those that scroll. Subclasses make them here."""
        raise NotImplementedError

    def lay_out(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        """Return what is seen of the page."""
        if width < 1 or height < 1:  # not laid out yet
            return []
        head, body = self.page(width)
        room = max(1, height - len(head))
        self._top = max(0, min(self._top, len(body) - room))
        shown = list(body[self._top : self._top + room])
        below = len(body) - self._top - room
        if below > 0 and len(shown) == room:
            shown[-1] = [(f"↓ {below + 1:,} more lines", "muted")]
        return [*head, *shown]

    def action_scroll_lines(self, lines: int) -> None:
        """Scroll by so many lines."""
        self._top = max(0, self._top + lines)
        self.show_lines()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll by three lines."""
        event.stop()
        self.action_scroll_lines(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll by three lines."""
        event.stop()
        self.action_scroll_lines(-3)

    def notify_style_update(self) -> None:
        """Take the new colours when the theme changes."""
        super().notify_style_update()
        self._drawn = None

    def style_of(self, name: str) -> Style:
        """Return the style of a name; an unknown one is the panel's own."""
        base = self.rich_style
        if not name:
            return base
        if name.startswith("rgb:"):
            _, above, below = name.split(":")
            ground = Color.parse(f"#{below}") if below else base.bgcolor
            return Style(color=Color.parse(f"#{above}"), bgcolor=ground)
        if f"panel--{name}" in self.COMPONENT_CLASSES:
            return self.get_component_rich_style(f"panel--{name}")
        if self._drawn is None:
            self._drawn = DrawnStyles(self.app.theme_variables)
        drawn = self._drawn.style(name)
        return base if drawn is None else base + drawn
