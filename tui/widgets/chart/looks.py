"""How curves are told from each other, and what a chart's first lines are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tui.widgets.chart.model import Curve
from tui.widgets.chart.widget import FRONT

if TYPE_CHECKING:
    from tui.widgets.chart.curves import Oddities

OTHERS: Final = 4
"""Styles there are for curves that are neither train, val nor test: ``other-0`` and so on."""
_GLYPHS: Final = {"val": "●", "test": "◆"}
_OTHER_GLYPHS: Final = ("▲", "■", "▼", "○", "△", "□")
RUNS: Final = 7
"""Styles there are for the curves of several runs: ``run-0`` and so on."""


@dataclass(frozen=True)
class Look:
    """How a curve is told from the others, by colour and by mark."""

    curve: Curve
    style: str
    """``train``, ``val``, ``test``, ``other-N`` or ``run-N``."""
    glyphs: str
    """Put along the curve, in turn, and in the legend; empty: a plain line."""

    @property
    def line_style(self) -> str:
        """The style of its line, and of its mark in the legend."""
        return self.style + FRONT if self.curve.front else self.style

    @property
    def band_style(self) -> str:
        """The style of the band between the extremes."""
        return f"{self.style}-band"


def looks_of(curves: tuple[Curve, ...]) -> list[Look]:
    """Give each curve a style and a glyph of its own; the first is a plain line if its role has no glyph."""
    looks: list[Look] = []
    styles: set[str] = set()
    others = 0
    for curve in curves:
        style: str
        glyph: str | None
        if curve.run is not None:
            glyphs = _GLYPHS.get(curve.role, "") + curve.run.glyph
            looks.append(Look(curve, f"run-{curve.run.colour % RUNS}", glyphs))
            continue
        if curve.role != "other" and curve.role not in styles:
            style, glyph = curve.role, _GLYPHS.get(curve.role)
        else:
            style, glyph = f"other-{others % OTHERS}", _OTHER_GLYPHS[others % len(_OTHER_GLYPHS)]
            others += 1
        styles.add(style)
        looks.append(Look(curve, style, glyph or "" if looks or curve.role in _GLYPHS else ""))
    return looks


@dataclass(frozen=True)
class Heading:
    """What a chart's first lines are made from."""

    title: str
    """Foreign text."""
    looks: Sequence[Look]
    odds: Sequence[Oddities] = ()
    """What each curve has that has no place on the axes; empty: nothing."""
    smoothing: str = ""
    """How the curves are smoothed."""
    cursor: float | None = None
    """The x whose values are told; None: the newest are."""

    @property
    def overlaid(self) -> bool:
        """Whether there are several runs."""
        return any(look.curve.run is not None for look in self.looks)
