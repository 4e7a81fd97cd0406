"""Memory of the UI process: with four charts open on a live run, and on a run of ten million steps.

The second is compared with the same run of a hundredth of the length: what is on the screen decides, not how long it
took to come about.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.common import (
    TORCHTUI,
    TRAINING_SHOWN,
    Terminal,
    Verdict,
    conclude,
    kernel_pid,
    temporary_home,
    train,
)
from bench.long_run import write_long_run

BUDGET_MB = 90.0
LONG_BUDGET = 1.3
EPOCHS = 3000
SAMPLES, EVERY_S = 6, 3.0
LENGTHS = {100_000: r"100k points", 10_000_000: r"10M points"}
"""Steps of the runs that are opened, and what the chart says once they are read."""
READ_S = 240.0
"""The most that reading one may take."""


class Memory(NamedTuple):
    """Megabytes of a process."""

    rss: float
    uss: float
    """Its own alone: what would be free again if it ended."""


def memory_of(pid: int) -> Memory:
    """Read a process's memory."""
    info = psutil.Process(pid).memory_full_info()
    return Memory(info.rss / 1e6, info.uss / 1e6)


def live() -> float:
    """Return the most that the UI of a live run had of its own, in MB."""
    taken: list[Memory] = []
    with temporary_home() as home, train(home, "spiral_mlp", "--epochs", str(EPOCHS)) as terminal:
        terminal.wait_text(TRAINING_SHOWN)
        for _ in range(SAMPLES):
            terminal.read_for(EVERY_S)
            taken.append(memory_of(terminal.pid))
        kernel = memory_of(kernel_pid(home))
    print("UI process, USS  " + " · ".join(f"{sample.uss:.1f}" for sample in taken) + " MB")
    print("UI process, RSS  " + " · ".join(f"{sample.rss:.1f}" for sample in taken) + " MB")
    print(f"kernel process   {kernel.uss:.0f} MB USS, {kernel.rss:.0f} MB RSS")
    return max(sample.uss for sample in taken)


def opened(home: Path, steps: int, shown: str) -> float:
    """Return what the UI has of its own, in MB, once a run of so many steps is on the screen, then smoothed."""
    folder = home / f"run-of-{steps}"
    folder.mkdir()
    write_long_run(folder, steps)
    with Terminal([str(TORCHTUI), "watch", str(folder)], home) as terminal:
        read_s = terminal.wait_text(shown, READ_S) - terminal.started_s
        terminal.read_for(1.0)
        plain = memory_of(terminal.pid)
        terminal.send("w")
        terminal.wait_text(r"EMA 0\.6")
        terminal.wait_text(r"≈")
        terminal.read_for(1.0)
        smoothed = memory_of(terminal.pid)
    print(
        f"{steps:>10,} steps  {plain.uss:.1f} MB USS, smoothed {smoothed.uss:.1f} MB USS, {smoothed.rss:.1f} MB RSS; "
        f"on the screen after {read_s:.1f} s"
    )
    return max(plain.uss, smoothed.uss)


def main() -> int:
    """Print how memory goes over time and with the length of a run; return 1 when either is over budget."""
    most = live()
    with temporary_home() as home:
        short, long = (opened(home, steps, shown) for steps, shown in LENGTHS.items())
    return conclude(
        Verdict("memory, 10,000,000 steps / 100,000", long / short, LONG_BUDGET),
        Verdict("memory", most, BUDGET_MB, "MB", 1),
    )


if __name__ == "__main__":
    sys.exit(main())
