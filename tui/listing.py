"""The lists that commands print: presets, runs, sessions, as tables or as JSON values."""

from __future__ import annotations

import time
from typing import Any

from rich.table import Table
from rich.text import Text

from tui import paths
from tui.client.registry import list_sessions
from tui.protocol.codec import encode
from tui.protocol.preset import PresetError, preset_files, read_preset
from tui.widgets import words
from tui.widgets.foreign import plain


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
    """Return every run: the content of its record, its folder and the status that holds now."""
    from tui.runs.index import list_runs

    listed: list[dict[str, Any]] = []
    for record in list_runs(paths.runs_dir()):
        fields: dict[str, Any] = (
            encode(record.info) if record.info is not None else {"id": record.id, "name": record.name}
        )
        listed.append(
            {**fields, "status": record.status, "reason": record.reason, "folder": str(record.folder)}
        )
    return listed


def run_table() -> Table:
    """Return the runs as a table."""
    from tui.runs.index import list_runs

    table = _table("run", "status", "epoch", "step", "device", "trained")
    for record in list_runs(paths.runs_dir()):
        info = record.info
        if info is None:
            table.add_row(
                plain(record.id), plain(record.status, style="red"), plain(record.reason), "", "", ""
            )
            continue
        table.add_row(
            plain(record.id, style="bold"),
            plain(record.status),
            f"{info.epoch}/{info.epochs or '?'}",
            f"{info.step:,}",
            plain(info.device),
            words.duration(info.train_s) if info.train_s is not None else "",
        )
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
