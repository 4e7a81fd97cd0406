"""A session with no kernel behind it: the test tells its news, and reads what was asked of it."""

from __future__ import annotations

import asyncio
import codeop
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from textual import events
from textual.app import App
from textual.pilot import Pilot
from textual.widget import Widget

from screens.autograd import AutogradScreen
from screens.builder import BuilderScreen
from screens.tensors import TensorsScreen
from screens.training import TrainingScreen
from tui.app import TorchTUI
from tui.client.errors import KernelDied
from tui.client.launch import KernelProcess
from tui.client.news import (
    CellEnded,
    CellFailed,
    CellPrinted,
    CellShowed,
    CellStarted,
    EventHeard,
    KernelEnded,
    KernelState,
)
from tui.client.registry import SessionInfo
from tui.client.session import KernelSession
from tui.protocol.building import (
    Catalogue,
    CheckDesign,
    DesignChecked,
    ListLayers,
    Totals,
)
from tui.protocol.gradients import GradientTable, ListGradients
from tui.protocol.messages import (
    ControlRun,
    Event,
    GetStatus,
    KernelStatus,
    ListModules,
    ListVariables,
    ModuleTree,
    Request,
    RunState,
    StartRun,
    VariableTable,
)
from tui.protocol.run import RunSpec
from tui.protocol.training import (
    BatchLook,
    Choices,
    DryReport,
    DryRun,
    Freeze,
    ListChoices,
    PlanSchedule,
    ReadBatch,
    ReadTuning,
    SchedulePlan,
    Tune,
    TuneTable,
)
from tui.protocol.viewing import CancelCompute, Cancelled
from tui.session_app import Wiring
from tui.widgets.run.entries import PresetEntry

R = TypeVar("R")
Message = dict[str, Any]

STATUS = KernelStatus(
    1,
    4242,
    "3.11.7",
    "/usr/bin/python3",
    "/home/ada",
    "ready",
    torch="2.13.0",
    device="cpu",
    rss_bytes=250_000_000,
)
ALL_MODES = ("tensors", "autograd", "builder", "training")
PATIENCE_S = 10.0
"""How long a test waits for what must come; only a failing test waits so long."""


