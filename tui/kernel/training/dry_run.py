"""One batch through everything that a run would use, before the run: what works, what fails, and what it costs.

NOTE [A dry run leaves nothing]
Everything is made anew, in the order and with the seed of a run, so that the loss is the one that the run begins with;
then it is dropped. A model of the namespace is copied first. Random streams, the working directory and torch's settings
are put back, what the preset prints is dropped, and nothing is written. It runs in the calling thread.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import nn

from tui.kernel.devices import DeviceError, resolve_device
from tui.kernel.training import experiment as parts
from tui.kernel.training.batches import describe, is_pair, mover
from tui.kernel.training.chosen import ChoiceError
from tui.kernel.training.copying import copy_of_model
from tui.kernel.training.dry_looks import (
    listed,
    values_of,
    warning_of_gradients,
    warning_of_last_batch,
    warning_of_loss,
    warnings_of_parameters,
    warnings_of_values,
    without_gradient,
)
from tui.kernel.training.dry_memory import Activations, memory_of
from tui.kernel.training.dry_watch import DryMistake, LossWatch
from tui.kernel.training.dry_words import run_line, words_of
from tui.kernel.training.experiment import Experiment, batches_in
from tui.kernel.training.precision import casting, scaler_of
from tui.kernel.training.preset_module import ExperimentModule, Source, read_source
from tui.kernel.training.quiet import quiet
from tui.kernel.training.randomness import preserved_randomness, seed_everything
from tui.kernel.training.refusals import LoopError, SettingsError, check_loss, no_batches, no_pair
from tui.kernel.training.rundir import RunDirError, read_record
from tui.kernel.training.settings import check_settings
from tui.kernel.training.update import Update
from tui.protocol.preset import PresetError
from tui.protocol.run import RunSpec
from tui.protocol.training import DryReport, DryStep

StepName = Any  # the literals of `DryStep.name`


class DryCancelled(Exception):
    """The user has ended the dry run."""


class _Failed(Exception):
    """A step failed; the report says why."""


def dry_run(spec: RunSpec, namespace: Mapping[str, object], cancel: threading.Event) -> DryReport:
    """Try one batch with everything that a run of `spec` would use. See NOTE [A dry run leaves nothing].

    Synchronizes the device. Takes as long as the preset's own code does; the user's mistakes are in the report.

    Args:
        spec: what would be trained.
        namespace: where an expression for a model is looked up.
        cancel: looked at between two steps.

    Raises:
        DryCancelled: it was set.
    """
    try:
        check_settings(spec.settings)
        device = resolve_device(spec.device)
        source, seed = _source(spec)
    except (PresetError, ChoiceError, SettingsError, DeviceError, RunDirError) as error:
        return DryReport((), problem=str(error))
    with quiet(str(Path(spec.preset).parent)), preserved_randomness(device), torch.enable_grad():
        run = _DryRun(spec, source, seed, device, namespace, cancel)
        try:
            return run.report()
        finally:
            run.drop()


def _source(spec: RunSpec) -> tuple[Source, int]:
    """Return the preset with its knobs, and the seed, as a run would have them."""
    knobs = dict(spec.knobs)
    seed = spec.seed
    if spec.resume is not None:
        earlier = read_record(Path(spec.resume))
        knobs = {**earlier.knobs, **knobs}
        seed = earlier.seed if seed is None else seed
    source = read_source(Path(spec.preset), knobs)
    knob = source.knobs.get("seed")
    if seed is None:
        seed = knob if isinstance(knob, int) else 0
    if type(knob) is int and knob != seed:
        source = read_source(Path(spec.preset), {**knobs, "seed": seed})
    return source, seed


class _DryRun:
    """The steps, what they leave for the next, and what is told of them."""

    def __init__(
        self,
        spec: RunSpec,
        source: Source,
        seed: int,
        device: torch.device,
        namespace: Mapping[str, object],
        cancel: threading.Event,
    ) -> None:
        self._settings = replace(spec.settings, compile=False)
        self._spec = spec
        self._seed = seed
        self._device = device
        self._namespace = namespace
        self._cancel = cancel
        self._module = ExperimentModule(source)
        self._names: dict[str, Any] = {}
        """What the lines that are run see: ``model``, ``input``, ``target``, ``output``, ``loss_fn``, ``loss``."""
        self._steps: list[DryStep] = []
        self._warnings: list[str] = []
        self._report = DryReport(())
        self._loaders: dict[str, Any] = {}
        self._batches: Iterator[Any] | None = None
        self._batch: Any = None
        self._watch = LossWatch()

    def report(self) -> DryReport:
        """Do all steps, up to the one that fails."""
        with suppress(_Failed):
            self._all()
        self._look_at_values()
        return replace(self._report, steps=tuple(self._steps), warnings=tuple(dict.fromkeys(self._warnings)))

    def drop(self) -> None:
        """Let go of everything that was made."""
        self._module.forget()
        self._names.clear()
        self._batches = self._batch = None
        self._loaders = {}
        self._watch = LossWatch()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()  # what the allocator keeps would count as taken

    def _all(self) -> None:
        self._step("data", self._make_data)
        self._step("model", self._make_model)
        self._step("optimizer", self._make_optimizer)
        self._step("scheduler", self._make_scheduler)
        self._step("data", self._draw_batch, joined=True)
        self._step("forward", self._forward)
        self._step("loss", self._loss)
        self._step("backward", self._backward)
        self._step("step", self._update)
        self._step("metrics", self._metrics)
        self._step("step", self._warm_step, joined=True)

    # -- one step ------------------------------------------------------------------------------------

    def _step(self, name: StepName, action: Callable[[], str | None], *, joined: bool = False) -> None:
        """Do a step and note how it went; `joined`: it belongs to one that is noted already.

        An action returns what came of it, None where there was nothing to do.
        """
        if self._cancel.is_set():
            raise DryCancelled
        began_s = perf_counter()
        try:
            detail = action()
            self._synchronize()
        except BaseException as error:  # noqa: BLE001 - the user's code: all becomes words, SystemExit too
            words = words_of(error, self._names, self._spec.preset)
            self._note(DryStep(name, ok=False, took_ms=_ms(began_s), detail=words), joined=joined)
            self._report = replace(self._report, problem=words)
            raise _Failed from None
        if detail is not None:
            self._note(DryStep(name, ok=True, took_ms=_ms(began_s), detail=detail), joined=joined)

    def _note(self, step: DryStep, *, joined: bool) -> None:
        place = next((i for i, known in enumerate(self._steps) if joined and known.name == step.name), None)
        if place is None:
            self._steps.append(step)
            return
        known = self._steps[place]
        if step.ok:
            took_ms = (known.took_ms or 0.0) + (step.took_ms or 0.0) if step.name == "data" else known.took_ms
            detail = f"{known.detail}, {step.detail}" if step.detail else known.detail
            self._steps[place] = replace(known, took_ms=took_ms, detail=detail)
            return
        self._steps[place:] = [step]  # what came after it is of no use

    def _synchronize(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    # -- the parts -----------------------------------------------------------------------------------

    def _make_data(self) -> str:
        if self._device.type == "cuda":
            torch.cuda.set_device(self._device)
        seed_everything(self._seed)
        self._module.run()
        self._loaders = parts._loaders(self._module, self._settings)
        train = self._loaders["train"]
        batches = batches_in(train)
        if batches is not None:
            steps = -(-batches // max(1, self._settings.accumulate))
            self._report = replace(self._report, steps_per_epoch=steps)
        try:
            samples = f"{len(getattr(train, 'dataset')):,} samples, "  # noqa: B009 - any loader
        except (TypeError, AttributeError, NotImplementedError):
            samples = ""
        return f"{samples}{f'{batches:,} batches' if batches is not None else 'a stream of batches'}"

    def _make_model(self) -> str:
        model = parts._model(self._module, self._settings, self._namespace)
        if self._settings.model:
            model = copy_of_model(model)  # the user's own stays as it is
        self._names["model"] = model.to(self._device)
        trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
        self._report = replace(self._report, parameters=trainable)
        if not any(True for _ in model.parameters()):
            raise DryMistake(f"{type(model).__name__} has no parameters, so there is nothing to train")
        if not trainable:
            raise DryMistake(
                "every parameter is frozen (requires_grad is False), so there is nothing to train"
            )
        frozen = sum(p.numel() for p in model.parameters()) - trainable
        also = f", {frozen:,} frozen" if frozen else ""
        return f"{type(model).__name__}, {trainable:,} trainable parameters{also}"

    def _make_optimizer(self) -> str:
        model = self._names["model"]
        loss = parts._loss(self._module, self._settings)
        self._names["loss_fn"] = loss.to(self._device) if isinstance(loss, nn.Module) else loss
        optimizer = parts._optimizer(self._module, self._settings, model)
        self._names["optimizer"] = optimizer
        self._warnings += warnings_of_parameters(model, optimizer)
        lr = optimizer.param_groups[0].get("lr")
        return f"{type(optimizer).__name__}{f', lr {float(lr):g}' if lr is not None else ''}"

    def _make_scheduler(self) -> str | None:
        scheduler = parts._scheduler(self._module, self._settings, self._names["optimizer"])
        self._names["scheduler"] = scheduler
        if scheduler is None:
            return None
        lr = float(self._names["optimizer"].param_groups[0]["lr"])
        return f"{type(scheduler).__name__}, begins at lr {lr:g}"

    def _draw_batch(self) -> str:
        train = self._loaders["train"]
        self._batches = iter(train)
        try:
            raw = next(self._batches)
        except StopIteration:
            raise no_batches(0, 0) from None
        self._batch = mover(self._device)(raw)
        step = self._module.function("step")
        if step is None:
            if not is_pair(self._batch):
                raise no_pair(self._batch)
            self._names["input"], self._names["target"] = self._batch
        else:
            self._names["step"], self._names["batch"] = step, self._batch
        warning = warning_of_last_batch(train, self._names["model"])
        self._warnings += [warning] if warning else []
        return f"a batch: {describe(self._batch)}"

    # -- the step of training ------------------------------------------------------------------------

    def _experiment(self) -> Experiment:
        names = self._names
        return Experiment(
            train=self._loaders["train"],
            val=None,
            test=None,
            model=names["model"],
            loss=names["loss_fn"],
            optimizer=names["optimizer"],
            scheduler=None,
            metrics=self._module.function("metrics"),
            step=names.get("step"),
            preview=None,
            autocast=casting(self._settings.precision, self._device),
            scaler=scaler_of(self._settings.precision, self._device),
        )

    def _forward(self) -> str:
        names = self._names
        self._made = self._experiment()
        self._updating = Update(self._made, self._settings.clip_norm, self._made.scaler)
        names["model"].train()
        names["optimizer"].zero_grad()
        if names.get("step") is not None:
            with self._listening():
                self._run("loss = step(model, batch, loss_fn)")
            return "inside step(), which computes the loss as well"
        self._run("output = model(input)")
        return describe(names["output"])

    def _loss(self) -> str:
        names = self._names
        if names.get("step") is None:
            self._run("loss = loss_fn(output, target)")
        loss = names["loss"]
        check_loss(loss, "step()" if names.get("step") is not None else "loss()")
        value = float(loss.detach())
        expected = self._watch.expected_loss(loss)
        self._warnings += self._watch.warnings
        self._report = replace(self._report, loss=value, expected_loss=expected)
        if value - value != 0.0:
            raise DryMistake(f"the loss of the first batch is {value}: training would end there")
        warning = warning_of_loss(value, expected)
        self._warnings += [warning] if warning else []
        guess = f", a blind guess has {expected:.4g}" if expected is not None else ""
        return f"{value:.4g}{guess}"

    def _backward(self) -> str:
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
        self._warnings += [warning] if warning else []
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
                self._warnings.append(f"the gradient of {listed(bad)} is NaN or infinite")
        elif norm == 0.0:
            self._warnings.append("all gradients are 0, so the step changes nothing")
        return f"gradient norm {norm:.3g}"

    def _update(self) -> str:
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

    def _metrics(self) -> str | None:
        metrics, names = self._module.function("metrics"), self._names
        if metrics is None:
            return None
        if names.get("output") is None:
            raise LoopError("metrics(output, target) has no output to work on: step() never calls the model")
        names["metrics"] = metrics
        names.setdefault("target", self._batch[1] if is_pair(self._batch) else None)
        with torch.no_grad():
            run_line("found = metrics(output, target)", names)
        found = names["found"]
        if not isinstance(found, Mapping):
            raise LoopError(
                f"metrics(output, target) must return a dict of name to value, got {type(found).__name__}"
            )
        return ", ".join(f"{name} {float(value):.4g}" for name, value in found.items())

    def _warm_step(self) -> str:
        """Take another step, timed, and measure memory."""
        began_s = perf_counter()
        assert self._batches is not None
        following = next(self._batches, None)  # loading is a part of what a step takes
        if following is not None:
            mover(self._device)(following)
        self._names["optimizer"].zero_grad()
        activations = Activations(self._names["model"])
        if _needs_closure(self._names["optimizer"]):
            self._names["optimizer"].step(self._closure)
        else:
            with activations.counted():
                self._once()
            self._updating.backward(self._names["loss"])
            self._updating.unscale()
            self._updating.clip()
            self._updating.step()
        self._synchronize()
        step_ms = _ms(began_s)
        memory = memory_of(
            self._names["model"], self._names["optimizer"], activations.size_bytes, self._device
        )
        batches = batches_in(self._loaders["train"])
        epoch_s = None if batches is None else batches * step_ms / 1000.0
        self._report = replace(self._report, step_ms=step_ms, epoch_s=epoch_s, memory=memory)
        return ""

    def _once(self) -> None:
        """Compute the loss again, unwatched."""
        with self._made.autocast():
            if self._names.get("step") is not None:
                run_line("loss = step(model, batch, loss_fn)", self._names)
            else:
                run_line("output = model(input)\nloss = loss_fn(output, target)", self._names)

    def _run(self, code: str) -> None:
        with self._made.autocast(), self._watch:
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

    def _look_at_values(self) -> None:
        if self._batch is None:
            return
        try:
            values = values_of(self._batch, self._names.get("output"), self._watch.class_ids)
        except Exception:  # noqa: BLE001 - a look at the user's tensors, after an error perhaps of their device
            return
        self._warnings += warnings_of_values(values)
        self._report = replace(self._report, values=values)


def _needs_closure(optimizer: torch.optim.Optimizer) -> bool:
    try:
        closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    except (TypeError, ValueError):
        return False
    return closure is not None and closure.default is closure.empty


def _ms(began_s: float) -> float:
    return (perf_counter() - began_s) * 1000.0
