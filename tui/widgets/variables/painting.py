"""Rows of cells with a background of their own, of which only what changed is painted."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.cells import Line, changed_spans


@dataclass(frozen=True)
class Painted:
    """One line of the screen."""

    line: Line
    ground: str = ""
    """Name of the background, a component class without its prefix; empty: the widget's own."""


class PaintedLines(Widget):
    """Draws the lines that a subclass makes in `make_line`.

    Styles and backgrounds are named, each with a component class ``<css name>--<name>``.
    """

    OWN_GROUND: frozenset[str] = frozenset()
    """Styles that keep their own background on every ground."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._painted: list[Painted] = []
        self._styles: dict[tuple[str, str], Style] = {}

    def make_line(self, y: int) -> Painted:
        """Return a line of the screen, as many cells as the widget is wide."""
        raise NotImplementedError

    def paint(self) -> None:
        """Paint what is different from what is on the screen."""
        width, height = self.size
        if not width or not height:
            return
        before, self._painted = self._painted, [self.make_line(y) for y in range(height)]
        if len(before) != height or (before and len(before[0].line.cells) != width):
            self.refresh()
            return
        regions: list[Region] = []
        for y, (old, new) in enumerate(zip(before, self._painted, strict=True)):
            if old.ground != new.ground:
                regions.append(Region(0, y, width, 1))
            else:
                spans = changed_spans(old.line, new.line, own_ground=self.OWN_GROUND)
                regions += [Region(start, y, end - start, 1) for start, end in spans]
        if regions:
            self.refresh(*regions)

    def recolour(self, ground: str) -> None:
        """Paint the lines on a background anew: it has another colour now."""
        self._styles.clear()
        lines = [y for y, painted in enumerate(self._painted) if painted.ground == ground]
        if lines:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in lines))

    def on_resize(self) -> None:
        """Paint everything in the new size."""
        self._painted = []
        self.paint()

    def notify_style_update(self) -> None:
        """Take the new colours when the theme changes."""
        super().notify_style_update()
        self._styles.clear()

    def render_line(self, y: int) -> Strip:
        """Draw a line from its cells."""
        if y >= len(self._painted):
            return Strip.blank(self.size.width, self.rich_style)
        line, ground = self._painted[y].line, self._painted[y].ground
        segments: list[Segment] = []
        start = 0
        for column in range(1, len(line.cells) + 1):
            if column == len(line.cells) or line.styles[column] != line.styles[start]:
                style = self._style(line.styles[start], ground)
                segments.append(Segment("".join(line.cells[start:column]), style))
                start = column
        return Strip(segments, len(line.cells))

    def _style(self, name: str, ground: str) -> Style:
        style = self._styles.get((name, ground))
        if style is None:
            base = self._component(ground) if ground else self.rich_style
            style = self._component(name) if name else base
            if name and ground and name not in self.OWN_GROUND:
                style += Style(bgcolor=base.bgcolor)
            self._styles[name, ground] = style
        return style

    def _component(self, name: str) -> Style:
        return self.get_component_rich_style(f"{self._css_type_name.lower()}--{name}")
