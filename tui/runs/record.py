"""The record of a run, read so that no ``run.json``, however broken, is ever an error."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from tui.processes import process_is
from tui.protocol.codec import DecodeError, decode
from tui.protocol.run import RECORD_FILE, RunInfo, RunStatus

ShownStatus = RunStatus | Literal["unknown", "broken"]
"""``unknown``: a log without a ``run.json``. ``broken``: a ``run.json`` that cannot be read."""

LIVE: Final = ("running", "paused")
MAX_RECORD_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is known of a run's folder without reading its events."""

    folder: Path
    status: ShownStatus
    """``lost`` where the record says running or paused and the process is gone."""
    info: RunInfo | None = None
    """The content of ``run.json`` as it stands on disk; None where there is none or it is broken."""
    reason: str = ""
    """Why the status is not simply what ``run.json`` says, in plain words; empty where it is."""
    touched_s: float = 0.0
    """When the record, or without one the folder, was last written: seconds since 1970."""
    label: str = ""
    """What a list calls it where it lies deeper: its path from there; empty: its own name."""

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def name(self) -> str:
        """What the user called it; the folder's name where that is unknown."""
        return self.info.name if self.info else self.label or self.folder.name

    @property
    def live(self) -> bool:
        """Whether more may still be written."""
        return self.status in LIVE

    @property
    def started_s(self) -> float:
        """When it started, in seconds since 1970; when it was last written where that is unknown."""
        started = timestamp(self.info.started_at) if self.info else None
        return self.touched_s if started is None else started


def read_record(folder: Path) -> RunRecord:
    """Read the record of ``folder``. Never raises: what is wrong is in ``status`` and ``reason``."""
    path = folder / RECORD_FILE
    try:
        with path.open("rb") as file:
            data = file.read(MAX_RECORD_BYTES + 1)
        touched_s = path.stat().st_mtime
    except FileNotFoundError:
        return RunRecord(folder, "unknown", reason=f"it has no {RECORD_FILE}", touched_s=_touched(folder))
    except OSError as error:
        reason = f"{RECORD_FILE} cannot be read: {error.strerror or error}"
        return RunRecord(folder, "broken", reason=reason, touched_s=_touched(folder))
    try:
        info = decode(RunInfo, json.loads(data))
    except (ValueError, RecursionError) as error:
        return RunRecord(folder, "broken", reason=_what_is_wrong(data, error), touched_s=touched_s)
    return checked(RunRecord(folder, info.status, info, touched_s=touched_s))


def checked(record: RunRecord) -> RunRecord:
    """Return the record with the status that holds now: a live one whose process is gone is ``lost``."""
    info = record.info
    if info is None or info.status not in LIVE:
        return record
    if info.host != socket.gethostname():
        elsewhere = f"it runs on {info.host}, which is not checked from here"
        return replace(record, status=info.status, reason=elsewhere)
    if process_is(info.pid, info.pid_started_at, timestamp(info.started_at)):
        return replace(record, status=info.status, reason="")
    return replace(record, status="lost", reason=f"its process {info.pid} is gone")


def timestamp(iso: str) -> float | None:
    """Return an ISO 8601 time as seconds since 1970; None where it is none. Without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(iso)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _what_is_wrong(data: bytes, error: Exception) -> str:
    if isinstance(error, DecodeError):
        return f"{RECORD_FILE} does not describe a run: {error}"
    if not data.strip():
        return f"{RECORD_FILE} is empty"
    if len(data) > MAX_RECORD_BYTES:
        return f"{RECORD_FILE} is longer than {MAX_RECORD_BYTES >> 20} MiB"
    return f"{RECORD_FILE} is not JSON"


def _touched(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
