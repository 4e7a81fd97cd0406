"""The first line of a chart: its title, and of each curve the mark, the label and the newest value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tui.widgets.cells import Line, Row, cut, to_cells
from tui.widgets.chart.model import Curve
from tui.widgets.chart.ticks import count_text, value_text

if TYPE_CHECKING:
    from tui.widgets.chart.curves import Oddities

OTHERS: Final = 4
"""Styles there are for curves that are neither train, val nor test: ``other-0`` and so on."""
_GLYPHS: Final = {"val": "●", "test": "◆"}
_OTHER_GLYPHS: Final = ("▲", "■", "▼", "○", "△", "□")
_ROOM_FOR_COUNT = 70

Part = tuple[list[str], str]
"""Cells and their style."""


@dataclass(frozen=True)
class Look:
    """How a curve is told from the others, by colour and by mark."""

    curve: Curve
    style: str
    """``train``, ``val``, ``test`` or ``other-N``."""
    glyph: str | None
    """Put along the curve and in the legend; None: a plain line."""

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
        if curve.role != "other" and curve.role not in styles:
            style, glyph = curve.role, _GLYPHS.get(curve.role)
        else:
            style, glyph = f"other-{others % OTHERS}", _OTHER_GLYPHS[others % len(_OTHER_GLYPHS)]
            others += 1
        styles.add(style)
        looks.append(Look(curve, style, glyph if looks or curve.role in _GLYPHS else None))
    return looks


def title_row(title: str, looks: list[Look], odd: Oddities, width: int) -> Line:
    """Return the line, with as much in it as there is room for."""
    row = Row(width)
    name = to_cells(title)
    for details in (2, 1, 0):
        parts = [(name, "title"), *_curve_parts(looks, details), *_odd_parts(odd)]
        if sum(len(cells) for cells, _ in parts) <= width:
            break
    else:
        odd_parts = list(_odd_parts(odd))
        room = width - sum(len(cells) for cells, _ in odd_parts)
        parts = [*_cut_parts([(name, "title"), *_curve_parts(looks, 0)], room), *odd_parts]
    at = 0
    for cells, style in parts:
        at = row.put(at, cells, style)
    count = f"{count_text(sum(len(look.curve.points) for look in looks))} points"
    if looks and width >= _ROOM_FOR_COUNT and at + len(count) + 2 <= width:
        row.put(width - len(count), list(count), "dim")
    return row.line()


def _curve_parts(looks: list[Look], details: int) -> Iterator[Part]:
    """Yield the legend: with marks (2), without them (1), closer together (0)."""
    gap = "  " if details else " "
    for look in looks:
        last = look.curve.points.last
        label = to_cells(look.curve.label)
        yield [*gap, look.glyph or "─", *([" "] if label else [])], look.style
        yield label, look.style
        if last is not None:
            yield list(f" {value_text(last.value)}"), "bad" if value_text(last.value)[-1] in "Nf" else "value"
        if details == 2 and look.curve.mark is not None and look.curve.mark.text:
            yield [" ", "★", " ", *to_cells(look.curve.mark.text)], "dim"


def _odd_parts(odd: Oddities) -> Iterator[Part]:
    counts = {"NaN": odd.nan, "Inf": odd.pos_inf, "-Inf": odd.neg_inf, "≤0": odd.non_positive}
    for name, cells in counts.items():
        if cells:
            yield list(f"  {name} ×{count_text(sum(cells.values()))}"), "bad"


def _cut_parts(parts: list[Part], width: int) -> Iterator[Part]:
    for cells, style in parts:
        yield cut(cells, width), style
        width -= len(cells)
        if width <= 0:
            return