class FakeSession(KernelSession):
    """The public face of a session. `asked` holds every request but the polled status, `calls` what else was done."""

    def __init__(self, state: KernelState = "idle", status: KernelStatus = STATUS) -> None:
        super().__init__(python=sys.executable)
        info = SessionInfo("ab12cd", 4242, sys.executable, "/", 0.0, "torchtui", "/nowhere")
        self.process = KernelProcess(info, None)
        self.kernel = status
        """What the kernel answers when it is asked how it is."""
        self.answers: dict[type[Request[Any]], object] = {
            ListVariables: VariableTable((), {}),
            ListGradients: GradientTable(()),
            ListLayers: Catalogue((), ()),
            CheckDesign: DesignChecked((), Totals(), "", ""),
            ListModules: ModuleTree(()),
            StartRun: RunState("r", "/nowhere/r", "running", 0, 0),
            ControlRun: RunState("r", "/nowhere/r", "running", 0, 0),
            ListChoices: Choices(()),
            PlanSchedule: SchedulePlan((1e-3,)),
            DryRun: DryReport(()),
            CancelCompute: Cancelled(was_running=True),
            ReadBatch: BatchLook(),
            ReadTuning: TuneTable(),
            Tune: TuneTable(),
            Freeze: TuneTable(),
        }
        """Reply to each request; an exception is raised."""
        self.silent = False
        """Whether the kernel answers nothing."""
        self.asked: list[Request[Any]] = []
        self.calls: list[str] = []
        self.cells_run: list[str] = []
        self.cell_ids: list[str] = []
        self._open_cells: list[str] = []
        self.answered: list[str] = []
        if state != "starting":
            self.state = state
            self.status = status
            self._ready.set()

    # -- what screens ask -------------------------------------------------------------------------

    async def ask(self, request: Request[R], *, timeout_s: float | None = None) -> R:
        if not isinstance(request, GetStatus):
            self.asked.append(request)
        if self.state in ("starting", "dead"):
            raise KernelDied(f"the kernel is {self.state}")
        if self.silent:
            await asyncio.Event().wait()
        answer = self.kernel if isinstance(request, GetStatus) else self.answers[type(request)]
        if isinstance(answer, Exception):
            raise answer
        return cast("R", answer)

    async def jupyter(self, kind: str, content: Message, *, timeout_s: float | None = 5.0) -> Message:
        if self.state in ("starting", "dead"):
            raise KernelDied(f"the kernel is {self.state}")
        if kind == "is_complete_request":
            try:
                done = codeop.compile_command(content["code"], symbol="exec")
            except SyntaxError:
                return {"status": "invalid"}
            return {"status": "complete"} if done is not None else {"status": "incomplete", "indent": "    "}
        return {}

    def run_cell(self, code: str, cell: str | None = None) -> str:
        if self.state in ("starting", "dead"):
            raise KernelDied(f"the kernel is {self.state}")
        self.cells_run.append(code)
        self.cell_ids.append(cell or f"cell-{len(self.cells_run)}")
        self._open_cells.append(self.cell_ids[-1])
        return self.cell_ids[-1]

    def answer_input(self, text: str) -> None:
        self.answered.append(text)

    def interrupt(self) -> None:
        self.calls.append("interrupt")

    async def start(self) -> None:
        self.calls.append("start")
        self.become("idle")

    async def shutdown(self, *, timeout_s: float = 30.0) -> None:
        self.calls.append("shutdown")

    async def close(self) -> None:
        self.calls.append("close")

    async def restart(self) -> None:
        self.calls.append("restart")
        self.ended = None
        self.become("starting")
        self.become("idle")

    # -- what the test tells ----------------------------------------------------------------------

    def of(self, kind: type[Request[Any]]) -> list[Request[Any]]:
        """The requests of one kind, in order."""
        return [request for request in self.asked if isinstance(request, kind)]

    def become(self, state: KernelState) -> None:
        """The kernel goes to another state."""
        if state != "starting":
            self._ready.set()
        self._set_state(state)

    def event(self, kind: str, detail: str = "") -> None:
        """The kernel tells something unasked."""
        self.tell(EventHeard(Event(kind, detail)))  # type: ignore[arg-type]

    def die(
        self, reason: str = "the kernel was killed by SIGKILL", *log_tail: str, expected: bool = False
    ) -> None:
        """The kernel's process ends, and with it the cells that were sent."""
        self.ended = KernelEnded(reason, log_tail, expected)
        self._set_state("dead")
        self.tell(self.ended)
        for cell in self._open_cells:
            self.tell(CellEnded(cell, "aborted"))
        self._open_cells.clear()

    def cell(
        self,
        code: str,
        *,
        prints: str = "",
        value: str = "",
        error: tuple[str, str] | None = None,
        ends: bool = True,
    ) -> str:
        """Send a cell and tell its whole life; with `ends` False it goes on."""
        self.run_cell(code)
        return self.play(prints=prints, value=value, error=error, ends=ends)

    def play(
        self, *, prints: str = "", value: str = "", error: tuple[str, str] | None = None, ends: bool = True
    ) -> str:
        """Tell the life of the cell that was sent last."""
        cell, code, number = self.cell_ids[-1], self.cells_run[-1], len(self.cells_run)
        self.become("busy")
        self.tell(CellStarted(cell, code, number, True))
        if prints:
            self.tell(CellPrinted(cell, "stdout", prints))
        if value:
            self.tell(CellShowed(cell, {"text/plain": value}, number))
        if error:
            self.tell(CellFailed(cell, *error, (f"{error[0]}: {error[1]}",)))
        if ends:
            self.end_cell(cell, "error" if error else "ok")
        return cell

    def end_cell(self, cell: str, status: str = "ok") -> None:
        """A cell is through and nothing is behind it."""
        self._open_cells.remove(cell)
        self.event("namespace")
        self.tell(CellEnded(cell, status))  # type: ignore[arg-type]
        self.become("idle")

    async def train(self, folder: Path, status: str = "running") -> None:
        """The kernel has a run; its status is read as the app would do it."""
        run = RunState(folder.name, str(folder), status, 0, 0)  # type: ignore[arg-type]
        self.kernel = replace(self.kernel, run=run)
        await self.read_status()


