"""The named styles of drawings as colours of a theme.

``heat+1``…``heat+9``, ``heat-1``…, ``heat0``: cells of a matrix around zero, ``heats0``…``heats9`` from low to high ·
``half:+3:-2``: a half block with one step above another · ``bar+ bar- bars``: bars · ``nan``: what is not finite ·
``heatnan heatinf``: cells of it · ``mark``: a dimension to look at · ``gone``: one that vanished · ``strong``,
``warn``, ``big``, ``rail``, ``cursor``.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from textual.color import Color, ColorParseError

from tui.widgets.drawn.scale import STEPS

_DEFAULTS = {
    "background": "#101216", "foreground": "#d7dae0", "accent": "#f2b05e", "secondary": "#6cb6ff",
    "success": "#7bc275", "warning": "#f2b05e", "negative": "#5aa2f0", "positive": "#ee7b4d", "nan": "#ff5fd2",
}  # fmt: skip
_FULL = 0.75
"""Where on the scale from low to high the colour is purest; above it nears that of text."""
_BLACK, _WHITE = Color(0, 0, 0), Color(255, 255, 255)


class DrawnStyles:
    """The styles of drawings under one theme."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._colours = {name: _colour(variables, name) for name in _DEFAULTS}

    def style(self, name: str) -> Style | None:
        """Return a style to be laid over the text's own; None for a name that is no drawing's."""
        colours = self._colours
        if name.startswith("heat"):
            return self._cell(name.removeprefix("heat"))
        if name.startswith("half:"):
            _, above, below = name.split(":")
            return _pair(self._step(above), self._step(below))
        fixed = {
            "bar+": Style(color=colours["positive"].rich_color),
            "bar-": _pair(colours["background"], colours["negative"]),
            "bars": Style(color=colours["success"].rich_color),
            "nan": Style(color=colours["nan"].rich_color, bold=True),
            "mark": Style(color=colours["accent"].rich_color, bold=True),
            "gone": Style(dim=True, strike=True),
            "big": Style(color=colours["accent"].rich_color, bold=True),
            "accent": Style(color=colours["accent"].rich_color),
            "shape": Style(color=colours["secondary"].rich_color),
            "strong": Style(bold=True),
            "warn": Style(color=colours["warning"].rich_color, bold=True),
            "rail": Style(color=self._blend("foreground", 0.35).rich_color),
            "cursor": Style(color=colours["accent"].rich_color),
        }
        return fixed.get(name)

    def _cell(self, level: str) -> Style:
        colour = self._step(level)
        return Style(
            color=_readable(colour).rich_color, bgcolor=colour.rich_color, bold=level in ("nan", "inf")
        )

    def _step(self, level: str) -> Color:
        """Return the colour of a step of a scale; of ``_`` the background's."""
        if level in ("nan", "inf"):
            return self._colours["nan" if level == "nan" else "warning"]
        if level == "_":
            return self._colours["background"]
        ground = self._blend("foreground", 0.08)
        if level == "0":
            return ground
        part = min(int(level[1:]) / STEPS, 1.0)
        if level[0] in "+-":
            return ground.blend(self._colours["positive" if level[0] == "+" else "negative"], part)
        full = self._colours["success"]
        if part <= _FULL:
            return ground.blend(full, part / _FULL)
        return full.blend(self._colours["foreground"], 0.6 * (part - _FULL) / (1 - _FULL))

    def _blend(self, name: str, part: float) -> Color:
        return self._colours["background"].blend(self._colours[name], part)


def _colour(variables: Mapping[str, str], name: str) -> Color:
    try:
        return Color.parse(variables[name])
    except (KeyError, ColorParseError):
        return Color.parse(_DEFAULTS[name])


def _pair(colour: Color, ground: Color) -> Style:
    return Style(color=colour.rich_color, bgcolor=ground.rich_color)


def _readable(ground: Color) -> Color:
    """Return black or white, whichever stands out more."""
    return max((_WHITE, _BLACK), key=lambda text: contrast(text, ground))


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of two colours as WCAG defines it: 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Color) -> float:
    parts = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
