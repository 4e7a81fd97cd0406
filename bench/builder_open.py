"""Opening a model of 1,000 modules in the Builder: asked of a real kernel, run once on a real batch, and decoded here.

The figure is the slowest of the three ways: with a batch, with shapes alone, and as blocks that can be edited. The
second time each is asked is what counts; the first, which brings in code and libraries, is printed beside it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

from bench.common import BenchError, Verdict, conclude, temporary_home
from tui.client.session import KernelSession
from tui.protocol.building import ListLayers
from tui.protocol.messages import Request
from tui.protocol.models import ImportModel, ModelRead, ReadModel

BUDGET_S = 1.5
MODULES = 1_000
ROUNDS = 5
TYPING_S = 2.0
"""Between the opening of the screen and the first question: a model's name has to be typed."""
MODEL = """
import torch
from torch import nn
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16)
    def forward(self, x):
        return torch.relu(x + self.norm(self.conv(x)))
model = nn.Sequential(*[Block() for _ in range(333)])
batch = torch.randn(4, 16, 8, 8)
"""
ASKED: tuple[tuple[str, Request[Any]], ...] = (
    ("with a batch", ReadModel("model", "batch")),
    ("with shapes", ReadModel("model", "(4, 16, 8, 8)")),
    ("as blocks", ImportModel("model")),
)


async def measure() -> float:
    """Print what each way takes; return the seconds of the slowest."""
    session = KernelSession(title="bench")
    await session.start()
    slowest_s = 0.0
    try:
        while (await session.read_status()).torch_state == "importing":
            await asyncio.sleep(0.05)
        await session.ask(ListLayers(), timeout_s=30)  # as the screen does when it opens
        await asyncio.sleep(TYPING_S)
        before = (await session.read_status()).execution_count
        session.run_cell(MODEL)
        while (status := await session.read_status()).execution_count == before or status.cell_running:
            await asyncio.sleep(0.05)
        for what, request in ASKED:
            taken_s = []
            for _ in range(1 + ROUNDS):
                started_s = time.perf_counter()
                answer = await session.ask(request, timeout_s=30)
                taken_s.append(time.perf_counter() - started_s)
            if isinstance(answer, ModelRead) and (len(answer.rows) != MODULES or not answer.output_shapes):
                raise BenchError(f"{len(answer.rows)} rows, output {answer.output_shapes}")
            again_s = sorted(taken_s[1:])[ROUNDS // 2]
            print(f"  {what:14} first {taken_s[0]:.2f} s, then {again_s:.2f} s")
            slowest_s = max(slowest_s, again_s)
    finally:
        await session.shutdown(timeout_s=5)
    return slowest_s


def main() -> int:
    """Print the figure; return 1 when it is over budget."""
    with temporary_home() as home:
        os.environ["TORCHTUI_HOME"] = str(home)
        seconds = asyncio.run(measure())
    return conclude(Verdict("builder_open", seconds, BUDGET_S, "s"))


if __name__ == "__main__":
    sys.exit(main())
