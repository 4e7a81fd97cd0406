"""Models from outside the session: a class of a Python file, the model of a finished run with its weights."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from textual import work

from screens.autograd_control import in_words
from screens.builder_files import snake
from screens.builder_opening import BuilderOpening
from tui import paths
from tui.client import news
from tui.client.errors import KernelRefused
from tui.client.session import KernelSession
from tui.protocol.models import FileClass, ListClasses, OpenRun
from tui.protocol.run import told_epoch
from tui.widgets.builder.questions import Choice, Question, among
from tui.widgets.builder.storing import StoreRefused, read
from tui.widgets.file_prompt import FilePrompt, Refused
from tui.widgets.foreign import one_line

_CALL: Final = re.compile(r"(?P<name>[A-Za-z_]\w*)\s*(?:\((?P<arguments>.*)\))?$", re.DOTALL)
FROM_FILE: Final = "file:"
FROM_RUN: Final = "run:"
KEPT: Final = "kept:"
OTHERS: Final = (
    Choice(FROM_FILE, "file…", "a class of a Python file"),
    Choice(FROM_RUN, "run…", "the model of a finished one, with its weights"),
)
MOST_RUNS: Final = 200
OPEN_S: Final = 120.0


class BuilderOutside(BuilderOpening):
    """Actions that bring models here that are not in the namespace yet."""

    kernel: KernelSession
    _file = ""  # whose class is asked for
    _offered: tuple[FileClass, ...] = ()
    _failed = ""  # what it raised
    _making: tuple[str, str] = ("", "")  # the cell that makes a model of a class, and the model's name

    def other_answers(self) -> dict[str, Callable[[str, str], str]]:
        """Return what is done with the answers to questions of this part."""
        return {**super().other_answers(), "class": self._make, "run": self._run}

    def open_other(self, text: str, chosen: str) -> bool:
        """Ask for a file or a run, where that was chosen; return whether it was."""
        if text.endswith(".py"):
            self.read_classes(text)
        elif chosen == FROM_FILE:
            self.ask_file()
        elif chosen == FROM_RUN:
            self.list_runs()
        elif chosen.startswith(KEPT):
            self.open_kept(Path(chosen.removeprefix(KEPT)))
        else:
            return False
        return True

    def more_choices(self) -> Sequence[Choice]:
        """Offer files, runs and designs of other terminals beside the models of the namespace."""
        kept = [
            Choice(f"{KEPT}{path}", path.name, "the design that another terminal has kept")
            for path in self.control.other_designs()
        ]
        return (*OTHERS, *kept)

    def open_kept(self, path: Path) -> None:
        """Open the design of another terminal; its file stays as it is."""
        try:
            kept = read(path)
        except StoreRefused as refused:
            self.say(str(refused))
            return
        self._begin(kept.design, f"open {path.name}")
        self.say(f"opened the design of {path.name}", warning=False)

    # -- files ------------------------------------------------------------------------------------

    @work(exclusive=True, group="file")
    async def ask_file(self) -> None:
        """Ask for a Python file, and say what classes it has."""

        def attempt(path: str, again: bool) -> Refused | None:
            target = Path(path).expanduser()
            return None if target.is_file() else Refused(f"{path} is no file")

        title = "A Python file with the class of a model: it is read first, and not run"
        path = await self.app.push_screen_wait(FilePrompt(title, attempt, suffixes=(".py",), verb="reads it"))
        if path is not None:
            self.read_classes(path)

    @work(exclusive=True, group="models")
    async def read_classes(self, path: str) -> None:
        """Ask which class of a file to make a model of."""
        self._file = str(Path(path).expanduser().absolute())
        try:
            found = await self.control.ask(ListClasses(self._file))
        except (KernelRefused, RuntimeError, TimeoutError) as error:
            self.say(in_words(error))
            return
        self._offered = found.classes
        choices = [
            Choice(one.name, one.name, " ".join(filter(None, (f"({one.parameters})", one.summary))))
            for one in reversed(found.classes)
        ]
        label = f"enter runs {Path(path).name}, and makes"
        self.ask(
            Question(
                "class", label, _named(choices), placeholder=f"{choices[0].key}()",
                completed=lambda _, choice: f"{choice.key}(",
            )
        )  # fmt: skip

    def _make(self, text: str, chosen: str) -> str:
        typed = _CALL.match(text) if text else None
        name = typed["name"] if typed else chosen
        one = next((known for known in self._offered if known.name in (name, chosen)), None)
        if one is None or (text and typed is None):
            return (
                f"one of {', '.join(known.name for known in self._offered)}, with its arguments in brackets"
            )
        arguments = (typed["arguments"] or "").strip() if typed else ""
        if one.needs and not arguments:
            return f"{one.name} needs arguments: {one.name}({one.parameters})"
        path = Path(self._file)
        module = path.stem if path.stem.isidentifier() and not keyword.iskeyword(path.stem) else "opened"
        model = snake(one.name) if snake(one.name) != module else f"{module}_model"
        code = _loading(module, self._file) + f"\n{model} = {module}.{one.name}({arguments})"
        try:
            self._making = (self.kernel.run_cell(code), model)
        except RuntimeError as error:
            return in_words(error)
        self._failed = ""
        self.say(f"running {path.name}…", warning=False)
        return ""

    def note_error(self, failed: news.CellFailed) -> None:
        """Keep what a file raised until its cell is through."""
        if failed.cell == self._making[0]:
            raised = one_line(f"{failed.kind}: {failed.message}".strip(": "), 160)
            self._failed = f"{Path(self._file).name} raised {raised} (F2 has where)"

    def follow_making(self, ended: news.CellEnded) -> None:
        """Open the model once the cell that makes it has run."""
        cell, model = self._making
        if not cell or ended.cell != cell:
            return
        self._making = ("", "")
        if ended.status == "ok":
            self.import_model(model)
        else:
            self.say(self._failed or f"{Path(self._file).name} was not run through: F2 has the cell")

    # -- runs -------------------------------------------------------------------------------------

    def list_runs(self) -> None:
        """Ask which run's model to open."""
        from tui.runs.index import list_runs

        choices = []
        for record in list_runs(paths.runs_dir())[:MOST_RUNS]:
            info = record.info
            at = ""
            if info is not None:
                epoch = told_epoch(record.status, info.epoch, info.epochs)
                at = f"epoch {epoch}/{info.epochs or '?'}, {info.experiment}"
            choices.append(
                Choice(str(record.folder), record.name, f"{record.status} · {at} · {record.id[:15]}")
            )
        if not choices:
            self.say(f"there are no runs in {paths.runs_dir()}")
            return
        label = "open the model of a run: enter runs its experiment.py"
        self.ask(Question("run", label, among(choices), placeholder="a run, or its folder"))

    def _run(self, text: str, chosen: str) -> str:
        folder = chosen or text
        if not folder or not Path(folder).expanduser().is_dir():
            return "a run of the list, or the folder of one"
        self.open_run(str(Path(folder).expanduser().absolute()))
        return ""

    @work(exclusive=True, group="models")
    async def open_run(self, folder: str) -> None:
        """Have the model of a run put into the namespace, and open it as blocks."""
        self.say("loading the model of the run…", warning=False)
        try:
            opened = await self.control.ask(OpenRun(folder), OPEN_S)
        except (KernelRefused, RuntimeError, TimeoutError) as error:
            self.say(in_words(error))
            return
        self.import_model(opened.name, f"{opened.name} has the weights of {opened.words}")


def _named(choices: list[Choice]) -> Callable[[str], list[Choice]]:
    """Return a function that gives the classes whose name begins as a call that is typed does."""

    def fitting(text: str) -> list[Choice]:
        wanted = text.partition("(")[0].strip().lower()
        return [one for one in choices if wanted in one.key.lower()]

    return fitting


def _loading(module: str, path: str) -> str:
    """Return a cell that runs a file as a module, anew each time."""
    return (
        "import importlib.util, sys\n"
        f"{module} = importlib.util.module_from_spec(importlib.util.spec_from_file_location({module!r}, {path!r}))\n"
        f"sys.modules[{module!r}] = {module}\n"
        f"{module}.__spec__.loader.exec_module({module})"
    )
