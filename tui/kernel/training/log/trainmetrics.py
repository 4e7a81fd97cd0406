"""The preset's metrics on the batches it trains on, at next to no cost.

Measured at once, from the output that the step has made anyway: outputs kept for later would lie between the
blocks that the next steps allocate and slow them down.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import torch

from tui.kernel.training.batches import batch_size
from tui.kernel.training.evaluation import Means, add_metrics
from tui.kernel.training.keep.randomness import preserved_torch_randomness
from tui.kernel.training.log.sampling import Allowance
from tui.kernel.training.parts.experiment import Experiment


class TrainMetrics:
    """Means of the metrics over the batches of an epoch, or over those of them that there was time for."""

    SHARE = 0.0015

    def __init__(self, experiment: Experiment, device: torch.device) -> None:
        self._experiment = experiment
        self._device = device
        self._means = Means()
        self.allowance = Allowance(self.SHARE)

    def start_epoch(self) -> None:
        """Begin an epoch; its first batch is always measured."""
        self._means.take()
        self.allowance.next_at_s = float("-inf")

    def add(self, output: Any, batch: Any) -> None:
        """Measure a batch that has just been trained on, from what the model made of it."""
        start_s = perf_counter()
        with torch.no_grad(), preserved_torch_randomness(self._device):
            add_metrics(self._means, self._experiment, output, batch, batch_size(batch))
        self.allowance.spent(start_s, perf_counter())

    def take(self) -> Mapping[str, float]:
        """Return the epoch's means. This is a sync point where the batches are on a device."""
        return self._means.take()
