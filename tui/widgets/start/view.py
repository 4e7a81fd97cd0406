"""The form, and beside it the preset's own words, the learning rate as it will be, the dry run, or a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual import on
from textual.message import Message

from tui.protocol.preset import PresetInfo
from tui.protocol.run import RunSpec
from tui.protocol.training import Choice, DryReport, SchedulePlan
from tui.widgets.builder.chooser import Chooser
from tui.widgets.gradients.item_lines import Block, ItemLines
from tui.widgets.gradients.views import BlockList
from tui.widgets.start.beside import DryState, beside_blocks
from tui.widgets.start.fields import (
    KIND_KEY,
    MODEL_KEY,
    SECTIONS,
    Values,
    fields_of,
    is_about_the_rate,
    spec_of,
    valid_values,
    with_suggested_rate,
)
from tui.widgets.start.form import StartForm
from tui.widgets.start.help_words import StartHelp
from tui.widgets.start.layout import StartLayout
from tui.widgets.start.part_chooser import PartChooser
from tui.widgets.start.rows import DRY, ENDING, START, TRYING, FormState, help_of, rows_needed


class StartView(StartLayout):
    """Everything about the run that is to be started. The screen asks the kernel, and shows what it says here."""

    @dataclass
    class Started(Message):
        """Train this."""

        spec: RunSpec
        values: Values

    @dataclass
    class DryWanted(Message):
        """Try this."""

        spec: RunSpec

    @dataclass
    class Edited(Message):
        """This would be trained now."""

        spec: RunSpec

    class Left(Message):
        """Nothing is to be started."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.preset: PresetInfo | None = None
        """What is to be trained; None before the first."""
        self._base = RunSpec("", "")
        self._dry = DryState()
        self.laid_out = False
        """Whether as much is unfolded as there is room for, which is not known before the first layout."""

    @property
    def spec(self) -> RunSpec:
        """What would be trained now."""
        return spec_of(self._base, self.form.state.fields, self.form.state.values)

    # -- what is shown ----------------------------------------------------------------------------

    def show(
        self,
        preset: PresetInfo,
        base: RunSpec,
        values: Values,
        *,
        device: str,
        devices: Sequence[str],
        suggested_lr: float | None = None,
    ) -> None:
        """Show the form of a preset, `values` in it; `base` is what is trained where nothing is changed.

        `device`: what auto stands for; `devices`: those that can be chosen; `suggested_lr`: by a range test of it.
        """
        again = self.preset is not None and preset.path == self.preset.path
        self.preset, self._base = preset, base
        if not again:
            self._dry = DryState()
        fields = fields_of(preset, device=device, devices=devices)
        if suggested_lr is not None:
            fields = with_suggested_rate(fields, suggested_lr)
        kept = valid_values(fields, values)
        state = FormState(fields, kept, frozenset(SECTIONS), preset.name, remembered=bool(kept))
        self.laid_out = False
        self.fit(self.screen.size.width, self.size.height or self.screen.size.height)
        self.form.show(self._with_room(state), fresh=True)
        self.picture.show(None)
        self.set_asking(asking=False)
        self._show_topic()
        self._show_words(to_top=True)
        self.post_message(self.Edited(self.spec))

    def _with_room(self, state: FormState) -> FormState:
        """Return the state with as many sections unfolded as there is room for; the knobs in any case."""
        height = self.form.size.height
        self.laid_out = height > 0
        shown = ["knobs"]
        for name in SECTIONS:
            if name not in shown and rows_needed(state, [*shown, name]) <= height:
                shown.append(name)
        return state.with_folded(frozenset(SECTIONS) - set(shown))

    def on_resize(self) -> None:
        """Put what stands beside the form below it where there is no room."""
        self.fit(*self.size)
        self._show_topic()
        self.call_after_refresh(self._unfold_once)

    def _unfold_once(self) -> None:
        """Unfold what there is room for, once the room is known."""
        if not self.laid_out and self.form.size.height:
            self.form.show(self._with_room(self.form.state))

    def refuse(self, message: str) -> None:
        """Say why it was not started; everything stays as it was filled in."""
        self._doing("", refused=message)

    def doing(self, what: str) -> None:
        """Say what is waited for; empty: nothing."""
        self._doing(what)

    def _doing(self, what: str, refused: str = "") -> None:
        self._dry = replace(self._dry, trying=what == TRYING)
        self.form.show(replace(self.form.state, doing=what, refused=refused))
        if refused:
            self.form.go_to(START)
        self._show_words()

    @property
    def waits(self) -> str:
        """What is waited for; empty: nothing."""
        return self.form.state.doing

    def show_choices(self, choices: Sequence[Choice]) -> None:
        """Take what there is to choose from."""
        self._drop_model_that_is_gone(choices)
        self.chooser.take_choices(choices)

    def _drop_model_that_is_gone(self, choices: Sequence[Choice]) -> None:
        """Leave the model to the preset where the one of the last time was of another session's namespace."""
        state = self.form.state
        model = state.values.get(MODEL_KEY, "")
        names = {one.name for one in choices if one.kind == "model"}
        if state.remembered and model.isidentifier() and model not in names:
            values = {key: text for key, text in state.values.items() if key != MODEL_KEY}
            self.form.show(replace(state, values=values, remembered=bool(values)))
            self._changed_values()

    def show_plan(self, plan: SchedulePlan) -> None:
        """Show the learning rate."""
        kind = self.form.state.values.get(KIND_KEY, "train")
        grows = (
            "it grows step by step, from very small until the loss explodes"
            if kind.startswith("learn")
            else ""
        )
        self.picture.show(plan, grows)

    def show_report(self, report: DryReport, spec: RunSpec) -> None:
        """Show what a dry run of `spec` has shown."""
        self._say_of_dry_run(DryState(report=report, tried=spec))

    def show_ended(self, words: str) -> None:
        """Say that the dry run was ended, and where it was."""
        self._say_of_dry_run(DryState(ended=words))

    def _say_of_dry_run(self, dry: DryState) -> None:
        self._dry = dry
        self._doing(TRYING if dry.trying else "")
        self._show_topic(words=True)
        self._show_words(to_top=True)

    def _show_words(self, *, to_top: bool = False) -> None:
        self.query_one("#start-info", BlockList).show(self._blocks, to_top=to_top)

    def _blocks(self, width: int) -> list[Block]:
        return beside_blocks(self.preset, self._dry, self.spec, width)

    def _show_topic(self, *, words: bool = False) -> None:
        """Show what the row under the cursor is about where there is no room for all; `words`: words in any case."""
        self._show_help()
        rate = is_about_the_rate(self.form.field) and not words
        told = self._dry.is_told and (words or self.form.current_key in (START, DRY, ""))
        self.make_room_for("rate" if rate else "words", report=told)

    def _show_help(self) -> None:
        self.query_one(StartHelp).show(
            help_of(self.form.state, self.form.current_key, editing=self.form.editing)
        )

    # -- what the user does -----------------------------------------------------------------------

    def focus_form(self) -> None:
        """Give the keys to the form."""
        self.screen.set_focus(self.form)

    @on(ItemLines.Highlighted, "#start-form")
    def _passed(self, event: ItemLines.Highlighted) -> None:
        event.stop()
        self._show_topic()

    @on(StartForm.Typing)
    def _typing(self, event: StartForm.Typing) -> None:
        event.stop()
        self._show_help()

    @on(ItemLines.Highlighted, "#start-info")
    @on(ItemLines.Chosen)
    def _no_matter(self, event: Message) -> None:
        event.stop()

    @on(StartForm.Changed)
    def _changed(self, event: StartForm.Changed) -> None:
        event.stop()
        self._changed_values()

    def _changed_values(self) -> None:
        self._show_help()
        if self._dry.report is not None:
            self._show_words()
        self.post_message(self.Edited(self.spec))

    @on(StartForm.Pressed)
    def _pressed(self, event: StartForm.Pressed) -> None:
        event.stop()
        self.start()

    def start(self) -> None:
        """Ask for the run, unless one was asked for already."""
        if self.preset is not None and self.waits in ("", TRYING, ENDING):
            self.post_message(self.Started(self.spec, dict(self.form.state.values)))

    @on(StartForm.DryPressed)
    def _dry_pressed(self, event: StartForm.DryPressed) -> None:
        event.stop()
        if self.preset is not None and not self.waits:
            self._say_of_dry_run(replace(self._dry, trying=True, ended=""))
            self.post_message(self.DryWanted(self.spec))

    @on(StartForm.Left)
    def _left(self, event: StartForm.Left) -> None:
        event.stop()
        self.post_message(self.Left())

    @on(StartForm.PickWanted)
    def _pick(self, event: StartForm.PickWanted) -> None:
        event.stop()
        self.set_asking(asking=True)
        self.chooser.ask_for(event.field, self.form.state.values.get(event.field.key, ""))

    @on(PartChooser.Picked)
    def _picked(self, event: PartChooser.Picked) -> None:
        event.stop()
        self.form.set_value(event.field, event.text)

    @on(Chooser.Closed)
    def _asked(self, event: Chooser.Closed) -> None:
        event.stop()
        self.set_asking(asking=False)
        self.focus_form()
