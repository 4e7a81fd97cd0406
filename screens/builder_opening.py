"""Models that are there already: opened as blocks, or looked at as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from textual import work

from screens.autograd_control import in_words
from screens.builder_asking import BuilderAsking
from screens.builder_reading import ReadingScreen, guess_input
from tui.client.errors import KernelRefused
from tui.protocol.messages import ListModules
from tui.protocol.models import Imported, ImportModel
from tui.widgets.builder import edit as edits
from tui.widgets.builder.questions import Choice, Question, among


class BuilderOpening(BuilderAsking):
    """Actions that bring models of the namespace here."""

    def other_answers(self) -> dict[str, Callable[[str, str], str]]:
        """Return what is done with the answers to questions of this part."""
        return {**super().other_answers(), "open": self._open, "read": self._read}

    def action_open(self) -> None:
        """Ask which model to open as blocks."""
        self._ask_model("open", "open a model as blocks", "model, model.encoder")

    def action_read(self) -> None:
        """Ask which model to run once and look at."""
        self._ask_model("read", "look at a model, run once: its name, then @ and an input", "model @ x")

    def _ask_model(self, wish: str, label: str, placeholder: str) -> None:
        self.ask(Question(wish, label, placeholder=placeholder))
        self.list_models(wish, label, placeholder)

    @work(exclusive=True, group="models")
    async def list_models(self, wish: str, label: str, placeholder: str) -> None:
        """Offer the models of the namespace once they are known."""
        try:
            tree = await self.control.ask(ListModules())
        except (KernelRefused, RuntimeError, TimeoutError) as error:
            self.chooser.refuse(in_words(error))
            return
        choices = [
            Choice(row.path, row.path, f"{row.class_name} · {row.trainable + row.frozen:,} parameters")
            for row in tree.rows
            if row.depth == 0
        ]
        none = not choices
        choices += self.more_choices() if wish == "open" else ()
        if self.chooser.display and self.chooser.wish == wish:
            value = self.chooser.line.value
            self.chooser.ask(Question(wish, label, among(choices), value, placeholder))
            if none:
                self.chooser.refuse("there is no model in the namespace: make one on F2, or with x from here")

    def _open(self, text: str, chosen: str) -> str:
        expression = chosen or text
        if not expression:
            return "a name or an expression"
        if not self.open_other(text, chosen):
            self.import_model(expression)
        return ""

    def more_choices(self) -> Sequence[Choice]:
        """Return what else can be opened."""
        return ()

    def open_other(self, text: str, chosen: str) -> bool:
        """Ask for a model that is not in the namespace, where that was chosen; return whether it was."""
        return False

    @work(exclusive=True, group="models")
    async def import_model(self, expression: str, note: str = "") -> None:
        """Open a model as blocks; one that cannot be is read, and shown as it is. `note`: what else is to be said."""
        self.say(f"opening {expression}…", warning=False)
        try:
            imported = await self.control.ask(ImportModel(expression))
        except KernelRefused as refused:
            if refused.refusal.kind in ("NameError", "busy"):
                self.say(str(refused))
            else:
                self.say("")
                self.read_model(expression, "", " · ".join(filter(None, (note, str(refused)))))
            return
        except (RuntimeError, TimeoutError, asyncio.CancelledError) as error:
            self.say(in_words(error) if isinstance(error, Exception) else "")
            return
        self.take_imported(imported, expression, note)

    def take_imported(self, imported: Imported, expression: str, note: str = "") -> None:
        """Show an opened model as the design."""
        self._begin(imported.design, f"open {expression}")
        left = f"; as they are: {', '.join(imported.opaque[:4])}" if imported.opaque else ""
        self.say((note or f"opened {expression}") + left, warning=bool(imported.opaque))

    def _read(self, text: str, chosen: str) -> str:
        expression, _, given = text.partition("@")
        if not (expression.strip() or chosen):
            return "a name or an expression"
        whole = expression.strip() if given or not chosen else chosen
        self.read_model(whole, given.strip() or guess_input(self.control.design, self.control.batch), "")
        return ""

    def read_model(self, expression: str, given: str, why: str) -> None:
        """Show a model that is not edited; its parts can be taken into the design."""

        def taken(imported: Imported | None) -> None:
            if imported is not None:
                at, blocks = self.control.draft.cursor, imported.design.body
                self.edit(
                    lambda design, ids: edits.add(design, at, "after", blocks, ids), "take a part of a model"
                )

        self.app.push_screen(ReadingScreen.of_model(self.kernel, expression, given, why), taken)
