"""Sweeps by the files that their kernels leave beside the runs: what waits, what had its turn, what never began."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from tui.processes import process_is
from tui.protocol.codec import decode
from tui.protocol.run import RECORD_FILE, SWEEPS, RunSpec
from tui.protocol.training import QueuedRun, SweepRecord
from tui.runs.record import read_record, timestamp

MAX_BYTES: Final = 8 << 20

Standing = Literal["running", "finished", "ended", "lost"]
"""``ended``: by the user, before all runs had their turn. ``lost``: its kernel is gone, before all had it."""


@dataclass(frozen=True)
class ShownSweep:
    """A sweep as it stands now."""

    record: SweepRecord
    standing: Standing

    @property
    def unbegun(self) -> tuple[RunSpec, ...]:
        """The runs that never began, and the one that was lost with its kernel."""
        pairs = zip(self.record.runs, self.record.specs, strict=False)
        return tuple(replace(spec, sweep="") for run, spec in pairs if self.is_unbegun(run))

    def is_unbegun(self, run: QueuedRun) -> bool:
        """Tell whether a run has yet to be trained."""
        if run.status == "running":
            return self.standing == "lost"
        return run.status == "waiting" or (run.status == "stopped" and not run.folder)

    def count(self, *statuses: str) -> int:
        """Return how many of its runs are so."""
        return sum(run.status in statuses for run in self.record.runs)

    @property
    def line(self) -> str:
        """How it stands, in a few words, without its name."""
        runs = self.record.runs
        had = self.count("finished", "stopped", "failed", "refused") - sum(
            run.status == "stopped" and not run.folder for run in runs
        )
        failed = self.count("failed", "refused")
        wrong = f" · {failed} failed" if failed else ""
        if self.standing == "running":
            number = next((run.number for run in runs if run.status == "running"), had)
            return f"run {number} of {len(runs)}{wrong}"
        text = f"{had} of {len(runs)} done{wrong}"
        left = len(self.unbegun)
        if self.standing == "lost":
            cut = self.count("running")
            parts = [f"{left - cut} never began"] if left > cut else []
            parts += ["1 was cut off"] if cut else []
            return f"{text} · its kernel is gone: {', '.join(parts)}"
        return f"{text} · ended, {left} never began" if self.standing == "ended" and left else text


def newest_sweep(root: Path) -> ShownSweep | None:
    """Return the sweep that was begun last among these runs; None where there is none that can be read."""
    try:
        paths = sorted((root / SWEEPS).glob("*.json"), reverse=True)
    except OSError:
        return None
    for path in paths:
        try:
            if path.stat().st_size <= MAX_BYTES:
                return _standing(decode(SweepRecord, json.loads(path.read_bytes())))
        except (OSError, ValueError, RecursionError):
            continue
    return None


def _standing(record: SweepRecord) -> ShownSweep:
    if record.ended:
        never = any(run.status == "stopped" and not run.folder for run in record.runs)
        over = not any(run.status == "running" for run in record.runs)
        return ShownSweep(
            record, ("ended" if never else "finished") if over or not _lives(record) else "running"
        )
    return ShownSweep(record, "running" if _lives(record) else "lost")


def _lives(record: SweepRecord) -> bool:
    here = record.host == socket.gethostname()
    return not here or process_is(record.pid, record.pid_started_at, timestamp(record.started_at))


def session_of(sweep: ShownSweep) -> str:
    """Return the session whose kernel trains it, by the record of its first run; empty where that is unknown."""
    for run in sweep.record.runs:
        if run.folder and Path(run.folder, RECORD_FILE).is_file():
            info = read_record(Path(run.folder)).info
            if info is not None:
                return info.session or ""
    return ""
