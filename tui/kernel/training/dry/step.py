"""The step of training in a dry run: once watched, once more for time and memory."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from time import perf_counter
from typing import Any, Final

import torch
from torch import nn

from tui.kernel.training.batches import describe, is_pair, mover, tensors_in
from tui.kernel.training.dry.looks import listed, warning_of_gradients, warning_of_loss, without_gradient
from tui.kernel.training.dry.memory import Activations, memory_of
from tui.kernel.training.dry.trial import Trial
from tui.kernel.training.dry.watch import DryMistake
from tui.kernel.training.dry.words import run_line
from tui.kernel.training.keep.checkpoint import first_not_finite
from tui.kernel.training.parts.experiment import Experiment, batches_in
from tui.kernel.training.parts.precision import casting, scaler_of
from tui.kernel.training.trouble.refusals import LoopError, check_loss
from tui.kernel.training.update import Update

_QUICK_MS: Final = 100.0
_TIMED: Final = 3
"""How often a quick step is timed; the fastest is told."""


class Step:
    """A step of a trial. Each method returns what is told of it."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._names = trial.names

    def _experiment(self) -> Experiment:
        names = self._names
        return Experiment(
            train=self._trial.loaders["train"],
            val=None,
            test=None,
            model=names["model"],
            loss=names["loss_fn"],
            optimizer=names["optimizer"],
            scheduler=None,
            metrics=self._trial.module.function("metrics"),
            step=names.get("step"),
            preview=None,
            autocast=casting(self._trial.settings.precision, self._trial.device),
            scaler=scaler_of(self._trial.settings.precision, self._trial.device),
        )

    def forward(self) -> str:
        """Run the model; with a step of the preset's own all of it."""
        names = self._names
        self._made = self._experiment()
        self._updating = Update(self._made, self._trial.settings.clip_norm, self._made.scaler)
        names["model"].train()
        names["optimizer"].zero_grad()
        if names.get("step") is not None:
            with self._listening():
                self._run("loss = step(model, batch, loss_fn)")
            return "inside step(), which computes the loss as well"
        self._run("output = model(input)")
        return describe(names["output"])

    def loss(self) -> str:
        """Compute the loss, and compare it with a blind guess."""
        names = self._names
        if names.get("step") is None:
            _check_output(names["output"], names["loss_fn"])
            self._run("loss = loss_fn(output, target)")
        loss = names["loss"]
        check_loss(loss, "step()" if names.get("step") is not None else "loss()")
        value = float(loss.detach())
        expected = self._trial.watch.expected_loss(loss)
        self._trial.warnings += self._trial.watch.warnings
        self._trial.report = replace(self._trial.report, loss=value, expected_loss=expected)
        if value - value != 0.0:
            raise DryMistake(
                f"the loss of the first batch is {value}{self._origin()}: training would end there"
            )
        warning = warning_of_loss(value, expected)
        self._trial.warnings += [warning] if warning else []
        guess = f", a blind guess has {expected:.4g}" if expected is not None else ""
        return f"{value:.4g}{guess}"

    def _origin(self) -> str:
        """Return where what is not finite comes from, as far as batch and output tell."""
        if _is_bad(self._trial.batch):
            return ", since the batch holds NaN or infinite values"
        output = self._names.get("output")
        if output is None:
            return ""
        return ", as the output is" if _is_bad(output) else ", of an output that is finite"

    def backward(self) -> str:
        """Run the backward pass, and look at the gradients."""
        model = self._names["model"]
        if self._made.scaler is None:
            run_line("loss.backward()", self._names)
        else:
            self._updating.backward(self._names["loss"])
        self._updating.unscale()
        missing = without_gradient(model)
        trainable = sum(1 for p in model.parameters() if p.requires_grad)
        if len(missing) == trainable:
            raise DryMistake(
                "no parameter has a gradient after backward: the loss does not depend on the model"
            )
        warning = warning_of_gradients(missing)
        self._trial.warnings += [warning] if warning else []
        gradients = [p.grad for p in model.parameters() if p.grad is not None and not p.grad.is_sparse]
        if not gradients:
            return f"{trainable} parameters have sparse gradients"
        norm = float(nn.utils.get_total_norm(gradients))
        if norm - norm != 0.0:
            bad = [
                name
                for name, p in model.named_parameters()
                if p.grad is not None and not bool(torch.isfinite(p.grad).all())
            ]
            if self._made.scaler is None:
                self._trial.warnings.append(f"the gradient of {listed(bad)} is NaN or infinite")
        elif norm == 0.0:
            self._trial.warnings.append("all gradients are 0, so the step changes nothing")
        return f"gradient norm {norm:.3g}"

    def update(self) -> str:
        """Clip, and step the optimizer."""
        optimizer = self._names["optimizer"]
        if _needs_closure(optimizer):
            optimizer.step(self._closure)
            return f"{type(optimizer).__name__} with its closure"
        self._updating.clip()
        self._updating.step()
        return type(optimizer).__name__

    def _closure(self) -> Any:
        self._names["optimizer"].zero_grad()
        self._once()
        self._names["loss"].backward()
        return self._names["loss"]

    def metrics(self) -> str | None:
        """Take the preset's metrics; None where there are none."""
        metrics, names = self._trial.module.function("metrics"), self._names
        if metrics is None:
            return None
        if names.get("output") is None:
            raise LoopError("metrics(output, target) has no output to work on: step() never calls the model")
        names["metrics"] = metrics
        names.setdefault("target", self._trial.batch[1] if is_pair(self._trial.batch) else None)
        with torch.no_grad():
            run_line("found = metrics(output, target)", names)
        found = names["found"]
        if not isinstance(found, Mapping):
            raise LoopError(
                f"metrics(output, target) must return a dict of name to value, got {type(found).__name__}"
            )
        return ", ".join(f"{name} {float(value):.4g}" for name, value in found.items())

    def warm_step(self) -> str:
        """Take further steps, timed, and measure memory; the first of them loads another batch, as a step does."""
        trial, names = self._trial, self._names
        assert trial.batches is not None
        began_s = perf_counter()
        following = next(trial.batches, None)
        if following is not None:
            mover(trial.device)(following)
        loading_ms = (perf_counter() - began_s) * 1000.0
        activations = Activations(names["model"])
        fastest_ms = self._timed(activations)
        for _ in range(_TIMED - 1):
            if fastest_ms < _QUICK_MS:
                fastest_ms = min(fastest_ms, self._timed(None))
        step_ms = loading_ms + fastest_ms
        memory = memory_of(names["model"], names["optimizer"], activations.size_bytes, trial.device)
        batches = batches_in(trial.loaders["train"])
        epoch_s = None if batches is None else batches * step_ms / 1000.0
        trial.report = replace(trial.report, step_ms=step_ms, epoch_s=epoch_s, memory=memory)
        return ""

    def _timed(self, activations: Activations | None) -> float:
        """Take a step; return what it took, in milliseconds. Synchronizes."""
        began_s = perf_counter()
        optimizer = self._names["optimizer"]
        optimizer.zero_grad()
        if activations is not None or not _needs_closure(optimizer):
            with activations.counted() if activations is not None else nullcontext():
                self._once()
        if _needs_closure(optimizer):
            optimizer.step(self._closure)
        else:
            self._updating.backward(self._names["loss"])
            self._updating.unscale()
            self._updating.clip()
            self._updating.step()
        if self._trial.device.type == "cuda":
            torch.cuda.synchronize(self._trial.device)
        return (perf_counter() - began_s) * 1000.0

    def _once(self) -> None:
        """Compute the loss again, unwatched."""
        with self._made.autocast():
            if self._names.get("step") is not None:
                run_line("loss = step(model, batch, loss_fn)", self._names)
            else:
                run_line("output = model(input)\nloss = loss_fn(output, target)", self._names)

    def _run(self, code: str) -> None:
        with self._made.autocast(), self._trial.watch:
            run_line(code, self._names)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Keep the model's output, where the preset's own step calls it."""

        def keep(_model: object, _inputs: object, output: Any) -> None:
            self._names["output"] = output

        hook = self._names["model"].register_forward_hook(keep)
        try:
            yield
        finally:
            hook.remove()


def _is_bad(value: object) -> bool:
    return first_not_finite([("", tensor) for tensor in tensors_in(value)]) is not None


def _check_output(output: object, loss: object) -> None:
    """Raise where a loss of torch's is given something else than a tensor."""
    if isinstance(output, torch.Tensor) or not type(loss).__module__.startswith("torch.nn."):
        return
    raise DryMistake(
        f"the model gives a {type(output).__name__} ({describe(output)}), and {type(loss).__name__} takes a tensor:"
        " return what it is to compare alone, or write step(model, batch, loss)"
    )


def _needs_closure(optimizer: torch.optim.Optimizer) -> bool:
    try:
        closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    except (TypeError, ValueError):
        return False
    return closure is not None and closure.default is closure.empty
