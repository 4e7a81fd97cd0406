"""Starting and steering the one run of a kernel, alone or as part of a sweep."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.kernel.refused import Refused
from tui.kernel.sweep_requests import SweepRequests
from tui.protocol.messages import ControlRun, Event, RunState, StartRun
from tui.protocol.run import RunSpec

if TYPE_CHECKING:
    from tui.kernel.training import Trainer


class RunRequests:
    """Answers what is asked of runs and sweeps; makes the trainer, which imports torch, for the first of them."""

    def __init__(
        self,
        *,
        session: str,
        namespace: Callable[[], MutableMapping[str, object]],
        need_torch: Callable[[], None],
        apart_from_dry_run: Callable[[], AbstractContextManager[None]],
        before_going_on: Callable[[], object],
        tell: Callable[[Event], None],
    ) -> None:
        """Begin without a trainer.

        Args:
            session: the session's name, for the run's record; empty where there is none.
            namespace: the user's variables.
            need_torch: raises `Refused` where torch cannot be imported.
            apart_from_dry_run: a context in which no dry run goes on.
            before_going_on: called before a run goes on or ends: lets go of what would keep its last batch alive.
            tell: sends news to every UI; safe from any thread.
        """
        self._session = session
        self._namespace = namespace
        self._need_torch = need_torch
        self._apart_from_dry_run = apart_from_dry_run
        self._before_going_on = before_going_on
        self._tell = tell
        self._lock = threading.Lock()
        self.trainer: Trainer | None = None
        """None before the first run is asked for."""
        self.sweeps = SweepRequests(self._begin, self._need_trainer, lambda: tell(Event("run")))

    def handlers(self) -> Mapping[type[Any], Callable[[Any], object]]:
        """Return what answers each request."""
        return {StartRun: self._start, ControlRun: self._control, **self.sweeps.handlers()}

    @property
    def state(self) -> RunState | None:
        """How the run is, the last one where it has ended; None before the first."""
        return self.trainer.state() if self.trainer is not None else None

    @property
    def in_progress(self) -> bool:
        """Whether a run is running or paused, or another of a sweep is to come."""
        run = self.state
        return self.sweeps.in_progress or (run is not None and run.status in ("running", "paused"))

    def end(self, timeout_s: float) -> None:
        """End the sweep; let the run end its step and keep its state, for so long at most."""
        self.sweeps.end()
        if self.trainer is not None:
            self.trainer.stop_and_wait(timeout_s)

    def _need_trainer(self) -> Trainer:
        self._need_torch()
        from tui.kernel.training import Trainer

        with self._lock:
            if self.trainer is None:
                self.trainer = Trainer()
            return self.trainer

    def _start(self, request: StartRun) -> RunState:
        if self.sweeps.in_progress:
            raise Refused("refused", "a sweep is in progress: end it first, or wait for its last run")
        return self._begin(request.spec)

    def _begin(self, spec: RunSpec) -> RunState:
        trainer = self._need_trainer()
        from tui.kernel.training import RunRefused

        try:
            with self._apart_from_dry_run():
                return trainer.start(
                    replace(spec, session=self._session or None),
                    namespace=self._namespace(),
                    on_change=self._changed,
                )
        except RunRefused as error:
            raise Refused("refused", str(error)) from None

    def _control(self, request: ControlRun) -> RunState:
        if self.trainer is None:
            raise Refused("no run", "there is no run in this kernel")
        from tui.kernel.training import RunRefused

        if request.action not in ("pause", "checkpoint", "evaluate"):
            self._before_going_on()
        try:
            return self.trainer.control(request.action)
        except RunRefused as error:
            raise Refused("refused", str(error)) from None

    def _changed(self, state: RunState) -> None:
        self._tell(Event("run", state.status))
        self._tell(Event("namespace"))  # a pause gives names to it, and going on takes them back
