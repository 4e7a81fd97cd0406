"""One batch through everything that a run would use, before the run: what works, what fails, and what it costs.

NOTE [A dry run leaves nothing]
Everything is made anew, in the order and with the seed of a run, so that the loss is the one that the run begins with;
then it is dropped. A model of the namespace is copied first. Random streams, the working directory and torch's settings
are put back, what the preset prints is dropped, and nothing is written. The preset's code runs in a thread of its own;
the calling thread waits for it, ends it where the user wants that, and puts things back: see NOTE [Ending a thread].
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Literal

import torch

from tui.kernel.devices import DeviceError, resolve_device
from tui.kernel.training.dry.apart import Apart, Ended
from tui.kernel.training.dry.step import Step
from tui.kernel.training.dry.trial import Trial
from tui.kernel.training.dry.words import given_up, words_of
from tui.kernel.training.keep.randomness import preserved_randomness
from tui.kernel.training.keep.rundir import RunDirError
from tui.kernel.training.parts.chosen import ChoiceError
from tui.kernel.training.parts.settings import check_settings
from tui.kernel.training.parts.wanted import wanted_by
from tui.kernel.training.quiet import quiet
from tui.kernel.training.trouble.refusals import SettingsError
from tui.protocol.preset import PresetError
from tui.protocol.run import RunSpec
from tui.protocol.training import DryReport, DryStep

StepName = Literal[
    "data", "model", "optimizer", "scheduler", "forward", "loss", "backward", "step", "metrics"
]


class DryCancelled(Exception):
    """The user has ended the dry run; the message says where it was, as far as that is known."""


class _Failed(Exception):
    """A step failed; the report says why."""


def dry_run(spec: RunSpec, namespace: Mapping[str, object], cancel: threading.Event) -> DryReport:
    """Try one batch with everything that a run of `spec` would use. See NOTE [A dry run leaves nothing].

    Synchronizes the device. Takes as long as the preset's own code does; the user's mistakes are in the report.

    Args:
        spec: what would be trained.
        namespace: where an expression for a model is looked up.
        cancel: ends it once it is set, wherever it is.

    Raises:
        DryCancelled: it was set.
    """
    try:
        wanted = wanted_by(spec)
        check_settings(wanted.settings)
        device = resolve_device(spec.device)
    except (PresetError, ChoiceError, SettingsError, DeviceError, RunDirError) as error:
        return DryReport((), problem=str(error))
    with quiet(str(Path(spec.preset).parent)), preserved_randomness(device):
        trial = Trial(wanted, device, namespace)
        trying = _DryRun(trial, spec.preset)
        apart = Apart(trying.report, name=f"dry run of {Path(spec.preset).name}")
        try:
            apart.start()
            if apart.wait(cancel):
                return apart.result()
            words = given_up(trying.doing, apart.frame(), spec.preset)
            trial.end_loading()
            apart.end()
            raise DryCancelled(words)
        finally:
            trial.drop()


class _DryRun:
    """The steps in their order, and what is told of each."""

    def __init__(self, trial: Trial, preset: str) -> None:
        self._trial = trial
        self._preset = preset
        self._steps: list[DryStep] = []
        self.doing: StepName = "data"
        """The step in work."""

    def report(self) -> DryReport:
        """Do all steps, up to the one that fails."""
        trial = self._trial
        with suppress(_Failed), torch.enable_grad():
            self._all()
        trial.look_at_values()
        warnings = tuple(dict.fromkeys(trial.warnings))
        return replace(trial.report, steps=tuple(self._steps), warnings=warnings)

    def _all(self) -> None:
        trial, step = self._trial, Step(self._trial)
        self._do("data", trial.make_data)
        self._do("model", trial.make_model)
        self._do("optimizer", trial.make_optimizer)
        self._do("scheduler", trial.make_scheduler)
        self._do("data", trial.draw_batch, joined=True)
        self._do("forward", step.forward)
        self._do("loss", step.loss)
        self._do("backward", step.backward)
        self._do("step", step.update)
        self._do("metrics", step.metrics)
        self._do("step", step.warm_step, joined=True)

    def _do(self, name: StepName, action: Callable[[], str | None], *, joined: bool = False) -> None:
        """Do a step and note how it went; `joined`: it belongs to one that is noted already.

        An action returns what is told of it, None where there was nothing to do.
        """
        trial, self.doing = self._trial, name
        began_s = perf_counter()
        try:
            detail = action()
            if trial.device.type == "cuda":
                torch.cuda.synchronize(trial.device)
        except Ended:
            raise
        except BaseException as error:  # noqa: BLE001 - the user's code: all becomes words, SystemExit too
            words = words_of(error, trial.names, self._preset)
            self._note(DryStep(name, ok=False, took_ms=_ms(began_s), detail=words), joined=joined)
            trial.report = replace(trial.report, problem=words)
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


def _ms(began_s: float) -> float:
    return (perf_counter() - began_s) * 1000.0
