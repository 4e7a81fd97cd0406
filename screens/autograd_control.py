"""What the Autograd screen asks of the kernel, and what it has been told: one graph at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from screens.autograd_state import GraphState
from tui.client.errors import KernelDied, KernelRefused
from tui.client.session import KernelSession
from tui.client.waiting import within
from tui.protocol.autograd import (
    BackwardMode,
    CancelGraphWork,
    CloseGraph,
    GraphOpened,
    Node,
    OpenGraph,
    ReadNodes,
    ReadStep,
    Record,
    RunBackward,
)
from tui.protocol.gradients import (
    Changes,
    CheckGradient,
    Descend,
    Diagnose,
    GradientCheck,
    ListGradients,
    ZeroGrad,
)
from tui.protocol.messages import ListVariables, Request
from tui.widgets.gradients.start import candidates_of

R = TypeVar("R")
C = TypeVar("C", Changes, GradientCheck)
Refused = str
"""Why it could not be done, for the user; empty where it was."""
CLOSE_TIMEOUT_S: Final = 1.0
TABLE_TIMEOUT_S: Final = 30.0
ENDS: Final = " ends after this operation"
"""Said of what was asked to end."""


def in_words(error: Exception) -> Refused:
    """Return why a request was not carried out."""
    match error:
        case KernelRefused(refusal=refusal) if refusal.kind == "busy":
            return refusal.message or "A cell is running: try again when it has ended."
        case KernelRefused(refusal=refusal) if refusal.kind == "cancelled":
            return "cancelled"
        case KernelRefused():
            return str(error)
        case KernelDied():
            return f"The kernel does not answer: {error}."
        case TimeoutError():
            return "The kernel does not answer in time."
    return str(error) or type(error).__name__


class GraphControl(GraphState):
    """Brings what is known up to date: methods ask the kernel, and return what was wrong."""

    def __init__(self, session: KernelSession, changed: Callable[[], None]) -> None:
        """`changed`: called whenever something else is to be shown."""
        super().__init__()
        self._session = session
        self._changed = changed
        self._turn = asyncio.Lock()

    # -- asking -----------------------------------------------------------------------------------

    async def _ask(self, request: Request[R], timeout_s: float | None = None) -> R:
        return await self._session.ask(request, timeout_s=timeout_s)

    @asynccontextmanager
    async def _work(self, what: str, *, can_end: bool = False) -> AsyncIterator[None]:
        """One computation at a time; others wait for their turn. `can_end`: the kernel asks whether to go on."""
        async with self._turn:
            self.working, self.can_end = what, can_end
            self._changed()
            try:
                yield
            finally:
                self.working = ""
                self._changed()

    async def cancel(self) -> Refused:
        """End what the kernel computes for us, if it can be ended: as soon as the operation that runs now is over."""
        if self.working.endswith(ENDS):
            return ""
        if not self.can_end:
            return f"{self.working} cannot be ended on its way: it takes a moment"
        self.working, self.can_end = f"{self.working}{ENDS}", False
        self._changed()
        await within(CLOSE_TIMEOUT_S, self._ask(CancelGraphWork()))
        return ""

    # -- the graph --------------------------------------------------------------------------------

    async def open(self, expression: str) -> Refused:
        """Open the graph of an expression; the one before is closed if that is possible."""
        from tui.widgets.graph.structure import (
            unpack,  # numpy, which nobody waits for before there is a graph
        )

        async with self._work("reading the graph"):
            try:
                opened = await self._ask(OpenGraph(expression))
                structure = unpack(opened.structure)
            except (KernelRefused, RuntimeError, TimeoutError, ValueError) as error:
                return in_words(error)
            before, self.opened = self.opened, opened
            self.forget_graph()
            self.structure, self.spent = structure, opened.spent
            await self._close(before)
        return ""

    async def close(self) -> None:
        """Let go of the graph, here and in the kernel."""
        before, self.opened = self.opened, None
        self.forget_graph()
        self._changed()
        await self._close(before)

    def lose(self) -> bool:
        """Forget a graph that went with its kernel; return whether there was one."""
        had, self.opened = self.opened is not None, None
        self.forget_graph()
        self.table, self.candidates, self.changes = None, [], None
        self.recording, self.working = False, ""
        self._changed()
        return had

    def _told(self, error: Exception) -> Refused:
        """Return why it was not done; a graph that the kernel has closed is forgotten."""
        if isinstance(error, KernelRefused) and error.refusal.kind == "gone" and self.opened is not None:
            self.opened = None
            self.forget_graph()
            self._changed()
            return "the graph was closed meanwhile, as when a run goes on: o opens it again"
        return in_words(error)

    async def _close(self, graph: GraphOpened | None) -> None:
        if graph is not None:
            await within(CLOSE_TIMEOUT_S, self._ask(CloseGraph(graph.graph)))

    async def read_nodes(self, graph: int, nodes: tuple[int, ...]) -> tuple[Node, ...]:
        """Return nodes in words; none where they cannot be read."""
        if not self.holds(graph):
            return ()
        try:
            read = await self._ask(ReadNodes(graph, nodes), TABLE_TIMEOUT_S)
        except (KernelRefused, RuntimeError, TimeoutError):
            return ()
        if not self.holds(graph):
            return ()
        self.nodes.update((row.node, row) for row in read.rows)
        return read.rows

    # -- backward ---------------------------------------------------------------------------------

    async def backward(self, mode: BackwardMode, gradient: str = "") -> Refused:
        """Run backward, then show its first step."""
        async with self._work("peek" if mode == "peek" else "backward", can_end=True):
            if self.opened is None:
                return "No graph is open: o opens one."
            opened = self.opened
            request = RunBackward(opened.graph, mode, gradient, self.create_graph)
            try:
                done = await self._ask(request)
            except (KernelRefused, RuntimeError, TimeoutError) as error:
                return self._told(error)
            if self.opened is not opened:
                return ""  # closed meanwhile
            self.new_backward(done, mode)
            self.spent = done.spent
            self.nodes.clear()
            self.findings = None
        if done.failed >= 0:
            await self.look_at(done.failed, lead=True)
        elif self.order:
            await self.go_to_step(0)
        await self.read_gradients()
        return done.error

    async def look_at(self, node: int, *, lead: bool = False) -> Refused:
        """Show a node: its step of the last backward, else what it is; `lead`: the graph is to go there."""
        self.node = node
        self.led += lead
        self._changed()
        step = self._step_of.get(node)
        if step is not None:
            return await self._read_step(step)
        if node not in self.nodes and self.opened is not None:
            await self._read_words((node,))
        return ""

    async def go_to_step(self, step: int) -> Refused:
        """Go to a step of the last backward, the last one with -1."""
        if not self.order:
            return "No backward has run through this graph yet: b, or p to look only."
        step = len(self.order) - 1 if step < 0 else min(step, len(self.order) - 1)
        return await self.look_at(self.order[step], lead=True)

    async def move(self, steps: int) -> Refused:
        """Go so many steps on, or back."""
        here = self.at if self._step_wanted is None else self._step_wanted
        return await self.go_to_step(0 if here is None else max(0, here + steps))

    async def _read_step(self, step: int) -> Refused:
        """Read a step; while one is read only the newest wish is kept."""
        busy, self._step_wanted = self._step_wanted is not None, step
        if busy:
            return ""
        try:
            while self.opened is not None and (self.step is None or self.step.step != self._step_wanted):
                wanted, graph, done = self._step_wanted, self.opened.graph, self.done
                read = await self._ask(ReadStep(graph, wanted), TABLE_TIMEOUT_S)
                if not self.holds(graph) or self.done is not done:
                    return ""
                self.nodes[read.node.node] = read.node
                around = {flow.to for flow in read.outgoing if flow.to >= 0}
                await self._read_words(tuple(sorted(around - set(self.nodes))))
                self.step = read
                self._changed()
        except (KernelRefused, RuntimeError, TimeoutError) as error:
            self.step = None
            return self._told(error)
        finally:
            self._step_wanted = None
            self._changed()
        return ""

    async def _read_words(self, nodes: tuple[int, ...]) -> None:
        if nodes and self.opened is not None:
            await self.read_nodes(self.opened.graph, nodes)
            self._changed()

    # -- gradients --------------------------------------------------------------------------------

    async def read_gradients(self) -> Refused:
        """Read the table of gradients, and what has a graph."""
        try:
            self.table = await self._ask(ListGradients(), TABLE_TIMEOUT_S)
            variables = await self._ask(ListVariables(), TABLE_TIMEOUT_S)
        except (KernelRefused, RuntimeError, TimeoutError) as error:
            return in_words(error)
        status = self._session.status
        paused = status is not None and status.run is not None and status.run.status == "paused"
        self.candidates = candidates_of(variables.rows, run_paused=paused)
        self._changed()
        return ""

    async def zero(self) -> Refused:
        """Clear the gradients."""
        return await self._change("clearing gradients", ZeroGrad())

    async def descend(self, how: float | str) -> Refused:
        """Make one step: with a learning rate, or of an optimizer by its name."""
        request = Descend(lr=how) if isinstance(how, float) else Descend(optimizer=how)
        return await self._change("a step of gradient descent", request)

    async def check(self, function: str, inputs: tuple[str, ...]) -> Refused:
        """Compare a gradient with finite differences."""
        return await self._change("gradcheck", CheckGradient(function, inputs))

    async def _change(self, what: str, request: Request[C]) -> Refused:
        async with self._work(what, can_end=isinstance(request, CheckGradient)):
            try:
                self.changes = await self._ask(request)
            except (KernelRefused, RuntimeError, TimeoutError) as error:
                return in_words(error)
        await self.read_gradients()
        return ""

    # -- what is wrong ----------------------------------------------------------------------------

    async def diagnose(self) -> Refused:
        """Look for what is wrong with the graph."""
        async with self._work("diagnosis"):
            if self.opened is None:
                return "Open a graph first: o."
            try:
                self.findings = await self._ask(Diagnose(self.opened.graph))
            except (KernelRefused, RuntimeError, TimeoutError) as error:
                return self._told(error)
        return ""

    async def record(self) -> Refused:
        """Switch the recording of the next cells."""
        try:
            self.recording = (await self._ask(Record(not self.recording), TABLE_TIMEOUT_S)).on
        except (KernelRefused, RuntimeError, TimeoutError) as error:
            return in_words(error)
        self._changed()
        return ""
