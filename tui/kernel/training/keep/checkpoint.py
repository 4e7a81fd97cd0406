"""Checkpoints: what is in them, how they are written, and putting a run back where one was taken.

A checkpoint holds dicts, lists, numbers, texts and tensors alone: it loads with ``weights_only=True``.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tui.kernel.training.keep.randomness import generators_of, random_state, restore_random_state
from tui.kernel.training.parts.experiment import Experiment
from tui.kernel.training.progress import Progress
from tui.protocol.run import CHECKPOINTS, LAST_CHECKPOINT, KnobValue

SCHEMA = 1

Content = dict[str, Any]
"""``schema``, ``model``, ``optimizer``, ``scheduler``, ``loss``, ``epoch``, ``step``, ``batch``, ``random``
(``now`` and ``epoch_start``), ``epoch_loss``, ``evaluated_step``, ``knobs``, ``seed``, ``best``, ``best_by``,
``train_s``, ``scaler``, ``clip_norm``, ``requires_grad`` (of the parameters of which it was changed)."""


class CheckpointError(OSError):
    """A checkpoint cannot be read or written; the message is for the user."""


def take_checkpoint(
    experiment: Experiment,
    progress: Progress,
    device: torch.device,
    knobs: Mapping[str, KnobValue],
    seed: int,
    *,
    clip_norm: float | None = None,
    requires_grad: Mapping[str, bool] | None = None,
) -> Content:
    """Return the state of a run. Its tensors are the live ones: write or copy them before the next step.

    Args:
        clip_norm: the norm that gradients are scaled down to by now; None: they are not.
        requires_grad: of the parameters of which that was changed since the model was built; None: of none.
    """
    loss, scheduler = experiment.loss, experiment.scheduler
    return {
        "schema": SCHEMA,
        "model": experiment.model.state_dict(),
        "optimizer": _optimizer_state(experiment.optimizer),
        "scheduler": _plain(getattr(scheduler, "state_dict", lambda: None)()),
        "loss": loss.state_dict() if isinstance(loss, nn.Module) else None,
        "epoch": progress.epoch,
        "step": progress.step,
        "batch": progress.batch,
        "random": {
            "now": progress.evaluation_start or random_state(device, generators_of([experiment.train])),
            "epoch_start": progress.epoch_start,
        },
        "knobs": dict(knobs),
        "seed": seed,
        "epoch_loss": progress.epoch_loss,
        "evaluated_step": progress.evaluated_step,
        "best": _plain(progress.best),
        "best_by": progress.best_by,
        "train_s": progress.train_s,
        "scaler": experiment.scaler.state_dict() if experiment.scaler is not None else None,
        "clip_norm": clip_norm,
        "requires_grad": dict(requires_grad or {}),
    }


def restore_model(content: Content, experiment: Experiment) -> None:
    """Put model, optimizer, scheduler, loss and scaler back as they were.

    Raises:
        CheckpointError: the checkpoint is of another model or optimizer.
    """
    for name, parameter in experiment.model.named_parameters():
        flag = content.get("requires_grad", {}).get(name)
        if flag is not None:
            parameter.requires_grad_(flag)
    try:
        experiment.model.load_state_dict(content["model"])
        _restore_optimizer(experiment.optimizer, content["optimizer"])
        if content["scheduler"] is not None and hasattr(experiment.scheduler, "load_state_dict"):
            experiment.scheduler.load_state_dict(content["scheduler"])  # type: ignore[union-attr]
        if content["loss"] is not None and isinstance(experiment.loss, nn.Module):
            experiment.loss.load_state_dict(content["loss"])
        if experiment.scaler is not None and content.get("scaler"):
            experiment.scaler.load_state_dict(content["scaler"])
    except (RuntimeError, ValueError, KeyError) as error:
        raise CheckpointError(f"the checkpoint does not fit this experiment: {error}") from error


def _optimizer_state(optimizer: torch.optim.Optimizer) -> Content:
    state = optimizer.state_dict()
    return {**state, "param_groups": [_plain(group) for group in state["param_groups"]]}


def _restore_optimizer(optimizer: torch.optim.Optimizer, state: Content) -> None:
    built = [dict(group) for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, before in zip(optimizer.param_groups, built, strict=True):
        for name, value in before.items():
            group.setdefault(name, value)  # what a checkpoint cannot hold is as the preset has made it


def restore_progress(content: Content) -> Progress:
    """Return how far the run was."""
    return Progress(
        epoch=content["epoch"],
        step=content["step"],
        batch=content["batch"],
        epoch_start=content["random"]["epoch_start"],
        epoch_loss=content.get("epoch_loss"),
        evaluated_step=content.get("evaluated_step", 0),
        best=content["best"],
        best_by=content.get("best_by", ""),
        train_s=content["train_s"],
    )


def restore_randomness(content: Content, experiment: Experiment, device: torch.device) -> None:
    """Put the random streams back as they were when the checkpoint was taken."""
    restore_random_state(content["random"]["now"], device, generators_of([experiment.train]))


def load_checkpoint(folder: Path) -> Content | None:
    """Read ``last.pt`` of a run directory onto the CPU, running no code of it; None where there is none.

    Raises:
        CheckpointError: it is damaged, or no checkpoint of a run.
    """
    path = folder / CHECKPOINTS / LAST_CHECKPOINT
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"cannot resume {folder.name}: its checkpoint {path} is damaged") from error
    expected = {
        "model",
        "optimizer",
        "scheduler",
        "loss",
        "epoch",
        "step",
        "batch",
        "random",
        "best",
        "train_s",
    }
    if not isinstance(content, dict) or not expected <= content.keys():
        raise CheckpointError(f"cannot resume {folder.name}: {path} is no checkpoint of a run")
    if content.get("schema") != SCHEMA:
        told = f"is of schema {content.get('schema')}, this version reads {SCHEMA}"
        raise CheckpointError(f"cannot resume {folder.name}: its checkpoint {told}")
    return content


def write_checkpoint(path: Path, content: Content) -> None:
    """Write a checkpoint under a temporary name, make it durable and rename it: `path` is always whole.

    Raises:
        CheckpointError: the disk is full, gone or read-only; the earlier checkpoint stays.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        # torch tells of a full disk with a RuntimeError
        with contextlib.suppress(OSError):
            temporary.unlink()
        cause = error if isinstance(error, OSError) else error.__context__
        number = cause.errno if isinstance(cause, OSError) else None
        reason = (
            cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error).split("\n")[0]
        )
        raise CheckpointError(number, f"cannot write the checkpoint {path}: {reason}") from error


