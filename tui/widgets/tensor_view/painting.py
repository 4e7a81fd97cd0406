"""Lines painted again only where they differ, with the colours of values: heat, NaN, the cursor."""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from textual.color import Color

from tui.widgets.drawn.styles import DrawnStyles
from tui.widgets.live_lines import LiveLines, Span
from tui.widgets.tensor_view.scale import HEAT_STYLES, STEPS

VALUE_STYLES = (
    "title", "label", "dim", "accent", "bad", "good", "warning", "number", "active", "rail",
    "nan", "inf", "nothing", "true", "cursor", "negative", "positive", *HEAT_STYLES,
)  # fmt: skip


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
    GROUNDS = True

    def notify_style_update(self) -> None:
        """Paint in the new colours when the theme changes."""
        super().notify_style_update()
        self.refresh()

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
