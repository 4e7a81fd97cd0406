"""How often each class is taken for each, counted batch by batch on the model's own device."""

from __future__ import annotations

from typing import Final

import torch

from tui.kernel.training.views.tasks import are_scores, class_names, outside_unit
from tui.protocol.views import Confusion

MAX_CLASSES: Final = 100
"""With more, those that are confused most are shown."""
MAX_COUNTED: Final = 1024
"""With more the matrix would be too large to keep."""


class ClassCounts:
    """The confusion matrix of a model with one score for each class."""

    def __init__(self, classes: int, device: torch.device) -> None:
        self.classes = classes
        self._counts = torch.zeros(classes * classes + 1, dtype=torch.int64, device=device)

    def add(self, output: torch.Tensor, target: torch.Tensor) -> None:
        """Count a batch, (N, K) and (N,). Targets that are no class, as `ignore_index` has them, are left out."""
        count = self.classes
        target = target.long()
        places = target * count + output.argmax(1)
        places = torch.where((target >= 0) & (target < count), places, count * count)
        self._counts.index_add_(0, places, torch.ones_like(places))

    def view(self, split: str, step: int, loader: object) -> Confusion | None:
        """Return the matrix; None where nothing was counted. This is a sync point."""
        counts = self._counts[:-1].reshape(self.classes, self.classes).cpu()
        return confusion_of(counts, split, step, class_names(loader, self.classes))


class YesCounts:
    """The confusion matrix of a model with one score, for yes."""

    def __init__(self, loss: object, device: torch.device) -> None:
        self._known = are_scores(loss)
        self._outside = torch.zeros((), dtype=torch.bool, device=device)
        self._others = torch.zeros((), dtype=torch.int64, device=device)
        self._by_score = torch.zeros(4, dtype=torch.int64, device=device)
        self._by_probability = torch.zeros(4, dtype=torch.int64, device=device)

    def add(self, output: torch.Tensor, target: torch.Tensor) -> None:
        """Count a batch of N outputs and N targets."""
        output, target = output.reshape(-1), target.reshape(-1)
        self._outside |= outside_unit(output)
        self._others += ((target != 0) & (target != 1)).sum()
        truth = 2 * (target > 0.5).long()
        ones = torch.ones_like(truth)
        self._by_score.index_add_(0, truth + (output > 0).long(), ones)
        self._by_probability.index_add_(0, truth + (output > 0.5).long(), ones)

    def are_scores(self) -> bool:
        """Return whether outputs are scores and not probabilities. This is a sync point."""
        return bool(self._outside) if self._known is None else self._known

    def view(self, split: str, step: int, loader: object) -> Confusion | None:
        """Return the matrix; None where targets were other than 0 and 1. This is a sync point."""
        if int(self._others):
            return None
        counts = self._by_score if self.are_scores() else self._by_probability
        return confusion_of(counts.reshape(2, 2).cpu(), split, step, class_names(loader, 2))


def confusion_of(counts: torch.Tensor, split: str, step: int, names: tuple[str, ...]) -> Confusion | None:
    """Return the matrix, int64 (K, K), row the true class; of many classes those with the most mistakes."""
    seen = int(counts.sum())
    if not seen:
        return None
    total = None
    if len(names) > MAX_CLASSES:
        total = len(names)
        mistakes = counts - torch.diag(counts.diagonal())
        worst = (mistakes.sum(0) + mistakes.sum(1)).topk(MAX_CLASSES).indices.sort().values
        counts = counts[worst][:, worst]
        names = tuple(names[index] for index in worst.tolist())
    return Confusion(split, step, names, tuple(map(tuple, counts.tolist())), seen, total)
