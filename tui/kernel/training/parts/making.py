"""What each of the preset's functions returns, checked against the contract, and what the settings put in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from tui.kernel.training.parts.chosen import chosen_loss, chosen_model, chosen_optimizer, chosen_scheduler
from tui.kernel.training.parts.loaders import LEAST_STEPS, OneBatch, with_workers
from tui.kernel.training.parts.preset_module import ExperimentModule
from tui.protocol.preset import ARGUMENTS, REQUIRED, nearest
from tui.protocol.run import RunSettings

Loader = Iterable[Any]


def make_loaders(module: ExperimentModule, settings: RunSettings) -> dict[str, Loader]:
    """Return the loaders that a run of this kind uses, as the settings want them, by the names that ``data()`` gave.

    Raises:
        PresetError: ``data()`` returned something else.
        SettingsError: a loader cannot be given the workers that the settings ask for.
    """
    loaders = _data(module)
    workers = settings.loader_workers
    if workers is not None:
        loaders = {name: with_workers(name, loader, workers) for name, loader in loaders.items()}
    if settings.kind == "overfit_batch":
        epochs = module.source.knobs.get("epochs", 1)
        epochs = epochs if type(epochs) is int and epochs > 0 else 1
        length = batches_in(loaders["train"]) or LEAST_STEPS
        # Drawn here, where a resumed run has the same random streams: it goes on with the same batch.
        return {"train": OneBatch(loaders["train"], max(length, -(-LEAST_STEPS // epochs)))}
    return loaders if settings.kind == "train" else {"train": loaders["train"]}


def make_model(
    module: ExperimentModule, settings: RunSettings, namespace: Mapping[str, object] | None
) -> nn.Module:
    """Return the preset's model, or the one of the namespace that the settings name; where it was made.

    Raises:
        PresetError: ``model()`` returned none.
        ChoiceError: the namespace has no such model, or none that is ready to be trained.
    """
    if settings.model:
        return chosen_model(settings.model, namespace if namespace is not None else {})
    model = _called(module, "model")
    if not isinstance(model, nn.Module):
        raise module.broken("model", f"model() must return an nn.Module, not {_kind(model)}")
    return model


def make_loss(module: ExperimentModule, settings: RunSettings) -> Callable[..., Any]:
    """Return the preset's loss, or the one of torch's that the settings name; on the CPU.

    Raises:
        PresetError: ``loss()`` returned nothing that can be called.
        ChoiceError: torch has no such loss, or refuses its arguments.
    """
    if settings.loss:
        return chosen_loss(settings.loss)
    loss = _called(module, "loss")
    if not callable(loss):
        raise module.broken("loss", f"loss() must return a callable (output, target), not {_kind(loss)}")
    return loss  # type: ignore[no-any-return]


def make_optimizer(
    module: ExperimentModule, settings: RunSettings, model: nn.Module
) -> torch.optim.Optimizer:
    """Return the preset's optimizer of a model's parameters, or the one of torch's that the settings name.

    Raises:
        PresetError: ``optimizer(parameters)`` returned none.
        ChoiceError: torch has no such optimizer, or refuses its arguments or these parameters.
    """
    if settings.optimizer:
        return chosen_optimizer(
            settings.optimizer, model.parameters(), [name for name, _ in model.named_parameters()]
        )
    optimizer = _called(module, "optimizer", model.parameters())
    if not isinstance(optimizer, torch.optim.Optimizer):
        message = f"optimizer(parameters) must return a torch.optim.Optimizer, not {_kind(optimizer)}"
        raise module.broken("optimizer", message)
    return optimizer


def make_scheduler(module: ExperimentModule, settings: RunSettings, optimizer: torch.optim.Optimizer) -> Any:
    """Return the learning-rate schedule; None where there is none.

    Raises:
        PresetError: ``scheduler(optimizer)`` returned none.
        ChoiceError: torch has no such schedule, or refuses its arguments.
    """
    if settings.kind == "lr_range" or settings.scheduler == "none":
        return None
    if settings.scheduler:
        return chosen_scheduler(settings.scheduler, optimizer)
    if settings.optimizer or module.function("scheduler") is None:
        return None
    scheduler = _called(module, "scheduler", optimizer)
    if scheduler is not None and not callable(getattr(scheduler, "step", None)):
        message = f"scheduler(optimizer) must return a learning-rate scheduler, not {_kind(scheduler)}"
        raise module.broken("scheduler", message)
    return scheduler


def _data(module: ExperimentModule) -> dict[str, Loader]:
    loaders = _called(module, "data")
    expected = REQUIRED["data"]
    if not isinstance(loaders, Mapping):
        raise module.broken("data", f"data() returned {_kind(loaders)}; a preset defines {expected}")
    for name in loaders:
        if name not in ("train", "val", "test"):
            hint = nearest(str(name), ("train", "val", "test"))
            raise module.broken(
                "data", f"data() returned a dict with the key {name!r}{hint}; it takes {expected}"
            )
    if loaders.get("train") is None:
        raise module.broken("data", f"data() returned a dict without 'train'; a preset defines {expected}")
    for name, loader in loaders.items():
        if loader is None:
            continue
        if not (hasattr(loader, "__iter__") or hasattr(loader, "__getitem__")):
            raise module.broken("data", f"data()[{name!r}] must be a DataLoader, not {_kind(loader)}")
    if batches_in(loaders["train"]) == 0:
        raise module.broken(
            "data", "data()['train'] has no batches: its dataset is empty, or smaller than one batch"
        )
    return {name: loader for name, loader in loaders.items() if loader is not None}


def batches_in(loader: Loader) -> int | None:
    """Return how many batches a loader has; None where it does not tell."""
    try:
        return len(loader)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        return None


def _called(module: ExperimentModule, name: str, *arguments: object) -> Any:
    function = module.function(name)
    assert function is not None
    assert len(arguments) == ARGUMENTS[name]
    return function(*arguments)


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
