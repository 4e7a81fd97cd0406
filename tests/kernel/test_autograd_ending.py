"""A backward or a check that the user ends, and cells that wait for one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from tui.kernel.autograd import AutogradError, Graphs
from tui.kernel.autograd.backward import run_backward
from tui.kernel.autograd.walk import walk_graph
from tui.protocol.autograd import BackwardMode, OpenGraph, RunBackward
from tui.protocol.gradients import CheckGradient

ONE = torch.tensor(1.0)


def deep(leaf: Tensor, layers: int = 50) -> Tensor:
    for _ in range(layers):
        leaf = leaf.sin()
    return leaf.sum()


class After:
    """Answers yes from the so many-th time on."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("mode", ["peek", "backward, keep graph"])
def test_an_ended_backward_leaves_graph_and_hooks_as_before(mode: BackwardMode) -> None:
    x = torch.randn(3, requires_grad=True)
    graph = walk_graph(deep(x))
    caught = run_backward(graph, mode, ONE, ended=After(10))
    assert caught.error.startswith("Ended after 10 of 52 nodes")
    assert list(caught.order) == list(range(10))
    assert caught.norms[9] == caught.norms[9]
    assert x.grad is None
    whole = run_backward(graph, "peek", ONE)  # the graph is whole, and nobody ends this one
    assert whole.error == ""
    assert len(whole.order) == 52


def test_an_ended_backward_that_frees_says_that_the_graph_is_spent() -> None:
    x, late = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)
    root = (deep(x) * late).sum()
    graph = walk_graph(root)
    caught = run_backward(graph, "backward", ONE, ended=After(10))
    assert "spent" in caught.error
    assert late.grad is not None  # it was reached by then
    assert x.grad is None


def test_a_backward_that_is_over_tells_of_no_end() -> None:
    x = torch.randn(3, requires_grad=True)
    assert run_backward(walk_graph(deep(x)), "backward", ONE, ended=After(10_000)).error == ""


class Desk:
    """Graphs of a namespace, with a cancel that a test may give in the middle of a backward."""

    def __init__(self) -> None:
        self.namespace: dict[str, object] = {"torch": torch}
        self.running = False
        self.cancel = threading.Event()
        self.graphs = Graphs(lambda: self.namespace, lambda: self.running, self.computing)

    @contextmanager
    def computing(self) -> Iterator[threading.Event]:
        yield self.cancel


def test_cancel_ends_the_backward_and_the_check_in_progress() -> None:
    desk = Desk()
    x = torch.randn(3, requires_grad=True)

    def user_hook(gradient: Tensor) -> None:
        desk.cancel.set()

    middle = x.sin()
    middle.register_hook(user_hook)
    desk.namespace |= {"x": x, "y": deep(middle, 5)}
    opened = desk.graphs.open(OpenGraph("y"))
    done = desk.graphs.run_backward(RunBackward(opened.graph, "peek"))
    assert done.error.startswith("Ended after")
    assert desk.cancel.is_set()
    with pytest.raises(AutogradError) as caught:
        desk.graphs.check(CheckGradient("torch.sin", ("x",)))
    assert caught.value.kind == "cancelled"


def test_a_cell_waits_for_the_backward_and_then_goes_first() -> None:
    desk = Desk()
    entered, go = threading.Event(), threading.Event()
    x = torch.randn(3, requires_grad=True)

    def hold(gradient: Tensor) -> None:
        entered.set()
        assert go.wait(20)

    middle = x.sin()
    middle.register_hook(hold)
    desk.namespace |= {"x": x, "y": deep(middle, 5)}
    opened = desk.graphs.open(OpenGraph("y"))
    found: list[Any] = []
    backward = threading.Thread(
        target=lambda: found.append(desk.graphs.run_backward(RunBackward(opened.graph, "backward")))
    )
    backward.start()
    assert entered.wait(20)
    desk.running = True  # as the kernel does before it lets a cell wait
    told: list[str] = []
    order: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        order.append("told")
        go.set()

    desk.graphs.await_turn(tell)
    order.append("cell")
    backward.join(20)
    assert order == ["told", "cell"]
    assert "Waits for the backward" in told[0]
    assert found[0].error == ""
    assert x.grad is not None
    with pytest.raises(AutogradError, match="A cell is running"):
        desk.graphs.run_backward(RunBackward(opened.graph, "backward"))
    desk.running = False
    desk.graphs.await_turn(told.append)
    assert len(told) == 1  # nothing to wait for, nothing told
