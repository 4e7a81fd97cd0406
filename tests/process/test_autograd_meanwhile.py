"""Backward from the Autograd screen beside cells and the tensor viewer, over the wire."""

from __future__ import annotations

import asyncio
import math

import pytest

from tests.support import Ear, status_when
from tui.client.errors import KernelRefused
from tui.client.news import CellEnded, CellFailed, CellPrinted
from tui.client.session import KernelSession
from tui.protocol.autograd import (
    BackwardDone,
    CancelGraphWork,
    CloseGraph,
    OpenGraph,
    ReadStep,
    RunBackward,
)
from tui.protocol.messages import ListVariables
from tui.protocol.viewing import OpenView, ReadWindow, View

SLOW = """
import time
class Slow(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1
    @staticmethod
    def backward(ctx, g):
        globals()["begun"] = True
        time.sleep(0.02)
        return g
w = torch.ones(3, requires_grad=True)
y = w
for _ in range(2000):
    y = Slow.apply(y)
y = y.sum()
"""


async def slow_backward(session: KernelSession, ear: Ear) -> asyncio.Task[BackwardDone]:
    """Begin a backward that takes most of a minute if nobody ends it."""
    session.run_cell(SLOW)
    await ear.kind(CellEnded)
    opened = await session.ask(OpenGraph("y"))
    task = asyncio.create_task(session.ask(RunBackward(opened.graph, "backward, keep graph")))
    while "begun" not in {row.name for row in (await session.ask(ListVariables())).rows}:
        assert not task.done()
        await asyncio.sleep(0.01)
    return task


async def test_a_cell_waits_and_says_so_until_the_backward_is_ended(session: KernelSession) -> None:
    ear = Ear(session)
    task = await slow_backward(session, ear)
    session.run_cell("w.grad")
    # the cell counts as running, and waits: it has not begun when the backward is ended
    printed = await ear.kind(CellPrinted, lambda news: "Waits for the backward" in news.text)
    assert "Esc" in printed.text
    assert not task.done()
    assert (await session.ask(CancelGraphWork())).was_running
    assert (await task).error.startswith("Ended after")
    await ear.kind(CellEnded)
    assert not (await status_when(session, lambda now: not now.cell_running)).cell_running


async def test_a_cell_that_waits_can_be_interrupted(session: KernelSession) -> None:
    ear = Ear(session)
    task = await slow_backward(session, ear)
    session.run_cell("w = 5")
    await ear.kind(CellPrinted, lambda news: "Waits for the backward" in news.text)
    session.interrupt()
    assert (await ear.kind(CellFailed)).kind == "KeyboardInterrupt"
    await session.ask(CancelGraphWork())
    await task


async def test_the_gradient_of_a_result_between_is_opened_in_the_viewer(session: KernelSession) -> None:
    ear = Ear(session)
    session.run_cell("w = torch.tensor([1.0, 2.0], requires_grad=True)\nh = w * 3\ny = h.exp().sum()")
    await ear.kind(CellEnded)
    opened = await session.ask(OpenGraph("y"))
    await session.ask(RunBackward(opened.graph, "peek"))
    steps = [await session.ask(ReadStep(opened.graph, step)) for step in range(4)]
    mul = next(step for step in steps if step.node.operation == "mul")
    (flow,) = mul.incoming
    view = View(flow.view)
    facts = await session.ask(OpenView(view))
    assert facts.tensor.shape == (2,)
    window = await session.ask(ReadWindow(view, 0, None, (0,), 0, 0, 2, 1))
    assert [row[0] for row in window.values] == pytest.approx([math.exp(3), math.exp(6)])
    await session.ask(CloseGraph(opened.graph))
    with pytest.raises(KernelRefused, match="graph"):
        await session.ask(OpenView(view))
