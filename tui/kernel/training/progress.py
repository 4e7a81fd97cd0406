"""How far a run is."""

from __future__ import annotations

from dataclasses import dataclass

from tui.kernel.training.keep.randomness import RandomState


@dataclass
class Progress:
    """Where in its epochs a run is; changed by the training thread alone, read by any."""

    epoch: int = 0
    """Epochs completed, their evaluation included."""
    step: int = 0
    """Optimizer steps completed."""
    batch: int = 0
    """Batches of the epoch in progress that have been trained on."""
    epoch_start: RandomState | None = None
    """Random states at the start of the epoch in progress; None between epochs."""
    epoch_loss: tuple[float, int] | None = None
    """Sum and number of the losses of the epoch in progress, as of the last checkpoint; None between epochs."""
    evaluation_start: RandomState | None = None
    """Random states at the start of the evaluation in progress, which is to leave no trace; None outside."""
    evaluated_step: int = 0
    """The last step after which it was evaluated inside an epoch; 0 before the first."""
    best: float | None = None
    """The best value so far of what `best.pt` goes by; None before the first evaluation."""
    best_by: str = ""
    """The metric that `best` is a value of; empty before the first evaluation."""
    train_s: float = 0.0
    """Seconds spent training and evaluating, pauses left out."""
