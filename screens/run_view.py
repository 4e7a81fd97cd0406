"""From what is read of a run to what its widgets show. Pure functions; imports numpy, so it is loaded late."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tui.protocol.metrics import has_a_better
from tui.protocol.run import CHECKPOINTS, LAST_CHECKPOINT, LR, SAMPLES_PER_S
from tui.runs.chart_settings import ChartSettings
from tui.runs.curves import RunCurves, Source
from tui.runs.reader import RunReader
from tui.runs.smoothing import Smoothed
from tui.runs.summary import latest, progress
from tui.widgets.chart import ChartData, Curve, Mark, Note, Role, Run, View, XUnit
from tui.widgets.chart.looks import RUNS
from tui.widgets.chart.scale import Axis, x_axis
from tui.widgets.chart.ticks import value_text
from tui.widgets.run.groups import TIME_TITLE, ChartGroup
from tui.widgets.run.header import HeaderData

RUN_GLYPHS: Final = "123456789abcdefghijklmnopqrstuvwxyz"
ROOM_S: Final = 12.0
"""For so many seconds to come there is room on the axis of a run in progress each time it has to move."""
LEAST_AHEAD, MOST_AHEAD = 1.04, 1.5
"""How much longer than its data the axis becomes then, whatever room that is."""
SMOOTHED_AT_ONCE: Final = 1 << 18
"""Points that a picture may wait for; more are smoothed in a thread first."""


def header_of(reader: RunReader, *, resumes: bool = False) -> HeaderData:
    """Return what the header shows of a run; `resumes`: whether there is a kernel that can go on with it."""
    record, series = reader.record, reader.series
    now = progress(record, series)
    info = record.info
    values = latest(series)
    if now.samples_per_s is not None:  # of the same seconds as the steps: one is so many times the other
        values[SAMPLES_PER_S] = now.samples_per_s
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
        latest=values,
        problem=_problem(reader, resumes=resumes),
        note=_note(reader, resumes=resumes),
    )


def _problem(reader: RunReader, *, resumes: bool) -> str:
    record = reader.record
    error = record.info.error if record.info is not None else None
    if error is not None and record.status == "failed":
        return f"{error.kind}: {error.message}" + (f" ({error.where})" if error.where else "")
    if record.status == "lost":
        return f"lost: {record.reason}; {_way_on(reader, resumes=resumes)}"
    if record.status == "broken":
        return record.reason
    if not reader.folder.is_dir():
        return f"its folder is gone: {reader.folder}"
    return reader.problems[0] if reader.problems else ""


def _note(reader: RunReader, *, resumes: bool) -> str:
    """Return what a run has found out, or how one that was stopped goes on; empty where there is neither."""
    record = reader.record
    if record.status == "unknown":
        return "a TensorBoard log: it tells nothing of knobs, epochs or device"
    if record.info is None or record.live:
        return ""
    if record.info.verdict:
        return record.info.verdict
    return _way_on(reader, resumes=resumes) if record.status == "stopped" else ""


def _way_on(reader: RunReader, *, resumes: bool) -> str:
    kept = last_checkpoint(reader)
    if kept is None:
        return "no checkpoint was kept, so it cannot be resumed"
    key = " · r resumes" if resumes else ""
    return f"{CHECKPOINTS}/{kept.name} kept{key} · torchtui train --resume {_shortest(reader.record.id)}"


def last_checkpoint(reader: RunReader) -> Path | None:
    """Return the file that a run goes on from; None where there is none."""
    path = reader.folder / CHECKPOINTS / LAST_CHECKPOINT
    return path if path.is_file() else None


def _shortest(run_id: str) -> str:
    """Return the beginning of a run's id that tells when it began: enough to name it."""
    began = re.match(r"\d{8}-\d{6}(?=-)", run_id)
    return began[0] if began is not None else run_id


Front = str | None
"""The label of a run, or where there is one run a role: whose curves are drawn over the rest; None: nobody's."""


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


