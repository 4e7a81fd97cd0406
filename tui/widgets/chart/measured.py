"""The curves of a chart by column, the y axis that holds them, and what has no place on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tui.widgets.chart.curves import Borders, Oddities, borders, columns_of, extent, oddities
from tui.widgets.chart.held import held
from tui.widgets.chart.model import Columns, Curve, View
from tui.widgets.chart.outliers import far_of, without_outliers
from tui.widgets.chart.scale import Axis, y_axis


@dataclass(frozen=True)
class Measured:
    """A curve by column."""

    columns: Columns
    smooth: Columns | None
    """What is the line where it is smoothed; None: it is not."""
    crossed: Borders
    """Where the line comes into the picture and leaves it."""


def measured_curves(
    curves: tuple[Curve, ...], across: Axis, width: int, rows: int, before: Axis | None, view: View
) -> tuple[list[Measured], Axis]:
    """Return the curves by column, and the y axis; ``before``: the one of the picture before."""
    log = view.log_y
    measured = []
    for curve in curves:
        points = columns_of(curve.points, across, max(1, width))
        if curve.held:
            measured.append(Measured(held(points, curve.points, across, curve.until), None, (None, None)))
            continue
        smooth = columns_of(curve.smooth, across, max(1, width)) if curve.smooth is not None else None
        drawn, by = (
            (curve.points, points) if curve.smooth is None or smooth is None else (curve.smooth, smooth)
        )
        measured.append(Measured(points, smooth, borders(drawn, by, across, log=log)))
    return measured, _up_axis(measured, curves, rows, before, view)


def _up_axis(
    measured: list[Measured], curves: tuple[Curve, ...], rows: int, before: Axis | None, view: View
) -> Axis:
    log = view.log_y
    every = [each.columns for each in measured]
    every += [each.smooth for each in measured if each.smooth is not None]
    also = [value for each in measured for value in each.crossed if value is not None]
    some = None if view.outliers else without_outliers(every, log=log, far=far_of(curves))
    found = some or extent(every, log=log, also=also)
    if found is None:  # nothing positive on a log axis, or nothing finite at all
        return before or (Axis(0.1, 1.0, True) if log else Axis(0.0, 1.0))
    return y_axis(*found, rows, before, log=log)


def odd_of(measured: Measured, curve: Curve, across: Axis, up: Axis) -> Oddities:
    """Return where a curve's values are that have no place on the axes."""
    odd = oddities(measured.columns, up)
    return replace(odd, before=curve.points.up_to(0.0)) if across.log else odd


def together(each: list[Oddities]) -> Oddities:
    """Return what several curves have in all."""

    def added(counts: list[dict[int, int]]) -> dict[int, int]:
        total: dict[int, int] = {}
        for one in counts:
            for cell, count in one.items():
                total[cell] = total.get(cell, 0) + count
        return total

    return Oddities(
        added([one.nan for one in each]),
        added([one.pos_inf for one in each]),
        added([one.neg_inf for one in each]),
        added([one.non_positive for one in each]),
        before=sum(one.before for one in each),
    )
