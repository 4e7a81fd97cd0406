"""The side panel: facts, statistics, quantiles, histogram, comparison."""

from __future__ import annotations

from textual import events

from tui.widgets.live_lines import Span
from tui.widgets.tensor_view.painting import ValueLines
from tui.widgets.tensor_view.panel_lines import PanelData, panel_lines

WHEEL_LINES = 3


class SidePanel(ValueLines):
    """Shows a `PanelData`; scrolls where it is too long."""

    DEFAULT_CSS = """
    SidePanel { width: 40; height: 1fr; border-left: vkey $panel; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.data = PanelData()
        """What it shows."""
        self._first = 0

    def show(self, data: PanelData) -> None:
        """Show this; what is the same is not painted again."""
        if data != self.data:
            if data.comparison != self.data.comparison:
                self._first = 0
            self.data = data
            if self.display:
                self.show_lines()

    def scroll_lines(self, lines: int) -> None:
        """Scroll down, or up where negative."""
        self._first += lines
        self.show_lines()

    def lay_out(self, width: int, height: int) -> list[list[Span]]:
        """Return the lines in sight; the last one says where there are more."""
        lines = panel_lines(self.data, width)
        self._first = max(0, min(self._first, len(lines) - height))
        seen = lines[self._first : self._first + height]
        below = len(lines) - self._first - height
        if below > 0 and seen:
            seen[-1] = [(f"▾ {below + 1} more lines: J and K scroll", "dim")]
        return seen

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down."""
        event.stop()
        self.scroll_lines(WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up."""
        event.stop()
        self.scroll_lines(-WHEEL_LINES)