def why_empty(readers: Sequence[Source]) -> str:
    """Return why there is no chart."""
    if len(readers) != 1:
        return "none of these runs has a point"
    record = readers[0].record
    if any(len(each) for each in readers[0].series.values()):
        return "no chart is chosen: c chooses"
    if record.live:
        return "no step has been taken yet"
    return "no points" if record.info is None else f"{how_it_ended(record.status)} before its first step"


def how_it_ended(status: str) -> str:
    """Return the beginning of a sentence about a run that is over."""
    ends = {
        "failed": "it failed",
        "stopped": "it was stopped",
        "finished": "it finished",
        "lost": "its process went",
    }
    return ends.get(status, "it ended")


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
    """Return the x axis that charts share; None while none of them has a point.

    It ends with the data, not with the plan: the beginning of a long run is to be read too. While a run goes on there
    is room for some seconds more, so that the axis, and with it every cell of the charts, moves now and then only.
    """
    tags = [tag for group in groups for tag, _ in group.tags]
    found = [along for run in runs for tag in tags if (along := run.curves.along(tag, unit)) is not None]
    spans = [span for along in found if (span := along.x_range()) is not None]
    if not spans:
        return None
    first, last = min(low for low, _ in spans), max(high for _, high in spans)
    planned = None if unit == "time" else _planned_end(runs, unit)
    positive = [x for along in found if log and (x := along.first_after(0.0)) is not None]
    ahead = _ahead(runs)
    least = {"epoch": 0.1, "step": 10.0, "time": 1.0}[unit] if ahead > 1 else 1e-3 if unit == "time" else 0.01
    axis = x_axis(
        (first, last), before, low=0 if planned else None, high=None, log=log, least=least,
        floor=min(positive, default=1.0), ahead=ahead, most=planned if ahead > 1 else None,
    )  # fmt: skip
    return Axes(unit, axis, last)


def _ahead(runs: Sequence[ShownRun]) -> float:
    """Return at how many times the data's end an axis ends that has to move; 1 where nothing more comes."""
    growing = [each for run in runs if (each := run.curves.growing_s(time.time())) is not None]
    if not growing:
        return 1.0
    longest = max(growing)
    return min(MOST_AHEAD, max(LEAST_AHEAD, 1 + ROOM_S / longest)) if longest > 0 else MOST_AHEAD


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
    """Tell whether smoothing is for this curve: not for evaluations, nor for what one sets.

    An evaluation is the mean over a whole set already, and its points are far apart: weighted like the losses of single
    batches they would lag behind these by epochs, and overfitting would be seen late.
    In the legend ≈ stands before what is smoothed.
    """
    return role in ("train", "other") and not is_held(tag)


def is_held(tag: str) -> bool:
    """Tell whether a tag is of what one sets: its value holds until the next is logged, and may be logged then only."""
    name = tag.rpartition("/")[2].lower()
    return name in (LR, "learning_rate", "momentum", "weight_decay") or name.startswith(f"{LR}-")


def chart_of(
    runs: Sequence[ShownRun], group: ChartGroup, how: ChartSettings, view: View, front: Front = None
) -> ChartData:
    """Return a chart of some of the runs' series; ``front``: what is drawn over the rest."""
    curves = [
        replace(curve, front=front is not None and front == (run.label if run.look is not None else role))
        for run in runs for tag, role in group.tags
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
    top = run.curves.best(tag) if role == "val" and has_a_better(tag) else None
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
    held = is_held(tag)
    until = run.curves.end(view.x_unit) if held else None
    return Curve(label, points, role, mark, smooth, run.look, held=held, until=until)


def _notes_of(run: ShownRun, unit: XUnit) -> list[Note]:
    who = f"{run.label}: " if run.look is not None else ""
    notes = []
    for each in run.curves.happenings(unit):
        resumed = each.name == "resumed"
        text = "resumed" if resumed and not each.after else f"{each.name} {each.before} → {each.after}"
        notes.append(Note(each.x, who + text, "↻" if resumed else "▴"))
    return notes
