"""First painted frame of `torchtui`, compared with that of an empty Textual app and with ``import torch``."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.common import (
    TORCHTUI,
    BenchError,
    Terminal,
    Verdict,
    conclude,
    environment,
    spread,
    temporary_home,
)

BUDGET_APP, BUDGET_TORCH = 1.5, 0.3
ROUNDS = 10
EMPTY_APP = """
from textual.app import App
from textual.widgets import Static

class Empty(App):
    def compose(self):
        yield Static("the only text")

Empty().run()
"""


def painted_s(argv: list[str], home: Path, *marks: bytes) -> list[float]:
    """Return the seconds from starting a program to the frames that first hold each of `marks`, in order."""
    times: list[float] = []
    with Terminal(argv, home) as terminal:
        seen = b""
        while (chunk := terminal.read(30.0)) is not None:
            seen += chunk.data
            while marks[len(times)] in seen:
                times.append(chunk.at_s - terminal.started_s)
                if len(times) == len(marks):
                    return times
    raise BenchError(f"{argv[0]} painted no {marks[len(times)].decode()!r}")


def import_torch_s(home: Path) -> float:
    """Return the seconds that a process takes which imports torch and ends."""
    start_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True, env=environment(home), cwd=home)
    return time.perf_counter() - start_s


def main() -> int:
    """Print the three times and both ratios; return 1 when one is over its budget."""
    ours: list[float] = []
    prompt: list[float] = []
    empty: list[float] = []
    torch: list[float] = []
    with temporary_home() as home:
        script = home / "empty.py"
        script.write_text(EMPTY_APP, encoding="utf-8")
        for number in range(ROUNDS + 1):
            taken = (
                *painted_s([str(TORCHTUI)], home, b"Autograd", b"F1 lists the keys"),
                *painted_s([sys.executable, str(script)], home, b"the only text"),
                import_torch_s(home),
            )
            if number:  # the first round compiles modules and fills caches
                for times, seconds in zip((ours, prompt, empty, torch), taken, strict=True):
                    times.append(seconds)
    print(f"torchtui           {spread(ours)} s")
    print(f"    its REPL       {spread(prompt)} s (for information)")
    print(f"empty Textual app  {spread(empty)} s")
    print(f"import torch       {spread(torch)} s")
    figures = [
        statistics.median(a / b for a, b in zip(ours, others, strict=True)) for others in (empty, torch)
    ]
    return conclude(
        Verdict("startup / empty app", figures[0], BUDGET_APP),
        Verdict("startup / import torch", figures[1], BUDGET_TORCH),
    )


if __name__ == "__main__":
    sys.exit(main())
