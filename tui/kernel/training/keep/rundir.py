"""A run's folder and its record, ``run.json``."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tui.protocol.codec import DecodeError, decode, encode
from tui.protocol.run import CHECKPOINTS, RECORD_FILE, GitState, RunError, RunInfo


class RunDirError(OSError):
    """A run directory cannot be made, read or written; the message is for the user."""


def utc_now() -> str:
    """Return the time as ``run.json`` writes it: ISO 8601 in UTC, with seconds and ``+00:00``."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())


def create_run_folder(runs_dir: Path, name: str) -> Path:
    """Create ``<UTC time>-<name>-<4 hex>`` with its checkpoints folder, and return it.

    Raises:
        RunDirError: the folder of runs cannot be written.
    """
    slug = re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:40].strip("-.") or "run"
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        while True:
            folder = runs_dir / f"{stamp}-{slug}-{secrets.token_hex(2)}"
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                break
        (folder / CHECKPOINTS).mkdir()
    except OSError as error:
        raise _told(f"cannot make a run directory in {runs_dir}", error) from error
    return folder


def read_record(folder: Path) -> RunInfo:
    """Read the record of an earlier run.

    Raises:
        RunDirError: there is none, or it cannot be understood.
    """
    path = folder / RECORD_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = "it is no run directory" if not folder.is_dir() or not path.exists() else str(error.strerror)
        raise RunDirError(f"cannot resume {folder}: {reason}") from error
    except ValueError as error:
        raise RunDirError(f"cannot resume {folder}: its {RECORD_FILE} is damaged") from error
    try:
        return decode(RunInfo, data)
    except DecodeError as error:
        raise RunDirError(f"cannot resume {folder}: its {RECORD_FILE} is damaged ({error})") from error


class RunRecord:
    """The record of the run in progress; kept in memory, replaced on disk as a whole."""

    MIN_INTERVAL_S = 2.0
    """Between two replacements that only tell of progress."""

    def __init__(self, folder: Path, info: RunInfo) -> None:
        self.folder = folder
        self.info = info
        self._written_at = float("-inf")

    def update(self, **changes: Any) -> None:
        """Change fields of the record; `write` or `write_if_due` puts them on disk."""
        self.info = replace(self.info, **changes)

    def write_if_due(self) -> None:
        """Replace the file unless that was done a moment ago."""
        if time.monotonic() - self._written_at >= self.MIN_INTERVAL_S:
            self.write(durable=False)

    def write(self, *, durable: bool = True) -> None:
        """Replace the file atomically.

        A full disk still takes the new text in the place of the old, which it has the room of; that is not
        atomic, and better than a record that says `running` for ever.

        Raises:
            RunDirError: not even that.
        """
        text = _as_json(self.info)
        path = self.folder / RECORD_FILE
        try:
            replace_file(path, text, durable=durable)
        except OSError as error:
            try:
                _overwrite(path, text, _as_json(_shortened(self.info)))
            except OSError:
                raise _told(f"cannot write {path}", error) from error
        self._written_at = time.monotonic()


def replace_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Put `data` at `path` by writing beside it and renaming: a reader sees the old or the new."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _as_json(info: RunInfo) -> bytes:
    return (json.dumps(encode(info), indent=1) + "\n").encode("utf-8")


def _shortened(info: RunInfo) -> RunInfo:
    if info.error is None:
        return info
    error = RunError(info.error.kind, info.error.message, info.error.where)
    return replace(info, error=error)


def _overwrite(path: Path, *candidates: bytes) -> None:
    failure: OSError | None = None
    for text in candidates:
        try:
            with open(path, "r+b", buffering=0) as file:
                if file.write(text) != len(text):
                    continue
                file.truncate()
            return
        except OSError as error:
            failure = error
    raise failure or OSError("no room")


def _told(what: str, error: OSError) -> RunDirError:
    return RunDirError(error.errno, f"{what}: {error.strerror or error}")


def host_name() -> str:
    """Return this machine's name."""
    return socket.gethostname()


def process_started_at(pid: int | None = None) -> float | None:
    """Return when a process (None: this one) started, in seconds since 1970; None where the system does not tell.

    On Linux the figure is the one psutil gives: the kernel's boot time plus the process's start.
    """
    try:
        stat = Path(f"/proc/{pid or os.getpid()}/stat").read_text(encoding="ascii", errors="replace")
        ticks = float(stat.rpartition(")")[2].split()[19])
        for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
            if line.startswith("btime "):
                return float(line.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        pass
    try:
        import psutil
    except ImportError:
        return None
    return float(psutil.Process(pid).create_time())


def is_alive(info: RunInfo) -> bool:
    """Return whether the process that trains this run is known to live on this machine."""
    if info.status not in ("running", "paused") or info.host != host_name() or info.pid == os.getpid():
        return False
    try:
        os.kill(info.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    started_at_s = process_started_at(info.pid)
    if started_at_s is None or info.pid_started_at is None:
        return True
    return abs(started_at_s - info.pid_started_at) < 2.0  # else a later process has taken the number


def git_state(folder: str, timeout_s: float = 3.0) -> GitState | None:
    """Return the commit of the checkout that holds `folder`; None without git, or where it takes too long."""

    def ask(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=folder,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=timeout_s,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None

    commit = ask("rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    changes = ask("status", "--porcelain", "--untracked-files=no")
    return GitState(commit, dirty=bool(changes))
