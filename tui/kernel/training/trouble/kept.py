"""Which of a run's states are on disk, in words."""

from __future__ import annotations

from pathlib import Path

import torch

from tui.protocol.run import BEST_CHECKPOINT, CHECKPOINTS, LAST_CHECKPOINT


def kept_words(folder: Path) -> str:
    """Return what checkpoints a run directory holds, and of where in the run each is; never raises.

    Reads a few numbers of each: tensors stay where they are, however large they are.
    """
    kept: dict[str, list[str]] = {}
    for name in (LAST_CHECKPOINT, BEST_CHECKPOINT):
        place = _place(folder / CHECKPOINTS / name)
        if place:
            kept.setdefault(place, []).append(name)
    if not kept:
        return "no checkpoint was written yet"
    told = (f"{' and '.join(names)} ({place})" for place, names in kept.items())
    return f"kept: {', '.join(told)}"


def _place(path: Path) -> str:
    """Return where in the run a checkpoint was taken; empty where there is none."""
    try:
        if not path.exists():
            return ""
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        epoch, step, batch = content["epoch"], content["step"], content["batch"]
    except Exception:  # noqa: BLE001 - a file that is damaged is told, and hides nothing of what went wrong before
        return "cannot be read"
    if step == 0:
        return "before the first step"
    return f"epoch {epoch + 1}, step {step}" if batch else f"end of epoch {epoch}, step {step}"
