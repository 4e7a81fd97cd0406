"""A run's curves for other programs: CSV with a line for each point, JSON with a list for each tag.

Every point as it was logged: no smoothing, no sampling. A long run passes through memory in parts.
"""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Final

import numpy as np

from tui.runs.curves import Source
from tui.runs.series import Series

_CHUNK: Final = 1 << 14
_IN_MEMORY: Final = 1 << 20
"""Characters of a list that wait in memory; the rest in a file without a name, beside the one that is written."""


def write_csv(reader: Source, path: Path) -> int:
    """Write ``tag,step,wall_time_s,value``, by tag and step; return how many points. NaN and Inf are spelled so.

    Values are the shortest decimals that are read back as the same float32 (or float64, where it holds more).
    Whatever was at ``path`` is replaced once all is written.

    Raises:
        OSError: it cannot be written.
    """

    def write(file: IO[str]) -> int:
        rows, count = csv.writer(file), 0
        rows.writerow(("tag", "step", "wall_time_s", "value"))
        for tag, series in sorted(reader.series.items()):
            for steps, times, values in _chunks(series):
                rows.writerows((tag, *row) for row in zip(steps, times, values, strict=True))
                count += len(steps)
        return count

    return _written(path, write)


def write_json(reader: Source, path: Path) -> int:
    """Write one object; return how many points. What is no JSON number is a string: ``"NaN"``, ``"-Infinity"``.

    ``{"run", "name", "status", "experiment", "knobs", "changes": [{"step", "name", "before", "after"}],
    "curves": {tag: {"steps", "wall_times_s", "values"}}}``, the lists of a curve equally long.

    Raises:
        OSError: it cannot be written.
    """
    record, info = reader.record, reader.record.info
    changes = info.changes if info is not None else ()
    head = {
        "run": record.id,
        "name": record.name,
        "status": record.status,
        "experiment": info.experiment if info is not None else "",
        "knobs": {name: _plain(value) for name, value in info.knobs.items()} if info is not None else {},
        "changes": [{"step": c.step, "name": c.name, "before": c.before, "after": c.after} for c in changes],
    }

    def write(file: IO[str]) -> int:
        count = 0
        file.write(json.dumps(head, allow_nan=False)[:-1] + ', "curves": {')
        for place, (tag, series) in enumerate(sorted(reader.series.items())):
            file.write(f"{', ' if place else ''}{json.dumps(tag)}: ")
            count += _write_curve(file, series, path.parent)
        file.write("}}\n")
        return count

    return _written(path, write)


def _write_curve(file: IO[str], series: Series, beside: Path) -> int:
    """Write a curve in one pass, so that its lists are equally long whatever becomes of the run meanwhile."""
    with (
        SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="ascii", dir=str(beside)) as times,
        SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="ascii", dir=str(beside)) as values,
    ):
        count = 0
        file.write('{"steps": [')
        for part in _chunks(series):
            columns: tuple[Sequence[object], ...] = part
            for out, column in zip((file, times, values), columns, strict=True):
                text = json.dumps([_plain(number) for number in column], allow_nan=False)[1:-1]
                out.write(f"{', ' if count else ''}{text}")
            count += len(part[0])
        for name, rest in (("wall_times_s", times), ("values", values)):
            file.write(f'], "{name}": [')
            rest.seek(0)
            shutil.copyfileobj(rest, file)
        file.write("]}")
    return count


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _chunks(series: Series) -> Iterator[tuple[list[int], list[float], list[float]]]:
    """Yield the points in parts: steps, wall times, values as the shortest floats that mean the same number."""
    for first in range(0, len(series), _CHUNK):
        with series.lock:
            part = slice(first, first + _CHUNK)
            steps, times, values = series.steps[part], series.wall_times[part], series.values[part]
        if len(steps):
            numbers = values.tolist() if values.dtype != np.float32 else [float(str(each)) for each in values]
            yield steps.tolist(), times.tolist(), numbers


def _written(path: Path, write: Callable[[IO[str]], int]) -> int:
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with fresh.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            count = write(file)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return count
