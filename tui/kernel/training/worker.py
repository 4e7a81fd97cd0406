"""The training thread: prepares a run, trains, and ends it in order, whatever happens."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Final

import torch

from tui.kernel.devices import device_name
from tui.kernel.output import RunLog, output_to
from tui.kernel.training.checkpoint import (
    CheckpointError,
    Content,
    first_not_finite,
    restore_model,
    restore_progress,
    restore_randomness,
    take_checkpoint,
)
from tui.kernel.training.checkpoints import Checkpoints, best_of
from tui.kernel.training.control import Control, Stopped
from tui.kernel.training.diagnosis import broadcast_warning, schedule_lengths
from tui.kernel.training.events import EventFile, LogWriteError
from tui.kernel.training.experiment import (
    Experiment,
    ExperimentModule,
    Source,
    batches_in,
    build_experiment,
)
from tui.kernel.training.failure import NotFiniteParameters, as_run_error
from tui.kernel.training.handover import OF_A_BATCH, Handover, RunHandle
from tui.kernel.training.loop import Loop, NotFiniteLoss
from tui.kernel.training.progress import Progress
from tui.kernel.training.randomness import seed_everything
from tui.kernel.training.recorder import Recorder
from tui.kernel.training.rundir import RunRecord, git_state, utc_now
from tui.protocol.messages import RunPhase, RunState
from tui.protocol.run import KnobValue, RunError, RunStatus

INSIDE: Final = ("forward", "loss", "backward")
"""Phases after which a batch is not done, and the state not whole."""


@dataclass
class RunPlan:
    """All that `Trainer.start` has found out and prepared."""

    folder: Path
    source: Source
    record: RunRecord
    device: torch.device
    seed: int
    epochs: int
    resume: Content | None
    """The checkpoint to go on from; None to begin at the beginning."""
    is_resumed: bool
    start_paused: bool
    source_changed: bool = False
    """Whether a resumed run's preset is another text than the run began with."""
    changed_knobs: dict[str, tuple[KnobValue, KnobValue]] = field(default_factory=dict)
    """Knobs that a resumed run goes on with at another value: before and now."""


