"""One line that is fed whole."""

from __future__ import annotations

from tui.widgets.live_lines import LiveLines


class OneLine(LiveLines):
    """A line that may be fed between a change of its size and the news of it."""

    def show_lines(self) -> None:
        """Lay the line out; what was painted in another width is no ground to compare with."""
        if self._lines and len(self._lines[0].cells) != self.size.width:
            self._lines = []
        super().show_lines()
