"""The sessions of this machine: a folder each, with the connection file and ``session.json``."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from tui import paths
from tui.processes import process_is
from tui.protocol.codec import DecodeError, decode, encode
from tui.protocol.preset import nearest

RECORD = "session.json"
CONNECTION = "connection.json"
KERNEL_LOG = "kernel.log"
KEEP_DEAD_S = 24 * 3600.0
"""How long the folder of a session that died is kept, for whoever wants to read its log."""


class NoSuchSession(LookupError):
    """No live session goes by that name; the message names the ones there are."""

    exit_code = 2
    """It is wrong usage: the command line exits with this."""


@dataclass(frozen=True)
class SessionInfo:
    """The content of ``session.json``."""

    id: str
    pid: int
    python: str
    """Path of the kernel's interpreter."""
    cwd: str
    started_at: float
    """Seconds since 1970."""
    title: str
    """What it was started for: ``torchtui``, ``train digits_cnn``."""
    folder: str
    pid_started_at: float | None = None
    """When the process began, in seconds since 1970: tells it from a later process of the same pid."""

    @property
    def connection_file(self) -> Path:
        """Where its Jupyter connection file is."""
        return Path(self.folder) / CONNECTION

    @property
    def kernel_log(self) -> Path:
        """What the kernel's process wrote to its stderr."""
        return Path(self.folder) / KERNEL_LOG

    def alive(self) -> bool:
        """Return whether its kernel still runs."""
        return process_is(self.pid, self.pid_started_at)


def new_session_folder() -> Path:
    """Make the folder of a new session, private to the user."""
    paths.private_dir(paths.sessions_dir())
    return paths.private_dir(paths.sessions_dir() / secrets.token_hex(3))


def write_session(info: SessionInfo) -> SessionInfo:
    """Record a session; returns it with the start of its process filled in."""
    with contextlib.suppress(psutil.Error):
        info = replace(info, pid_started_at=psutil.Process(info.pid).create_time())
    target = Path(info.folder) / RECORD
    temporary = target.with_suffix(".tmp")
    with open(
        os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump(encode(info), file, indent=1)
    temporary.replace(target)
    return info


def read_session(folder: Path) -> SessionInfo | None:
    """Read a session's record; None where there is none or it is damaged."""
    try:
        return decode(SessionInfo, json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, DecodeError):
        return None


def list_sessions() -> list[SessionInfo]:
    """Return the live sessions, newest first; folders of long-dead ones are removed on the way."""
    found: list[SessionInfo] = []
    root = paths.sessions_dir()
    for folder in root.iterdir() if root.is_dir() else ():
        info = read_session(folder)
        if info is not None and info.alive():
            found.append(info)
        elif _age_s(folder) > KEEP_DEAD_S:
            forget_folder(folder)
    return sorted(found, key=lambda info: info.started_at, reverse=True)


def find_session(text: str | None) -> SessionInfo:
    """Find a live session by id or a beginning of it; None: the newest.

    Raises:
        NoSuchSession: none fits, or several do.
    """
    live = list_sessions()
    if text is None:
        if not live:
            raise NoSuchSession("there is no live session; `torchtui` starts one")
        return live[0]
    fitting = [info for info in live if info.id == text] or [
        info for info in live if info.id.startswith(text)
    ]
    if len(fitting) == 1:
        return fitting[0]
    ids = [info.id for info in live]
    if fitting:
        raise NoSuchSession(f"{text!r} fits several sessions: {', '.join(info.id for info in fitting)}")
    there = f"there are {', '.join(ids)}" if ids else "there is none"
    raise NoSuchSession(f"there is no live session {text!r}{nearest(text, ids)}; {there}")


def _age_s(folder: Path) -> float:
    """Return the seconds since a folder was last changed; 0 where another program has just removed it."""
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def forget_session(info: SessionInfo) -> None:
    """Remove the folders of a session that has ended."""
    forget_folder(Path(info.folder))


def forget_folder(folder: Path) -> None:
    """Remove a session's folder, and the one of its sockets where that is another."""
    sockets = paths.socket_dir(folder)
    shutil.rmtree(folder, ignore_errors=True)
    if sockets != folder:
        shutil.rmtree(sockets, ignore_errors=True)
