"""What has been found out of a run before its thread begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from tui.kernel.training.keep.checkpoint import Content
from tui.kernel.training.keep.rundir import RunRecord
from tui.kernel.training.parts.experiment import Source
from tui.protocol.run import KnobValue, RunSettings


@dataclass
class RunPlan:
    """All that `Trainer.start` has found out and prepared."""

    folder: Path
    source: Source
    record: RunRecord
    device: torch.device
    seed: int
    epochs: int
    resume: Content | None
    """The checkpoint to go on from; None to begin at the beginning."""
    is_resumed: bool
    start_paused: bool
    settings: RunSettings = RunSettings()  # noqa: RUF009 - frozen
    changed_settings: dict[str, tuple[object, object]] = field(default_factory=dict)
    """Settings that a resumed run goes on with at another value: before and now."""
    source_changed: bool = False
    """Whether a resumed run's preset is another text than the run began with."""
    changed_knobs: dict[str, tuple[KnobValue, KnobValue]] = field(default_factory=dict)
    """Knobs that a resumed run goes on with at another value: before and now."""
