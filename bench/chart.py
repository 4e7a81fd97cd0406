"""Redrawing a chart that has ten million points of history, compared with one that has a thousand.

As it is by default, smoothed, along the time axis, zoomed in, and for a move of the cursor. A new point comes before
each picture, but for the cursor's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tui.runs.along import Along, XScale
from tui.runs.series import Series
from tui.runs.smoothing import Smoothed
from tui.widgets.chart.model import ChartData, Curve, View
from tui.widgets.chart.picture import Memory, picture

BUDGET = 2.0
FEW, MANY = 1_000, 10_000_000
WIDTH, HEIGHT = 118, 12
REDRAWS = 15
STEP_S = 1e-3


def noisy_series(points: int) -> Series:
    """Return a noisy, falling curve, appended as a reader appends it."""
    generator = np.random.default_rng(0)
    series = Series()
    for first in range(0, points, 1 << 20):
        steps = np.arange(first, min(points, first + (1 << 20)))
        values = np.exp(-steps / points * 4) + generator.normal(0, 0.05, len(steps))
        series.append(steps, steps * STEP_S, values.astype(np.float32))
    return series


def by_step(series: Series) -> ChartData:
    """Return the chart as it is by default."""
    return ChartData("loss", (Curve("train", series, "train"),))


def by_time(series: Series) -> ChartData:
    """Return the chart along the time axis."""
    along = Along(series, XScale("time"))
    return ChartData("loss", (Curve("train", along, "train"),), View(x_unit="time"))


def smoothed(series: Series) -> ChartData:
    """Return the chart under a moving average."""
    average = Smoothed(series, 0.99)
    start = time.perf_counter()
    average.update()
    if len(series) >= MANY:
        print(f"    smoothing all points the first time, in a thread: {time.perf_counter() - start:.2f} s")
    curve = Curve("train", Along(series, XScale()), "train", smooth=Along(series, XScale(), average))
    return ChartData("loss", (curve,), smoothing="EMA 0.99")


def zoomed(series: Series) -> ChartData:
    """Return the newest tenth of the chart."""
    end = float(len(series))
    return ChartData("loss", (Curve("train", series, "train"),), View(window=(0.9 * end, 1.05 * end)))


def redraw_s(make: Callable[[Series], ChartData], series: Series) -> float:
    """Return the median of the seconds from a new point to the new picture."""
    data, memory, taken = make(series), Memory(), []
    memory = picture(data, WIDTH, HEIGHT, memory).memory
    for _ in range(REDRAWS):
        start = time.perf_counter()
        series.append([len(series)], [len(series) * STEP_S], [0.5])
        memory = picture(data, WIDTH, HEIGHT, memory).memory
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def cursor_s(make: Callable[[Series], ChartData], series: Series) -> float:
    """Return the median of the seconds that a move of the cursor takes."""
    data, taken = make(series), []
    memory = picture(data, WIDTH, HEIGHT, Memory()).memory
    for place in range(REDRAWS):
        start = time.perf_counter()
        moved = replace(data, view=replace(data.view, cursor=len(series) * place / REDRAWS))
        memory = picture(moved, WIDTH, HEIGHT, memory).memory
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


Timed = Callable[[Callable[[Series], ChartData], Series], float]
CASES: tuple[tuple[str, Timed, Callable[[Series], ChartData]], ...] = (
    ("as it is", redraw_s, by_step),
    ("by time", redraw_s, by_time),
    ("smoothed", redraw_s, smoothed),
    ("zoomed", redraw_s, zoomed),
    ("cursor", cursor_s, smoothed),
)


def main() -> int:
    """Print all times and the worst ratio; return 1 when it is over budget."""
    redraw_s(by_step, noisy_series(FEW))  # imports and first calls
    many = noisy_series(MANY)
    ratios = []
    for name, timed, make in CASES:
        few_s, many_s = timed(make, noisy_series(FEW)), timed(make, many)
        ratios.append(many_s / few_s)
        print(
            f"{name:<10} {FEW:,}: {few_s * 1e3:.2f} ms  {MANY:,}: {many_s * 1e3:.2f} ms  x {ratios[-1]:.2f}"
        )
    worst = max(ratios)
    kept = worst <= BUDGET
    print(f"chart  {worst:.2f}  budget <= {BUDGET:g}  {'ok' if kept else 'OVER'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
