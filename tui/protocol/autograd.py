"""What the Autograd screen asks: the graph of a result, backward through it and step by step.

A graph is opened once, under an id, and held in the kernel until it is closed. Its structure crosses whole but packed
(`Packed`), so that 100,000 nodes are a matter of milliseconds; what a node is in words crosses for the nodes on screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from tui.protocol.messages import Lane, Request
from tui.protocol.values import TensorFacts
from tui.protocol.viewing import Cancelled

Packed = str
"""Base64 of a little-endian array; the field says of what."""

NodeKind = Literal["operation", "parameter", "input", "custom", "checkpoint"]
"""An operation of torch · a leaf that is an `nn.Parameter` · another leaf that requires grad · a user's
`autograd.Function` · a checkpointed region, which runs forward again."""


@dataclass(frozen=True)
class GraphStructure:
    """The nodes of a graph, from the root on, in an order in which each comes after every node that uses it.

    Node 0 is the root's `grad_fn`. It is the order in which autograd runs them where that is known.
    """

    nodes: int
    edges: Packed
    """int32: for each node the number of its edges, then for each edge the node that it leads to; -1 for None."""
    operations: tuple[str, ...]
    """Distinct names in the words of the user's code: ``addmm``, ``relu``."""
    operation: Packed
    """int32: for each node an index into `operations`."""
    kinds: Packed
    """uint8: for each node an index into `NodeKind`'s values, in their order."""
    modules: tuple[str, ...]
    """Distinct module paths, e.g. ``model.layer1[0].conv1``; the first is empty: of no module."""
    module: Packed
    """int32: for each node an index into `modules`."""


@dataclass(frozen=True)
class GraphOpened:
    """A graph that is held in the kernel."""

    graph: int
    """Its id in the requests that follow."""
    expression: str
    root: TensorFacts
    structure: GraphStructure
    spent: bool
    """Whether backward has freed what it saved: it cannot run again."""
    truncated: bool = False
    """Whether there are more nodes than were asked for."""
    recorded: bool = False
    """Whether lines of code and modules are known from a recording; else modules are told by their parameters."""


@dataclass(frozen=True)
class OpenGraph(Request[GraphOpened]):
    """Ask for the graph of a tensor; refused with words for one that has none, with the reason why."""

    lane: ClassVar[Lane] = "compute"
    expression: str
    limit: int = 1_000_000


@dataclass(frozen=True)
class CloseGraph(Request[None]):
    """Let go of a graph, its gradients and all that it kept alive."""

    lane: ClassVar[Lane] = "compute"
    graph: int


@dataclass(frozen=True)
class Node:
    """One node in words."""

    node: int
    operation: str
    cpp_name: str
    """As autograd has it, e.g. ``AddmmBackward0``."""
    kind: NodeKind
    shapes: tuple[tuple[int, ...], ...]
    """Of each output of the operation; several for e.g. `unbind`."""
    dtype: str
    name: str = ""
    """Of the variable or parameter that holds its output: ``loss``, ``model.fc.weight``; empty where none does."""
    module: str = ""
    line: str = ""
    """``In [3], line 2: y = x @ w`` where recorded."""
    saved_bytes: int = 0
    """Of the tensors kept for backward; shared storage counted once within the node."""
    saved: tuple[str, ...] = ()
    """E.g. ``self (32, 64) float32``; ``freed`` where backward has freed them."""
    traits: tuple[str, ...] = ()
    """``view``, ``in place``, ``2 outputs``, ``broadcast``…"""
    gradient_norm: float | None = None
    """2-norm of the gradient that came in, at the last backward; None before it, or where none came."""
    gradient_nonfinite: int = 0


@dataclass(frozen=True)
class Nodes:
    """The nodes that were asked for, in that order."""

    rows: tuple[Node, ...]


@dataclass(frozen=True)
class ReadNodes(Request[Nodes]):
    """Ask for nodes in words."""

    lane: ClassVar[Lane] = "view"
    graph: int
    nodes: tuple[int, ...]


# -- backward ---------------------------------------------------------------------------------------

BackwardMode = Literal["backward", "backward, keep graph", "peek"]
"""As PyTorch does it, accumulating into `.grad` and freeing the graph · the same, keeping it · gradients are
computed, `.grad` and the graph stay as they are."""


@dataclass(frozen=True)
class BackwardDone:
    """What a backward did."""

    order: Packed
    """int32: the nodes in the order in which autograd ran them."""
    norms: Packed
    """float64: for each node of the graph the norm of the gradient that came in; NaN where none came."""
    nonfinite: Packed
    """int32: for each node how many values of it were NaN or infinite."""
    seconds: float
    kept: int
    """Nodes whose whole gradients are kept for stepping through; the others have statistics alone."""
    spent: bool
    error: str = ""
    """Why it ended early, in plain words; what was caught until then is there."""
    failed: int = -1
    """Node at which it ended early; -1: none, or it is not known."""


@dataclass(frozen=True)
class RunBackward(Request[BackwardDone]):
    """Run backward through an opened graph, catching the gradient at every node; refused while a cell runs.

    A cell that is sent meanwhile waits until it is over. `CancelGraphWork` ends it.
    """

    lane: ClassVar[Lane] = "compute"
    graph: int
    mode: BackwardMode
    gradient: str = ""
    """For a root that is no scalar: ``ones``, ``random``, ``one-hot INDEX`` or an expression; empty: a scalar's 1."""
    create_graph: bool = False
    """Whether the gradients get a graph of their own, which `OpenGraph` then finds as ``NAME.grad``."""


@dataclass(frozen=True)
class CancelGraphWork(Request[Cancelled]):
    """End the backward, peek or gradient check in progress, as soon as the operation that runs now is over.

    A backward then tells in its `error` how far it came; a check is refused with the kind ``cancelled``.
    """

    lane: ClassVar[Lane] = "steer"


@dataclass(frozen=True)
class Flow:
    """One tensor that went into or out of a node during backward."""

    label: str
    """``grad of output``, ``grad of self``; or of a saved tensor its name."""
    to: int = -1
    """Node that it went to; -1: none, or it is a saved tensor."""
    facts: TensorFacts | None = None
    """None where no gradient went there."""
    numbers: tuple[float, ...] = ()
    """Its values where there are at most 64."""
    holder: str = ""
    """Of a saved tensor the name of the variable or parameter that holds it; empty where none does."""
    view: str = ""
    """The expression under which the tensor viewer opens it, as long as the graph is open; empty: it cannot."""


@dataclass(frozen=True)
class BackwardStep:
    """One moment of a backward: a node ran."""

    step: int
    node: Node
    incoming: tuple[Flow, ...]
    saved: tuple[Flow, ...]
    outgoing: tuple[Flow, ...]
    rule: tuple[str, ...]
    """The local rule in symbols with shapes: ``d self = g · other``; empty where we know none."""
    note: str = ""


@dataclass(frozen=True)
class ReadStep(Request[BackwardStep]):
    """Ask for one step of the last backward."""

    lane: ClassVar[Lane] = "view"
    graph: int
    step: int


# -- recording --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recording:
    """Whether the lines and modules of operations are being recorded."""

    on: bool


@dataclass(frozen=True)
class Record(Request[Recording]):
    """Switch the recording of the next cells on or off: each node then knows its line of code and its module."""

    lane: ClassVar[Lane] = "steer"
    on: bool
