"""What the Autograd screen knows of the opened graph and of the gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.protocol.autograd import (
    BackwardDone,
    BackwardMode,
    BackwardStep,
    GraphOpened,
    Node,
)
from tui.protocol.gradients import (
    Changes,
    Findings,
    GradientCheck,
    GradientTable,
)
from tui.widgets.gradients.start import Candidate

if TYPE_CHECKING:
    from tui.widgets.graph.structure import Structure


class GraphState:
    """One graph, the last backward through it, and where in it we are; the gradients of the namespace."""

    def __init__(self) -> None:
        self.opened: GraphOpened | None = None
        self.structure: Structure | None = None
        self.spent = False
        """Whether the graph cannot run again."""
        self.done: BackwardDone | None = None
        self.mode: BackwardMode = "backward"
        """Of the last backward."""
        self.order: Sequence[int] = ()
        """The nodes in the order in which the last backward ran them."""
        self._step_of: dict[int, int] = {}
        self.step: BackwardStep | None = None
        self._step_wanted: int | None = None
        self.nodes: dict[int, Node] = {}
        """Those that have been read, with the gradients of the last backward."""
        self.node = 0
        """The one that is looked at."""
        self.led = 0
        """How often something else than the graph's own cursor went to a node."""
        self.table: GradientTable | None = None
        self.candidates: list[Candidate] = []
        self.findings: Findings | None = None
        self.changes: Changes | GradientCheck | None = None
        self.recording = False
        self.create_graph = False
        self.working = ""
        """What the kernel computes for us; empty: nothing."""
        self.can_end = False
        """Whether that can be ended on its way."""

    def holds(self, graph: int) -> bool:
        """Return whether it is this graph that is open."""
        return self.opened is not None and self.opened.graph == graph

    def forget_graph(self) -> None:
        """Forget all that was about the graph before."""
        self.structure, self.spent = None, False
        self.new_backward(None, "backward")
        self.nodes.clear()
        self.node = 0
        self.findings = None

    def new_backward(self, done: BackwardDone | None, mode: BackwardMode) -> None:
        """Take in what a backward caught; None: there is none."""
        self.done, self.mode, self.step = done, mode, None
        from tui.widgets.graph.structure import unpack_ints

        self.order = unpack_ints(done.order).tolist() if done is not None else ()
        self._step_of = {node: step for step, node in enumerate(self.order)}

    @property
    def at(self) -> int | None:
        """The step of the node that is looked at; None where it did not run."""
        return self._step_of.get(self.node)

    def name_of(self, node: int) -> str:
        """Return what a node is called: the name of a leaf with ``.grad``, else its operation."""
        known = self.nodes.get(node)
        if known is not None and known.kind in ("parameter", "input") and known.name:
            return f"{known.name}.grad"
        if known is not None:
            return known.operation
        return self.structure.operation_of(node) if self.structure is not None else ""

    def call_here(self) -> str:
        """Return the node that is looked at as a call that can be checked; empty where its inputs have no names."""
        node = self.nodes.get(self.node)
        if node is None or self.structure is None or node.kind not in ("operation", "custom"):
            return ""
        first, end = self.structure.starts[self.node], self.structure.starts[self.node + 1]
        inputs = [self.nodes.get(int(target)) for target in self.structure.targets[first:end]]
        names = [one.name.partition(", ")[0] for one in inputs if one is not None and one.name]
        if not names or len(names) != len(inputs):
            return ""
        called = f"{node.operation}.apply" if node.kind == "custom" else f"torch.{node.operation}"
        return f"{called}({', '.join(names)})"

    def senders(self) -> list[str]:
        """Return what sent the gradient that came in at the step that is shown."""
        if self.structure is None or self.step is None:
            return []
        return [self.name_of(user) for user in self.structure.users(self.step.node.node)[:4]]
