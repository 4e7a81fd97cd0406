"""The first line of a chart: its title, and of each curve the mark, the label and the newest value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tui.widgets.cells import Line, Row, cut, to_cells
from tui.widgets.chart.model import Curve, Points
from tui.widgets.chart.ticks import count_text, value_text

if TYPE_CHECKING:
    from tui.widgets.chart.curves import Oddities

OTHERS: Final = 4
"""Styles there are for curves that are neither train, val nor test: ``other-0`` and so on."""
_GLYPHS: Final = {"val": "●", "test": "◆"}
_OTHER_GLYPHS: Final = ("▲", "■", "▼", "○", "△", "□")
RUNS: Final = 7
"""Styles there are for the curves of several runs: ``run-0`` and so on."""
_ROOM_FOR_COUNT = 70

Part = tuple[list[str], str]
"""Cells and their style."""


@dataclass(frozen=True)
class Look:
    """How a curve is told from the others, by colour and by mark."""

    curve: Curve
    style: str
    """``train``, ``val``, ``test``, ``other-N`` or ``run-N``."""
    glyphs: str
    """Put along the curve, in turn, and in the legend; empty: a plain line."""

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


def title_row(
    title: str, looks: list[Look], odd: Oddities, width: int, smoothing: str = "", cursor: float | None = None
) -> Line:
    """Return the line, with as much in it as there is room for.

    ``smoothing``: how the curves are smoothed; ``cursor``: the x whose values are told, None: the newest are.
    """
    row = Row(width)
    name = to_cells(title)
    for details in (3, 2, 1, 0):
        how = list(f" {smoothing}") if smoothing and details else []
        odds = list(_odd_parts(odd, details))
        parts = [(name, "title"), (how, "dim"), *_curve_parts(looks, details, cursor), *odds]
        if sum(len(cells) for cells, _ in parts) <= width:
            break
    else:
        room = width - sum(len(cells) for cells, _ in odds)
        parts = [*_cut_parts([(name, "title"), *_curve_parts(looks, 0, cursor)], room), *odds]
    at = 0
    for cells, style in parts:
        at = row.put(at, cells, style)
    count = f"{count_text(sum(len(look.curve.points) for look in looks))} points"
    if looks and width >= _ROOM_FOR_COUNT and at + len(count) + 2 <= width:
        row.put(width - len(count), list(count), "dim")
    return row.line()


def _curve_parts(looks: list[Look], details: int, cursor: float | None) -> Iterator[Part]:
    """Yield the legend: with marks (3), without them (2), closer together (1), with one value of each curve (0)."""
    gap = "  " if details > 1 else " "
    for look in looks:
        # several runs are named elsewhere too, and their names are long
        label = to_cells(look.curve.label) if details > 1 or look.curve.run is None else []
        glyph = look.glyphs or "─"
        yield [*gap, *glyph, *([" "] if label and details else [])], look.style
        yield label, look.style
        value = _value(look.curve.points, cursor)
        smooth = _value(look.curve.smooth, cursor) if look.curve.smooth is not None else None
        if smooth is not None and (details or cursor is None):
            yield list(f" ≈{value_text(smooth)}"), "value"
        if value is not None and (details or cursor is not None or smooth is None):
            yield list(f" {value_text(value)}"), "bad" if value_text(value)[-1] in "Nf" else "value"
        elif value is None and cursor is not None:
            yield [" ", "–"], "dim"
        if details == 3 and cursor is None and look.curve.mark is not None and look.curve.mark.text:
            yield [" ", "★", " ", *to_cells(look.curve.mark.text)], "dim"


def _value(points: Points, cursor: float | None) -> float | None:
    """Return the value at or before the cursor, without one the newest; None where there is none."""
    found = points.last if cursor is None else points.at(cursor)
    return None if found is None else found.value


def _odd_parts(odd: Oddities, details: int) -> Iterator[Part]:
    """Yield what has no place on the axes: counted, without spaces (1), by name alone (0)."""
    named = {"NaN": odd.nan, "Inf": odd.pos_inf, "-Inf": odd.neg_inf, "≤0": odd.non_positive}
    counts = {name: sum(cells.values()) for name, cells in named.items()} | {"x≤0": odd.before}
    for name, count in counts.items():
        if count:
            texts = f" {name}", f" {name}×{count_text(count)}", f"  {name} ×{count_text(count)}"
            yield list(texts[min(details, 2)]), "bad"


def _cut_parts(parts: list[Part], width: int) -> Iterator[Part]:
    for cells, style in parts:
        yield cut(cells, width), style
        width -= len(cells)
        if width <= 0:
            return
