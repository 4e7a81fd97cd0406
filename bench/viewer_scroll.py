"""Paging down through a 100,000 x 10,000 tensor: what a page takes from the asking until its values are here.

The tensor is never written, so that its 4 GB of zeros take no memory. Through a real kernel in a process of its own,
as the viewer asks; the same with a slice, and sorted along each row, for comparison.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time

from bench.common import PATIENCE_S, BenchError, Verdict, conclude, temporary_home
from tui.client.errors import KernelRefused
from tui.client.session import KernelSession
from tui.protocol.viewing import OpenView, ReadWindow, View

ROWS, COLUMNS = 40, 16
PAGES = 200
BUDGET_MS = 30.0
MAKE = "import torch; scrolled = torch.zeros(100_000, 10_000)"
VIEWS = (
    ("scrolled", View("scrolled")),
    ("scrolled[:, ::2]", View("scrolled[:, ::2]")),
    ("sorted along rows", View("scrolled", "sort descending", 1)),
)
"""The first is the one with the budget."""


async def page_down(session: KernelSession, view: View) -> list[float]:
    """Return the milliseconds of each page."""
    taken_ms = []
    for page in range(PAGES):
        request = ReadWindow(view, 0, 1, (0, 0), page * ROWS, 8, ROWS, COLUMNS)
        started_s = time.perf_counter()
        window = await session.ask(request, timeout_s=20)
        taken_ms.append((time.perf_counter() - started_s) * 1e3)
        if window.row != page * ROWS or len(window.values) != ROWS or len(window.values[0]) != COLUMNS:
            raise BenchError(f"page {page} is another: {window.row}, {len(window.values)} rows")
    return taken_ms


async def made(session: KernelSession) -> None:
    """Wait until the tensor is there."""
    deadline_s = time.perf_counter() + PATIENCE_S
    while True:
        try:
            await session.ask(OpenView(VIEWS[0][1]), timeout_s=20)
            return
        except KernelRefused as refused:
            if time.perf_counter() > deadline_s:
                raise BenchError(f"the tensor was not made: {refused}") from None
            await asyncio.sleep(0.05)


async def measure() -> float:
    """Return the median of a page in milliseconds, over the whole round trip."""
    session = KernelSession(title="bench")
    await session.start()
    try:
        await session.ready()
        session.run_cell(MAKE)
        await made(session)
        medians_ms = []
        for name, view in VIEWS:
            taken_ms = await page_down(session, view)
            medians_ms.append(statistics.median(taken_ms))
            print(f"  {name:20} p50 {medians_ms[-1]:5.1f} · most {max(taken_ms):5.1f} ms")
        return medians_ms[0]
    finally:
        await session.shutdown(timeout_s=5)


def main() -> int:
    """Print the times; return 1 when a page takes longer than the budget."""
    with temporary_home() as home:
        os.environ["TORCHTUI_HOME"] = str(home)
        figure_ms = asyncio.run(measure())
    return conclude(Verdict("viewer scroll p50", figure_ms, BUDGET_MS, "ms", 1))


if __name__ == "__main__":
    sys.exit(main())