def copied(content: Any) -> Any:
    """Return a copy whose tensors are on the CPU and shared with nobody."""
    return _mapped(content, lambda tensor: tensor.detach().to("cpu", copy=True))


def _mapped(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, OrderedDict):
        ordered = OrderedDict((key, _mapped(item, change)) for key, item in value.items())
        ordered.__dict__.update(value.__dict__)  # a module's state carries the versions of its parts
        return ordered
    if type(value) is dict:
        return {key: _mapped(item, change) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_mapped(item, change) for item in value)
    return value


_UNKEPT = object()


def _plain(value: Any) -> Any:
    """Return a state without what `weights_only` would refuse; None where nothing of it can be kept.

    An entry of a dict that cannot be kept is left out, so that what the preset has made there stays when the
    state is loaded. Numpy's numbers become numbers, its arrays lists.
    """
    kept = _kept(value)
    return None if kept is _UNKEPT else kept


def _kept(value: Any) -> Any:
    if value is None or isinstance(value, torch.Tensor) or type(value) in (bool, int, float, str):
        return value
    if type(value) is Counter:
        return Counter({_plain(key): _plain(count) for key, count in value.items()})
    if isinstance(value, Mapping):
        items = {
            # LambdaLR itself writes None for its functions, and its loading wants as many entries.
            key: list(map(_plain, item)) if key == "lr_lambdas" and isinstance(item, list) else _kept(item)
            for key, item in value.items()
        }
        return {_plain(key): item for key, item in items.items() if item is not _UNKEPT}
    if isinstance(value, list | tuple | set):
        parts = [_kept(item) for item in value]
        if any(part is _UNKEPT for part in parts):
            return _UNKEPT
        return type(value)(parts) if type(value) in (tuple, set) else parts
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # a number or an array of numpy's
        return _kept(value.tolist())
    return _UNKEPT


def first_not_finite(named: Sequence[tuple[str, torch.Tensor]]) -> str | None:
    """Return the first name whose tensor holds a NaN or an infinity. This is a sync point."""
    checked = [(name, t) for name, t in named if (t.is_floating_point() or t.is_complex()) and t.numel()]
    if not checked:
        return None
    device = checked[0][1].device
    flags = torch.stack([torch.isfinite(tensor.detach()).all().to(device) for _, tensor in checked]).tolist()
    return next((name for (name, _), finite in zip(checked, flags, strict=True) if not finite), None)
