"""From what is read of a run to what its widgets show. Pure functions; imports numpy, so it is loaded late."""

from __future__ import annotations

from tui.runs.reader import RunReader
from tui.runs.summary import best, latest, progress
from tui.widgets.chart import ChartData, Curve, Mark, View
from tui.widgets.chart.ticks import value_text
from tui.widgets.run.groups import ChartGroup, chart_groups
from tui.widgets.run.header import HeaderData


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


def groups_of(reader: RunReader) -> list[ChartGroup]:
    """Return the charts that a run has something for, in order."""
    return chart_groups(reader.series)


def chart_of(reader: RunReader, group: ChartGroup, total_steps: int | None, *, log_y: bool) -> ChartData:
    """Return a chart of some of a run's series."""
    curves: list[Curve] = []
    for tag, role in group.tags:
        points = reader.series.get(tag)
        if points is None:
            continue
        mark = None
        if role == "val":
            top = best(tag, reader.series)
            if top is not None:
                mark = Mark(top.step, top.value, f"best {value_text(top.value)} @ {top.step}")
        alone = sum(other == role for _, other in group.tags) == 1
        label = role if role != "other" and alone else "" if tag == group.title else tag
        curves.append(Curve(label, points, role, mark))
    view = View(x_min=0 if total_steps else None, x_max=total_steps, log_y=log_y)
    return ChartData(group.title, tuple(curves), view)