@dataclass
class Notice:
    """What the app said in a toast."""

    message: str
    severity: str


class NotedApp(TorchTUI):
    """The real app; keeps its notices."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.said: list[Notice] = []

    def notify(self, message: str, **options: Any) -> None:
        self.said.append(Notice(message, options.get("severity", "information")))
        super().notify(message, **options)


@dataclass
class Shelf:
    """What the Training screen lists, and what it wants trained."""

    presets: list[PresetEntry] = field(default_factory=list)
    root: Path = Path("/nowhere/runs")
    """The folder that holds the runs."""
    planned: list[Path] = field(default_factory=list)

    def entries(self) -> list[PresetEntry]:
        return self.presets

    def plan(self, path: Path) -> RunSpec:
        """Plan a preset; those whose name begins with `broken` break the contract."""
        self.planned.append(path)
        if path.stem.startswith("broken"):
            raise ValueError(f"{path}:3: has no model [/foo]")
        return RunSpec(str(path), "/nowhere/runs", experiment=path.stem)


def make_app(
    session: FakeSession | None, *, first: str = "tensors", shelf: Shelf | None = None, folder: Path | None = None,
    **options: Any,
) -> NotedApp:  # fmt: skip
    """The app over a fake session, wired as the command line wires it."""
    shelf = shelf or Shelf()
    modes = ALL_MODES if session is not None else ("training",)
    makers: dict[str, Callable[[], Any]] = {
        "training": lambda: TrainingScreen(
            session, modes, presets=shelf.entries, runs_root=shelf.root, spec_for=shelf.plan, folder=folder
        )
    }
    if session is not None:
        makers |= {
            "tensors": lambda: TensorsScreen(session, modes),
            "autograd": lambda: AutogradScreen(session, modes),
            "builder": lambda: BuilderScreen(session, modes),
        }
    theme = {"theme": options.pop("theme")} if "theme" in options else {}
    return NotedApp(lambda: Wiring(session, makers, **options), modes=modes, first=first, **theme)


@asynccontextmanager
async def opened(app: NotedApp, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[int]]:
    """Run the app until the block ends; its first screen has been painted."""
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.screen.id != "_default")
        await pilot.pause()
        yield pilot


async def typed(pilot: Pilot[int], text: str) -> None:
    """Put text into what has the focus as a terminal pastes it; a line break at the end is the enter key."""
    assert pilot.app.focused is not None
    pilot.app.focused.post_message(events.Paste(text.removesuffix("\n")))
    await pilot.pause()
    if text.endswith("\n"):
        await pilot.press("enter")


async def until(pilot: Pilot[int], holds: Callable[[], object], *, timeout_s: float = PATIENCE_S) -> None:
    """Let the app work until a condition holds."""
    async with asyncio.timeout(timeout_s):
        while not holds():
            await pilot.pause(0.005)


def screen_rows(app: App[int]) -> list[str]:
    """The rows of the terminal as they are painted, without trailing blanks."""
    return [
        "".join(segment.text for segment in strip).rstrip()
        for strip in app.screen._compositor.render_strips()
    ]


def screen_text(app: App[int]) -> str:
    """What can be read on the terminal."""
    return "\n".join(screen_rows(app))


def shown(widget: Widget) -> bool:
    """Whether a widget and all around it are displayed."""
    return all(node.display for node in widget.ancestors_with_self if isinstance(node, Widget))
