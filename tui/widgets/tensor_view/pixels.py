"""The picture of an image-shaped tensor, in half blocks, with a line that says how values became brightness."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.protocol.viewing import Pixels
from tui.widgets.drawn.images import half_blocks
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.foreign import clean, cut_cells


class PixelView(Widget, can_focus=True):
    """Shows a `Pixels`, as large as there is room, its proportions kept."""

    DEFAULT_CSS = """
    PixelView { width: 1fr; height: 1fr; padding: 1 2 0 2; background: $background; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pixels: Pixels | None = None
        """What it shows; None before there is anything."""
        self._drawn: tuple[object, ...] = ()
        self._lines: list[StyledLine] = []

    @property
    def room(self) -> tuple[int, int]:
        """Width and height in pixels of the largest picture that fits."""
        size = self.content_size
        return max(1, size.width), max(2, (size.height - 2) * 2)

    def show(self, pixels: Pixels) -> None:
        """Show a picture; the same one is not painted again."""
        if pixels != self.pixels:
            self.pixels = pixels
            self.refresh()

    def _draw(self, pixels: Pixels, width: int, height: int) -> list[StyledLine]:
        key = (pixels, width, height)
        if key != self._drawn:
            self._drawn = key
            self._lines = half_blocks(pixels, width, max(1, height - 2))
        return self._lines

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        plain, (width, height) = self.rich_style, self.content_size
        pixels = self.pixels
        if pixels is None:
            return Strip.blank(width, plain)
        lines = self._draw(pixels, width, height)
        if y < len(lines):
            return _strip(lines[y], plain).adjust_cell_length(width, plain)
        if y == len(lines) + 1:
            text = cut_cells(clean(caption(pixels)), width)
            return Strip([Segment(text, plain + Style(dim=True))]).adjust_cell_length(width, plain)
        return Strip.blank(width, plain)


def caption(pixels: Pixels) -> str:
    """Return what a picture shows."""
    height, width = pixels.source
    reduced = (
        ""
        if (width, height) == (pixels.width, pixels.height)
        else f", drawn from {pixels.width} x {pixels.height}"
    )
    return f"{width} x {height} pixels{reduced} · brightness {pixels.scaled}"


def _strip(line: StyledLine, plain: Style) -> Strip:
    segments, at = [], 0
    for start, end, style in line.spans:
        if start > at:
            segments.append(Segment(line.plain[at:start], plain))
        segments.append(Segment(line.plain[start:end], style if isinstance(style, Style) else plain))
        at = end
    return Strip([*segments, Segment(line.plain[at:], plain)])
