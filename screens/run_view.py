"""From what is read of a run to what its widgets show. Pure functions; imports numpy, so it is loaded late."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tui.protocol.run import LR
from tui.runs.chart_settings import ChartSettings
from tui.runs.curves import RunCurves
from tui.runs.reader import RunReader
from tui.runs.smoothing import Smoothed
from tui.runs.summary import latest, progress
from tui.widgets.chart import ChartData, Curve, Mark, Note, Role, Run, View, XUnit
from tui.widgets.chart.legend import RUNS
from tui.widgets.chart.scale import Axis, x_axis
from tui.widgets.chart.ticks import value_text
from tui.widgets.run.groups import TIME_TITLE, ChartGroup
from tui.widgets.run.header import HeaderData

RUN_GLYPHS: Final = "123456789abcdefghijklmnopqrstuvwxyz"
SMOOTHED_AT_ONCE: Final = 1 << 18
"""Points that a picture may wait for; more are smoothed in a thread first."""


def header_of(reader: RunReader) -> HeaderData:
    """Return what the header shows of a run."""
    record, series = reader.record, reader.series
    now = progress(record, series)
    info = record.info
    return HeaderData(
        name=record.name,
        status="log" if record.status == "unknown" else record.status,
        info=info,
        step=now.step,
        total_steps=now.total_steps,
        epoch=now.epoch,
        epochs=now.epochs,
        fraction=now.fraction,
        steps_per_s=now.steps_per_s,
        remaining_s=now.remaining_s,
        latest=latest(series),
        problem=_problem(reader),
    )


def _problem(reader: RunReader) -> str:
    record = reader.record
    error = record.info.error if record.info is not None else None
    if error is not None and record.status == "failed":
        return f"{error.kind}: {error.message}" + (f" ({error.where})" if error.where else "")
    if record.status == "lost":
        return (
            f"lost: {record.reason}; `torchtui train --resume {record.id}` goes on from its last checkpoint"
        )
    if record.status == "broken":
        return record.reason
    if not reader.folder.is_dir():
        return f"its folder is gone: {reader.folder}"
    return reader.problems[0] if reader.problems else ""


@dataclass(frozen=True)
class ShownRun:
    """A run whose curves are in the charts."""

    label: str
    """What it is called there. Foreign text."""
    curves: RunCurves
    total_steps: int | None
    look: Run | None
    """How its curves are told from those of other runs; None: it is alone."""


@dataclass(frozen=True)
class Axes:
    """What all charts have in common."""

    unit: XUnit
    whole: Axis
    """The x axis when all of it is shown."""
    end: float
    """The x of the newest point."""


def looks_of_runs(labels: Sequence[str]) -> list[Run | None]:
    """Return how runs are told apart: a colour by each one's name, so that it keeps it, and a number by its place."""
    if len(labels) < 2:
        return [None] * len(labels)
    taken: dict[str, int] = {}
    for label in sorted(set(labels)):
        colour = zlib.crc32(label.encode(errors="replace")) % RUNS
        free = [
            (colour + step) % RUNS for step in range(RUNS) if (colour + step) % RUNS not in taken.values()
        ]
        taken[label] = free[0] if free else colour
    return [Run(taken[label], RUN_GLYPHS[place % len(RUN_GLYPHS)]) for place, label in enumerate(labels)]


def unit_of(runs: Sequence[ShownRun], unit: XUnit) -> XUnit:
    """Return a unit that all runs have: the one asked for, else steps."""
    return unit if all(run.curves.scale(unit) is not None for run in runs) else "step"


