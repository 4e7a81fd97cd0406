"""From a design to a run: a preset on the data of another one, tried on a batch, saved, trained."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from textual import work

from screens.autograd_control import in_words
from screens.builder_files import ask_and_write, snake
from screens.builder_outside import BuilderOutside
from tui.client.errors import KernelRefused
from tui.protocol.building import ComposePreset, InputSpec
from tui.widgets.builder.questions import Choice, Question, among
from tui.widgets.run.entries import PresetEntry

LOSSES: Final = (
    Choice("CrossEntropyLoss", "CrossEntropyLoss", "scores against the number of a class"),
    Choice("MSELoss", "MSELoss", "numbers against numbers"),
    Choice("BCEWithLogitsLoss", "BCEWithLogitsLoss", "a score each against yes or no"),
    Choice("L1Loss", "L1Loss", "numbers against numbers, outliers count less"),
    Choice("SmoothL1Loss", "SmoothL1Loss", "between the two"),
    Choice("NLLLoss", "NLLLoss", "log-probabilities against the number of a class"),
)
TRAINERS: Final = (
    Choice("AdamW 0.001 10", "AdamW 0.001 10", "optimizer, learning rate, epochs"),
    Choice("SGD 0.1 10", "SGD 0.1 10"),
    Choice("SGD momentum 0.1 10", "SGD momentum 0.1 10"),
    Choice("Adam 0.001 10", "Adam 0.001 10"),
)
_TRAINER: Final = re.compile(
    r"(SGD momentum|[A-Za-z]\w*)(?:\s+(?:lr=)?([\d.]+(?:e-?\d+)?))?(?:\s+(?:epochs=)?(\d+))?\s*$"
)
LONG_S: Final = 120.0


@dataclass(frozen=True)
class Wishes:
    """What a preset is to be made of."""

    data: str = ""
    loss: str = ""
    optimizer: str = "AdamW"
    lr: float = 1e-3
    epochs: int = 10


@dataclass(frozen=True)
class Doors:
    """What the Builder reaches through whoever wires it."""

    presets: Callable[[], Sequence[PresetEntry]] = tuple
    """The presets there are, whose data a model can be trained on."""
    preset_folder: Path | None = None
    """Where presets of one's own are saved; None: where torchtui was started."""
    train: Callable[[Path], None] | None = None
    """Trains a preset and shows it; None: it cannot be done from here."""


class BuilderTraining(BuilderOutside):
    """Actions that train the design."""

    doors: Doors
    _wishes = Wishes()

    def other_answers(self) -> dict[str, Callable[[str, str], str]]:
        """Return what is done with the answers to questions of this part."""
        return {
            **super().other_answers(),
            "data": self._data,
            "loss": self._loss,
            "trainer": self._trainer,
        }

    def with_preset(self, given: InputSpec) -> InputSpec:
        """Return an input with the path of the preset that it names; raises ValueError where there is none."""
        found = re.fullmatch(r"preset\s+(.+)", given.source)
        if found is None or Path(found[1]).expanduser().is_file():
            return given
        entries = self.doors.presets()
        entry = next((one for one in entries if one.name == found[1]), None)
        if entry is None:
            known = ", ".join(one.name for one in entries) or "none"
            raise ValueError(f"no preset is called {found[1][:40]}: {known}")
        return replace(given, source=f"preset {entry.path}")

    def action_train(self) -> None:
        """Ask for data, loss and optimizer; then save a preset and train it."""
        if self.control.failing:
            self.say("a row fails: f applies its fix; then it can be trained")
            return
        usable = [one for one in self.doors.presets() if one.usable]
        choices = [Choice(str(one.path), one.name, one.title) for one in usable]
        self.ask(
            Question(
                "data", "train on the data of a preset", among(choices), placeholder="a preset, or its path"
            )
        )

    def _data(self, text: str, chosen: str) -> str:
        path = chosen or text
        if not path or not Path(path).expanduser().is_file():
            return "a preset of the list, or the path of one"
        self._wishes = replace(self._wishes, data=str(Path(path).expanduser().absolute()))
        self.ask(Question("loss", "loss", among(LOSSES), placeholder="CrossEntropyLoss"))
        return ""

    def _loss(self, text: str, chosen: str) -> str:
        loss = chosen or text.removeprefix("nn.").removesuffix("()")
        if not loss.isidentifier():
            return "a class of torch.nn, such as CrossEntropyLoss"
        self._wishes = replace(self._wishes, loss=loss)
        self.ask(
            Question(
                "trainer", "optimizer, learning rate, epochs", among(TRAINERS), placeholder="AdamW 0.001 10"
            )
        )
        return ""

    def _trainer(self, text: str, chosen: str) -> str:
        found = _TRAINER.match(text) or _TRAINER.match(chosen or text)
        if found is None:
            return "AdamW, Adam, SGD or SGD momentum, a learning rate, epochs: AdamW 0.001 10"
        name, lr, epochs = found.groups()
        wishes = replace(self._wishes, optimizer=name)
        if lr:
            wishes = replace(wishes, lr=float(lr))
        self._wishes = replace(wishes, epochs=max(1, int(epochs))) if epochs else wishes
        self.make_preset()
        return ""

    @work(exclusive=True, group="file")
    async def make_preset(self) -> None:
        """Have the preset made, save it, and train it."""
        wishes = self._wishes
        self.say("trying a batch of the data…", warning=False)
        try:
            made = await self.control.ask(
                ComposePreset(
                    self.control.design, wishes.data, wishes.loss, wishes.optimizer, wishes.lr, wishes.epochs
                ),
                LONG_S,
            )  # fmt: skip
        except (KernelRefused, RuntimeError, TimeoutError) as error:
            self.say("")
            self.action_train()  # another preset may fit; there is room for all of why here
            self.chooser.refuse(in_words(error))
            return
        folder = self.doors.preset_folder or Path.cwd()
        folder.mkdir(parents=True, exist_ok=True)
        path = str(folder / f"{snake(self.control.design.name)}.py")
        self.say("")
        title = "Save as a preset, and train it" + (f": {made.note}" if made.note else "")
        saved = await ask_and_write(self.app, title, made.source, path)
        if saved is None:
            return
        if self.doors.train is None:
            self.say(f"saved {saved}: torchtui train {saved} trains it", warning=False)
            return
        try:
            self.doors.train(Path(saved).expanduser().absolute())
        except ValueError as error:  # it breaks the contract
            self.say(str(error))
            return
        note = f"; {made.note}" if made.note else ""
        self.say(f"saved {saved}, and training it{note}", warning=False)
        await self.app.run_action("mode('training')")
