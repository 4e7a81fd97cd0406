"""Lines of text that are painted again only where they differ from what is on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.cells import Line, Row, changed_spans, cut, to_cells

Span = tuple[str, str]
"""Foreign text, and the name of its style: ``""`` or one of the widget's component classes, without the prefix."""


class LiveLines(Widget):
    """A block of lines fed whole; only cells that changed go to the terminal.

    Subclasses make the lines in `lay_out` and name their styles in `STYLES`, each with a component class
    ``<css name>--<style>``.
    """

    STYLES: tuple[str, ...] = ()
    GROUNDS = False
    """Whether some of the styles have a background."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._spans: tuple[tuple[Span, ...], ...] = ()
        self._lines: list[Line] = []
        self._styles: dict[str, Style] = {}

    def notify_style_update(self) -> None:
        """Take the new colours when the theme changes."""
        super().notify_style_update()
        self._styles.clear()

    def lay_out(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        """Return the lines for a size; those beyond `height` are not seen. Subclasses make them here."""
        raise NotImplementedError

    def show_lines(self) -> None:
        """Lay the lines out, and paint what is different."""
        self._spans = tuple(tuple(line) for line in self.lay_out(*self.size))
        self._update()

    def on_resize(self) -> None:
        """Lay the lines out for the new size."""
        self._lines = []
        self.show_lines()

    def _update(self) -> None:
        width, height = self.size
        if not width or not height:
            return
        before, self._lines = self._lines, [self._line(y, width) for y in range(height)]
        if (
            len(before) != height or len(before[0].cells) != width
        ):  # fed before the news of another size is here
            self.refresh()
            return
        regions = [
            Region(start, y, end - start, 1)
            for y, (old, new) in enumerate(zip(before, self._lines, strict=True))
            for start, end in changed_spans(old, new, grounds=self.GROUNDS)
        ]
        if regions:
            self.refresh(*regions)

    def _line(self, y: int, width: int) -> Line:
        row = Row(width)
        column = 0
        for text, style in self._spans[y] if y < len(self._spans) else ():
            column = row.put(column, cut(to_cells(text), width - column), style)
        return row.line()

    def render_line(self, y: int) -> Strip:
        """Draw a line from its cells."""
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.rich_style)
        line = self._lines[y]
        styles = self._styles
        if not styles:
            styles.update({"": self.rich_style, **{name: self._style(name) for name in self.STYLES}})
        segments: list[Segment] = []
        start = 0
        for column in range(1, len(line.cells) + 1):
            if column == len(line.cells) or line.styles[column] != line.styles[start]:
                segments.append(Segment("".join(line.cells[start:column]), styles[line.styles[start]]))
                start = column
        return Strip(segments, len(line.cells))

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"{self._css_type_name.lower()}--{name}")
