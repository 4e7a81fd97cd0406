"""Redrawing a chart that has ten million points of history, compared with one that has a thousand."""

from __future__ import annotations

import sys
import time

import numpy as np

from tui.runs.series import Series
from tui.widgets.chart.model import ChartData, Curve
from tui.widgets.chart.picture import Memory, picture

BUDGET = 2.0
FEW, MANY = 1_000, 10_000_000
WIDTH, HEIGHT = 118, 12
REDRAWS = 15


def noisy_series(points: int) -> Series:
    """Return a noisy, falling curve, appended as a reader appends it."""
    generator = np.random.default_rng(0)
    series = Series()
    for first in range(0, points, 1 << 20):
        steps = np.arange(first, min(points, first + (1 << 20)))
        values = np.exp(-steps / points * 4) + generator.normal(0, 0.05, len(steps))
        series.append(steps, steps * 1e-3, values.astype(np.float32))
    return series


def redraw_s(series: Series) -> float:
    """Return the median of the seconds from a new point to the new picture."""
    memory = Memory()
    taken = []
    data = ChartData("loss", (Curve("train", series, "train"),))
    for _ in range(REDRAWS):
        start = time.perf_counter()
        series.append([len(series)], [0.0], [0.5])
        memory = picture(data, WIDTH, HEIGHT, memory).memory
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def main() -> int:
    """Print both times and their ratio; return 1 when it is over budget."""
    redraw_s(noisy_series(FEW))  # imports and first calls
    few_s, many_s = redraw_s(noisy_series(FEW)), redraw_s(noisy_series(MANY))
    print(f"{FEW:>12,} points  {few_s * 1e3:6.2f} ms")
    print(f"{MANY:>12,} points  {many_s * 1e3:6.2f} ms")
    ratio = many_s / few_s
    kept = ratio <= BUDGET
    print(f"chart  {ratio:.2f}  budget <= {BUDGET:g}  {'ok' if kept else 'OVER'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
