"""Vectors as bars on a baseline: up above zero, down below it; the values under them where there is room."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tui.protocol.values import Number
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.scale import Scale
from tui.widgets.drawn.text import Pen

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def bar_lines(values: Sequence[Number], scale: Scale, width: int, gap: int = 0) -> list[StyledLine]:
    """Return a line of bars, each `width` cells wide after `gap` spaces; a second one for those below zero.

    A line with nothing in it is left out. NaN is ``×`` on the baseline, an infinity a whole bar marked ``∞``.
    """
    above, below = Pen(), Pen()
    for value in values:
        above.write(" " * gap)
        below.write(" " * gap)
        up, down = _bar(value, scale, width)
        above.write(*up)
        below.write(*down)
    return [line for line in (above.line(), below.line()) if line.plain.strip() or line.spans]


def _bar(value: Number, scale: Scale, width: int) -> tuple[tuple[str, str], tuple[str, str]]:
    blank = (" " * width, "")
    if math.isnan(value):
        return ("×".rjust(width), "nan"), blank
    if math.isinf(value):
        mark = ("∞".rjust(width), "heatinf")
        return (mark, blank) if value > 0 or not scale.diverging else (blank, mark)
    part = scale.fraction(value)
    # Where bars do not begin at zero the lowest value has one too: a gap would say that there is nothing.
    lifted = not scale.diverging and scale.low
    eighths = max(round(abs(part) * 8), 1) if part or lifted else 0
    if not eighths:
        return blank, blank
    if part < 0:
        # No terminal has blocks that hang down, so the rest of the cell is drawn in the background's colour.
        return blank, (_EIGHTHS[8 - eighths] * width, "bar-")
    return (_EIGHTHS[eighths] * width, "bar+" if scale.diverging else "bars"), blank


def value_line(texts: Sequence[str], values: Sequence[Number]) -> StyledLine:
    """Return the values under their bars; what is not finite is loud."""
    pen = Pen()
    for text, value in zip(texts, values, strict=True):
        pen.write(text, "" if math.isfinite(value) else "nan")
    return pen.line()