def axes_of(
    runs: Sequence[ShownRun], groups: Sequence[ChartGroup], unit: XUnit, *, log: bool, before: Axis | None
) -> Axes | None:
    """Return the x axis that charts share; None while none of them has a point."""
    tags = [tag for group in groups for tag, _ in group.tags]
    found = [along for run in runs for tag in tags if (along := run.curves.along(tag, unit)) is not None]
    spans = [span for along in found if (span := along.x_range()) is not None]
    if not spans:
        return None
    first, last = min(low for low, _ in spans), max(high for _, high in spans)
    end = None if unit == "time" else _planned_end(runs, unit)
    positive = [x for along in found if log and (x := along.first_after(0.0)) is not None]
    axis = x_axis(
        (first, last), before, low=0 if end else None, high=end, log=log,
        least=1.0 if unit == "epoch" else 10.0, floor=min(positive, default=1.0),
    )  # fmt: skip
    return Axes(unit, axis, last)


def _planned_end(runs: Sequence[ShownRun], unit: XUnit) -> float | None:
    ends = []
    for run in runs:
        scale = run.curves.scale(unit)
        if run.total_steps is not None and scale is not None:
            ends.append(
                run.total_steps / scale.steps_per_epoch if unit == "epoch" else float(run.total_steps)
            )
    return max(ends, default=None)


def smoothing_of(
    runs: Sequence[ShownRun], groups: Sequence[ChartGroup], how: ChartSettings
) -> list[Smoothed]:
    """Return the moving averages that these charts need; some may be behind."""
    return [
        found for run in runs for group in groups for tag, role in group.tags
        if is_smoothed(tag, role) and (found := run.curves.smoothed(tag, how.smoothing, log=how.log_y)) is not None
    ]  # fmt: skip


def is_smoothed(tag: str, role: Role) -> bool:
    """Tell whether smoothing is for this curve: not for evaluations, which are means already, nor for what one sets."""
    return role in ("train", "other") and tag != LR


def chart_of(runs: Sequence[ShownRun], group: ChartGroup, how: ChartSettings, view: View) -> ChartData:
    """Return a chart of some of the runs' series."""
    curves = [
        curve for run in runs for tag, role in group.tags
        if (curve := _curve_of(run, group, tag, role, how, view)) is not None
    ]  # fmt: skip
    smoothed = any(curve.smooth is not None for curve in curves)
    notes = tuple(note for run in runs for note in _notes_of(run, view.x_unit))
    name = f"EMA {how.smoothing:g}" + (" of log" if how.log_y else "")
    return ChartData(group.title, tuple(curves), view, smoothing=name if smoothed else "", notes=notes)


def _curve_of(
    run: ShownRun, group: ChartGroup, tag: str, role: Role, how: ChartSettings, view: View
) -> Curve | None:
    points = run.curves.along(tag, view.x_unit)
    if points is None:
        return None
    mark = None
    top = run.curves.best(tag) if role == "val" else None
    x = run.curves.x_of_step(top.step, view.x_unit) if top is not None else None
    if top is not None and x is not None:
        mark = Mark(x, top.value, f"best {value_text(top.value)} @ {top.step}")
    alone = sum(other == role for _, other in group.tags) == 1
    label = role if role != "other" and alone else "" if tag == group.title else tag
    if group.title == TIME_TITLE:
        label = tag.removeprefix("time/").removesuffix("_ms")
    if run.look is not None:
        label = run.label if label in ("", "train") else f"{run.label} {label}"
    smooth = None
    if is_smoothed(tag, role):
        average = run.curves.smoothed(tag, how.smoothing, log=how.log_y)
        if average is not None and average.behind < SMOOTHED_AT_ONCE:
            smooth = run.curves.along(tag, view.x_unit, average)
    return Curve(label, points, role, mark, smooth, run.look)


def _notes_of(run: ShownRun, unit: XUnit) -> list[Note]:
    who = f"{run.label}: " if run.look is not None else ""
    notes = []
    for each in run.curves.happenings(unit):
        resumed = each.name == "resumed"
        text = "resumed" if resumed and not each.after else f"{each.name} {each.before} → {each.after}"
        notes.append(Note(each.x, who + text, "↻" if resumed else "▴"))
    return notes
