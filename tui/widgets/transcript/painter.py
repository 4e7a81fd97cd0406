"""From a row of a line to a strip of the screen: styles by name, strips kept."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.code_input.palette import code_styles
from tui.widgets.drawn.lines import Line, segments, wrap
from tui.widgets.drawn.styles import DrawnStyles


class Painter:
    """Draws for one widget, in the colours of its theme."""

    def __init__(self, widget: Widget, component: str) -> None:
        self._widget = widget
        self._component = component
        """Prefix of the component classes that hold the plain styles, e.g. ``transcript--``."""
        self._strips: LRUCache[tuple[Line, str, int, int, int], Strip] = LRUCache(2048)
        self._styles: dict[str, Style] = {}
        self._drawn: DrawnStyles | None = None

    def forget(self) -> None:
        """Forget what was drawn in other colours."""
        self._styles.clear()
        self._strips.clear()
        self._drawn = None

    def strip(self, line: Line, style: str, index: int, wrap_width: int, width: int) -> Strip:
        """Return row `index` of a line wrapped at `wrap_width`, filled up to `width` cells."""
        key = (line, style, index, wrap_width, width)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._draw(line, style, index, wrap_width, width)
        return strip

    def _draw(self, line: Line, block_style: str, index: int, wrap_width: int, width: int) -> Strip:
        base, ground = self.style(block_style), self._widget.rich_style
        rows = wrap(line, wrap_width)
        start, end = rows[min(index, len(rows) - 1)]
        if isinstance(line, str):
            return Strip([Segment(line[start:end], base)]).extend_cell_length(width, ground)
        spans = [
            (first, last, self.style(style) if isinstance(style, str) else style)
            for first, last, style in line.spans
        ]
        drawn = [Segment(" " * line.indent, base)] if index and line.indent < wrap_width else []
        drawn.extend(segments(line.plain, spans, base, start, end))
        strip = Strip(drawn)
        if line.right and index == len(rows) - 1:
            space = wrap_width - strip.cell_length - cell_len(line.right) - 1
            if space >= 2:
                strip = Strip([*drawn, Segment(" " * space, base), Segment(line.right, self.style("dim"))])
        return strip.extend_cell_length(width, ground)

    def style(self, name: str) -> Style:
        """Return a full style: a drawing's, code's, or one of the widget's component classes."""
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self._named(name)
        return style

    def _named(self, name: str) -> Style:
        base, variables = self._widget.rich_style, self._widget.app.theme_variables
        if not name:
            return base
        if name.startswith("code."):
            return base + code_styles(variables)[name.removeprefix("code.")]
        if self._drawn is None:
            self._drawn = DrawnStyles(variables)
        drawn = self._drawn.style(name)
        return (
            base + drawn
            if drawn is not None
            else self._widget.get_component_rich_style(self._component + name)
        )


def selected(strip: Strip, start: int, end: int, style: Style) -> Strip:
    """Return a strip with a range of its characters (`end` -1: to the end) in the style of a selection."""
    plain = strip.text
    end = len(plain) if end == -1 else end
    before, chosen, after = plain[:start], plain[start:end], plain[end:]
    if not chosen:
        return strip
    cuts = (cell_len(before), cell_len(before + chosen))
    parts = [strip.crop(0, cuts[0]), strip.crop(*cuts).apply_style(style)]
    return Strip.join([*parts, strip.crop(cuts[1])]) if after else Strip.join(parts)
