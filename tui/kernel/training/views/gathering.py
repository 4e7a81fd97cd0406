"""Confusion matrix and worst samples, gathered from an evaluation that runs anyway."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Any

import torch

from tui.kernel.training.batches import batch_size, is_pair
from tui.kernel.training.parts.experiment import Experiment
from tui.kernel.training.views.confusion import MAX_COUNTED, ClassCounts, YesCounts
from tui.kernel.training.views.tasks import Task, class_names, losses_each, task_of
from tui.kernel.training.views.worst import WorstKeeper
from tui.kernel.training.views.writing import View
from tui.protocol.views import WorstSamples


class Gathering:
    """One evaluation. Must be told of its batches in order, with nothing tracked and the model in eval mode."""

    def __init__(self, experiment: Experiment, split: str, loader: object) -> None:
        self.split = split
        self.spent_s = 0.0
        self.error: Exception | None = None
        """What went wrong; nothing is gathered any more then."""
        self._experiment = experiment
        self._loader = loader
        self._task: Task | None = None
        self._seen = 0
        self._classes = 0
        self._counts: ClassCounts | YesCounts | None = None
        self._worst: WorstKeeper | None = None

    def add(self, batch: Any, output: Any) -> None:
        """Look at a batch and what the model has made of it; never raises."""
        if self.error is not None or self._task == "":
            return
        start_s = perf_counter()
        try:
            self._look(batch, output)
        except Exception as error:  # noqa: BLE001 - it must not end the evaluation
            self.error = error
        self.spent_s += perf_counter() - start_s

    def _look(self, batch: Any, output: Any) -> None:
        target = batch[1] if is_pair(batch) else None
        if self._task is None:
            self._task = task_of(self._experiment, output, target)
            if self._task:
                self._begin(output)
        if self._task and isinstance(output, torch.Tensor) and isinstance(target, torch.Tensor):
            if self._counts is not None:
                self._counts.add(output, target)
            losses = losses_each(self._experiment, self._task, output, target) if self._worst else None
            if losses is None:
                self._worst = None
            else:
                assert self._worst is not None
                self._worst.add(self._seen, batch[0], target, output, losses)
            self._seen += batch_size(batch)

    def _begin(self, output: torch.Tensor) -> None:
        assert self._task is not None
        self._worst = WorstKeeper(self._task)
        if self._task == "classes":
            self._classes = output.size(1)
            if self._classes <= MAX_COUNTED:
                self._counts = ClassCounts(self._classes, output.device)
        elif self._task == "binary":
            self._classes = 2
            self._counts = YesCounts(self._experiment.loss, output.device)

    @property
    def has_too_many_classes(self) -> bool:
        """Whether there are so many that no matrix is kept."""
        return self._classes > MAX_COUNTED

    def views(self, step: int) -> Iterator[tuple[str, View]]:
        """Yield names and views. This is a sync point."""
        counts = self._counts
        if counts is not None:
            matrix = counts.view(self.split, step, self._loader)
            if matrix is not None:
                yield "confusion", matrix
        if self._worst is not None:
            names = class_names(self._loader, self._classes)
            scores = counts.are_scores() if isinstance(counts, YesCounts) else False
            samples = self._worst.samples(names, are_scores=scores)
            if samples:
                yield "worst", WorstSamples(self.split, step, samples)
