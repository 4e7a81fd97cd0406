"""What is typed into the viewer: what to look at, where to go, what to compare with."""

from __future__ import annotations

from textual import on
from textual.screen import Screen

from tui.widgets.tensor_view.asking import Comparing
from tui.widgets.tensor_view.grid import ValueGrid
from tui.widgets.tensor_view.layout import notation
from tui.widgets.tensor_view.model import ViewerModel
from tui.widgets.tensor_view.numbers import tolerance
from tui.widgets.tensor_view.places import read_place
from tui.widgets.tensor_view.prompt import Field, Prompt


class PromptActions(Screen[None]):
    """Actions of a screen with a `Prompt` and a `ViewerModel`; mixed into it."""

    model: ViewerModel
    comparing: Comparing

    @property
    def grid(self) -> ValueGrid:
        """The grid of values."""
        return self.query_one(ValueGrid)

    def jump(self, index: tuple[int, ...]) -> None:
        """Go to a place of the tensor."""
        raise NotImplementedError

    def back_to_values(self) -> None:
        """Let the keys move the cursor again."""
        raise NotImplementedError

    def show_panel(self) -> None:
        """Show the side panel, also where there is little room."""
        raise NotImplementedError

    def action_type_view(self) -> None:
        """Ask what to look at."""
        self.ask_for_view(notation(self.model.view, self.model.layout), "")

    def ask_for_view(self, text: str, refused: str) -> None:
        """Ask what to look at, and say what was wrong with it."""
        prompt = self.query_one(Prompt)
        prompt.ask("view", Field("look at", text, "x[2, :, ::2]"))
        prompt.refuse(refused)

    def action_type_place(self) -> None:
        """Ask where to go."""
        self.query_one(Prompt).ask("go to", Field("go to", "", "row, column"))

    def action_type_compare(self) -> None:
        """Ask what to compare with."""
        last = self.comparing.last
        self.query_one(Prompt).ask(
            "compare",
            Field("compare with", last.right if last else "", "y"),
            Field("rtol", tolerance(last.rtol) if last else "1e-5", width=8),
            Field("atol", tolerance(last.atol) if last else "1e-8", width=8),
        )

    @on(Prompt.Submitted)
    def take(self, event: Prompt.Submitted) -> None:
        """Do what was typed; what is refused stays in the line, with the reason."""
        self.run_worker(self._take(event), exclusive=True, group="wish")

    async def _take(self, event: Prompt.Submitted) -> None:
        refused = ""
        match event.wish:
            case "view":
                refused = await self.model.open_typed(event.texts[0])
            case "go to":
                view = self.grid.viewport
                try:
                    self.jump(read_place(event.texts[0], self.model.layout, view.row, view.column))
                except ValueError as error:
                    refused = str(error)
            case "compare":
                refused = self.comparing.start(*event.texts)
                if not refused:
                    self.show_panel()
        prompt = self.query_one(Prompt)
        if refused:
            prompt.refuse(refused)
        else:
            prompt.close()

    @on(Prompt.Closed)
    def prompt_closed(self) -> None:
        """Give the keys back; where there is nothing to look at, close."""
        if self.model.facts is None:
            self.dismiss()
        else:
            self.back_to_values()
