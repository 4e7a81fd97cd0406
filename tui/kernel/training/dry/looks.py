"""What a dry run sees in values and gradients: notes on tensors, and what runs but is hardly meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import torch
from torch import nn
from torch.utils.data import DataLoader

from tui.kernel.training.batches import is_pair
from tui.protocol.training import DryValue

_NAMED: Final = 5
_MOST_VALUES: Final = 32
_NEEDS_TWO: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
FAR_OFF: Final = 1.5
"""How many times a blind guess's loss may be before it is warned of."""


def values_of(batch: object, output: object, ids: tuple[int, int] | None) -> tuple[DryValue, ...]:
    """Return the tensors of a batch and the model's output; `ids`: the class ids of the target, where it has any."""
    parts = {"input": batch[0], "target": batch[1]} if is_pair(batch) else {"batch": batch}  # type: ignore[index]
    found = [pair for name, value in {**parts, "output": output}.items() for pair in _tensors(name, value)]
    return tuple(
        DryValue(
            name,
            tuple(tensor.shape),
            str(tensor.dtype).removeprefix("torch."),
            str(tensor.device),
            f"class ids {ids[0]} to {ids[1]}"
            if ids is not None and name == "target"
            else _note(name, tensor),
        )
        for name, tensor in found[:_MOST_VALUES]
    )


def _tensors(name: str, value: object) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _tensors(f"{name}[{key!r}]", item)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _tensors(f"{name}[{place}]", item)


def _note(name: str, tensor: torch.Tensor) -> str:
    if not tensor.numel() or tensor.is_complex() or tensor.layout is not torch.strided or tensor.is_nested:
        return ""
    detached = tensor.detach()
    if detached.is_floating_point():
        bad = int(detached.numel() - torch.isfinite(detached).sum())
        if bad:
            return f"{bad:,} NaN or infinite"
    low, high = (float(value) for value in torch.aminmax(detached.float()))
    if name.startswith("output"):
        return ""
    is_picture = tensor.dim() > 1 and (tensor.is_floating_point() or tensor.dtype is torch.uint8)
    if is_picture and 128 < high <= 255 and low >= 0 and name.startswith(("input", "batch")):
        return f"not normalized: {low:g} to {high:g}"
    if not tensor.is_floating_point():
        return f"{low:g} to {high:g}"
    return f"large: {low:.3g} to {high:.3g}" if max(abs(low), abs(high)) > 100 else ""


def warnings_of_values(values: Sequence[DryValue]) -> list[str]:
    """Return what is to be said of a batch and an output."""
    said = []
    for value in values:
        if value.note.startswith("not normalized"):
            said.append(
                f"{value.name} is {value.note}; values near 0 are easier to learn from: divide by 255, or subtract"
                " the mean and divide by the standard deviation"
            )
        elif value.note.endswith("NaN or infinite"):
            said.append(f"{value.name} holds {value.note} values")
        elif value.note.startswith("large") and not value.name.startswith("target"):
            said.append(f"{value.name} is {value.note}: values of about 1 are easier to learn from")
    return said


def warning_of_loss(loss: float, expected: float | None) -> str:
    """Return a warning where a classifier begins much worse than a blind guess."""
    if expected is None or loss <= FAR_OFF * expected:
        return ""
    return (
        f"the loss begins at {loss:.3g}, and a blind guess would have {expected:.3g}: the scores of an untrained model"
        " should be near 0; look at the scale of inputs and of the last layer"
    )


def warnings_of_parameters(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """Return what is amiss between a model and its optimizer."""
    given = {id(p) for group in optimizer.param_groups for p in group["params"]}
    own = list(model.named_parameters())
    forgotten = [name for name, p in own if p.requires_grad and id(p) not in given]
    said = []
    if forgotten:
        said.append(
            f"the optimizer was not given {listed(forgotten)}: {_they(forgotten)} will not be trained"
        )
    strangers = len(given - {id(p) for _, p in own})
    if strangers:
        kinds = "a parameter" if strangers == 1 else f"{strangers} parameters"
        said.append(f"the optimizer was given {kinds} that the model does not have")
    return said


def without_gradient(model: nn.Module) -> list[str]:
    """Return the parameters that require grad and have none, after a backward pass."""
    return [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]


def warning_of_gradients(missing: Sequence[str]) -> str:
    """Return a warning that names parameters with no gradient; empty where there are none."""
    if not missing:
        return ""
    return f"no gradient reaches {listed(missing)}: the loss does not depend on {_them(missing)}"


def warning_of_last_batch(loader: object, model: nn.Module) -> str:
    """Return a warning where the last batch of an epoch is one sample and the model normalizes over the batch."""
    if type(loader) is not DataLoader or loader.drop_last or not loader.batch_size or loader.batch_size < 2:
        return ""
    try:
        rest = len(loader.sampler) % loader.batch_size  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        return ""
    name = next((name for name, module in model.named_modules() if isinstance(module, _NEEDS_TWO)), None)
    if rest != 1 or name is None:
        return ""
    return (
        f"the last batch of an epoch has one sample, of which {name or 'the model'} (batch normalization) can take no"
        " spread: it may fail there; give the DataLoader drop_last=True"
    )


def listed(names: Sequence[str]) -> str:
    """Return names in a sentence, the first few."""
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def _they(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "they"


def _them(names: Sequence[Any]) -> str:
    return "it" if len(names) == 1 else "them"
