"""The form, and beside it the preset's own words, the learning rate as it will be, the dry run, or a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.message import Message

from tui.protocol.preset import PresetInfo
from tui.protocol.run import RunSpec
from tui.protocol.training import Choice, DryReport, SchedulePlan
from tui.widgets.builder.chooser import Chooser
from tui.widgets.drawn.text import one
from tui.widgets.gradients.item_lines import Block, ItemLines
from tui.widgets.gradients.views import BlockList
from tui.widgets.start.fields import (
    KIND_KEY,
    SECTIONS,
    Values,
    fields_of,
    is_about_the_rate,
    spec_of,
    valid_values,
)
from tui.widgets.start.form import StartForm
from tui.widgets.start.help_words import StartHelp, about_lines
from tui.widgets.start.picking import Refused, question, taken
from tui.widgets.start.report import report_blocks
from tui.widgets.start.rows import DRY, START, FormState, help_of, rows_needed
from tui.widgets.start.schedule import SchedulePicture

NARROW = 100
"""Columns below which what stands beside the form goes below it."""
SHORT = 18
"""Rows below which that is kept small."""


class StartView(Container):
    """Everything about the run that is to be started. The screen asks the kernel, and shows what it says here."""

    DEFAULT_CSS = """
    StartView { layout: horizontal; height: 1fr; }
    StartView #start-left { width: 3fr; }
    StartView #start-side { width: 2fr; border-left: solid $panel; }
    StartView #start-info { height: 1fr; }
    StartView #start-chooser { height: 1fr; }
    StartView.-narrow { layout: vertical; }
    StartView.-narrow #start-left { width: 1fr; height: 1fr; }
    StartView.-narrow #start-side { width: 1fr; height: 8; border-left: none; border-top: solid $panel; }
    StartView.-narrow.-short #start-side { height: 5; }
    StartView.-asking #start-info, StartView.-asking #start-schedule { display: none; }
    StartView.-narrow.-asking #start-left { display: none; }
    StartView.-narrow.-asking #start-side { height: 1fr; }
    StartView.-narrow #start-schedule { height: 1fr; }
    StartView.-narrow.-report #start-side { height: 66%; }
    StartView.-narrow.-rate #start-info { display: none; }
    StartView.-narrow.-words #start-schedule { display: none; }
    """

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
        self._choices: tuple[Choice, ...] | None = None
        self._report: DryReport | None = None
        self._tried: RunSpec | None = None  # what the report is about
        self._unfolded: bool = False

    def compose(self) -> ComposeResult:
        """Lay out the form, and what stands beside it."""
        with Vertical(id="start-left"):
            yield StartForm(id="start-form")
            yield StartHelp(id="start-help")
        with Vertical(id="start-side"):
            yield SchedulePicture(id="start-schedule")
            yield BlockList(id="start-info")
            yield Chooser(id="start-chooser")

    @property
    def form(self) -> StartForm:
        """The fields."""
        return self.query_one(StartForm)

    @property
    def chooser(self) -> Chooser:
        """Where something is chosen for a field."""
        return self.query_one(Chooser)

    @property
    def picture(self) -> SchedulePicture:
        """The learning rate."""
        return self.query_one(SchedulePicture)

    @property
    def spec(self) -> RunSpec:
        """What would be trained now."""
        return spec_of(self._base, self.form.state.fields, self.form.state.values)

    # -- what is shown ----------------------------------------------------------------------------

    def show(
        self, preset: PresetInfo, base: RunSpec, values: Values, *, device: str, devices: Sequence[str]
    ) -> None:
        """Show the form of a preset, `values` in it; `base` is what is trained where nothing is changed.

        `device`: what auto stands for; `devices`: those that can be chosen.
        """
        again = self.preset is not None and preset.path == self.preset.path
        self.preset, self._base = preset, base
        if not again:
            self._report = self._tried = None
        fields = fields_of(preset, device=device, devices=devices)
        kept = valid_values(fields, values)
        state = FormState(fields, kept, frozenset(SECTIONS), preset.name, remembered=bool(kept))
        self._unfolded = False
        self.form.show(self._with_room(state), fresh=True)
        self.picture.show(None)
        self._set_asking(asking=False)
        self._show_topic()
        self._show_words(to_top=True)
        self.post_message(self.Edited(self.spec))

    def _with_room(self, state: FormState) -> FormState:
        """Return the state with as many sections unfolded as there is room for; the knobs in any case."""
        height = self.form.size.height
        self._unfolded = height > 0
        shown = ["knobs"]
        for name in SECTIONS:
            if name not in shown and rows_needed(state, [*shown, name]) <= height:
                shown.append(name)
        return state.with_folded(frozenset(SECTIONS) - set(shown))

    def on_resize(self) -> None:
        """Put what stands beside the form below it where there is no room."""
        self.set_class(self.size.width < NARROW, "-narrow")
        self.set_class(self.size.height < SHORT, "-short")
        self._show_topic()
        self.call_after_refresh(self._unfold_once)

    def _unfold_once(self) -> None:
        """Unfold what there is room for, once the room is known."""
        if not self._unfolded and self.form.size.height:
            self.form.show(self._with_room(self.form.state))

    def refuse(self, message: str) -> None:
        """Say why it was not started; everything stays as it was filled in."""
        self._doing("", refused=message)

    def doing(self, what: str) -> None:
        """Say what is waited for; empty: nothing."""
        self._doing(what)

    def _doing(self, what: str, refused: str = "") -> None:
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
        self._choices = tuple(choices)
        if self.chooser.display:
            field = next(one for one in self.form.state.fields if one.key == self.chooser.wish)
            self.chooser.ask(question(field, self.chooser.line.value, self._choices))

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
        self._report, self._tried = report, spec
        self._doing("")
        self._show_topic(words=True)
        self._show_words(to_top=True)

    def _show_words(self, *, to_top: bool = False) -> None:
        self.query_one("#start-info", BlockList).show(self._blocks, to_top=to_top)

    def _blocks(self, width: int) -> list[Block]:
        blocks: list[Block] = []
        if self.form.state.doing == "dry":
            blocks.append(Block((one(" Dry run: one batch through everything…", "title"), one(""))))
        elif self._report is not None:
            blocks += [*report_blocks(self._report, width, stale=self._tried != self.spec), Block((one(""),))]
        if self.preset is not None:
            blocks.append(Block((*about_lines(self.preset, width),)))
        return blocks

    def _show_topic(self, *, words: bool = False) -> None:
        """Show what the row under the cursor is about where there is no room for all; `words`: words in any case."""
        self._show_help()
        if not self.has_class("-narrow"):
            return
        rate = is_about_the_rate(self.form.field) and not words
        tried = self._report is not None or self.waits == "dry"
        self.set_class(rate, "-rate")
        self.set_class(not rate, "-words")
        self.set_class(tried and (words or self.form.current_key in (START, DRY, "")), "-report")

    def _show_help(self) -> None:
        self.query_one(StartHelp).show(help_of(self.form.state, self.form.current_key))

    # -- what the user does -----------------------------------------------------------------------

    def focus_form(self) -> None:
        """Give the keys to the form."""
        self.screen.set_focus(self.form)

    @on(ItemLines.Highlighted, "#start-form")
    def _passed(self, event: ItemLines.Highlighted) -> None:
        event.stop()
        self._show_topic()

    @on(ItemLines.Highlighted, "#start-info")
    @on(ItemLines.Chosen)
    def _no_matter(self, event: Message) -> None:
        event.stop()

    @on(StartForm.Changed)
    def _changed(self, event: StartForm.Changed) -> None:
        event.stop()
        self._show_help()
        if self._report is not None:
            self._show_words()
        self.post_message(self.Edited(self.spec))

    @on(StartForm.Pressed)
    def _pressed(self, event: StartForm.Pressed) -> None:
        event.stop()
        self.start()

    def start(self) -> None:
        """Ask for the run, unless one was asked for already."""
        if self.preset is not None and self.waits in ("", "dry"):
            self.post_message(self.Started(self.spec, dict(self.form.state.values)))

    @on(StartForm.DryPressed)
    def _dry(self, event: StartForm.DryPressed) -> None:
        event.stop()
        if self.preset is not None and not self.waits:
            self.doing("dry")
            self._show_topic(words=True)
            self._show_words(to_top=True)
            self.post_message(self.DryWanted(self.spec))

    @on(StartForm.Left)
    def _left(self, event: StartForm.Left) -> None:
        event.stop()
        self.post_message(self.Left())

    @on(StartForm.PickWanted)
    def _pick(self, event: StartForm.PickWanted) -> None:
        event.stop()
        self._set_asking(asking=True)
        self.chooser.ask(
            question(event.field, self.form.state.values.get(event.field.key, ""), self._choices)
        )

    @on(Chooser.Submitted)
    def _picked(self, event: Chooser.Submitted) -> None:
        event.stop()
        field = next(one for one in self.form.state.fields if one.key == event.wish)
        try:
            text = taken(field, event.text, event.key, self._choices)
        except Refused as refused:
            if refused.line:
                self.chooser.put(refused.line)
            self.chooser.refuse(str(refused))
            return
        self.form.set_value(field, text)
        self.chooser.close()

    @on(Chooser.Closed)
    def _asked(self, event: Chooser.Closed) -> None:
        event.stop()
        self._set_asking(asking=False)
        self.focus_form()

    def _set_asking(self, *, asking: bool) -> None:
        if asking == self.has_class("-asking"):
            return
        self.set_class(asking, "-asking")
        if not asking:
            self.chooser.display = False
        self.app.stylesheet.update(self)  # at once: what is typed next must not go elsewhere
