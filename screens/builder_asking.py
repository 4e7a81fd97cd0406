"""What the Builder screen asks: what to place, names, inputs, templates, models to open."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final, cast, get_args

from textual import on, work

from screens.builder_editing import BuilderEditing
from tui.protocol.building import (
    BlockKind,
    Catalogue,
    Design,
    InputSpec,
)
from tui.widgets.builder import edit as edits
from tui.widgets.builder.blocks import CONTAINERS
from tui.widgets.builder.chooser import Chooser
from tui.widgets.builder.edit import Where
from tui.widgets.builder.inputs import inputs_text, read_inputs
from tui.widgets.builder.literals import name_problem
from tui.widgets.builder.palette import Palette
from tui.widgets.builder.questions import Choice, Question, among
from tui.widgets.builder.storing import OptimizerName
from tui.widgets.builder.templates import TEMPLATES, template

WRAPS: Final = (
    Choice("residual", "residual", "its input is added to its output"),
    Choice("sequence", "sequence", "a part of the model under a name of its own"),
    Choice("repeat", "repeat", "several times, each with parameters of its own: repeat 6"),
    Choice("parallel", "parallel", "a branch beside others, outputs added"),
    Choice("concatenate", "concatenate", "a branch beside others, outputs concatenated"),
)
EMPTY_CATALOGUE: Final = Catalogue((), ())
OPTIMIZERS: Final = get_args(OptimizerName)
MOST_BATCH: Final = 1_000_000
_INPUT_HELP: Final = "x (1, 28, 28) float32; y (5,) int64 · x = a tensor · x = preset NAME"


class BuilderAsking(BuilderEditing):
    """Actions that ask something first; what is typed comes back by the name of the wish."""

    _where: Where = "after"
    _palette = Palette(EMPTY_CATALOGUE)

    def ask(self, question: Question) -> None:
        """Ask something in the place of code and form."""
        self.form.display = False
        self.say("")
        self.chooser.ask(question)
        self.show_now()

    @on(Chooser.Closed)
    def asked(self) -> None:
        """Give the keys back to the tree."""
        self.focus_here()

    @on(Chooser.Submitted)
    def answered(self, event: Chooser.Submitted) -> None:
        """Do what was asked for; what cannot be done stays in the line, with the reason."""
        answer: dict[str, Callable[[str, str], str]] = {
            "place": self._place,
            "wrap": self._wrap,
            "rename": self._rename,
            "name": self._name_model,
            "inputs": self._inputs,
            "batch": self._batch,
            "template": self._template,
            **self.other_answers(),
        }
        refused = answer[event.wish](event.text, event.key)
        if refused:
            self.chooser.refuse(refused)
        elif self.chooser.display and self.chooser.wish == event.wish:
            self.chooser.close()
            self.focus_here()

    def other_answers(self) -> dict[str, Callable[[str, str], str]]:
        """Return what a subclass does with the answers to its own questions."""
        return {}

    # -- placing ----------------------------------------------------------------------------------

    def action_place(self, where: str) -> None:
        """Ask what is to be placed."""
        block, kind = self.block, cast("Where", where)
        if kind == "into" and (block is None or block.kind not in CONTAINERS):
            self.say("only a sequence, residual, parallel or repeat holds blocks: w wraps it in one")
            return
        self._where = kind
        dimensions = self.control.dimensions_at(block.id if block is not None else 0, where)
        catalogue = self.control.catalogue or EMPTY_CATALOGUE
        self._palette = Palette(catalogue, dimensions, self.control.recent)
        label = f"add {where} {self.words_of(block)}" if block is not None else "add the first block"
        self.ask(self._palette.question(label))
        self.freshen_palette(label)

    @work(exclusive=True, group="palette")
    async def freshen_palette(self, label: str) -> None:
        """Offer what has come into the namespace since the list was read."""
        before = self.control.catalogue
        await self.control.read_catalogue()
        if self.control.catalogue is not before and self.chooser.display and self.chooser.wish == "place":
            self._palette = replace(self._palette, catalogue=self.control.catalogue or EMPTY_CATALOGUE)
            self.chooser.ask(self._palette.question(label, self.chooser.line.value))

    def _place(self, line: str, chosen: str) -> str:
        try:
            blocks = self._palette.blocks(line, chosen)
        except ValueError as error:
            return str(error)
        at = self.control.draft.cursor
        words = ", ".join(self.words_of(block) for block in blocks[:3]) + (", …" if len(blocks) > 3 else "")
        refused = self.control.edit(
            lambda design, ids: edits.add(design, at, self._where, blocks, ids), f"add {words}"
        )
        if not refused:
            self.control.placed(self._palette.layers(line, chosen))
        return refused

    def action_wrap(self) -> None:
        """Ask what is to be put around the block."""
        several = len(self.selected)
        label = f"around {several} blocks" if several > 1 else f"around {self.words_of(self.block)}"
        self.ask(Question("wrap", label, _wraps, placeholder="residual, repeat 6, …"))

    def _wrap(self, text: str, chosen: str) -> str:
        number = re.search(r"\d+", text)
        blocks = self.selected
        kind = cast("BlockKind", "parallel" if chosen == "concatenate" else chosen)
        if not chosen:
            return "residual, sequence, repeat 6, parallel or concatenate"
        refused = self.control.edit(
            lambda design, ids: edits.wrap(design, blocks, kind, ids), f"wrap: {chosen}"
        )
        around = self.block
        if refused or around is None:
            return refused
        self.blocks.deselect()
        joined = replace(around, join="concatenate") if chosen == "concatenate" else around
        if kind == "repeat" and number is not None:
            joined = replace(around, times=max(1, min(int(number[0][:4]), 1000)))
        if joined != around:  # a part of the same edit
            self.control.draft.amend(edits.change(self.control.design, joined))
            self.control.touch()
        return ""

    # -- names and inputs -------------------------------------------------------------------------

    def action_rename(self) -> None:
        """Ask for the block's name."""
        block = self.block
        if block is None:
            return
        facts = self.control.facts.get(block.id)
        made = facts.name if facts is not None and facts.name else "made from its class"
        self.ask(
            Question(
                "rename", f"name of {self.words_of(block)}", value=block.name, placeholder=made,
                problem=lambda _, text: name_problem(text.strip()),
            )
        )  # fmt: skip

    def _rename(self, text: str, _: str) -> str:
        block = self.block
        if (problem := name_problem(text)) or block is None:
            return problem
        return self.control.edit(
            lambda design, _: edits.change(design, replace(block, name=text)), f"name it {text}"
        )

    def action_name_model(self) -> None:
        """Ask for the name of the class."""
        self.ask(
            Question(
                "name", "name of the model's class", value=self.control.design.name,
                problem=lambda _, text: name_problem(text.strip()),
            )
        )  # fmt: skip

    def _name_model(self, text: str, _: str) -> str:
        if not text:
            return "a class needs a name"
        return name_problem(text) or self.control.with_design(f"name the model {text}", name=text)

    def action_inputs(self) -> None:
        """Ask for the inputs."""
        value = inputs_text(self.control.design.inputs)
        self.ask(Question("inputs", f"inputs: {_INPUT_HELP}", value=value, problem=_inputs_problem))

    def _inputs(self, text: str, _: str) -> str:
        try:
            inputs = tuple(map(self.with_preset, read_inputs(text)))
        except ValueError as error:
            return str(error)
        return self.control.with_design("change the input", inputs=inputs)

    def with_preset(self, given: InputSpec) -> InputSpec:
        """Return an input with the path of the preset that it names."""
        return given

    def action_batch(self) -> None:
        """Ask for batch size and optimizer."""
        value = f"{self.control.batch} {self.control.optimizer}"
        choices = [Choice(name, f"{self.control.batch} {name}") for name in OPTIMIZERS]
        self.ask(Question("batch", "batch size and optimizer: 64 Adam", lambda _: choices, value))

    def _batch(self, text: str, _: str) -> str:
        found = re.fullmatch(r"\s*(\d{1,7})?\s*(.*?)\s*", text)
        name = (found[2] if found else "").lower().replace("+", " ")
        optimizer = next((one for one in OPTIMIZERS if one.lower() == name), None)
        batch = int(found[1]) if found and found[1] else self.control.batch
        if found is None or (name and optimizer is None) or not 1 <= batch <= MOST_BATCH:
            return f"a batch size of 1 or more, and one of {', '.join(OPTIMIZERS)}"
        self.control.reckon_for(batch, optimizer or self.control.optimizer)
        return ""

    # -- other designs ----------------------------------------------------------------------------

    def _begin(self, design: Design, words: str) -> None:
        self.control.draft.begin(design, words)
        self.control.touch()

    def action_new(self) -> None:
        """Begin a new design."""
        self._begin(Design(), "begin anew")
        self.say("a new design: u brings the one before back", warning=False)

    def action_template(self) -> None:
        """Ask which template to begin with."""
        choices = [Choice(name, name, words) for name, (words, _) in TEMPLATES.items()]
        self.ask(Question("template", "begin with", among(choices)))

    def _template(self, _: str, chosen: str) -> str:
        if chosen not in TEMPLATES:
            return f"one of {', '.join(TEMPLATES)}"
        self._begin(template(chosen), f"begin with {chosen}")
        self.say(f"{chosen}: u brings the design before back", warning=False)
        return ""


def _wraps(text: str) -> list[Choice]:
    wanted = text.strip().lower().rstrip("0123456789 ")
    return [one for one in WRAPS if one.title.startswith(wanted)] or [
        one for one in WRAPS if wanted in one.words
    ]


def _inputs_problem(_: str, text: str) -> str:
    try:
        read_inputs(text)
    except ValueError as error:
        return str(error)
    return ""
