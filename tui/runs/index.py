"""Finding runs: all of a folder, or the one that a text means."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from tui.protocol.run import RECORD_FILE
from tui.runs.record import RunRecord, read_record

LATEST: Final = "latest"
EVENTS_MARK: Final = "tfevents"
"""TensorBoard's rule: a file is an event file when its name holds this."""
MAX_DEPTH: Final = 5
MAX_FOLDERS: Final = 512


class RunNotFound(LookupError):
    """No run is meant by a text, or several; the message says so, and names the nearest."""

    exit_code = 2
    """It is wrong usage: the command line exits with this."""


def list_runs(root: Path) -> tuple[RunRecord, ...]:
    """Return the runs and logs under ``root``, newest first; none where there is no such folder.

    Like TensorBoard, looks further down in folders that hold no log of their own; a log found there is called by its
    path from ``root``: ``lightning_logs/version_0``.
    """
    records = []
    for folder in _run_folders(root):
        record = read_record(folder)
        label = "" if folder.parent == root else folder.relative_to(root).as_posix()
        records.append(replace(record, label=label))
    # those of a sweep may begin in the same second: the one written later is the later one
    return tuple(
        sorted(records, key=lambda record: (record.started_s, record.touched_s, record.id), reverse=True)
    )


def find_run(root: Path, text: str) -> RunRecord:
    """Return the run meant by ``text``.

    Args:
        root: The folder that holds the run directories.
        text: A path, an id, a name (its newest run), the beginning of one id, or ``latest``.

    Raises:
        RunNotFound: nothing fits, or several do.
    """
    if text and _is_log(path := Path(text).expanduser()):
        return read_record(path.absolute())
    records = list_runs(root)
    if not records:
        raise RunNotFound(f"no run {text!r}: there are none in {root}")
    if text == LATEST:
        return records[0]
    for record in records:
        if record.id == text:
            return record
    for record in records:
        if record.name == text:
            return record
    starts = [record for record in records if text and record.id.startswith(text)]
    if len(starts) == 1:
        return starts[0]
    if starts:
        few = ", ".join(record.id for record in starts[:3]) + (", …" if len(starts) > 3 else "")
        raise RunNotFound(f"{len(starts)} runs begin with {text!r}: {few}")
    names = dict.fromkeys(each for record in records for each in (record.name, record.id))
    near = get_close_matches(text, names, n=1, cutoff=0.4)
    hint = f"the nearest is {near[0]!r}" if near else f"the latest is {records[0].id!r}"
    raise RunNotFound(f"no run {text!r} in {root}: {hint}")


def is_run(folder: Path) -> bool:
    """Tell whether ``folder`` is a run directory or holds event files of its own or further down."""
    return (folder / RECORD_FILE).is_file() or next(event_files(folder), None) is not None


def is_log(folder: Path) -> bool:
    """Tell whether ``folder`` is a run directory or holds event files of its own."""
    return (folder / RECORD_FILE).is_file() or bool(_listed(folder)[0])


def event_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the event files under ``folder`` as (subfolder, path); ``""`` stands for ``folder`` itself.

    A folder's files come in the order they were begun, folders by name. Looks at most ``MAX_DEPTH`` folders
    deep and into ``MAX_FOLDERS`` of them, follows no links, and passes over what it may not read.
    """
    waiting: list[tuple[str, int]] = [("", 0)]
    for _ in range(MAX_FOLDERS):
        if not waiting:
            return
        subfolder, depth = waiting.pop()
        files, folders = _listed(folder / subfolder)
        for name in files:
            yield subfolder, folder / subfolder / name
        if depth < MAX_DEPTH:
            deeper = [f"{subfolder}/{name}" if subfolder else name for name in folders]
            waiting.extend((path, depth + 1) for path in reversed(deeper))


def _listed(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of a folder's event files and of its subfolders, each sorted."""
    files: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif EVENTS_MARK in entry.name and entry.is_file():
                    files.append(entry.name)
    except OSError:
        pass
    return sorted(files), sorted(folders)


def _run_folders(root: Path) -> Iterator[Path]:
    """Yield the run directories and logs under ``root``; as far down, and of as many folders, as `event_files`."""
    waiting = [(path, 0) for path in _subfolders(root)]
    opened = 0
    while waiting:
        folder, depth = waiting.pop()
        if is_log(folder):
            yield folder
        elif depth < MAX_DEPTH and opened < MAX_FOLDERS:
            opened += 1
            waiting.extend((path, depth + 1) for path in _subfolders(folder) if not path.is_symlink())


def _subfolders(root: Path) -> list[Path]:
    try:
        return [path for path in root.iterdir() if path.is_dir()]
    except OSError:
        return []


def _is_log(path: Path) -> bool:
    try:
        return path.is_dir() and is_run(path)
    except OSError:
        return False
