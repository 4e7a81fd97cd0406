"""Lines painted again only where they differ, with the colours of values: heat, NaN, the cursor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.style import Style
from textual.color import Color
from textual.geometry import Region

from tui.widgets.cells import Line
from tui.widgets.drawn.styles import DrawnStyles
from tui.widgets.live_lines import LiveLines, Span
from tui.widgets.tensor_view.scale import HEAT_STYLES, STEPS

VALUE_STYLES = (
    "title", "label", "dim", "accent", "bad", "good", "warning", "number", "active", "rail",
    "nan", "inf", "nothing", "true", "cursor", "negative", "positive", *HEAT_STYLES,
)  # fmt: skip
MERGE_GAP = 14
"""Unchanged cells between two changes that are cheaper to send again than to jump over."""


def spans_that_differ(before: Line, after: Line) -> Iterator[tuple[int, int]]:
    """Yield the [start, end) columns in which two lines of one width differ, a background under a blank too."""
    start = end = -1
    pairs = zip(before.cells, after.cells, before.styles, after.styles, strict=True)
    for column, (old, new, old_style, new_style) in enumerate(pairs):
        if old == new and old_style == new_style:
            continue
        if start < 0:
            start = column
        elif column - end > MERGE_GAP:
            yield _whole(before, after, start, end)
            start = column
        end = column + 1
    if start >= 0:
        yield _whole(before, after, start, end)


def _whole(before: Line, after: Line, start: int, end: int) -> tuple[int, int]:
    """Widen a span so that it cuts through no character that is two cells wide."""
    while start > 0 and "" in (before.cells[start], after.cells[start]):
        start -= 1
    while end < len(after.cells) and "" in (before.cells[end], after.cells[end]):
        end += 1
    return start, end


def heat_style(name: str, colours: Mapping[str, str]) -> Style:
    """Return the colours of a step of the scale, as in every drawing; what is beyond it is bold.

    `colours`: the theme's variables.
    """
    style = DrawnStyles(colours).style(name) or Style()
    return style + Style(bold=name.endswith(str(STEPS + 1)))


class ValueLines(LiveLines):
    """Lines in the viewer's styles. Subclasses make them in `lay_out`."""

    DEFAULT_CSS = """
    ValueLines { background: $background; color: $foreground; }
    """
    STYLES = VALUE_STYLES

    def notify_style_update(self) -> None:
        """Paint in the new colours when the theme changes."""
        super().notify_style_update()
        self.refresh()

    def _update(self) -> None:
        width, height = self.size
        if not width or not height:
            return
        before, self._lines = self._lines, [self._line(y, width) for y in range(height)]
        if len(before) != len(self._lines) or len(before[0].cells) != width:
            self.refresh()
            return
        regions = [
            Region(start, y, end - start, 1)
            for y, (old, new) in enumerate(zip(before, self._lines, strict=True))
            for start, end in spans_that_differ(old, new)
        ]
        if regions:
            self.refresh(*regions)

    def _style(self, name: str) -> Style:
        colours = self.app.theme_variables
        base = self.rich_style
        if name.startswith("heat"):
            return base + heat_style(name, colours)
        if name in ("nan", "inf"):
            return base + heat_style(f"heat{name}", colours)
        return base + _named(name, colours)


def _named(name: str, colours: dict[str, str]) -> Style:
    def ink(variable: str) -> Style:
        return Style(color=Color.parse(colours[variable]).rich_color)

    def ground(variable: str) -> Style:
        colour = Color.parse(colours[variable])
        text = Color.parse(colours["background"])
        return Style(color=text.rich_color, bgcolor=colour.rich_color, bold=True)

    muted = Color.parse(colours["background"]).blend(Color.parse(colours["foreground"]), 0.55)
    match name:
        case "title":
            return Style(bold=True)
        case "label" | "dim" | "nothing":
            return Style(color=muted.rich_color)
        case "rail":
            faint = Color.parse(colours["background"]).blend(Color.parse(colours["foreground"]), 0.3)
            return Style(color=faint.rich_color)
        case "accent" | "true":
            return ink("accent")
        case "number":
            return ink("accent") + Style(bold=True)
        case "active":
            return ink("primary") + Style(bold=True)
        case "bad":
            return ink("error") + Style(bold=True)
        case "good":
            return ink("success")
        case "warning":
            return ink("warning")
        case "negative" | "positive":
            return ink(name)
        case "cursor":  # neither a step of the scale nor a NaN looks like this
            return ground("foreground")
        case _:
            return Style()


Spans = list[Span]
