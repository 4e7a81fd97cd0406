"""The lists that commands print: presets, runs, sessions, as tables or as JSON values."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from tui import paths
from tui.client.registry import list_sessions
from tui.protocol.codec import encode
from tui.protocol.preset import PresetError, preset_files, read_preset
from tui.protocol.run import told_epoch
from tui.widgets import words
from tui.widgets.foreign import plain

if TYPE_CHECKING:
    from tui.runs.compare import ComparedRun


def _table(*titles: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in titles:
        table.add_column(title)
    return table


def presets_json() -> list[dict[str, Any]]:
    """Return every preset: name, title, description, path, knobs; or its error."""
    listed: list[dict[str, Any]] = []
    for path in preset_files(paths.preset_folders()):
        try:
            info = read_preset(path)
        except PresetError as error:
            listed.append({"name": path.stem, "path": str(path), "error": str(error)})
            continue
        knobs = [{"name": k.name, "type": k.type, "default": k.default, "help": k.help} for k in info.knobs]
        listed.append(
            {
                "name": info.name,
                "title": info.title,
                "description": info.description,
                "path": info.path,
                "knobs": knobs,
            }
        )
    return listed


def preset_table() -> Table:
    """Return the presets as a table: what each is, and its knobs."""
    table = _table("preset", "what it is", "knobs")
    for entry in presets_json():
        if "error" in entry:
            table.add_row(plain(entry["name"]), plain(entry["error"], style="red"), "")
            continue
        knobs = "  ".join(f"{knob['name']}={knob['default']}" for knob in entry["knobs"])
        table.add_row(plain(entry["name"], style="bold"), plain(entry["title"]), plain(knobs, style="dim"))
    return table


def runs_json() -> list[dict[str, Any]]:
    """Return every run: the content of its record, its folder, the status that holds now, its main metric.

    The metric has its tag, last and best value (null: not finite) and the step of the best; it is null where there is
    none, or where its log has not been read in the time there is.
    """
    listed: list[dict[str, Any]] = []
    for run in _compared_runs():
        record = run.record
        fields: dict[str, Any] = (
            encode(record.info) if record.info is not None else {"id": record.id, "name": record.name}
        )
        now = {"status": record.status, "reason": record.reason, "folder": str(record.folder)}
        listed.append({**fields, **now, "metric": _metric_json(run)})
    return listed


def _metric_json(run: ComparedRun) -> dict[str, Any] | None:
    tag = run.main_metric
    if not tag:
        return None
    metric = run.metrics[tag]
    last, best = (value if math.isfinite(value) else None for value in (metric.last, metric.best))
    return {
        "tag": tag,
        "last": last,
        "best": best,
        "best_step": metric.best_step if best is not None else None,
    }


def _compared_runs() -> list[ComparedRun]:
    """Return every run, newest first, with the metrics that are known or can be read in a moment."""
    from tui.runs.compare import RunTable
    from tui.runs.metric_cache import MetricCache, cache_file

    loader = RunTable(paths.runs_dir(), MetricCache(cache_file()))
    runs = {run.record.folder: run for run in loader.begin()}
    end_s = time.monotonic() + METRICS_S
    while (read := loader.read_next(lambda: time.monotonic() > end_s)) is not None:
        runs[read.record.folder] = read
        if time.monotonic() > end_s:
            break
    loader.keep()
    return list(runs.values())


METRICS_S: Final = 3.0
"""How long logs are read for a list of runs: what has not been read before, and not by then, is left out."""


RUN_COLUMNS: Final = (
    (140, ("run", "status", "epoch", "step", "best", "knobs", "device", "trained")),
    (100, ("run", "status", "epoch", "step", "best", "trained")),
    (0, ("run", "status", "best", "trained")),
)
"""What there is room for from so many cells on: an id that is cut off is of no use."""


def run_table(width: int = 200) -> Table:
    """Return the runs as a table: how each stands, its main metric at its best, the knobs in which they differ."""
    from tui.runs.compare import differences

    runs = _compared_runs()
    kinds: dict[str, list[ComparedRun]] = {}
    for run in runs:
        kinds.setdefault(run.record.info.experiment if run.record.info else "", []).append(run)
    differing = {kind: [each.name for each in differences(those)] for kind, those in kinds.items()}
    rows: list[dict[str, Text]] = []
    for run in runs:
        record, info = run.record, run.record.info
        if info is None:
            name = plain(record.label or record.id)
            rows.append(
                {"run": name, "status": plain(record.status, style="red"), "best": plain(record.reason)}
            )
            continue
        tag, knobs = run.main_metric, run.knobs
        told = (f"{name}={words.knob(knobs[name])}" for name in differing[info.experiment] if name in knobs)
        cells = {
            "run": plain(record.id, style="bold"),
            "status": plain(record.status),
            "epoch": Text(f"{told_epoch(record.status, info.epoch, info.epochs)}/{info.epochs or '?'}"),
            "step": Text(f"{info.step:,}"),
            "best": plain(f"{tag} {run.metrics[tag].best:.4g}" if tag else ""),
            "knobs": plain(" ".join(told), style="dim"),
            "device": plain(info.device),
            "trained": Text(words.duration(info.train_s) if info.train_s is not None else ""),
        }
        rows.append(cells)
    titles = next(titles for least, titles in RUN_COLUMNS if width >= least)
    table = _table(*titles)
    for row in rows:
        table.add_row(*(row.get(title, Text()) for title in titles))
    return table


def sessions_json() -> list[dict[str, Any]]:
    """Return every live session."""
    listed: list[dict[str, Any]] = []
    for info in list_sessions():
        fields: dict[str, Any] = encode(info)
        listed.append({**fields, "connection_file": str(info.connection_file)})
    return listed


def session_table() -> Table:
    """Return the live sessions as a table."""
    table = _table("session", "what for", "started", "pid", "folder it works in")
    for info in list_sessions():
        age = words.duration(max(0.0, time.time() - info.started_at))
        table.add_row(
            plain(info.id, style="bold"),
            plain(info.title),
            Text(f"{age} ago"),
            str(info.pid),
            plain(info.cwd),
        )
    return table
