"""The kernel's door to training: one run at a time."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, MutableMapping
from contextlib import suppress

from tui.kernel.devices import DeviceError
from tui.kernel.training.keep.checkpoint import CheckpointError
from tui.kernel.training.keep.rundir import (
    RunDirError,
    RunRecord,
    utc_now,
)
from tui.kernel.training.parts.chosen import ChoiceError
from tui.kernel.training.parts.experiment import ExperimentModule
from tui.kernel.training.planning import plan_run
from tui.kernel.training.steer.live import LiveRun
from tui.kernel.training.trouble.refusals import RunRefused, SettingsError
from tui.kernel.training.waiting.handover import Handover
from tui.kernel.training.worker import Worker
from tui.protocol.messages import RunAction, RunState
from tui.protocol.preset import PresetError
from tui.protocol.run import RunError, RunSpec


class Trainer:
    """Starts, steers and stops the runs of a kernel. Every method may be called from any thread."""

    EXIT_TIMEOUT_S = 20.0
    """How long the end of the process waits for a run to finish its step and keep its state."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._module: ExperimentModule | None = None
        self._handover = Handover(None)
        atexit.register(self.stop_and_wait, self.EXIT_TIMEOUT_S)

    def start(
        self,
        spec: RunSpec,
        *,
        namespace: MutableMapping[str, object] | None,
        on_change: Callable[[RunState], None],
    ) -> RunState:
        """Check all that can be checked now, create the run directory and start the training thread.

        Args:
            spec: what to train.
            namespace: where a paused or ended run puts its objects; None for nowhere.
            on_change: called in the training thread on every change of status, after every single step while
                paused, and last when the run has ended and its files are closed.

        Raises:
            RunRefused: it cannot be done; no run directory has been created or changed, but where the
                system fails at the last moment: then the run's record says so.
        """
        with self._lock:
            if self._worker is not None and not self._worker.has_ended:
                state = self._worker.state()
                raise RunRefused(
                    f"run {state.id} is still {state.status} in this kernel: stop it first,"
                    " or start another session"
                )
            try:
                plan = plan_run(spec, namespace)
            except (PresetError, DeviceError, SettingsError, ChoiceError) as error:
                raise RunRefused(str(error)) from error
            except (RunDirError, CheckpointError) as error:
                raise RunRefused(str(error.strerror or error)) from error
            if self._module is not None:
                self._module.forget()
                self._module = None
            self._handover.take_back()
            if namespace is not self._handover.namespace:
                self._handover = Handover(namespace)
            try:
                self._module = ExperimentModule(plan.source)
                self._worker = Worker(plan, self._module, self._handover, on_change)
            except OSError as error:
                raise _not_begun(plan.record, error) from error
            state = self._worker.state()
            self._worker.start()
            return state

    def control(self, action: RunAction) -> RunState:
        """Note a request; its effect comes between two steps, that of `phase` between two phases.

        Raises:
            RunRefused: there is no run, or it has ended, or its steps have no phases.
        """
        worker = self._worker
        if worker is None:
            raise RunRefused("there is no run in this kernel")
        state = worker.state()
        if worker.has_ended:
            raise RunRefused(f"run {state.id} has ended ({state.status})")
        if action == "phase" and worker.why_no_phases:
            raise RunRefused(f"{worker.why_no_phases}; a whole step can be taken")
        worker.ask(action)
        return worker.state()

    def live(self) -> LiveRun | None:
        """Return the objects of the run in progress; None without one, or before its first step."""
        worker = self._worker
        return worker.live if worker is not None and not worker.has_ended else None

    def state(self) -> RunState | None:
        """Return how the run is, the last one where it has ended; None before the first."""
        return self._worker.state() if self._worker is not None else None

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the run to end; return whether it has (also where there is none)."""
        return self._worker is None or self._worker.wait(timeout_s)

    def stop_and_wait(self, timeout_s: float | None = None) -> bool:
        """Stop the run in order (its step ends, its state is kept); return whether it has ended in time."""
        worker = self._worker
        if worker is None or worker.has_ended:
            return True
        worker.control.ask("stop")
        return worker.wait(timeout_s)


def _not_begun(record: RunRecord, error: OSError) -> RunRefused:
    """Record that a run could not begin, so that it does not say `running` for ever; return what to raise."""
    message = f"the run cannot begin: {error.strerror or error}"
    record.update(status="failed", error=RunError(type(error).__name__, message), ended_at=utc_now())
    with suppress(RunDirError):
        record.write()
    return RunRefused(message)
