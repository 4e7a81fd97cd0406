"""Memory of the kernel after a graph was opened, run backward through and closed / before.

Through a real kernel, with a network whose activations take about 200 MB. The first round is not counted: it loads
what is loaded once. What the C library keeps for later is handed back before each measurement.
"""

from __future__ import annotations

import asyncio
import os
import sys

import psutil

from bench.common import PATIENCE_S, BenchError, Verdict, conclude, temporary_home
from tui.client.news import CellEnded, News
from tui.client.session import KernelSession
from tui.protocol.autograd import (
    CloseGraph,
    OpenGraph,
    ReadStep,
    RunBackward,
)

BUDGET = 1.01
MAKE = """
import ctypes
import torch
from torch import nn
layers = [layer for _ in range(24) for layer in (nn.Linear(1024, 1024), nn.ReLU())]
model = nn.Sequential(*layers)
loss = model(torch.randn(1024, 1024)).square().mean()
"""
TRIM = "import gc; gc.collect(); ctypes.CDLL(None).malloc_trim(0)"


async def ran(session: KernelSession, code: str) -> None:
    """Run a cell and wait for its end."""
    ended = asyncio.Event()

    def hear(news: News) -> None:
        if isinstance(news, CellEnded):
            ended.set()

    unlisten = session.listen(hear)
    session.run_cell(code)
    async with asyncio.timeout(PATIENCE_S):
        await ended.wait()
    unlisten()


async def looked_at(session: KernelSession) -> float:
    """Open the graph, look at every gradient, close it; return how much the kernel had grown meanwhile, in bytes."""
    assert session.process is not None
    kernel = psutil.Process(session.process.info.pid)
    before = kernel.memory_info().rss
    opened = await session.ask(OpenGraph("loss"))
    done = await session.ask(RunBackward(opened.graph, "peek"))
    if done.error:
        raise BenchError(done.error)
    for step in range(10):
        await session.ask(ReadStep(opened.graph, step))
    grown = kernel.memory_info().rss - before
    await session.ask(CloseGraph(opened.graph))
    return float(grown)


async def measure() -> float:
    """Return the resident memory after, over that before."""
    session = KernelSession(title="bench")
    await session.start()
    try:
        await session.ready()
        await ran(session, MAKE)
        assert session.process is not None
        kernel = psutil.Process(session.process.info.pid)
        sizes = []
        for _ in range(4):
            await ran(session, TRIM)
            sizes.append(kernel.memory_info().rss)
            grown = await looked_at(session)
        await ran(session, TRIM)
        sizes.append(kernel.memory_info().rss)
        print(
            f"    {' · '.join(f'{size / 1e6:.1f}' for size in sizes)} MB; {grown / 1e6:.0f} MB more while open"
        )
        return float(max(sizes[2:]) / sizes[1])
    finally:
        await session.shutdown(timeout_s=5)


def main() -> int:
    """Print the ratio; return 1 when it is over its budget."""
    with temporary_home() as home:
        os.environ["TORCHTUI_HOME"] = str(home)
        ratio = asyncio.run(measure())
    return conclude(Verdict("graph_memory, after closing", ratio, BUDGET, digits=3))


if __name__ == "__main__":
    sys.exit(main())
