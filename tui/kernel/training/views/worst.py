"""The examples with the highest loss, kept batch by batch on the model's own device."""

from __future__ import annotations

from typing import Final

import torch

from tui.kernel.training.views.images import image_of, picture_shape, rounded, thinned
from tui.kernel.training.views.tasks import Task, class_probabilities
from tui.protocol.views import Image, WorstSample

KEPT: Final = 24
MAX_NUMBERS: Final = 16
"""Of an input, target or output that is told as text, or of one that is kept at all and is no picture."""

LEAST_CURVE: Final = 5
"""Numbers of a target from which on it is a curve, to be drawn rather than told."""
MOST_CURVE: Final = 64

Row = dict[str, torch.Tensor]


class WorstKeeper:
    """Keeps the `KEPT` examples with the highest loss."""

    def __init__(self, task: Task) -> None:
        self._task: Task = task
        self._kept: Row | None = None

    def add(
        self, first: int, inputs: object, target: torch.Tensor, output: torch.Tensor, losses: torch.Tensor
    ) -> None:
        """Look at a batch.

        Args:
            first: index of its first example.
            inputs: what the model was given; shown where it is a tensor with a row for each example.
            target, output: with a row for each example.
            losses: float32, (N,).
        """
        worst, where = losses.topk(min(KEPT, len(losses)))  # a NaN counts as the highest
        rows = {"loss": worst, "index": where + first}
        drawn = self._task == "values" and output.shape == target.shape
        keep = _drawable if drawn else _thin
        rows["target"] = keep(target).index_select(0, where)
        rows["output"] = (output if self._task == "classes" else keep(output)).index_select(0, where)
        if isinstance(inputs, torch.Tensor) and inputs.dim() > 1 and len(inputs) == len(losses):
            rows["input"] = (thinned(inputs) if _is_picture(inputs[0]) else _thin(inputs)).index_select(
                0, where
            )
        kept = self._kept
        if kept is not None and (
            kept.keys() != rows.keys()
            or any(kept[name].shape[1:] != row.shape[1:] for name, row in rows.items())
        ):
            rows = {
                name: row for name, row in rows.items() if name != "input"
            }  # batches of sequences, padded
            kept = {name: row for name, row in kept.items() if name != "input"}
            for name in ("target", "output"):
                rows[name], kept[name] = _of_one_shape(rows[name], kept[name])
        if kept is not None:
            rows = {name: torch.cat([kept[name], row]) for name, row in rows.items()}
            best = rows["loss"].topk(min(KEPT, len(rows["loss"]))).indices
            rows = {name: row.index_select(0, best) for name, row in rows.items()}
        self._kept = rows

    def samples(self, names: tuple[str, ...], *, are_scores: bool) -> tuple[WorstSample, ...]:
        """Return the examples, worst first. This is a sync point.

        Args:
            names: of the classes; empty where there are none.
            are_scores: of one output each, whether it is a score and no probability.
        """
        if self._kept is None:
            return ()
        rows = {name: row.cpu() for name, row in self._kept.items()}
        predicted, confidence = self._predictions(rows["output"], names, are_scores)
        shown = []
        for place, (loss, index) in enumerate(
            zip(rows["loss"].tolist(), rows["index"].tolist(), strict=True)
        ):
            image, text = _shown(rows["input"][place]) if "input" in rows else (None, "")
            sure = confidence[place] if confidence else None
            wanted, made = rows["target"][place], rows["output"][place]
            if self._task == "values" and _is_picture(made):
                shown.append(
                    WorstSample(index, loss, "", "", None, image, text, image_of(wanted), image_of(made))
                )
            elif self._task == "values" and made.numel() >= LEAST_CURVE:
                curves = rounded(wanted), rounded(made)
                shown.append(WorstSample(index, loss, "", "", None, image, text, None, None, *curves))
            else:
                target = _told(wanted, names)
                shown.append(WorstSample(index, loss, target, predicted[place], sure, image, text))
        return tuple(shown)

    def _predictions(
        self, output: torch.Tensor, names: tuple[str, ...], are_scores: bool
    ) -> tuple[list[str], list[float]]:
        if self._task == "classes":
            sure, classes = class_probabilities(output).max(1)
        elif self._task == "binary":
            yes = output.float().reshape(-1)
            yes = yes.sigmoid() if are_scores else yes
            sure, classes = torch.maximum(yes, 1 - yes), (yes > 0.5).long()
        else:
            return [_told(row, ()) for row in output], []
        return [_told(one, names) for one in classes], [round(one, 4) for one in sure.tolist()]


def _thin(rows: torch.Tensor) -> torch.Tensor:
    """Return the first numbers of each row, one more than are told."""
    return rows.flatten(1)[:, : MAX_NUMBERS + 1] if rows.dim() > 1 else rows


def _drawable(rows: torch.Tensor) -> torch.Tensor:
    """Return what is drawn of each row: a picture, or a curve of at most `MOST_CURVE` numbers."""
    if _is_picture(rows[0]):
        return thinned(rows)
    flat = rows.flatten(1) if rows.dim() > 1 else rows.unsqueeze(1)
    return flat[:, :: -(-flat.size(1) // MOST_CURVE)]


def _is_picture(row: torch.Tensor) -> bool:
    return picture_shape(tuple(row.shape)) and not row.is_complex()


def _of_one_shape(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both as they are, or flat and as long as the shorter one: sequences of several lengths."""
    if first.shape[1:] == second.shape[1:]:
        return first, second
    flat = first.flatten(1), second.flatten(1)
    length = min(each.size(1) for each in flat)
    return flat[0][:, :length], flat[1][:, :length]


def _shown(row: torch.Tensor) -> tuple[Image | None, str]:
    if _is_picture(row):
        return image_of(row), ""
    return None, _told(row, ())


def _told(row: torch.Tensor, names: tuple[str, ...]) -> str:
    """Return a class by its name, else the first numbers."""
    if names and row.numel() == 1:
        number = row.item()
        if 0 <= number < len(names) and number == int(number):
            return names[int(number)]
    numbers = row.reshape(-1)[:MAX_NUMBERS].tolist()
    more = ", …" if row.numel() > MAX_NUMBERS else ""
    return ", ".join(f"{n:.4g}" if isinstance(n, float) else str(n) for n in numbers) + more
