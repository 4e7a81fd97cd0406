"""The requests of the Autograd screen, as the kernel answers them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from tui.kernel.autograd import AutogradError, Graphs
from tui.kernel.autograd.packing import unpacked
from tui.kernel.viewing.expression import evaluate
from tui.protocol.autograd import (
    CloseGraph,
    OpenGraph,
    ReadNodes,
    ReadStep,
    Record,
    RunBackward,
)
from tui.protocol.codec import decode, encode
from tui.protocol.gradients import (
    CheckGradient,
    Descend,
    Diagnose,
    ListGradients,
    ZeroGrad,
)


class Desk:
    """A namespace, with what answers about it."""

    def __init__(self) -> None:
        self.namespace: dict[str, object] = {"torch": torch, "nn": nn}
        self.running = False
        self.graphs = Graphs(lambda: self.namespace, lambda: self.running)

    def run(self, code: str) -> None:
        exec(code, self.namespace)

    def tensor(self, name: str) -> Tensor:
        value = self.namespace[name]
        assert isinstance(value, Tensor)
        return value


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    made.run("w = torch.tensor([1.0, 2.0], requires_grad=True); b = torch.tensor(0.5, requires_grad=True)")
    made.run("y = (w * 3 + b).relu().sum()")
    yield made
    made.graphs.close_all()
    made.graphs.watch.stop()


def test_the_whole_way(desk: Desk) -> None:
    graphs = desk.graphs
    opened = graphs.open(OpenGraph("y"))
    assert decode(type(opened), encode(opened)) == opened
    assert (opened.spent, opened.truncated, opened.recorded) == (False, False, False)
    assert opened.root.statistics == "10.0"
    count = opened.structure.nodes
    nodes = graphs.nodes(ReadNodes(opened.graph, tuple(range(count)))).rows
    assert [node.operation for node in nodes] == ["sum", "relu", "add", "leaf", "mul", "leaf"]
    assert all(node.gradient_norm is None for node in nodes)

    done = graphs.run_backward(RunBackward(opened.graph, "backward"))
    assert (done.error, done.spent, done.kept) == ("", True, count)
    assert list(unpacked("i", done.order)) == list(range(count))
    assert unpacked("d", done.norms)[0] == 1
    assert graphs.nodes(ReadNodes(opened.graph, (3, 99))).rows[0].gradient_norm == 2
    step = graphs.step(ReadStep(opened.graph, 3))
    assert decode(type(step), encode(step)) == step
    assert step.incoming[0].numbers == (2.0,)

    table = graphs.gradients(ListGradients())
    assert {row.name: row.backwards for row in table.rows if row.requires_grad and row.name != "y"} == {
        "w": 1,
        "b": 1,
    }
    assert decode(type(table), encode(table)) == table
    assert graphs.descend(Descend(0.1)).rows[1].after == "0.3"
    assert desk.tensor("b").item() == pytest.approx(0.3)
    assert [row.kind for row in graphs.diagnose(Diagnose(opened.graph)).rows] == ["spent"]
    assert len(graphs.zero_grad(ZeroGrad()).rows) == 2
    assert desk.tensor("w").grad is None


def test_two_backwards_are_the_sum_of_two(desk: Desk) -> None:
    desk.graphs.gradients(ListGradients())
    opened = desk.graphs.open(OpenGraph("y"))
    desk.graphs.run_backward(RunBackward(opened.graph, "backward, keep graph"))
    desk.graphs.run_backward(RunBackward(opened.graph, "peek"))
    desk.run("y.backward()")
    assert desk.graphs.gradients(ListGradients()).backwards == 2
    kinds = [row.kind for row in desk.graphs.diagnose(Diagnose(opened.graph)).rows]
    assert "sum of backwards" in kinds


@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph")
def test_the_graph_of_a_gradient_can_be_opened(desk: Desk) -> None:
    desk.run("z = (w ** 3).sum()")
    opened = desk.graphs.open(OpenGraph("z"))
    done = desk.graphs.run_backward(RunBackward(opened.graph, "backward", create_graph=True))
    assert (done.error, done.spent) == ("", False)
    second = desk.graphs.open(OpenGraph("w.grad"))
    assert "mul" in second.structure.operations
    assert desk.graphs.run_backward(RunBackward(second.graph, "peek", "ones")).error == ""
    desk.tensor("w").grad = None


def test_nothing_is_changed_while_a_cell_runs(desk: Desk) -> None:
    opened = desk.graphs.open(OpenGraph("y"))
    desk.running = True
    for change in (
        lambda: desk.graphs.run_backward(RunBackward(opened.graph, "peek")),
        lambda: desk.graphs.zero_grad(ZeroGrad()),
        lambda: desk.graphs.descend(Descend()),
        lambda: desk.graphs.check(CheckGradient("torch.sin", ("w",))),
    ):
        with pytest.raises(AutogradError) as caught:
            change()
        assert caught.value.kind == "busy"
    assert desk.graphs.open(OpenGraph("y")).structure.nodes == 6


def test_what_is_not_there_says_so(desk: Desk) -> None:
    opened = desk.graphs.open(OpenGraph("y"))
    with pytest.raises(AutogradError, match="No backward has run"):
        desk.graphs.step(ReadStep(opened.graph, 0))
    desk.graphs.close(CloseGraph(opened.graph))
    with pytest.raises(AutogradError, match="closed") as caught:
        desk.graphs.nodes(ReadNodes(opened.graph, (0,)))
    assert caught.value.kind == "gone"
    with pytest.raises(AutogradError, match="nothing computed it"):
        desk.graphs.open(OpenGraph("w"))


def test_closing_gives_everything_back(desk: Desk) -> None:
    desk.run("big = torch.ones(1000, requires_grad=True); loss = big.exp().sum()")
    opened = desk.graphs.open(OpenGraph("loss"))
    desk.graphs.run_backward(RunBackward(opened.graph, "peek"))
    view = desk.graphs.step(ReadStep(opened.graph, 1)).incoming[0].view
    kept = weakref.ref(evaluate(view, {**desk.namespace, **desk.graphs.viewable()}).value)
    root = weakref.ref(desk.tensor("loss"))
    del desk.namespace["loss"]
    desk.namespace.pop("__builtins__")
    assert root() is not None  # the open graph holds it
    desk.graphs.close(CloseGraph(opened.graph))
    gc.collect()
    assert root() is None
    assert kept() is None


def test_many_graphs_leave_no_tensor_behind(desk: Desk) -> None:
    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(one), Tensor) for one in gc.get_objects())

    def once() -> None:
        opened = desk.graphs.open(OpenGraph("y"))
        desk.graphs.run_backward(RunBackward(opened.graph, "peek"))
        desk.graphs.step(ReadStep(opened.graph, 2))
        desk.graphs.close(CloseGraph(opened.graph))

    once()
    before = tensors()
    for _ in range(5):
        once()
    assert tensors() == before


def test_recording_is_switched(desk: Desk) -> None:
    assert desk.graphs.record(Record(True)).on
    with desk.graphs.recorder.cell():
        desk.run("z = w.exp().sum()")
    assert not desk.graphs.record(Record(False)).on
    assert desk.graphs.open(OpenGraph("z")).recorded
    assert not torch.is_anomaly_enabled()


def test_compiled_regions_are_nodes(desk: Desk) -> None:
    desk.run("c = torch.compile(lambda x: (x * 2).sin(), backend='aot_eager')(w).sum()")
    opened = desk.graphs.open(OpenGraph("c"))
    assert "compiled" in opened.structure.operations
    done = desk.graphs.run_backward(RunBackward(opened.graph, "backward"))
    assert done.error == ""
    expected = 2 * torch.cos(desk.tensor("w").detach() * 2)
    gradient = desk.tensor("w").grad
    assert gradient is not None
    assert torch.allclose(gradient, expected)


def test_a_library_call_on_a_graph_of_a_hundred_thousand_nodes(desk: Desk) -> None:
    desk.run(
        "v = torch.ones(2, requires_grad=True); t = v\nfor _ in range(50_000):\n    t = t * 1.0 + v\nt = t.sum()"
    )
    opened = desk.graphs.open(OpenGraph("t"))
    assert opened.structure.nodes == 100_002
    edges = unpacked("i", opened.structure.edges)
    assert len(edges) == 100_002 + sum(edges[:100_002])
    desk.graphs.close(CloseGraph(opened.graph))


def test_the_viewer_opens_what_a_step_shows(desk: Desk) -> None:
    desk.run("graph1 = 'mine'; h = w.sin(); z = (h.exp() * h).sum()")
    opened = desk.graphs.open(OpenGraph("z"))
    desk.graphs.run_backward(RunBackward(opened.graph, "peek"))
    (h_step,) = [
        step
        for i in range(opened.structure.nodes)
        if (step := desk.graphs.step(ReadStep(opened.graph, i))).node.operation == "sin"
    ]
    seen = {**desk.namespace, **desk.graphs.viewable()}
    assert seen["graph1"] == "mine"
    h = desk.tensor("h").detach()
    (flow,) = h_step.incoming
    assert torch.allclose(evaluate(flow.view, seen).value, h.exp() * (1 + h))
    (saved,) = h_step.saved
    assert saved.view == "w"  # what has a name is opened under it
    step = desk.graphs.step(ReadStep(opened.graph, 2))
    assert step.node.operation == "exp"
    assert torch.equal(evaluate(step.saved[0].view, seen).value, h.exp())
    desk.graphs.close(CloseGraph(opened.graph))
    assert desk.graphs.viewable() == {}


def test_a_backward_through_a_spent_graph_is_refused_and_its_steps_stay(desk: Desk) -> None:
    opened = desk.graphs.open(OpenGraph("y"))
    desk.graphs.run_backward(RunBackward(opened.graph, "backward"))
    with pytest.raises(AutogradError, match="Run its cell again") as caught:
        desk.graphs.run_backward(RunBackward(opened.graph, "backward"))
    assert caught.value.kind == "spent"
    assert desk.graphs.step(ReadStep(opened.graph, 0)).incoming[0].numbers == (1.0,)
    assert desk.tensor("w").grad is not None
