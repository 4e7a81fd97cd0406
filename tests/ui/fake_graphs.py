"""A session that knows one graph: y = (x * w + b).relu().sum() with x = [2, -1, 0.5], w = [1, 2, -1], b = 0.5."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
from textual.pilot import Pilot

from screens.autograd import AutogradScreen
from tests.ui.fake_session import FakeSession, NotedApp, make_app, opened, until
from tui.client.errors import KernelRefused
from tui.protocol.autograd import (
    BackwardDone,
    BackwardStep,
    CancelGraphWork,
    CloseGraph,
    Flow,
    GraphOpened,
    GraphStructure,
    Node,
    Nodes,
    OpenGraph,
    ReadNodes,
    ReadStep,
    Record,
    Recording,
    RunBackward,
)
from tui.protocol.gradients import (
    Change,
    Changes,
    CheckGradient,
    Descend,
    Diagnose,
    Finding,
    Findings,
    GradientCheck,
    GradientRow,
    GradientTable,
    ListGradients,
    ZeroGrad,
)
from tui.protocol.messages import ListVariables, Refusal, Request, Variable, VariableTable
from tui.protocol.values import TensorFacts
from tui.protocol.viewing import Cancelled, OpenView

R = TypeVar("R")


def ints(*values: int) -> str:
    return base64.b64encode(np.array(values, dtype="<i4").tobytes()).decode()


def facts(shape: tuple[int, ...], *values: float, grad_fn: str = "") -> TensorFacts:
    count = int(np.prod(shape)) if shape else 1
    statistics = f"x∈[{min(values)}, {max(values)}]" if values else ""
    low, high = (min(values), max(values)) if values else (None, None)
    return TensorFacts(
        "Tensor", shape, "float32", "cpu", count, 4 * count, statistics=statistics, minimum=low, maximum=high,
        grad_fn=grad_fn,
    )  # fmt: skip


def flow(
    label: str, shape: tuple[int, ...], *values: float, to: int = -1, holder: str = "", view: str = ""
) -> Flow:
    return Flow(label, to, facts(shape, *values), tuple(values), holder, view)


# nodes: 0 sum, 1 relu, 2 add, 3 leaf b, 4 mul, 5 leaf w; in the order in which autograd runs them
EDGES = ((1,), (2,), (4, 3), (), (-1, 5), ())
NODES = (
    Node(0, "sum", "SumBackward0", "operation", ((),), "float32", name="y"),
    Node(1, "relu", "ReluBackward0", "operation", ((3,),), "float32", saved=("result (3,) float32",)),
    Node(2, "add", "AddBackward0", "operation", ((3,),), "float32"),
    Node(3, "leaf", "AccumulateGrad", "input", ((),), "float32", name="b"),
    Node(4, "mul", "MulBackward0", "operation", ((3,),), "float32", line="In [3], line 2: y = (x * w + b)"),
    Node(5, "leaf", "AccumulateGrad", "input", ((3,),), "float32", name="w"),
)
STRUCTURE = GraphStructure(
    nodes=6,
    edges=ints(*(len(edges) for edges in EDGES), *(target for edges in EDGES for target in edges)),
    operations=("sum", "relu", "add", "leaf", "mul"),
    operation=ints(0, 1, 2, 3, 4, 3),
    kinds=base64.b64encode(bytes((0, 0, 0, 2, 0, 2))).decode(),
    modules=("",),
    module=ints(0, 0, 0, 0, 0, 0),
)
STEPS = (
    BackwardStep(
        0,
        NODES[0],
        (flow("grad of output", (), 1.0),),
        (),
        (flow("grad of self", (3,), 1.0, 1.0, 1.0, to=1),),
        ("d self (3,) = g.expand((3,))", "where g ()"),
    ),
    BackwardStep(
        1,
        NODES[1],
        (flow("grad of output", (3,), 1.0, 1.0, 1.0, view="graph1.grads[1][0]"),),
        (flow("result", (3,), 2.5, 0.0, 0.0, view="graph1.saved[1]['result']"),),
        (flow("grad of self", (3,), 1.0, 0.0, 0.0, to=2),),
        ("d self (3,) = g * (result > 0)",),
    ),
    BackwardStep(
        2,
        NODES[2],
        (flow("grad of output", (3,), 1.0, 0.0, 0.0),),
        (),
        (flow("grad of self", (3,), 1.0, 0.0, 0.0, to=4), flow("grad of other", (), 1.0, to=3)),
        ("d self (3,) = g", "d other () = g.sum_to_size(())"),
    ),
    BackwardStep(3, NODES[3], (flow("grad of output", (), 1.0),), (), (), ()),
    BackwardStep(
        4,
        NODES[4],
        (flow("grad of output", (3,), 1.0, 0.0, 0.0),),
        (flow("self", (3,), 2.0, -1.0, 0.5, holder="x"),),
        (flow("grad of other", (3,), 2.0, -0.0, 0.0, to=5),),
        ("d other (3,) = g * self", "where g (3,), self (3,)"),
    ),
    BackwardStep(5, NODES[5], (flow("grad of output", (3,), 2.0, 0.0, 0.0),), (), (), ()),
)
DONE = BackwardDone(
    order=ints(0, 1, 2, 3, 4, 5),
    norms=base64.b64encode(np.array([1.0, 3**0.5, 1.0, 1.0, 1.0, 2.0]).tobytes()).decode(),
    nonfinite=ints(0, 0, 0, 0, 0, 0),
    seconds=0.001,
    kept=6,
    spent=True,
)
NOT_YET = "no backward has reached it yet, or zero_grad() has freed its gradient"
W = GradientRow("w", (3,), "float32", "cpu", False, True, 2.449, None, verdict=NOT_YET)
B = GradientRow("b", (), "float32", "cpu", False, True, 0.5, None, verdict=NOT_YET)
Y = Variable(
    "y", "tensor", "Tensor", (), "float32", "cpu", grad="graph", grad_fn="SumBackward0", summary="2.5"
)
OUT = Variable("out", "tensor", "Tensor", (4, 2), "float32", "cpu", grad="graph", grad_fn="AddmmBackward0")


class FakeGraphs(FakeSession):
    """Answers about `y` and `out` (which is no scalar); refuses every other root. Counts backwards."""

    def __init__(self) -> None:
        super().__init__()
        self.answers[OpenView] = KernelRefused(Refusal("gone", "There are no values here."))
        self.backwards = 0
        self.is_open: set[int] = set()
        self.shape: tuple[int, ...] = ()
        self.findings = Findings(
            (Finding("dead", "relu gives 0 for 2 of 3 elements.", node=1, cure="a smaller bias"),)
        )
        self.refusing: dict[type[Request[Any]], Refusal] = {}
        """What is refused, and why."""
        self._gate: asyncio.Event | None = None
        self.held: type[Request[Any]] | None = None

    def hold(self, kind: type[Request[Any]]) -> None:
        """Do not answer this kind of request until `release`."""
        self.held, self._gate = kind, asyncio.Event()

    def release(self) -> None:
        """Answer what is held."""
        self.held = None
        if self._gate is not None:
            self._gate.set()

    async def ask(self, request: Request[R], *, timeout_s: float | None = None) -> R:
        if self.state in ("starting", "dead"):
            return await super().ask(request, timeout_s=timeout_s)
        answer = self._answer(request)
        if answer is None and not isinstance(request, CloseGraph):
            return await super().ask(request, timeout_s=timeout_s)
        self.asked.append(request)
        if self.held is type(request) and self._gate is not None:
            await self._gate.wait()
        await asyncio.sleep(0)
        if type(request) in self.refusing:
            raise KernelRefused(self.refusing[type(request)])
        if isinstance(answer, Refusal):
            raise KernelRefused(answer)
        self._note(request)
        return cast("R", answer)

    def _note(self, request: Request[Any]) -> None:
        match request:
            case OpenGraph():
                self.is_open.add(len(self.of(OpenGraph)))
            case CloseGraph(graph):
                self.is_open.discard(graph)
            case RunBackward(mode=mode) if mode != "peek":
                self.backwards += 1
            case ZeroGrad():
                self.backwards = 0

    def _answer(self, request: Request[Any]) -> object:
        match request:
            case OpenGraph(expression):
                return self._opened(expression)
            case ReadNodes(nodes=nodes):
                return Nodes(tuple(NODES[node] for node in nodes))
            case RunBackward(mode=mode):
                return replace(DONE, spent=mode == "backward")
            case ReadStep(step=step):
                return STEPS[step]
            case ListGradients():
                return self._table()
            case ListVariables():
                return VariableTable((Y, OUT), {})
            case ZeroGrad():
                return Changes("for p in (w, b): p.grad = None", (Change("w", "[2, 0, 0]", "None"),))
            case Descend(lr=lr, optimizer=optimizer):
                code = f"{optimizer}.step()" if optimizer else f"p -= {lr} * p.grad"
                return Changes(code, (Change("w", "[1, 2, -1]", "[0.8, 2, -1]", 2.449, 2.375),))
            case Diagnose():
                return self.findings
            case CheckGradient(function, inputs):
                return GradientCheck(
                    True, f"{function} of {len(inputs)} tensors agrees.", 6, 1e-9, "w[0]: 2.0, 2.0"
                )
            case Record(on):
                return Recording(on)
            case CancelGraphWork():
                return Cancelled(True)
        return None

    def _opened(self, expression: str) -> object:
        if expression not in ("y", "out"):
            return Refusal("no graph", f"{expression} is a leaf: nothing computed it.")
        shape = () if expression == "y" else (4, 2)
        root = facts(shape, 2.5, grad_fn="SumBackward0")
        return GraphOpened(len(self.of(OpenGraph)) + 1, expression, root, STRUCTURE, spent=False)

    def _table(self) -> GradientTable:
        if not self.backwards:
            return GradientTable((W, B), optimizers=("opt",))
        count = self.backwards
        have = {"backwards": count, "verdict": "has a gradient", "zero_fraction": 0.5, "minimum": 0.0}
        w = replace(W, grad_norm=2.0 * count, update_ratio=-1.1, maximum=2.0, mean=0.67, std=1.2, **have)  # type: ignore[arg-type]
        b = replace(B, grad_norm=1.0 * count, update_ratio=-3.0, maximum=1.0, mean=1.0, std=None, **have)  # type: ignore[arg-type]
        return GradientTable((w, b), count, ("opt",))


@asynccontextmanager
async def on_autograd(
    session: FakeGraphs, *, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[Pilot[int], AutogradScreen]]:
    """The app on the Autograd screen, its first table read."""
    app: NotedApp = make_app(session, first="autograd")
    async with opened(app, size) as pilot:
        screen = app.screen
        assert isinstance(screen, AutogradScreen)
        await until(pilot, lambda: screen.control.table is not None and screen.focused is not None)
        await pilot.pause()
        yield pilot, screen


async def open_y(pilot: Pilot[int], screen: AutogradScreen) -> None:
    """Open the graph of y."""
    screen.open_root("y")
    await until(pilot, lambda: screen.control.opened is not None and screen.graph.has_focus)
