"""Memory of the UI process with four charts open on a live run."""

from __future__ import annotations

import sys
from typing import NamedTuple

import psutil

from bench.common import TRAINING_SHOWN, Verdict, conclude, kernel_pid, temporary_home, train

BUDGET_MB = 90.0
EPOCHS = 3000
SAMPLES, EVERY_S = 6, 3.0


class Memory(NamedTuple):
    """Megabytes of a process."""

    rss: float
    uss: float
    """Its own alone: what would be free again if it ended."""


def memory_of(pid: int) -> Memory:
    """Read a process's memory."""
    info = psutil.Process(pid).memory_full_info()
    return Memory(info.rss / 1e6, info.uss / 1e6)


def main() -> int:
    """Print how memory goes over time; return 1 when its most is over budget."""
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
    return conclude(Verdict("memory", max(sample.uss for sample in taken), BUDGET_MB, "MB", 1))


if __name__ == "__main__":
    sys.exit(main())
