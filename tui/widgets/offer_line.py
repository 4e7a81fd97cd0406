"""A line under the tabs that offers something, and stays until that is taken or dismissed."""

from __future__ import annotations

from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.foreign import one_line


class OfferLine(Widget):
    """One line: the key, and what there is. A click takes it as the key does."""

    DEFAULT_CSS = """
    OfferLine { height: 1; background: $warning 20%; color: $foreground; }
    OfferLine > .offer-line--key { color: $accent; background: $warning 20%; text-style: bold; }
    """
    COMPONENT_CLASSES = {"offer-line--key"}

    class Taken(Message):
        """The line was clicked."""

    def __init__(self, key: str, text: str) -> None:
        """`key`: as keyboards print it; `text`: what is offered, foreign text."""
        super().__init__()
        self._key, self._text = key, text

    def render_line(self, y: int) -> Strip:
        """Draw the only line."""
        plain = self.rich_style
        said = " attach or dismiss │ "
        text = one_line(self._text, max(self.size.width - len(self._key) - len(said) - 2, 1))
        parts = [
            Segment(f" {self._key}", self.get_component_rich_style("offer-line--key")),
            Segment(said, plain),
            Segment(text, plain),
        ]
        return Strip(parts).adjust_cell_length(self.size.width, plain)

    def on_click(self) -> None:
        """Tell that it was clicked."""
        self.post_message(self.Taken())
