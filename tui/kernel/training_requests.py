"""Answers to what the Training screen asks beyond start, pause and stop; torch is imported when it is first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from tui.kernel.refused import Refused
from tui.protocol.messages import Request
from tui.protocol.training import (
    BatchLook,
    Choices,
    DryReport,
    DryRun,
    Exported,
    ExportModel,
    Freeze,
    ListChoices,
    PlanSchedule,
    ReadBatch,
    ReadTuning,
    SchedulePlan,
    Tune,
    TuneTable,
)

if TYPE_CHECKING:
    from tui.kernel.training import Trainer
    from tui.kernel.training.steer.live import LiveRun
    from tui.kernel.training.steer.steering import Steering

SHORT_S: Final = 2.0
"""How long a run waits to begin for what else uses the random streams."""
LONG_S: Final = 60.0
"""How long it waits for a plan of the learning rate, which may be the first to import what the preset imports."""
LOOK_S: Final = 0.05
PLAN: Final = "a plan of the learning rate"
Computing = Callable[[], AbstractContextManager[threading.Event]]


class TrainingRequests:
    """Answers for the runs of one kernel."""

    def __init__(
        self,
        namespace_of: Callable[[], Mapping[str, object]],
        need_torch: Callable[[], None],
        trainer_of: Callable[[], Trainer | None],
        computing: Computing,
        sweeping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Answer from now on.

        Args:
            namespace_of: returns the namespace in which models are looked up.
            need_torch: waits for torch; raises Refused where it cannot be imported.
            trainer_of: returns what trains; None before the first run.
            computing: a context whose event is set when the user cancels what is being computed.
            sweeping: whether a sweep is in progress, whose next run may begin at any moment.
        """
        self._namespace_of = namespace_of
        self._need_torch = need_torch
        self._trainer_of = trainer_of
        self._computing = computing
        self._sweeping = sweeping
        self._asked: WeakKeyDictionary[object, Any] = (
            WeakKeyDictionary()
        )  # by control: what waits to be changed
        self._lock = threading.Lock()
        self._busy = (
            threading.Lock()
        )  # held while the user's code runs for a dry run, an export, or a plan of the learning rate
        self._doing = ""  # which of them holds it

    def handlers(self) -> dict[type[Request[Any]], Callable[[Any], object]]:
        """Return what answers each request."""
        return {
            ListChoices: self._choices,
            DryRun: self._dry_run,
            PlanSchedule: self._plan_schedule,
            ReadBatch: self._batch,
            ReadTuning: self._tuning,
            Tune: self._tune,
            Freeze: self._freeze,
            ExportModel: self._export,
        }

    @contextmanager
    def apart_from_dry_run(
        self, what: str = "another run's start", wait_s: float = SHORT_S
    ) -> Iterator[None]:
        """Begin a run inside: not while random streams and settings are being put back, which would disturb it.

        A plan of a schedule is waited for; refused beside a dry run or an export. `what`: what is done inside, for
        those that are refused meanwhile.
        """
        until_s, plans_until_s = monotonic() + wait_s, monotonic() + LONG_S
        while not self._busy.acquire(timeout=LOOK_S):
            if monotonic() > (plans_until_s if self._doing == PLAN else until_s):
                doing = self._doing or "a dry run or an export"
                raise Refused("busy", f"{doing} is under way: wait for its end, or cancel it")
        self._doing = what
        try:
            yield
        finally:
            self._doing = ""
            self._busy.release()

    # -- before a run ---------------------------------------------------------------------------------

    def _choices(self, request: ListChoices) -> Choices:
        self._need_torch()
        from tui.kernel.training.parts.choices import list_choices

        return list_choices(self._namespace_of())

    def _dry_run(self, request: DryRun) -> DryReport:
        self._need_torch()
        from tui.kernel.training.dry.run import DryCancelled, dry_run

        with self._computing() as cancel, self.apart_from_dry_run("a dry run"):
            self._refuse_beside_a_run("A dry run tries what a run would use")
            try:
                return dry_run(request.spec, self._namespace_of(), cancel)
            except DryCancelled as cancelled:
                raise Refused("cancelled", f"Cancelled; {cancelled}.") from None

    def _plan_schedule(self, request: PlanSchedule) -> SchedulePlan:
        self._need_torch()
        from tui.kernel.training.parts.schedule_plan import plan_schedule

        alone = self._busy.acquire(blocking=False)  # else a dry run is under way, and it is as beside a run
        if alone:
            self._doing = PLAN
        try:
            return plan_schedule(request.spec, run_in_progress=not alone or self._in_progress)
        finally:
            if alone:
                self._doing = ""
                self._busy.release()

    # -- while it runs --------------------------------------------------------------------------------

    def _tuning(self, request: ReadTuning) -> TuneTable:
        return self._steering().table()

    def _batch(self, request: ReadBatch) -> BatchLook:
        live = self._live()
        look = live.look() if live is not None else None
        if look is None:
            raise Refused("no pause", "no run is paused in this kernel")
        return look

    def _tune(self, request: Tune) -> TuneTable:
        return self._steer(lambda steering: steering.tune(request))

    def _freeze(self, request: Freeze) -> TuneTable:
        return self._steer(lambda steering: steering.freeze(request))

    def _steer(self, change: Callable[[Steering], TuneTable]) -> TuneTable:
        steering = self._steering()
        from tui.kernel.training.steer.tunable import TuneError

        try:
            return change(steering)
        except TuneError as error:
            raise Refused("refused", str(error)) from None

    def _steering(self) -> Steering:
        live = self._live()
        if live is None:
            raise Refused("no run", "there is no run in progress whose settings could be changed")
        from tui.kernel.training.steer.steering import Asked, Steering

        with self._lock:
            asked = self._asked.setdefault(live.control, Asked())
        return Steering(live, asked)

    # -- afterwards -----------------------------------------------------------------------------------

    def _export(self, request: ExportModel) -> Exported:
        self._need_torch()
        from tui.kernel.training.keep.export import ExportError, export_folder, export_run

        try:
            live = self._live()
            if not request.folder and request.checkpoint == "now" and live is not None:
                exported = export_run(request, live, lambda: self._live() is None)
                if exported is not None:
                    return exported
            folder = Path(request.folder or self._own_folder())
            if request.format == "state_dict":
                return export_folder(request, folder)
            with self.apart_from_dry_run("an export"):
                self._refuse_beside_a_run("This export runs the source of a run that has ended")
                return export_folder(request, folder)
        except ExportError as error:
            raise Refused("refused", str(error)) from None

    def _own_folder(self) -> str:
        trainer = self._trainer_of()
        state = trainer.state() if trainer is not None else None
        if state is None:
            raise Refused("no run", "there is no run in this kernel: name a run's folder")
        return state.folder

    # -- the run of this kernel -----------------------------------------------------------------------

    def _live(self) -> LiveRun | None:
        trainer = self._trainer_of()
        return trainer.live() if trainer is not None else None

    @property
    def _in_progress(self) -> bool:
        trainer = self._trainer_of()
        state = trainer.state() if trainer is not None else None
        return self._sweeping() or (state is not None and state.status in ("running", "paused"))

    def _refuse_beside_a_run(self, what: str) -> None:
        if self._in_progress:
            raise Refused(
                "busy",
                f"{what}, and one is in progress, whose random numbers it would disturb: stop it first",
            )
