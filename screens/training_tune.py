"""Steering a run in progress from the Training screen: its tuning panel, the learning rate by one key, the ends."""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import Final

from textual import events, on, work
from textual.binding import BindingType

from screens.run_pane import RunPane
from screens.training_start import TROUBLE, TrainingStart, reason
from tui.protocol.messages import ControlRun, RunAction, RunState
from tui.protocol.run import RunChange
from tui.protocol.training import Freeze, ReadTuning, Tune, TuneField, TuneTable
from tui.widgets.dialogs import Question
from tui.widgets.keys import key
from tui.widgets.tune.panel import TunePanel, row_of_field, row_of_layer
from tui.widgets.tune.rows import scaled, shown_number

TUNE_KEYS: Final[list[BindingType]] = [
    key("t", "tune", "Tune", "training.tune", "Change the optimizer's fields, freeze layers, while it runs"),
    key("<", "scale_lr(0.5)", "Halve lr", "training.lr-half", "Half the learning rate from the next step on"),
    key(">", "scale_lr(2.0)", "Double lr", "training.lr-double", "Twice the learning rate from then on", show=False),
    key(
        "k", "at_end_of_step('checkpoint')", "Keep", "training.checkpoint", "Write a checkpoint after this step",
        show=False,
    ),
    key(
        "E", "at_end_of_step('evaluate')", "Evaluate", "training.evaluate", "Evaluate after this step, then go on",
        show=False,
    ),
    key("S", "stop_now", "Stop now", "training.stop-now", "End the run at once, without a checkpoint", show=False),
]  # fmt: skip
STEERING: Final = frozenset({"tune", "scale_lr", "stop_now", "at_end_of_step"})
"""Actions that need a run of this session in progress."""
SAID: Final[dict[RunAction, str]] = {
    "checkpoint": "A checkpoint is written at the end of this step.",
    "evaluate": "It is evaluated at the end of this step.",
}
PATIENCE_S = 10.0
WIDE = 100
"""Columns from which on the panel stands beside the charts; below, it lies over their right half."""
_AROUND = 6
"""Rows of the tabs, the run's header and the foot."""


