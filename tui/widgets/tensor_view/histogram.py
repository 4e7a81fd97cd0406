"""A histogram drawn with blocks. Pure functions."""

from __future__ import annotations

from typing import Final

from tui.protocol.viewing import Histogram
from tui.widgets.live_lines import Span
from tui.widgets.tensor_view.numbers import short

BLOCKS: Final = " ▁▂▃▄▅▆▇█"
HEIGHT: Final = 6
"""Lines that the bars take."""


def bars(counts: tuple[int, ...], height: int) -> list[str]:
    """Return bars as lines, the highest first; a bin with anything in it is never blank."""
    most = max(counts, default=0)
    eighths = [
        0 if not count else max(1, round(count / most * height * 8)) if most else 0 for count in counts
    ]
    return [
        "".join(BLOCKS[min(8, max(0, level - 8 * (height - 1 - line)))] for level in eighths)
        for line in range(height)
    ]


def squeezed(counts: tuple[int, ...], width: int) -> tuple[int, ...]:
    """Return the counts in at most `width` bins, neighbours added up."""
    if len(counts) <= width or width < 1:
        return counts
    size = -(-len(counts) // width)
    return tuple(sum(counts[start : start + size]) for start in range(0, len(counts), size))


def histogram_lines(histogram: Histogram, width: int, height: int = HEIGHT) -> list[list[Span]]:
    """Return a heading, the bars, negative and positive ones in their colours, and what is at the ends."""
    title = "histogram of log10 |x|" if histogram.log else "histogram"
    other = " l linear" if histogram.log else " l log"
    rule = max(1, width - len(title) - len(other) - 1)
    lines: list[list[Span]] = [[], [(f"{title} ", "title"), ("─" * rule, "rail"), (other, "dim")]]
    counts = squeezed(histogram.counts, width)
    if not any(counts) or len(histogram.edges) < 2:
        return [*lines, [("no finite values to count", "dim")]]
    low, high = histogram.edges[0], histogram.edges[-1]
    negative = 0
    if not histogram.log and high > low:
        negative = round(min(1.0, max(0.0, -low / (high - low))) * len(counts))
    above = "positive" if histogram.log or low < 0 else "good"  # as in the scale from low to high
    for text in bars(counts, height):
        lines.append([(text[:negative], "negative"), (text[negative:], above)])
    lines.append(axis(low, high, len(counts), log=histogram.log))
    if histogram.log and histogram.zeros:
        lines.append([(f"{histogram.zeros:,} zeros are not in it", "dim")])
    return lines


def axis(low: float, high: float, width: int, *, log: bool) -> list[Span]:
    """Return the line under the bars: both ends, and the most that is between them."""
    ends = (f"1e{low:.1f}", f"1e{high:.1f}") if log else (short(low, 3), short(high, 3))
    return [(f"{ends[0]}{ends[1]:>{max(1, width - len(ends[0]))}}", "dim")]
