"""What of a run in progress may be changed from outside, and how a change is noted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from tui.kernel.training.parts.experiment import Experiment
from tui.kernel.training.progress import Progress
from tui.kernel.training.steer.control import Control
from tui.protocol.run import RunKind
from tui.protocol.training import BatchLook


class Clip(Protocol):
    """Holds the norm that gradients are scaled down to."""

    clip_norm: float | None
    """From the next step on; None: gradients stay as they are."""

    why_no_clip: str
    """Why gradients cannot be clipped in this run; empty where they can."""


def _no_batch() -> Any:
    return None


@dataclass(frozen=True)
class LiveRun:
    """The objects of a run in progress; change them with `control.at_step` alone."""

    model: nn.Module
    """The user's, never a compiled one."""
    optimizer: torch.optim.Optimizer
    control: Control
    progress: Progress
    scheduler: object | None
    """None where there is no learning-rate schedule."""
    clip: Clip
    changed: Callable[[str, str, str], None]
    """Notes a change (name, before, after: as `RunChange` has them) in log and record, from the next step on. Called in
    the training thread, in the action that makes the change."""
    kind: RunKind = "train"
    experiment: Experiment | None = None
    """All that the preset has made; an export calls the model as it does."""
    batch: Callable[[], Any] = _no_batch
    """Returns the batch in work or the last one; None before the first. Nothing here holds it."""
    look: Callable[[], BatchLook | None] = _no_batch
    """Returns what the last batch has done, as it was when the pause began; None while the run trains."""
