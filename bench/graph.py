"""An autograd graph of 100,000 nodes: from the wish to see it to its first screen in words, and one page down.

The app over a real kernel, as a user has it, in a terminal of 120 x 40 that is not drawn. The graph is as deep as it
can be and has a leaf that 50,000 operations share.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

from textual.app import App

from bench.common import PATIENCE_S, BenchError, Verdict, conclude, temporary_home
from screens.autograd import AutogradScreen
from tui.widgets.graph.view import GraphView
from tui.wiring import build_app

STEPS = 50_000
PAGES = 30
OPEN_BUDGET_S = 2.0
PAGE_BUDGET_MS = 30.0
MAKE = f"""
import torch
x = torch.randn(8, requires_grad=True)
y = x
for _ in range({STEPS}):
    y = y * 0.999 + x
loss = y.sum()
"""


async def until(condition: Callable[[], bool], what: str) -> float:
    """Wait for a condition; return the seconds that it took."""
    started_s = time.perf_counter()
    while not condition():
        if time.perf_counter() - started_s > PATIENCE_S:
            raise BenchError(f"waited {PATIENCE_S:.0f} s for {what}")
        await asyncio.sleep(0.001)
    return time.perf_counter() - started_s


def rows(app: App[int]) -> list[str]:
    """Return what stands in the graph's rows that are in words already."""
    views = app.screen.query(GraphView)
    lines = [view.render_line(y).text for view in views for y in range(view.region.height)]
    return [line for line in lines if "●" in line and "(8,)" in line]


def turned(app: App[int], before: list[str], least: int) -> bool:
    """Return whether another page is there, in words."""
    now = rows(app)
    return now != before and len(now) >= least


async def measure() -> tuple[float, float]:
    """Return the seconds until the first screen, and the median milliseconds of a page."""
    app = build_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(lambda: app.session is not None and app.session.state == "idle", "the kernel")
        assert app.session is not None
        app.session.run_cell(MAKE)
        await until(lambda: app.session is not None and app.session.state == "idle", "the graph to be made")
        await pilot.press("f3")
        screen = app.screen
        assert isinstance(screen, AutogradScreen)
        await asyncio.sleep(1.0)  # its tables are there
        screen.open_root("loss")
        opened_s = await until(lambda: len(rows(app)) >= 20, "the first screen")
        await asyncio.sleep(2.0)  # the layout of what is not seen has caught up
        await pilot.press("home")
        view = screen.query_one(GraphView)
        least = view.region.height - 5  # rows that are to be filled
        pages_ms = []
        for _ in range(PAGES):
            before = rows(app)
            started_s = time.perf_counter()
            view.action_page(1)  # not by a key: a test's key press waits for the app to be idle
            await until(partial(turned, app, before, least), "a page")
            pages_ms.append((time.perf_counter() - started_s) * 1e3)
        await app.session.shutdown()
    return opened_s, statistics.median(pages_ms)


def main() -> int:
    """Print both figures; return 1 when one is over budget."""
    with temporary_home() as home:
        os.environ["TORCHTUI_HOME"] = str(home)
        opened_s, page_ms = asyncio.run(measure())
    return conclude(
        Verdict(f"graph, {2 * STEPS:,} nodes, s", opened_s, OPEN_BUDGET_S),
        Verdict("graph, one page down, ms", page_ms, PAGE_BUDGET_MS),
    )


if __name__ == "__main__":
    sys.exit(main())
