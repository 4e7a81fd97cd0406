"""Files of sweeps as kernels leave them beside the runs."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil

from tui.protocol.codec import encode
from tui.protocol.run import SWEEPS, RunSpec
from tui.protocol.training import QueuedRun, SweepRecord

GONE: Final = 2**22 + 1
"""Above the largest number that Linux gives to a process."""


def written_sweep(
    root: Path, *statuses: str, name: str = "1.json", preset: str = "/p.py", **fields: object
) -> SweepRecord:
    """Write a sweep whose runs are so; ``!`` after a status: it never had a folder."""
    runs = tuple(
        QueuedRun(
            number,
            {"lr": float(number)},
            status.rstrip("!"),  # type: ignore[arg-type]
            "" if "!" in status else str(root / f"r{number}"),
        )
        for number, status in enumerate(statuses, 1)
    )
    specs = tuple(RunSpec(preset, str(root), knobs={"lr": float(run.number)}, sweep="s") for run in runs)
    started_s = psutil.Process().create_time()
    record = SweepRecord(
        "s", runs, specs, os.getpid(), socket.gethostname(), "2026-11-23T10:00:00+00:00", started_s
    )
    record = replace(record, **fields)  # type: ignore[arg-type]
    (root / SWEEPS).mkdir(parents=True, exist_ok=True)
    (root / SWEEPS / name).write_text(json.dumps(encode(record)))
    return record
