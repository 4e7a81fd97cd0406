"""Starting a run from the Training screen: the form of a preset, what the kernel says of it, and off it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.binding import Binding
from textual.widgets import ContentSwitcher

from screens.base import BaseScreen
from screens.run_pane import RunPane
from tui import paths
from tui.client.errors import KernelDied, KernelRefused
from tui.protocol.messages import StartRun
from tui.protocol.preset import PresetError, PresetInfo, read_preset
from tui.protocol.run import RunSpec
from tui.protocol.training import DryRun, ListChoices, PlanSchedule, SchedulePlan
from tui.protocol.viewing import CancelCompute
from tui.widgets.run.picker import RunPicker
from tui.widgets.start.form import StartForm
from tui.widgets.start.memory import remember, remembered
from tui.widgets.start.rows import ENDING, TRYING
from tui.widgets.start.view import StartView

TROUBLE = (KernelDied, KernelRefused, TimeoutError)
PLAN_AFTER_S = 0.15
"""How long after a change the learning rate is asked for: nothing is asked for each key of a burst."""
END_S = 5.0
"""How long the kernel has to note that a dry run is to end."""
PATIENCE_S = 30.0
"""How long a plan of the learning rate may take."""


def reason(error: Exception) -> str:
    """Return what to say of a request that came to nothing."""
    return str(error) or "the kernel does not answer"


class TrainingStart(BaseScreen):
    """The part of the Training screen that starts runs. `spec_for` is set by the screen."""

    spec_for: Callable[[Path], RunSpec]
    ELSEWHERE: ClassVar[dict[str, frozenset[str]]] = {
        "start": frozenset({"back"}), "picker": frozenset({"back", "choose"}), "compare": frozenset({"back", "choose"}),
    }  # fmt: skip
    """Actions of the screen that make sense while the form, or the list, is shown: the others are about a run."""
    part: str = "picker"
    """What is shown: the run, the list (``picker``), the form (``start``), or another part."""

    @property
    def start_view(self) -> StartView:
        """The form and what stands beside it."""
        return self.query_one(StartView)

    @property
    def starting(self) -> bool:
        """Whether the form is shown."""
        return self.part == "start"

    def show_part(self, part: str) -> None:
        """Show the run, the list, the form, or another part."""
        self.query_one(ContentSwitcher).current = part
        before, self.part = self.part, part
        if before != part:
            self.refresh_bindings()

    def means_nothing_here(self, action: str) -> bool:
        """Return whether an action of the screen is about something that is not shown."""
        if self.part not in self.ELSEWHERE:
            return False
        own = {
            binding.action.partition("(")[0]
            for binding in type(self).BINDINGS
            if isinstance(binding, Binding)
        }
        return action in own - self.ELSEWHERE[self.part]

    def on_screen_resume(self) -> None:
        """Have the models that there are now: another screen may have made one."""
        if self.starting:
            self.read_choices()

    # -- the form ---------------------------------------------------------------------------------

    @on(RunPicker.PresetChosen)
    def preset_chosen(self, event: RunPicker.PresetChosen) -> None:
        """Open the form of the chosen preset; chosen once more before it was there, it starts."""
        view = self.start_view
        if self.starting and view.preset is not None and view.preset.path == str(event.path):
            view.start()
            return
        try:
            self.open_form(self.spec_for(event.path))
        except ValueError as error:  # the preset breaks the contract
            self.notify(str(error), severity="error", timeout=15, markup=False)

    def open_form(self, spec: RunSpec) -> None:
        """Open the form for a run; its values are those of the last time."""
        problem = ""
        try:
            preset = read_preset(Path(spec.preset))
        except PresetError as error:
            problem = str(error)
            preset = PresetInfo(Path(spec.preset).stem, spec.preset, "", "", (), {})
        status = self.session.status if self.session is not None else None
        auto = status.device if status is not None else ""
        own = ["cuda"] if auto.startswith("cuda") else ["mps"] if auto.startswith("mps") else []
        values = remembered(paths.start_file(), spec.preset)
        self.start_view.show(
            preset,
            spec,
            values,
            device=auto,
            devices=("auto", *own, "cpu"),
            suggested_lr=self._suggested_lr(spec),
        )
        self.show_part("start")
        self.start_view.focus_form()
        self.read_choices()
        if problem:
            self.start_view.refuse(problem)

    def _suggested_lr(self, spec: RunSpec) -> float | None:
        """Return the learning rate that the run shown last has found for this preset; None where it has not."""
        reader = self.query_one(RunPane).reader
        info = reader.record.info if reader is not None else None
        return info.suggested_lr if info is not None and info.experiment == spec.experiment else None

    @on(StartView.Left)
    def start_left(self) -> None:
        """End the dry run, or give up what is waited for; else go back to the list."""
        view = self.start_view
        if view.waits == TRYING:
            view.doing(ENDING)
            self.end_dry_run()
        elif view.waits:
            self.workers.cancel_group(self, "start-form")
            self.workers.cancel_group(self, "dry")
            view.doing("")
        else:
            self.back_to_list()

    def back_to_list(self) -> None:
        """Show the list; the screen's."""
        raise NotImplementedError

    @property
    def _form_is_there(self) -> bool:
        """Whether what an answer is shown in is still there: it may come when the screen is on its way out."""
        return bool(self.query(StartForm))

    def _refuse(self, message: str) -> None:
        if self._form_is_there:
            self.start_view.refuse(message)

    # -- what the kernel is asked -----------------------------------------------------------------

    @on(StartView.Started)
    def start_wanted(self, event: StartView.Started) -> None:
        """Train what was filled in."""
        view = self.start_view
        dry_too = view.waits in (TRYING, ENDING)
        self.workers.cancel_group(self, "dry")
        view.doing(
            "starting"
            if self.session is None or self.session.state != "starting"
            else "waiting for the kernel"
        )
        self.start_filled_in(event, end_dry_run=dry_too)

    @work(exclusive=True, group="start-form")
    async def start_filled_in(self, event: StartView.Started, *, end_dry_run: bool = False) -> None:
        """Train; a refusal is said in the form and nothing is lost. `end_dry_run`: one that is under way first."""
        view = self.start_view
        assert self.session is not None
        await self.session.ready()
        try:
            if end_dry_run:
                await self.session.ask(CancelCompute(), timeout_s=END_S)
            await self.session.ask(StartRun(event.spec))
        except TROUBLE as error:
            self._refuse(reason(error))
            return
        unkept = await asyncio.to_thread(remember, paths.start_file(), event.spec.preset, event.values)
        if unkept:
            self.notify(unkept, severity="warning", markup=False)
        if self._form_is_there:
            view.doing("")
        try:
            await self.session.read_status()
        except TROUBLE:
            return  # it is read again before long, and the run shown then

    @on(StartView.DryWanted)
    @work(exclusive=True, group="dry")
    async def dry_run(self, event: StartView.DryWanted) -> None:
        """Try one batch."""
        assert self.session is not None
        await self.session.ready()
        try:
            report = await self.session.ask(DryRun(event.spec))
        except TROUBLE as error:
            cancelled = isinstance(error, KernelRefused) and error.refusal.kind == "cancelled"
            if cancelled and self._form_is_there:
                self.start_view.show_ended(reason(error))
            elif not cancelled:
                self._refuse(reason(error))
            return
        if self._form_is_there:
            self.start_view.show_report(report, event.spec)

    @work(group="dry")
    async def end_dry_run(self) -> None:
        """Have the kernel end the dry run; what waits for its report hears of it."""
        assert self.session is not None
        try:
            await self.session.ask(CancelCompute(), timeout_s=END_S)
        except TROUBLE as error:
            self._refuse(f"the dry run was not ended: {reason(error)}")

    @on(StartView.Edited)
    @work(exclusive=True, group="plan")
    async def plan_schedule(self, event: StartView.Edited) -> None:
        """Ask how the learning rate will be."""
        assert self.session is not None
        await asyncio.sleep(PLAN_AFTER_S)
        await self.session.ready()
        try:
            plan = await self.session.ask(PlanSchedule(event.spec), timeout_s=PATIENCE_S)
        except TROUBLE as error:
            plan = SchedulePlan(problem=reason(error))
        if self._form_is_there:
            self.start_view.show_plan(plan)

    @work(exclusive=True, group="choices")
    async def read_choices(self) -> None:
        """Ask what there is to choose from."""
        assert self.session is not None
        await self.session.ready()
        try:
            choices = await self.session.ask(ListChoices(), timeout_s=PATIENCE_S)
        except TROUBLE:
            return  # names can be typed all the same; the kernel checks them
        if self._form_is_there:
            self.start_view.show_choices(choices.items)
