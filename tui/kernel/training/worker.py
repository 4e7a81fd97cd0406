"""The training thread: prepares a run, trains, and ends it in order, whatever happens."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter

import torch

from tui.kernel.devices import device_name
from tui.kernel.output import RunLog, output_to
from tui.kernel.training.keep.checkpoint import (
    restore_progress,
)
from tui.kernel.training.keep.keeping import Keeping
from tui.kernel.training.keep.randomness import seed_everything
from tui.kernel.training.keep.rundir import git_state
from tui.kernel.training.log.events import EventFile, LogWriteError
from tui.kernel.training.log.layer_watch import LayerWatch
from tui.kernel.training.log.recorder import Recorder
from tui.kernel.training.loop import Loop, NotFiniteLoss
from tui.kernel.training.parts.experiment import (
    ExperimentModule,
    batches_in,
    build_experiment,
)
from tui.kernel.training.progress import Progress
from tui.kernel.training.report import Report
from tui.kernel.training.run_plan import RunPlan
from tui.kernel.training.standing import Standing
from tui.kernel.training.steer.control import Control, Stopped
from tui.kernel.training.steer.live import LiveRun
from tui.kernel.training.telling import Telling
from tui.kernel.training.trouble.failure import as_run_error
from tui.kernel.training.views.board import Views
from tui.kernel.training.waiting.giving import Giving
from tui.kernel.training.waiting.handover import Handover
from tui.protocol.messages import RunAction, RunState
from tui.protocol.run import RunStatus


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
        self.progress = Progress()
        if plan.resume is not None:
            self.progress = restore_progress(plan.resume)
        self._module = module
        self._log = RunLog(plan.folder / "log.txt")
        self._namespace = handover.namespace
        self._events: EventFile | None = None
        self._report = report = Report(self._log, plan.record, self.progress)
        self._keeping = Keeping(plan, self.progress, report)
        self._giving = Giving(handover, plan.folder, dict(plan.source.knobs), self._log.say)
        self._standing = Standing(plan, self.progress, report, self._giving, on_change)
        self._telling = Telling(plan, self.progress, report, self._keeping, self._giving, self._standing)
        self.control.on_action_error = self._telling.action_failed
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
        return self._standing.state()

    @property
    def why_no_phases(self) -> str:
        """Why the run cannot be paused inside a batch; empty where it can, or where that is not known yet."""
        loop, experiment = self._telling.loop, self._telling.experiment
        if loop is None or experiment is None or not loop.needs_closure:
            return ""
        name = type(experiment.optimizer).__name__
        return (
            f"{name} runs forward and backward several times in one step, so there are no phases to pause at"
        )

    @property
    def live(self) -> LiveRun | None:
        """The objects of the run in progress; None before its first step and after its end."""
        loop, experiment = self._telling.loop, self._telling.experiment
        if loop is None or experiment is None:
            return None
        return LiveRun(
            model=experiment.model,
            optimizer=experiment.optimizer,
            control=self.control,
            progress=self.progress,
            scheduler=experiment.scheduler,
            clip=loop.update,
            changed=self._report.changed,
            kind=self.plan.settings.kind,
            experiment=experiment,
            batch=lambda: loop.batch,
            look=lambda: loop.look,
        )

    def ask(self, action: RunAction) -> None:
        """Note a request; never waits for it to take effect."""
        if action == "checkpoint":
            self.control.at_step(self._telling.checkpoint_now, inside=False)
        elif action == "evaluate":
            self.control.at_step(self._telling.evaluate_now, inside=False)
        else:
            self.control.ask(action)

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
        self._tell_changes()
        plan.record.update(git=git_state(os.getcwd()), device_name=device_name(device))
        seed_everything(plan.seed)
        self._module.run()
        experiment = build_experiment(self._module, device, plan.settings, self._namespace)
        self._telling.experiment = experiment
        for note in experiment.notes:
            self._report.warn(note)
        self._keeping.open(experiment)
        trainable = sum(p.numel() for p in experiment.model.parameters() if p.requires_grad)
        plan.record.update(steps_per_epoch=batches_in(experiment.train), parameters=trainable)
        plan.record.write()
        start_step = self.progress.step + 1 if plan.is_resumed else None
        self._events = EventFile(plan.folder, start_step=start_step)
        self._keeping.begin()
        self._giving.run(experiment, self.progress)

    def _tell_changes(self) -> None:
        """Note in log and record what a resumed run goes on with that is another than before."""
        plan = self.plan
        for name, (before, now) in (plan.changed_knobs | plan.changed_settings).items():
            self._log.say(f"{name} is {now!r} from here on, it was {before!r}")
            self._report.note_change(name, repr(before), repr(now))
        if plan.changed_knobs:
            self._log.say("the optimizer goes on with its own state, the learning rate in it included")

    def _train(self) -> None:
        assert self._telling.experiment is not None
        assert self._events is not None
        plan, model = self.plan, self._telling.experiment.model
        layers = LayerWatch(model, plan.device) if plan.settings.watch_layers else None
        recorder = Recorder(self._events, plan.device, model.named_parameters(), layers)
        views = Views(plan.folder, self._telling.experiment, plan.device, self._log.say)
        self._telling.loop = Loop(
            self._telling.experiment,
            plan.device,
            recorder,
            self.control,
            self._telling,
            self.progress,
            plan.epochs,
            plan.settings,
            views,
        )
        self._keeping.update = self._telling.loop.update
        self._telling.began_s = self._telling.epoch_began_s = perf_counter()
        try:
            self._telling.loop.run()
        finally:
            self._telling.count_time()
            # The first error is the one to tell of. After one of the device the first two may fail as well,
            # and what has arrived is to be written all the same.
            with suppress(RuntimeError):
                recorder.close_window(final=True)
            with suppress(LogWriteError, RuntimeError):
                recorder.flush(wait=True)
            with suppress(LogWriteError):
                self._events.flush()
        course = self._telling.loop.course
        if recorder.first_not_finite is not None and not (course is not None and course.may_explode):
            raise NotFiniteLoss(*recorder.first_not_finite)

    # -- ends ---------------------------------------------------------------------------------------

    def _end(self, status: RunStatus) -> None:
        now = status == "stopped" and self.control.stop_now_asked
        if self._keeping.checkpoints is not None:
            if now:
                self._keeping.checkpoints.write_best()
            else:
                self._keeping.checkpoints.save()
            how = "stopped at once" if now else status
            self._log.say(f"{how} after {self.progress.epoch} epochs, {self.progress.step} steps")
        self._telling.give_all()
        self._standing.change(status)

    def _fail(self, error: BaseException) -> None:
        """Record why the run failed; nothing in here may raise."""
        with suppress(Exception):  # first: the error tells which checkpoints there are
            if self._keeping.checkpoints is not None:
                self._keeping.checkpoints.write_best()
        self._standing.error = as_run_error(
            error, self.plan.source.info.path, self.progress, self._telling.loop, self.plan.folder
        )
        place = f" ({self._standing.error.where})" if self._standing.error.where else ""
        self._log.say(f"failed: {self._standing.error.message}{place}")
        if self._standing.error.traceback:
            self._log.say(self._standing.error.traceback.rstrip())
        self._telling.give_all()
        try:
            self._standing.change("failed")
        except OSError as failure:
            self._standing.status = "failed"
            self._log.say(str(failure))

    def _close(self) -> None:
        # The worker stays to be asked for its state; the run's tensors are the namespace's alone from here on.
        self._telling.loop = self._telling.experiment = None
        self._keeping.close()
        self._giving.close()
        self.progress.epoch_start = self.progress.evaluation_start = None
        try:
            if self._events is not None:
                with suppress(OSError):
                    self._events.close()
            with suppress(OSError):
                self._log.close()
        finally:
            self._ended.set()
            self._standing.tell()