class Worker:
    """One run, from its first line to its end."""

    def __init__(
        self,
        plan: RunPlan,
        module: ExperimentModule,
        handover: Handover,
        on_change: Callable[[RunState], None],
    ) -> None:
        self.plan = plan
        self.control = Control(paused=plan.start_paused)
        self.status: RunStatus = "running"
        self.error: RunError | None = None
        self.progress = Progress()
        if plan.resume is not None:
            self.progress = restore_progress(plan.resume)
        self._module = module
        self._on_change = on_change
        self._handle = RunHandle(plan.folder, dict(plan.source.knobs))
        self._handover = handover
        self._phase: RunPhase = ""
        self._told_skipped: set[str] = set()
        self._log = RunLog(plan.folder / "log.txt")
        self._events: EventFile | None = None
        self._experiment: Experiment | None = None
        self._checkpoints: Checkpoints | None = None
        self._loop: Loop | None = None
        self._began_s: float | None = None
        self._epoch_began_s = perf_counter()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._main, name=f"train {plan.folder.name}", daemon=True)

    def start(self) -> None:
        """Start the thread. It is a daemon: who ends the process stops the run first."""
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of the run; return whether it has ended."""
        return self._ended.wait(timeout_s)

    @property
    def has_ended(self) -> bool:
        """Whether the run is over and its files are closed."""
        return self._ended.is_set()

    def state(self) -> RunState:
        """Return how the run is; any thread may ask."""
        return RunState(
            id=self.plan.folder.name,
            folder=str(self.plan.folder),
            status=self.status,
            epoch=self.progress.epoch,
            step=self.progress.step,
            error=self.error.message if self.error is not None else "",
            phase=self._phase,
            batch=self.progress.batch + (self._phase in INSIDE),
        )

    @property
    def why_no_phases(self) -> str:
        """Why the run cannot be paused inside a batch; empty where it can, or where that is not known yet."""
        loop, experiment = self._loop, self._experiment
        if loop is None or experiment is None or not loop.needs_closure:
            return ""
        name = type(experiment.optimizer).__name__
        return (
            f"{name} runs forward and backward several times in one step, so there are no phases to pause at"
        )

    # -- the thread ---------------------------------------------------------------------------------

    def _main(self) -> None:
        try:
            with output_to(self._log):
                try:
                    self._end(self._outcome())
                except BaseException as error:  # noqa: BLE001 - the thread's boundary: all becomes words
                    self._fail(error)
        finally:
            self._close()

    def _outcome(self) -> RunStatus:
        try:
            self._prepare()
            self._train()
        except Stopped:
            return "stopped"
        return "finished"

    def _prepare(self) -> None:
        plan, device = self.plan, self.plan.device
        torch.set_grad_enabled(True)  # a new thread's default; said because all depends on it
        if device.type == "cuda":
            torch.cuda.set_device(device)
        info = plan.record.info
        again = (
            f"resumed at epoch {self.progress.epoch + 1}, step {self.progress.step}"
            if plan.is_resumed
            else "new run"
        )
        self._log.say(f"{info.experiment} on {device}, seed {plan.seed}: {again}")
        if plan.source_changed:
            self._log.say("the source has changed since the run began")
        for name, (before, now) in plan.changed_knobs.items():
            self._log.say(f"{name} is {now!r} from here on, it was {before!r}")
        if plan.changed_knobs:
            self._log.say("the optimizer goes on with its own state, the learning rate in it included")
        plan.record.update(git=git_state(os.getcwd()), device_name=device_name(device))
        seed_everything(plan.seed)
        self._module.run()
        experiment = self._experiment = build_experiment(self._module, device)
        if plan.resume is not None:
            self._restore(plan.resume, experiment)
        plan.resume = None  # its tensors are not needed twice
        trainable = sum(p.numel() for p in experiment.model.parameters() if p.requires_grad)
        plan.record.update(steps_per_epoch=batches_in(experiment.train), parameters=trainable)
        plan.record.write()
        start_step = self.progress.step + 1 if plan.is_resumed else None
        self._events = EventFile(plan.folder, start_step=start_step)
        self._checkpoints = Checkpoints(plan.folder, self._take_checkpoint)
        self._give_run()

    def _restore(self, content: Content, experiment: Experiment) -> None:
        planned = schedule_lengths(experiment.scheduler)
        restore_model(content, experiment)
        restore_randomness(content, experiment, self.plan.device)
        earlier_epochs = content.get("knobs", {}).get("epochs")
        if earlier_epochs == self.plan.epochs:
            return
        for name, length in schedule_lengths(experiment.scheduler).items():
            if length != planned.get(name, length):
                self._warn(
                    f"the scheduler goes on with {name} {length}, as planned for {earlier_epochs} epochs,"
                    f" not {planned[name]} as {self.plan.epochs} epochs would have it"
                )

    def _train(self) -> None:
        assert self._experiment is not None
        assert self._events is not None
        recorder = Recorder(self._events, self.plan.device, self._experiment.model.named_parameters())
        self._loop = Loop(
            self._experiment, self.plan.device, recorder, self.control, self, self.progress, self.plan.epochs
        )
        self._began_s = self._epoch_began_s = perf_counter()
        try:
            self._loop.run()
        finally:
            self._count_time()
            # The first error is the one to tell of. After one of the device the first two may fail as well,
            # and what has arrived is to be written all the same.
            with suppress(RuntimeError):
                recorder.close_window(final=True)
            with suppress(LogWriteError, RuntimeError):
                recorder.flush(wait=True)
            with suppress(LogWriteError):
                self._events.flush()
        if recorder.first_not_finite is not None:
            raise NotFiniteLoss(*recorder.first_not_finite)

    # -- what the loop tells (LoopEvents) -----------------------------------------------------------

    def paused(self, phase: RunPhase = "") -> None:
        """Keep the state where it is whole, show the objects, and say so."""
        self._count_time()
        assert self._checkpoints is not None
        inside = phase in INSIDE
        if not inside and (self.status != "paused" or self._checkpoints.cost_s <= Checkpoints.SMALL_S):
            self._checkpoints.save()
        if self.status != "paused":
            after = f"after the {phase} of step {self.progress.step + 1}"
            self._log.say(f"paused {after if inside else f'at step {self.progress.step}'}")
        self._give_all()
        self._set_status("paused", phase)

    def resumed(self) -> None:
        """Go on, and let go of the batch."""
        self._began_s = perf_counter()
        self._handle.drop_batch()
        self._handover.take_back(*OF_A_BATCH)
        if self.status != "running":
            self._log.say("resumed")
            self._set_status("running")

    def meddled(self, words: str) -> None:
        """Write to the log and to the record what the user has made of a step."""
        self._log.say(f"step {self.progress.step + 1}: {words}")
        self._note_warning(f"of some step: {words}")

    def epoch_ended(self, train: dict[str, float], val: dict[str, float] | None) -> None:
        """Write the log's line, the record and the checkpoints of an epoch."""
        assert self._checkpoints is not None
        self._count_time(goes_on=True)
        now_s = perf_counter()
        self._log.say(
            epoch_line(self.progress.epoch, self.plan.epochs, train, val, now_s - self._epoch_began_s)
        )
        self._epoch_began_s = now_s
        if self.progress.epoch == 1:
            self._warn_of_broadcasting()
        is_best = val is not None and self._is_best(val)
        if is_best:
            self._checkpoints.keep_best()
        self._checkpoints.save_if_cheap()
        self._note_progress()
        self.plan.record.write_if_due()

    def tested(self, test: dict[str, float]) -> None:
        """Write the log's line of the test set."""
        self._log.say("  ".join(["test", *(f"{name} {value:.4g}" for name, value in test.items())]))

    def previewed(self, text: str) -> None:
        """Write a preview to the log."""
        self._log.say(text)

    def checkpoint_is_due(self, now_s: float) -> bool:
        """Return whether the last checkpoint is old."""
        assert self._checkpoints is not None
        return now_s >= self._checkpoints.due_at_s

    def checkpoint(self) -> None:
        """Keep the state inside a long epoch."""
        assert self._checkpoints is not None
        self._count_time(goes_on=True)
        self._checkpoints.save()
        self._note_progress()
        self.plan.record.write_if_due()

    # -- ends ---------------------------------------------------------------------------------------

    def _end(self, status: RunStatus) -> None:
        if self._checkpoints is not None:
            self._checkpoints.save()
            self._log.say(f"{status} after {self.progress.epoch} epochs, {self.progress.step} steps")
        self._give_all()
        self._set_status(status)

    def _fail(self, error: BaseException) -> None:
        """Record why the run failed; nothing in here may raise."""
        self.error = as_run_error(error, self.plan.source.info.path, self.progress, self._loop)
        place = f" ({self.error.where})" if self.error.where else ""
        self._log.say(f"failed: {self.error.message}{place}")
        if self.error.traceback:
            self._log.say(self.error.traceback.rstrip())
        with suppress(CheckpointError, RuntimeError):
            if self._checkpoints is not None:
                self._checkpoints.write_best()
        self._give_all()
        try:
            self._set_status("failed")
        except OSError as failure:
            self.status = "failed"
            self._log.say(str(failure))

    def _close(self) -> None:
        # The worker stays to be asked for its state; the run's tensors are the namespace's alone from here on.
        self._loop = self._experiment = self._checkpoints = None
        self._handle = RunHandle(self.plan.folder, {})
        self.plan.resume = None
        self.progress.epoch_start = self.progress.evaluation_start = None
        try:
            if self._events is not None:
                with suppress(OSError):
                    self._events.close()
            with suppress(OSError):
                self._log.close()
        finally:
            self._ended.set()
            self._tell()

    # -- helpers ------------------------------------------------------------------------------------

    def _take_checkpoint(self) -> Content:
        assert self._experiment is not None
        bad = first_not_finite(list(self._experiment.model.named_parameters()))
        if bad is not None:
            raise NotFiniteParameters(f"parameter {bad} is NaN or infinite at step {self.progress.step}")
        plan = self.plan
        return take_checkpoint(self._experiment, self.progress, plan.device, plan.source.knobs, plan.seed)

    def _is_best(self, val: dict[str, float]) -> bool:
        name, value, higher = best_of(val)
        if value != value:
            return False
        if self.progress.best is None:
            self._log.say(f"best.pt keeps the epoch with the {'highest' if higher else 'lowest'} val {name}")
        elif not (value > self.progress.best if higher else value < self.progress.best):
            return False
        self.progress.best = value
        return True

    def _warn_of_broadcasting(self) -> None:
        warning = broadcast_warning(self._loop)
        if warning:
            self._warn(warning)

    def _warn(self, warning: str) -> None:
        info = self.plan.record.info
        if warning not in info.warnings:
            self._log.say(f"warning: {warning}")
            self._note_warning(warning)

    def _note_warning(self, warning: str) -> None:
        info = self.plan.record.info
        if warning not in info.warnings:
            self.plan.record.update(warnings=(*info.warnings, warning))

    def _give_run(self) -> None:
        handle, experiment = self._handle, self._experiment
        assert experiment is not None
        handle.model, handle.optimizer, handle.scheduler = (
            experiment.model,
            experiment.optimizer,
            experiment.scheduler,
        )
        handle.loaders, handle.progress = experiment.loaders, self.progress
        self._note_skipped(self._handover.give({"run": handle}))

    def _give_all(self) -> None:
        """Give the namespace the objects of the last batch."""
        if self._experiment is None:
            return
        handle, loop = self._handle, self._loop
        names: dict[str, object] = {"run": handle, "model": self._experiment.model}
        names["optimizer"] = self._experiment.optimizer
        if loop is not None and loop.batch is not None:
            handle.loss, handle.output, handle.batch = loop.loss, loop.output, loop.batch
            names.update(output=loop.output, batch=loop.batch)
            if loop.loss is not None:
                names["loss"] = loop.loss
            else:
                self._handover.take_back("loss")  # the batch before's
        self._handover.let_go()
        self._note_skipped(self._handover.give(names))

    def _note_skipped(self, skipped: list[str]) -> None:
        new = [name for name in skipped if name not in self._told_skipped]
        self._told_skipped.update(new)
        if new:
            self._log.say(f"left alone, since they are yours: {', '.join(new)} (run.{new[0]} is the run's)")

    def _count_time(self, *, goes_on: bool = False) -> None:
        now_s = perf_counter()
        if self._began_s is not None:
            self.progress.train_s += now_s - self._began_s
        self._began_s = now_s if goes_on else None

    def _note_progress(self) -> None:
        progress = self.progress
        self.plan.record.update(epoch=progress.epoch, step=progress.step, train_s=round(progress.train_s, 3))

    def _set_status(self, status: RunStatus, phase: RunPhase = "") -> None:
        """Change the status, in the record first."""
        self._note_progress()
        ended = status not in ("running", "paused")
        self.plan.record.update(status=status, error=self.error, ended_at=utc_now() if ended else None)
        self._handle.status, self._handle.phase = status, phase
        self.plan.record.write()
        self.status, self._phase = status, phase
        if not ended:
            self._tell()

    def _tell(self) -> None:
        try:
            self._on_change(self.state())
        except Exception:  # noqa: BLE001 - the listener's trouble must not end the run
            traceback.print_exc()


def epoch_line(
    epoch: int, epochs: int, train: dict[str, float], val: dict[str, float] | None, elapsed_s: float
) -> str:
    """Return the log's line of an epoch."""
    parts = [f"epoch {epoch}/{epochs}"]
    parts += [f"train {name} {value:.4g}" for name, value in train.items()]
    parts += [f"val {name} {value:.4g}" for name, value in (val or {}).items()]
    return "  ".join(parts) + f"  ({elapsed_s:.1f} s)"
