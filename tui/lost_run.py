"""What is said of a run whose kernel has gone: how far it was, what is kept of it, how it goes on."""

from __future__ import annotations

import time
from pathlib import Path

from tui.protocol.messages import RunState
from tui.protocol.run import CHECKPOINTS, LAST_CHECKPOINT
from tui.run_names import name_in_id
from tui.widgets import words


def lost_run_words(run: RunState) -> str:
    """Return what to say of a run that was in progress in a kernel that is gone."""
    lost = f"The run {name_in_id(run.id)} was lost with it, at step {run.step:,} or soon after."
    kept = Path(run.folder) / CHECKPOINTS / LAST_CHECKPOINT
    try:
        age_s = max(0.0, time.time() - kept.stat().st_mtime)
    except OSError:
        return f"{lost} It has kept no checkpoint, so it cannot be resumed; its curves and log are there."
    return (
        f"{lost} Its last checkpoint, {CHECKPOINTS}/{LAST_CHECKPOINT}, is {words.duration(age_s)} old:"
        " after a restart, r on its screen (F5) goes on from there."
    )
