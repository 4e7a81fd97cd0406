"""Opened graphs by id: answers the requests of the Autograd screen."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final

from torch import Tensor

from tui.kernel.autograd import descent, gradients, structure
from tui.kernel.autograd.backward import run_backward
from tui.kernel.autograd.caught import Caught
from tui.kernel.autograd.check import check_gradient
from tui.kernel.autograd.describe import describe
from tui.kernel.autograd.errors import AutogradError
from tui.kernel.autograd.findings import diagnose
from tui.kernel.autograd.naming import Naming, name_nodes
from tui.kernel.autograd.node_private import leaf_of
from tui.kernel.autograd.packing import packed
from tui.kernel.autograd.record import Recorder
from tui.kernel.autograd.roots import root_of
from tui.kernel.autograd.seeds import seed_of
from tui.kernel.autograd.steps import node_with_gradient, read_step
from tui.kernel.autograd.viewed import Viewed, free_name
from tui.kernel.autograd.walk import Walk, walk_graph
from tui.kernel.autograd.watch import BackwardWatch
from tui.kernel.drawing.facts import tensor_facts
from tui.kernel.tensor_stats import TABLE_LIMIT, tensor_stats
from tui.protocol.autograd import (
    BackwardDone,
    BackwardStep,
    CloseGraph,
    GraphOpened,
    Nodes,
    OpenGraph,
    ReadNodes,
    ReadStep,
    Record,
    Recording,
    RunBackward,
)
from tui.protocol.gradients import (
    Changes,
    CheckGradient,
    Descend,
    Diagnose,
    Findings,
    GradientCheck,
    GradientTable,
    ListGradients,
    ZeroGrad,
)

Computing = Callable[[], AbstractContextManager[threading.Event | None]]
"""A context in which the user may cancel, which sets the event that it gives."""
TELL_S: Final = 0.3
POLL_S: Final = 0.1


@dataclass(eq=False)
class Held:
    """A graph that is open, and the last backward through it."""

    expression: str
    graph: Walk
    naming: Naming
    caught: Caught | None = None
    viewed: Viewed = field(default_factory=Viewed)
    """What the tensor viewer may open."""


class Graphs:
    """Holds opened graphs; each method answers one request, from whatever thread it comes on.

    What is held keeps graphs, their saved tensors and caught gradients alive until `close`; nothing of it is on the
    user's objects.
    """

    def __init__(
        self,
        namespace_of: Callable[[], Mapping[str, object]],
        cell_running: Callable[[], bool] = lambda: False,
        computing: Computing = nullcontext,
    ) -> None:
        """`cell_running`: whether a cell runs on the main thread, so that nothing may be changed now.

        `computing`: a context in which the user may cancel, by the event that it gives.
        """
        self._namespace_of = namespace_of
        self._cell_running = cell_running
        self._computing = computing
        self._turn = threading.Lock()
        self._ids = itertools.count(1)
        self._held: dict[int, Held] = {}
        self.recorder = Recorder(namespace_of)
        self.watch = BackwardWatch()

    # -- the graph --------------------------------------------------------------------------------

    def open(self, request: OpenGraph) -> GraphOpened:
        """Hold the graph of a tensor and return its structure."""
        namespace = self._namespace_of()
        root = root_of(request.expression, namespace)
        graph = walk_graph(root, name=request.expression.strip(), limit=request.limit)
        naming = name_nodes(graph, namespace)
        recorded = self.recorder.place(graph, naming)
        identity = next(self._ids)
        viewed = Viewed(free_name(f"graph{identity}", namespace))
        self._held[identity] = Held(request.expression, graph, naming, viewed=viewed)
        return GraphOpened(
            graph=identity,
            expression=request.expression,
            root=tensor_facts(root, tensor_stats(root.detach(), limit=TABLE_LIMIT)),
            structure=structure.structure_of(graph, naming),
            spent=structure.is_spent(graph),
            truncated=graph.truncated,
            recorded=recorded,
        )

    def close(self, request: CloseGraph) -> None:
        """Let go of a graph and all that it kept alive."""
        self._held.pop(request.graph, None)

    def close_all(self) -> None:
        """Let go of all graphs and of what was recorded, and count no more backwards."""
        self._held.clear()
        self.recorder.switch(False)
        self.recorder.forget()
        self.watch.stop()

    def nodes(self, request: ReadNodes) -> Nodes:
        """Return nodes in words."""
        held = self._of(request.graph)
        places = [place for place in request.nodes if 0 <= place < len(held.graph)]
        rows = (describe(held.graph, p, held.naming, line_of=self.recorder.line_of) for p in places)
        return Nodes(tuple(node_with_gradient(row, held.caught) for row in rows))

    # -- backward ---------------------------------------------------------------------------------

    def run_backward(self, request: RunBackward) -> BackwardDone:
        """Run backward and hold what was caught, instead of what was before."""
        held = self._of(request.graph)
        with self._changing(), self._computing() as cancel:
            if structure.is_spent(held.graph):  # what the last one caught stays, to be stepped through
                raise AutogradError(
                    "spent",
                    "Spent: a backward has freed this graph. Run its cell again (of a run: go on to its next"
                    " batch), then press r.",
                )
            seed = seed_of(held.graph.root, held.expression, request.gradient, self._namespace_of())
            held.caught = None  # frees the last one's gradients before new ones are kept
            held.viewed.forget()
            with self.watch.ours(_leaf_tensors(held.graph), counts=request.mode != "peek"):
                caught = run_backward(
                    held.graph, request.mode, seed, create_graph=request.create_graph, ended=_asked(cancel)
                )
            held.caught = caught
            held.viewed.grads = caught.whole
        return BackwardDone(
            order=packed("i", caught.order),
            norms=packed("d", caught.norms),
            nonfinite=packed("i", caught.nonfinite),
            seconds=caught.seconds,
            kept=len(caught.whole),
            spent=structure.is_spent(held.graph),
            error=caught.error,
            failed=caught.failed,
        )

    def step(self, request: ReadStep) -> BackwardStep:
        """Return one step of the last backward."""
        held = self._of(request.graph)
        return read_step(
            held.graph,
            held.naming,
            self._caught(held),
            request.step,
            line_of=self.recorder.line_of,
            viewed=held.viewed,
        )

    def viewable(self) -> dict[str, object]:
        """Return what the tensor viewer may open by name, beside the namespace: of each graph what was caught."""
        return {held.viewed.name: held.viewed for held in list(self._held.values())}

    # -- gradients --------------------------------------------------------------------------------

    def gradients(self, request: ListGradients) -> GradientTable:
        """Return every leaf with its gradient; from the first time on, backwards are counted."""
        namespace = self._namespace_of()
        self.watch.follow(gradients.tracked_leaves(namespace))
        return gradients.list_gradients(namespace, limit=request.limit, count_of=self.watch.count_of)

    def zero_grad(self, request: ZeroGrad) -> Changes:
        """Set gradients to None."""
        with self._changing():
            return descent.zero_grad(self._namespace_of(), request.names)

    def descend(self, request: Descend) -> Changes:
        """Make one step of gradient descent."""
        with self._changing():
            return descent.descend(self._namespace_of(), request.lr, request.optimizer, request.names)

    # -- what is wrong ----------------------------------------------------------------------------

    def diagnose(self, request: Diagnose) -> Findings:
        """Look for what is wrong with a graph."""
        held = self._of(request.graph)
        namespace = self._namespace_of()
        return diagnose(
            held.graph,
            held.naming,
            held.caught,
            namespace,
            line_of=self.recorder.line_of,
            count_of=self.watch.count_of,
        )

    def check(self, request: CheckGradient) -> GradientCheck:
        """Compare a function's gradient with finite differences."""
        with self._changing(), self._computing() as cancel:
            return check_gradient(
                self._namespace_of(), request.function, request.inputs, request.entries, ended=_asked(cancel)
            )

    def record(self, request: Record) -> Recording:
        """Switch the recording of cells."""
        self.recorder.switch(request.on)
        return Recording(self.recorder.on)

    # -- helpers ----------------------------------------------------------------------------------

    def _of(self, identity: int) -> Held:
        held = self._held.get(identity)
        if held is None:
            raise AutogradError("gone", "This graph was closed: open it again.")
        return held

    def _caught(self, held: Held) -> Caught:
        if held.caught is None:
            raise AutogradError("no backward", "No backward has run through this graph yet.")
        return held.caught

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Change gradients or values inside: not while a cell runs, which `await_turn` holds off meanwhile."""
        with self._turn:
            if self._cell_running():
                raise AutogradError("busy", "A cell is running: gradients can be changed once it has ended.")
            yield

    def await_turn(self, tell: Callable[[str], object]) -> None:
        """Wait, on the thread of cells, until nothing is changed any more; a cell already counts as running.

        `tell`: called once with words where it takes longer than one would not notice.
        """
        if self._turn.acquire(timeout=TELL_S):
            self._turn.release()
            return
        tell("Waits for the backward on the Autograd screen; Esc there ends it.\n")
        while not self._turn.acquire(timeout=POLL_S):  # an interrupt is heard in between
            pass
        self._turn.release()


def _asked(cancel: threading.Event | None) -> Callable[[], bool]:
    return cancel.is_set if cancel is not None else lambda: False


def _leaf_tensors(graph: Walk) -> list[Tensor]:
    return [leaf for node in graph.leaves() if (leaf := leaf_of(graph.nodes[node])) is not None]
