"""What leaves the Builder: code to files and to the REPL, a batch to Autograd, a preset to Training."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from textual import work

from screens.autograd_control import in_words
from screens.builder_files import ask_and_write, snake
from screens.builder_reading import ReadingScreen
from screens.builder_training import BuilderTraining
from screens.builder_training import Doors as Doors
from tui.client import news
from tui.client.errors import KernelRefused
from tui.protocol.building import BlockFacts
from tui.protocol.messages import ListModules
from tui.protocol.models import CompareCheckpoint
from tui.widgets.builder.blocks import walk
from tui.widgets.builder.inputs import random_call
from tui.widgets.builder.questions import Choice, Question, among
from tui.widgets.file_prompt import FilePrompt, Refused

DEFAULT_CLASSES: Final = 2
"""Integers of a random batch are below this where nothing tells how many there may be."""


@runtime_checkable
class OpensRoots(Protocol):
    """A screen that opens the graph of an expression."""

    def open_root(self, expression: str) -> None:
        """Open it."""


class BuilderRunning(BuilderTraining):
    """Actions that take the model elsewhere."""

    _trying = ""  # id of the cell whose output is to be opened in Autograd

    def other_answers(self) -> dict[str, Callable[[str, str], str]]:
        """Return what is done with the answers to questions of this part."""
        return {
            **super().other_answers(),
            "checkpoint": self._of_model,
        }

    # -- files ------------------------------------------------------------------------------------

    @work(exclusive=True, group="file")
    async def action_save(self) -> None:
        """Ask for a path and save the code."""
        path = f"{snake(self.control.design.name)}.py"
        saved = await ask_and_write(
            self.app, "Save the model as a Python file", self.control.code + "\n", path
        )
        if saved is not None:
            self.say(f"saved {saved}", warning=False)

    @work(exclusive=True, group="file")
    async def action_compare(self) -> None:
        """Ask for a file of weights, then for the model to compare it with."""

        def attempt(path: str, again: bool) -> Refused | None:
            target = Path(path).expanduser()
            return None if target.is_file() else Refused(f"{path} is no file")

        title = "A checkpoint: .pt or .pth (weights alone are read), .safetensors"
        path = await self.app.push_screen_wait(
            FilePrompt(title, attempt, suffixes=(".pt", ".pth", ".safetensors"), verb="compares it")
        )
        if path is None:
            return
        self._checkpoint = str(Path(path).expanduser().absolute())
        try:
            tree = await self.control.ask(ListModules())
            names = [row.path for row in tree.rows if row.depth == 0]
        except (KernelRefused, RuntimeError, TimeoutError):
            names = []
        choices = [Choice(name, name) for name in names]
        choices.append(Choice("", "no model", "the keys of the file alone"))
        self.ask(Question("checkpoint", f"compare {Path(path).name} with", among(choices)))

    _checkpoint = ""

    def _of_model(self, text: str, chosen: str) -> str:
        self.app.push_screen(ReadingScreen(self.kernel, CompareCheckpoint(self._checkpoint, chosen or text)))
        return ""

    # -- the REPL and Autograd --------------------------------------------------------------------

    def _runs(self, code: str) -> str:
        """Run code as a cell; return its id, empty where that cannot be."""
        if self.control.stale or self.control.failing:
            why = (
                "a row fails: f applies its fix"
                if not self.control.stale
                else "the kernel has not looked at it yet"
            )
            self.say(why)
            return ""
        try:
            return self.kernel.run_cell(code)
        except RuntimeError as error:
            self.say(in_words(error))
            return ""

    def action_send(self) -> None:
        """Run the class in the REPL, with an instance called `model`."""
        name = self.control.design.name
        if self._runs(f"{self.control.code.rstrip()}\n\n\nmodel = {name}()"):
            self.say(f"model = {name}() runs in the REPL (F2)", warning=False)

    def action_try_out(self) -> None:
        """Run a batch through the model as a cell, then open the result in Autograd."""
        control, design = self.control, self.control.design
        shapes = _known_shapes(control.facts, [block.id for block, _ in walk(design.body)])
        highest = _highest_index(control.draft.design.body)
        alone = len(design.inputs) == 1
        calls = ", ".join(
            random_call(one, control.batch, shapes if alone and one.source else None, highest)
            for one in design.inputs
        )
        code = f"{control.code.rstrip()}\n\n\nmodel = {design.name}()\noutput = model({calls})"
        if "import torch\n" not in f"{code}\n":
            code = f"import torch\n{code}"
        self._trying = self._runs(code)
        if self._trying:
            busy = self.kernel.state == "busy"
            self.say(
                "waits for the running cell, then goes to Autograd" if busy else "running a batch…",
                warning=False,
            )

    def follow_cell(self, ended: news.CellEnded) -> None:
        """Open the output, or the model of a file, once its cell has run."""
        self.follow_making(ended)
        if not self._trying or ended.cell != self._trying:
            return
        self._trying = ""
        if ended.status == "ok":
            self.say("")
            self.show_graph()
        else:
            self.say("the batch did not run through: F2 has the cell and why")

    @work(exclusive=True, group="autograd")
    async def show_graph(self) -> None:
        """Go to Autograd and open the graph of the output."""
        await self.app.run_action("mode('autograd')")
        screen = self.app.screen
        if isinstance(screen, OpensRoots):
            screen.open_root("output")


def _known_shapes(facts: dict[int, BlockFacts], order: Sequence[int]) -> tuple[int, ...] | None:
    """Return the shape that goes into the first block, without the batch; None where it is not known."""
    first = next((facts[block].input_shapes for block in order if block in facts), "")
    found = re.match(r"\(([^()]*)\)", first)
    sizes = [part.strip() for part in found[1].split(",") if part.strip()][1:] if found else []
    return tuple(map(int, sizes)) if sizes and all(size.isdigit() for size in sizes) else None


def _highest_index(body: Sequence[object]) -> int:
    """Return how many different integers an input may have: as many as the first embedding knows."""
    for block, _ in walk(body):  # type: ignore[arg-type]
        if block.layer in ("nn.Embedding", "nn.EmbeddingBag"):
            for one in block.arguments:
                if one.name == "num_embeddings" and one.text.isdigit():
                    return int(ast.literal_eval(one.text))
    return DEFAULT_CLASSES
