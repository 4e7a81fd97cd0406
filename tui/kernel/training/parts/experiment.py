"""What the preset's functions return, checked against the contract, and what the settings put in its place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from tui.kernel.training.parts.compiled import compiled, why_not_compiled
from tui.kernel.training.parts.loaders import LEAST_STEPS, OneBatch, with_workers
from tui.kernel.training.parts.precision import Cast, as_written, casting, scaler_of
from tui.kernel.training.parts.preset_module import ExperimentModule, Source, read_source
from tui.kernel.training.trouble.refusals import SettingsError
from tui.protocol.preset import ARGUMENTS, REQUIRED, nearest
from tui.protocol.run import RunSettings

__all__ = [
    "Experiment",
    "ExperimentModule",
    "Loader",
    "Source",
    "batches_in",
    "build_experiment",
    "read_source",
]

Loader = Iterable[Any]


@dataclass
class Experiment:
    """The live objects of a run."""

    train: Loader
    val: Loader | None
    test: Loader | None
    model: nn.Module
    loss: Callable[..., Any]
    optimizer: torch.optim.Optimizer
    scheduler: Any | None
    metrics: Callable[[Any, Any], Mapping[str, Any]] | None
    step: Callable[[nn.Module, Any, Any], torch.Tensor] | None
    preview: Callable[[nn.Module], object] | None
    autocast: Cast = as_written
    """Makes the context that forward and loss are computed in."""
    scaler: torch.amp.GradScaler | None = None
    """Scales losses so that no gradient is lost in float16; None where that is not needed."""
    called: nn.Module = field(init=False)
    """What a training step calls: the model, or what `torch.compile` has made of it. See NOTE [Compiled models]."""
    notes: list[str] = field(default_factory=list)
    """What did not go as the settings have it, in words for the user."""

    def __post_init__(self) -> None:
        self.called = self.model

    @property
    def is_compiled(self) -> bool:
        """Whether a training step calls another module than the model."""
        return self.called is not self.model

    @property
    def needs_closure(self) -> bool:
        """Whether the optimizer cannot step without evaluating the loss itself, as LBFGS."""
        parameter = inspect.signature(type(self.optimizer).step).parameters.get("closure")
        return parameter is not None and parameter.default is inspect.Parameter.empty

    @property
    def loaders(self) -> dict[str, Loader]:
        """The loaders by the names that ``data()`` gave them."""
        named = {"train": self.train, "val": self.val, "test": self.test}
        return {name: loader for name, loader in named.items() if loader is not None}


def build_experiment(
    module: ExperimentModule,
    device: torch.device,
    settings: RunSettings = RunSettings(),  # noqa: B008 - frozen
    namespace: Mapping[str, object] | None = None,
) -> Experiment:
    """Call the preset's functions, in the order data, model, loss, optimizer, scheduler.

    What the settings name in place of the preset's own is made instead; the preset's function is not called then.

    Args:
        module: the preset, run already.
        device: where model and loss go.
        settings: of the run.
        namespace: where an expression for a model is looked up.

    Raises:
        PresetError: something they return is not what the contract says.
        ChoiceError: the settings name something that does not exist, or cannot be made.
        SettingsError: the settings cannot be kept with this preset.
        Exception: whatever they raise.
    """
    loaders = _loaders(module, settings)
    model = _model(module, settings, namespace)
    model.to(device)
    loss = _loss(module, settings)
    if isinstance(loss, nn.Module):
        loss.to(device)  # class weights and the like
    optimizer = _optimizer(module, settings, model)
    experiment = Experiment(
        train=loaders["train"],
        val=loaders.get("val"),
        test=loaders.get("test"),
        model=model,
        loss=loss,
        optimizer=optimizer,
        scheduler=_scheduler(module, settings, optimizer),
        metrics=module.function("metrics"),
        step=module.function("step"),
        preview=module.function("preview"),
        autocast=casting(settings.precision, device),
        scaler=scaler_of(settings.precision, device),
    )
    _check_fit(settings, experiment)
    if settings.compile:
        try:
            experiment.called = compiled(model)
        except Exception as error:  # noqa: BLE001 - no compiler for this platform or Python
            experiment.notes.append(why_not_compiled(error))
    return experiment


def _check_fit(settings: RunSettings, experiment: Experiment) -> None:
    """Check the settings against the preset's objects, and note what has no effect.

    Raises:
        SettingsError: they cannot be kept.
    """
    if experiment.needs_closure:
        name = type(experiment.optimizer).__name__
        why = f"{name} runs forward and backward itself, several times in one step"
        if settings.accumulate > 1:
            raise SettingsError(f"{why}, so gradients cannot be accumulated: take accumulate=1")
        if settings.clip_norm is not None:
            raise SettingsError(f"{why}, so gradients cannot be clipped: leave clip_norm out")
        if settings.precision == "float16":
            raise SettingsError(f"{why}, so there is no scaling for float16: take bfloat16 or float32")
    if experiment.val is None and settings.kind == "train":
        for setting in ("eval_every", "best_by"):
            if getattr(settings, setting):
                experiment.notes.append(f"{setting} has no effect: data() gives no 'val'")
    if settings.model and not experiment.model.training:
        experiment.notes.append(
            f"{settings.model} is in eval mode, so dropout and batch norm act as in an evaluation;"
            f" {settings.model}.train() changes that"
        )


def _loaders(module: ExperimentModule, settings: RunSettings) -> dict[str, Loader]:
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


def _model(
    module: ExperimentModule, settings: RunSettings, namespace: Mapping[str, object] | None
) -> nn.Module:
    if settings.model:
        from tui.kernel.training.parts.chosen import chosen_model

        return chosen_model(settings.model, namespace if namespace is not None else {})
    model = _called(module, "model")
    if not isinstance(model, nn.Module):
        raise module.broken("model", f"model() must return an nn.Module, not {_kind(model)}")
    return model


def _loss(module: ExperimentModule, settings: RunSettings) -> Callable[..., Any]:
    if settings.loss:
        from tui.kernel.training.parts.chosen import chosen_loss

        return chosen_loss(settings.loss)
    loss = _called(module, "loss")
    if not callable(loss):
        raise module.broken("loss", f"loss() must return a callable (output, target), not {_kind(loss)}")
    return loss  # type: ignore[no-any-return]


def _optimizer(module: ExperimentModule, settings: RunSettings, model: nn.Module) -> torch.optim.Optimizer:
    if settings.optimizer:
        from tui.kernel.training.parts.chosen import chosen_optimizer

        return chosen_optimizer(settings.optimizer, model.parameters())
    optimizer = _called(module, "optimizer", model.parameters())
    if not isinstance(optimizer, torch.optim.Optimizer):
        message = f"optimizer(parameters) must return a torch.optim.Optimizer, not {_kind(optimizer)}"
        raise module.broken("optimizer", message)
    return optimizer


def _scheduler(module: ExperimentModule, settings: RunSettings, optimizer: torch.optim.Optimizer) -> Any:
    """Return the learning-rate schedule; None where there is none."""
    if settings.kind == "lr_range" or settings.scheduler == "none":
        return None
    if settings.scheduler:
        from tui.kernel.training.parts.chosen import chosen_scheduler

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
