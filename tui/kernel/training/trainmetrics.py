"""The preset's metrics on the batches it trains on, at next to no cost.

The outputs of many small batches are gathered and measured in one call; of large ones, or where a metric is
slow, only as many are measured as keeps the cost under its share of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import torch

from tui.kernel.training.batches import batch_size, is_pair
from tui.kernel.training.evaluation import Means, add_metrics
from tui.kernel.training.experiment import Experiment
from tui.kernel.training.randomness import preserved_randomness

SHARE = 0.0025
MAX_BATCHES = 32
MAX_ELEMENTS = 1 << 20


class TrainMetrics:
    """Means of the metrics over the batches of an epoch, or over those of them that there was time for."""

    def __init__(self, experiment: Experiment, device: torch.device) -> None:
        self._experiment = experiment
        self._device = device
        self._means = Means()
        self._gathered: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._shapes: tuple[torch.Size, torch.Size] = (torch.Size(), torch.Size())
        self._since_s = 0.0
        self.next_at_s = float("-inf")
        """When the next batch may be added, on the clock of `perf_counter`."""

    def start_epoch(self) -> None:
        """Begin an epoch; its first batch is always measured."""
        self._gathered.clear()
        self._means.take()
        self.next_at_s = float("-inf")

    def add(self, output: Any, batch: Any, now_s: float) -> None:
        """Add a batch that has just been trained on, with what the model made of it."""
        target: Any = batch[1] if is_pair(batch) else None
        gathered = self._gathered
        fits = gathered and isinstance(output, torch.Tensor) and isinstance(target, torch.Tensor)
        if not (fits and output.shape == self._shapes[0] and target.shape == self._shapes[1]):
            self._measure_gathered()
            self._since_s = now_s
            if target is None or not _can_gather(output, target):
                self._measure(output, batch, perf_counter())
                return
            self._shapes = (output.shape, target.shape)
        gathered.append((output.detach(), target))
        if len(gathered) >= MAX_BATCHES:
            self._measure_gathered()

    def take(self) -> Mapping[str, float]:
        """Return the epoch's means. This is a sync point where the batches are on a device."""
        self._measure_gathered()
        return self._means.take()

    def _measure_gathered(self) -> None:
        if not self._gathered:
            return
        start_s = perf_counter()
        outputs, targets = zip(*self._gathered, strict=True)
        self._gathered.clear()
        with torch.no_grad():
            self._measure(torch.cat(outputs), (None, torch.cat(targets)), start_s)

    def _measure(self, output: Any, batch: Any, start_s: float) -> None:
        size = batch_size(batch)
        with torch.no_grad(), preserved_randomness(self._device):
            add_metrics(self._means, self._experiment, output, batch, size)
        self.next_at_s = self._since_s + (perf_counter() - start_s) / SHARE


def _can_gather(output: Any, target: Any) -> bool:
    """Return whether these are small tensors with a sample per row, such that several may become one."""
    return (
        type(output) is torch.Tensor
        and type(target) is torch.Tensor
        and output.dim() > 0
        and target.dim() > 0
        and output.size(0) == target.size(0)
        and output.numel() + target.numel() <= MAX_ELEMENTS // MAX_BATCHES
    )
