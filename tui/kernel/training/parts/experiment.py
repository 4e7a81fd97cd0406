"""The live objects of a run, made of the preset and of what the settings put in its place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from tui.kernel.training.parts.compiled import compiled, why_not_compiled
from tui.kernel.training.parts.making import (
    Loader,
    batches_in,
    make_loaders,
    make_loss,
    make_model,
    make_optimizer,
    make_scheduler,
)
from tui.kernel.training.parts.precision import Cast, as_written, casting, scaler_of
from tui.kernel.training.parts.preset_module import ExperimentModule, Source, read_source
from tui.kernel.training.trouble.refusals import SettingsError
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
    loaders = make_loaders(module, settings)
    model = make_model(module, settings, namespace)
    model.to(device)
    loss = make_loss(module, settings)
    if isinstance(loss, nn.Module):
        loss.to(device)  # class weights and the like
    optimizer = make_optimizer(module, settings, model)
    experiment = Experiment(
        train=loaders["train"],
        val=loaders.get("val"),
        test=loaders.get("test"),
        model=model,
        loss=loss,
        optimizer=optimizer,
        scheduler=make_scheduler(module, settings, optimizer),
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
