"""Tab to the painted list of names, with torch loaded: what stands behind ``torch.``, a tensor and a call.

The figure is the slowest of the three. Beside it, what asking the kernel alone takes.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from bench.common import CTRL_C, TORCHTUI, Terminal, Verdict, conclude, temporary_home
from tui.client.session import KernelSession
from tui.protocol.completing import ListCompletions, ReadSignature
from tui.protocol.messages import Request

BUDGET_MS = 100.0
TABS = 30
ASKED = 100
ESCAPE = "\x1b"
CASES = (
    ("torch.", r"abs .*\(input"),
    ("bench_x.", r"abs .*\(\)"),
    ("torch.zeros(3, ", r"dtype= +arg"),
)
"""What is typed before Tab, and a row of the list that comes."""


def measure(terminal: Terminal, typed: str, row: str) -> list[float]:
    """Press Tab and leave the list, again and again; return the milliseconds until the list was on the screen."""
    taken_ms = []
    for _ in range(TABS):
        terminal.send(typed)
        terminal.wait_text(typed.rstrip().replace("(", r"\(").replace(".", r"\."))
        terminal.read_for(0.15)  # the call tip comes first
        sent_s = terminal.send("\t")
        taken_ms.append((terminal.wait_text(row) - sent_s) * 1e3)
        terminal.send(ESCAPE)
        terminal.read_for(0.2)  # or the next key would be taken for alt with it
        terminal.send(CTRL_C)  # no cell runs: it leaves the line
        terminal.wait(lambda lines: not any(typed.rstrip() in line for line in lines[-12:]), "an empty line")
    return taken_ms


def through_the_app(home: Path) -> float:
    """Return the slowest median of the cases, in milliseconds."""
    medians = []
    with Terminal([str(TORCHTUI)], home) as terminal:
        terminal.wait_text(r"In \[1\]")
        terminal.wait_text(r"torch \d")
        terminal.send("import torch; bench_x = torch.zeros(10, 3)\r")
        terminal.wait_text(r"In \[2\]")
        terminal.wait_text(r"bench_x +tensor|bench_x.*\(10, 3\)")
        for typed, row in CASES:
            taken_ms = measure(terminal, typed, row)
            medians.append(statistics.median(taken_ms))
            print(f"  {typed:16} p50 {medians[-1]:5.1f} · most {max(taken_ms):5.1f} ms")
    return max(medians)


async def through_the_kernel() -> None:
    """Print what asking the kernel takes, without an app."""
    session = KernelSession(title="bench")
    await session.start()
    try:
        while (await session.read_status()).torch_state == "importing":
            await asyncio.sleep(0.05)
        requests: tuple[Request[Any], ...] = (
            ListCompletions("torch.", 6),
            ReadSignature("torch.zeros(3, ", 15),
        )
        for request in requests:
            taken_ms = []
            for _ in range(ASKED):
                started_s = time.perf_counter()
                answer = await session.ask(request, timeout_s=10)
                taken_ms.append((time.perf_counter() - started_s) * 1e3)
            print(
                f"  {type(request).__name__:16} p50 {statistics.median(taken_ms):5.1f} ms  {str(answer)[:60]}…"
            )
    finally:
        await session.shutdown(timeout_s=5)


def main() -> int:
    """Print the times; return 1 when the list comes too late."""
    with temporary_home() as home:
        os.environ["TORCHTUI_HOME"] = str(home)
        asyncio.run(through_the_kernel())
    with temporary_home() as home:
        figure_ms = through_the_app(home)
    return conclude(Verdict("completion p50", figure_ms, BUDGET_MS, "ms", 1))


if __name__ == "__main__":
    sys.exit(main())
