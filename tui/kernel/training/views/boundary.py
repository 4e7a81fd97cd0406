"""What a model of two inputs says at each place of the plane."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch.utils.data import Subset, TensorDataset, default_collate

from tui.kernel.torch_private import as_written
from tui.kernel.training.batches import is_pair
from tui.kernel.training.evaluation import leaving_no_trace
from tui.kernel.training.parts.experiment import Experiment, Loader
from tui.kernel.training.untouched import restored_buffers
from tui.kernel.training.views.images import rounded
from tui.kernel.training.views.tasks import Task, are_scores, class_probabilities, outside_unit, task_of
from tui.protocol.views import Boundary

ROWS: Final = 40
COLUMNS: Final = 60
MARGIN: Final = 0.1
"""Of the data's range, on each side."""
MAX_POINTS: Final = 500


class Plane:
    """Draws the decision boundary of an experiment, where it has two inputs and one answer."""

    def __init__(self, experiment: Experiment, device: torch.device) -> None:
        self._experiment = experiment
        self._device = device
        self._task: Task | None = None
        self._points: torch.Tensor | None = None  # float64 (n, 3): x, y, target
        self._is_whole = False  # whether these are of all the training data, not of the batches seen
        self._low = self._high = torch.zeros(2, dtype=torch.float64)
        self._dtype = torch.float32

    def view(self, step: int, batch: Any, output: Any) -> Boundary | None:
        """Return the plane as the model has it now; None where it does not take points of a plane. A sync point.

        Args:
            step: the last that was completed.
            batch, output: of that step; from them it is told what the model takes and learns.
        """
        if self._task is None:
            self._task = self._recognized(batch, output)
        if not self._task:
            return None
        if not self._is_whole:
            self._note_points(batch[0], batch[1])
        reach = (self._high - self._low).clamp(min=1e-6) * MARGIN
        (x_min, y_min), (x_max, y_max) = (self._low - reach).tolist(), (self._high + reach).tolist()
        across = torch.linspace(x_min, x_max, COLUMNS, dtype=torch.float64)
        down = torch.linspace(y_max, y_min, ROWS, dtype=torch.float64)
        y, x = torch.meshgrid(down, across, indexing="ij")
        places = torch.stack([x, y], dim=-1).reshape(-1, 2)  # (ROWS * COLUMNS, 2), from the top left
        model = self._experiment.model
        with leaving_no_trace(model, self._device, ()), restored_buffers(model), torch.no_grad():
            answer = as_written(model)(places.to(self._device, self._dtype))
        if not isinstance(answer, torch.Tensor) or len(answer) != len(places):
            return None
        kind, values, confidence = self._told(answer)
        points = self._points.tolist() if self._points is not None else []
        return Boundary(
            step, x_min, x_max, y_min, y_max, (ROWS, COLUMNS), kind, values, confidence,
            tuple((round(x, 4), round(y, 4), round(target, 4)) for x, y, target in points),
        )  # fmt: skip

    def _told(self, answer: torch.Tensor) -> tuple[Any, tuple[float, ...], tuple[float, ...]]:
        if self._task == "classes":
            sure, classes = class_probabilities(answer).cpu().max(1)
            return (
                "class",
                tuple(classes.double().tolist()),
                tuple(torch.round(sure.double(), decimals=3).tolist()),
            )
        values = answer.detach().float().reshape(-1)
        if self._task == "binary":
            known = are_scores(self._experiment.loss)
            values = values.sigmoid() if (bool(outside_unit(values)) if known is None else known) else values
        return "value", rounded(values), ()

    def _recognized(self, batch: Any, output: Any) -> Task:
        if not is_pair(batch) or not _are_places(batch[0]):
            return ""
        task = task_of(self._experiment, output, batch[1])
        if task and task != "classes" and output.numel() != len(output):
            return ""
        self._dtype = batch[0].dtype
        found = _points_of(self._experiment.train)
        if found is not None:
            self._is_whole = True
            self._keep(*found)
        return task

    def _note_points(self, places: object, target: object) -> None:
        """Add those of a batch, the newest in the place of the oldest."""
        if isinstance(places, torch.Tensor) and isinstance(target, torch.Tensor) and _are_places(places):
            self._keep(places, target)

    def _keep(self, places: torch.Tensor, target: torch.Tensor) -> None:
        if target.numel() != len(places):
            return
        columns = [places.detach().cpu().double(), target.detach().cpu().double().reshape(-1)]
        rows = torch.column_stack(columns)  # (n, 3)
        rows = rows[torch.isfinite(rows).all(1)]
        if not len(rows):
            return
        low, high = rows[:, :2].amin(0), rows[:, :2].amax(0)
        if self._points is None:
            self._low, self._high = low, high
            self._points = rows[:: -(-len(rows) // MAX_POINTS)]
        else:
            self._low, self._high = torch.minimum(self._low, low), torch.maximum(self._high, high)
            self._points = torch.cat([self._points, rows])[-MAX_POINTS:]


def _are_places(value: object) -> bool:
    return (
        isinstance(value, torch.Tensor)
        and value.is_floating_point()
        and value.dim() == 2
        and value.size(1) == 2
        and len(value) > 0
    )


def _points_of(loader: Loader) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return places and targets of all training data where they are at hand without running the user's code."""
    if getattr(loader, "collate_fn", None) is not default_collate:
        return None
    dataset, chosen = getattr(loader, "dataset", None), None
    while type(dataset) is Subset:
        indices = torch.as_tensor(dataset.indices)
        chosen = indices if chosen is None else indices[chosen]
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset or len(dataset.tensors) != 2 or not _are_places(dataset.tensors[0]):
        return None
    places, target = dataset.tensors
    return (places, target) if chosen is None else (places[chosen], target[chosen])
