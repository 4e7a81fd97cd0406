"""What a model is learning, told from its loss, its output and the target."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal

import torch
import torch.nn.functional as F
from torch import nn

from tui.kernel.training.parts.experiment import Experiment

Task = Literal["classes", "binary", "values", ""]
"""One score for each class · one score, for yes · one number for each number of the target · none of these."""

_CLASS_LOSSES: Final = ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss", "cross_entropy", "nll_loss")
_BINARY_LOSSES: Final = (
    *("BCEWithLogitsLoss", "BCELoss", "SoftMarginLoss"),
    *("binary_cross_entropy_with_logits", "binary_cross_entropy"),
)
_VALUE_LOSSES: Final = (
    *("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "GaussianNLLLoss", "PoissonNLLLoss"),
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"),
)


def loss_name(loss: object) -> str:
    """Return the name of one of torch's losses, module or function; empty of any other."""
    if isinstance(loss, nn.Module):
        kind = type(loss)
        return kind.__name__ if kind.__module__ == nn.CrossEntropyLoss.__module__ else ""
    name = getattr(loss, "__name__", "")
    return name if isinstance(name, str) and getattr(F, name, None) is loss else ""


def task_of(experiment: Experiment, output: object, target: object) -> Task:
    """Return what the model learns. May wait for the device where only the target's values can tell."""
    if not (isinstance(output, torch.Tensor) and isinstance(target, torch.Tensor)):
        return ""
    if not (output.is_floating_point() and output.dim() and target.dim() and len(output) == len(target)):
        return ""
    if target.is_complex() or not len(output):
        return ""
    name = loss_name(experiment.loss)
    # Who knows what the preset's own step does with output and target, unless its loss can only mean one thing.
    is_own_step = experiment.step is not None and name not in _CLASS_LOSSES
    if output.dim() == 2 and output.size(1) > 1 and target.dim() == 1:
        is_of_classes = not target.is_floating_point() and target.dtype is not torch.bool
        return "classes" if is_of_classes and not is_own_step and name not in _VALUE_LOSSES else ""
    if is_own_step or name in _CLASS_LOSSES:
        return ""
    is_single = output.numel() == target.numel() == len(output)
    if is_single and name not in _VALUE_LOSSES:
        is_yes_or_no = name in _BINARY_LOSSES or bool(((target == 0) | (target == 1)).all())
        if is_yes_or_no:
            return "binary"
    return "values" if is_single or output.shape == target.shape else ""


def class_probabilities(output: torch.Tensor) -> torch.Tensor:
    """Return (N, K) scores, logarithms of probabilities or probabilities as probabilities; float32, (N, K)."""
    scores = output.detach().float()
    are_probabilities = (scores.min() >= 0) & ((scores.sum(1) - 1).abs().max() < 1e-3)
    return torch.where(are_probabilities, scores, scores.softmax(1))


def are_scores(loss: object) -> bool | None:
    """Return whether one output each is a score, any number, for yes; false: a probability; None: not known."""
    name = loss_name(loss)
    return name not in ("BCELoss", "binary_cross_entropy") if name in _BINARY_LOSSES else None


def outside_unit(output: torch.Tensor) -> torch.Tensor:
    """Return whether an output is none of probabilities; bool, 0-d."""
    return (output < 0).any() | (output > 1).any()


def losses_each(
    experiment: Experiment, task: Task, output: torch.Tensor, target: torch.Tensor
) -> torch.Tensor | None:
    """Return the loss of each example, float32 (N,); None where it cannot be had without running the user's code."""
    if task == "classes":
        output = output.float()
    each = _each(experiment.loss, task)
    found = None if each is None else each(output, target)
    if not isinstance(found, torch.Tensor) or not found.dim() or len(found) != len(output):
        return None
    return found.detach().float().reshape(len(output), -1).mean(1)


def _each(loss: object, task: Task) -> Callable[..., object] | None:
    """Return the loss without its mean; of a classifier's own loss cross-entropy, which puts examples in order."""
    if not loss_name(loss):
        return partial(F.cross_entropy, reduction="none") if task == "classes" else None
    if isinstance(loss, nn.Module):
        each: Any = copy.copy(loss)
        each.reduction = "none"
        return each if hasattr(loss, "reduction") else None
    assert callable(loss)
    return partial(loss, reduction="none") if "reduction" in inspect.signature(loss).parameters else None


def class_names(loader: object, count: int) -> tuple[str, ...]:
    """Return the names that the loader's dataset gives its classes, else their numbers."""
    dataset = getattr(loader, "dataset", None)
    for _ in range(8):  # through subsets, as `random_split` makes them
        names = getattr(dataset, "classes", None)
        if isinstance(names, list | tuple) and len(names) == count:
            return tuple(str(name)[:40] for name in names)
        dataset = getattr(dataset, "dataset", None)
    return tuple(map(str, range(count)))
