"""Which keys of the Training screen matter most, by how its run is. Pure."""

from __future__ import annotations

from typing import Final, Literal

RunSituation = Literal["running", "paused", "resumable", "ended", "elsewhere", "starting"]
"""Of the run that is shown: ours, in progress · ours, waiting · ended, and there is a kernel and a checkpoint to go on
from · ended · in progress in another kernel, or a log, or nothing yet · asked for, and not begun."""

_OPEN: Final = ("training.open", "Open")
_LOG: Final = ("training.log", "Log")
_EXPORT: Final = ("training.export", "Export")
_STOP: Final = ("training.stop", "Stop")
_STEP: Final = ("training.step", "Step")
_TUNE: Final = ("training.tune", "Tune")
_HALVE: Final = ("training.lr-half", "Halve lr")
_SAVE: Final = ("training.checkpoint", "Save")
_EVALUATE: Final = ("training.evaluate", "Eval")

KEYS: Final[dict[RunSituation, tuple[tuple[str, str], ...]]] = {
    "running": (
        ("training.pause", "Pause"), _STOP, _TUNE, _HALVE, _SAVE, _EVALUATE, _OPEN, _STEP, _EXPORT, _LOG,
    ),
    "paused": (
        ("training.pause", "Go on"), _STEP, ("training.phase", "Phase"), _TUNE, _HALVE, _STOP, _SAVE,
        _EVALUATE, _EXPORT, _OPEN, _LOG,
    ),
    "resumable": (("training.resume", "Resume"), _EXPORT, _OPEN, _LOG),
    "ended": (_EXPORT, _OPEN, _LOG),
    "elsewhere": (_OPEN, _LOG, _EXPORT),
    "starting": (_OPEN, _LOG),
}  # fmt: skip
"""Ids of bindings and what they are called; as many from the first on as there is room for are shown."""
RESUMABLE: Final = ("stopped", "failed", "lost")


def situation(own: str, status: str, *, resumes: bool, starting: bool) -> RunSituation:
    """Return how the run that is shown is.

    Args:
        own: its status in our kernel; empty where it is not there, or has ended.
        status: what its folder says; empty before it has been read.
        resumes: whether there is a kernel to go on with it, and a checkpoint.
        starting: whether a run was asked for that has no folder yet.
    """
    if own:
        return "paused" if own == "paused" else "running"
    if starting:
        return "starting"
    if resumes and status in RESUMABLE:
        return "resumable"
    return "ended" if status in ("finished", *RESUMABLE) else "elsewhere"