class TrainingTune(TrainingStart):
    """The part of the Training screen that changes a run in progress."""

    @property
    def own_run(self) -> RunState | None:
        """The run of our kernel if it is the one shown and has not ended; the screen's."""
        raise NotImplementedError

    @property
    def tune_panel(self) -> TunePanel:
        """What can be changed."""
        return self.query_one(TunePanel)

    @cached_property
    def _one_at_a_time(self) -> asyncio.Lock:
        return asyncio.Lock()  # a key pressed twice scales what the first has left

    def show_part(self, part: str) -> None:
        """Show the run, the list or the form; the panel is open beside none of them until it is asked for."""
        self.tune_panel.display = False
        super().show_part(part)

    def on_resize(self, event: events.Resize) -> None:
        """Leave the header of the run free where the panel lies over it."""
        narrow = self.size.width < WIDE
        self.tune_panel.styles.height = max(self.size.height - _AROUND, 4) if narrow else "1fr"

    # -- the panel --------------------------------------------------------------------------------

    def action_tune(self) -> None:
        """Open the panel; from the panel, close it."""
        panel = self.tune_panel
        if panel.display:
            self.close_tuning()
            return
        panel.start_anew()
        panel.display = True
        self.set_focus(panel)
        self.read_tuning()

    @on(TunePanel.Left)
    def close_tuning(self) -> None:
        """Close the panel."""
        self.tune_panel.display = False
        if self.part == "run":
            self.set_focus(self.query_one(RunPane).query("Chart").first())

    def settle_tuning(self) -> None:
        """Close the panel where its run is not shown or has ended; show what is true now."""
        panel = self.tune_panel
        if not panel.display:
            return
        if self.own_run is None or self.part != "run":
            self.close_tuning()
        else:
            self.read_tuning()

    def _changes(self) -> tuple[RunChange, ...]:
        reader = self.query_one(RunPane).reader
        info = reader.record.info if reader is not None else None
        return info.changes if info is not None else ()

    def _show_tuning(self, table: TuneTable) -> None:
        self.tune_panel.show(table, self._changes())

    @work(exclusive=True, group="tuning")
    async def read_tuning(self) -> None:
        """Show what can be changed, as it is now."""
        assert self.session is not None
        async with self._one_at_a_time:
            try:
                self._show_tuning(await self.session.ask(ReadTuning(), timeout_s=PATIENCE_S))
            except TROUBLE as error:
                if not self.tune_panel.state.table.fields:
                    self.notify(reason(error), severity="error", markup=False)
                    self.close_tuning()

    @on(TunePanel.TuneWanted)
    @work(group="tune")
    async def tune_wanted(self, event: TunePanel.TuneWanted) -> None:
        """Change a field; a refusal is said in its row."""
        row = row_of_field(event.field)
        async with self._one_at_a_time:
            try:
                table = await self._tune(event.field, event.text)
            except TROUBLE as error:
                self.tune_panel.refuse(row, reason(error))
                return
            self.tune_panel.noted(row)
            self._show_tuning(table)

    async def _tune(self, field: TuneField, text: str) -> TuneTable:
        assert self.session is not None
        return await self.session.ask(Tune(field.name, text, field.group), timeout_s=PATIENCE_S)

    @on(TunePanel.FreezeWanted)
    @work(group="tune")
    async def freeze_wanted(self, event: TunePanel.FreezeWanted) -> None:
        """Freeze a layer or thaw it; a refusal is said in its row."""
        assert self.session is not None
        row = row_of_layer(event.path, self.tune_panel.state.table)
        async with self._one_at_a_time:
            try:
                table = await self.session.ask(Freeze(event.path, event.frozen), timeout_s=PATIENCE_S)
            except TROUBLE as error:
                self.tune_panel.refuse(row, reason(error))
                return
            self.tune_panel.noted(row)
            self._show_tuning(table)

    # -- by one key -------------------------------------------------------------------------------

    @work(group="tune")
    async def action_scale_lr(self, factor: float) -> None:
        """Scale the learning rate of every group, from the next step on."""
        if self.own_run is None or self.session is None:
            return
        async with self._one_at_a_time:
            try:
                table = await self.session.ask(ReadTuning(), timeout_s=PATIENCE_S)
                said: list[str] = []
                for field in [one for one in table.fields if one.name == "lr"]:
                    text = scaled(field.text, factor)
                    if text is not None:
                        table = await self._tune(field, text)
                        self.tune_panel.noted(row_of_field(field))
                        said.append(f"{shown_number(field.text)} → {shown_number(text)}")
            except TROUBLE as error:
                self.notify(reason(error), severity="error", markup=False)
                return
            self._show_tuning(table)
        if not self.tune_panel.display:
            text = f"lr {', '.join(said)} from the next step" if said else "the optimizer has no lr"
            self.notify(text, timeout=3, markup=False)

    @work
    async def action_stop_now(self) -> None:
        """Ask, then end the run at once."""
        if self.own_run is None:
            return
        text = (
            "The run ends in the middle of its step: no checkpoint is written and the test set is not looked at. "
            "What was learned since the last checkpoint is lost. Its curves stay."
        )
        answers = (("stop", "Stop now"), ("cancel", "Go on"))
        if await self.app.push_screen_wait(Question("Stop the run now?", text, answers)) == "stop":
            await self._control("stop_now")

    @work(group="control")
    async def action_at_end_of_step(self, action: RunAction) -> None:
        """Have something done at the end of the step, and say so."""
        if self.own_run is not None and await self._control(action):
            self.notify(SAID[action], timeout=3)

    async def _control(self, action: RunAction) -> bool:
        """Steer the run; return whether it was noted."""
        assert self.session is not None
        try:
            await self.session.ask(ControlRun(action))
            await self.session.read_status()
        except TROUBLE as error:
            self.notify(reason(error), severity="error", markup=False)
            return False
        return True
