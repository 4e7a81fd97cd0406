"""Key press to painted answer, in the REPL while a run trains at full speed in the same session.

Two runs: small steps of one thread, and large ones that keep every core busy. The figure is the worse of both.
"""

from __future__ import annotations

import itertools
import random
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.common import (
    CTRL_C,
    F2,
    F3,
    F5,
    TRAINING_SHOWN,
    Terminal,
    Verdict,
    conclude,
    percentile,
    temporary_home,
    train,
)
from bench.mlp import write_preset

BUDGET_P50_MS, BUDGET_P99_MS = 30.0, 100.0
KEYS = 300
LINE = 40
"""Characters typed before the line is cleared."""
PAUSES_S = (0.02, 0.15)
"""A key comes so long after the one before was answered: at random, to meet every moment of the refreshing."""
SWITCHES = 10


@dataclass(frozen=True)
class Latency:
    """Milliseconds from a key press to its answer on the screen."""

    p50: float
    p99: float
    most: float

    @classmethod
    def of(cls, taken_ms: list[float]) -> Latency:
        """Summarize."""
        return cls(statistics.median(taken_ms), percentile(taken_ms, 99), max(taken_ms))

    def __str__(self) -> str:
        return f"p50 {self.p50:5.1f} · p99 {self.p99:5.1f} · most {self.most:5.1f} ms"


def type_keys(terminal: Terminal, count: int) -> list[float]:
    """Type so many characters; return the milliseconds until each was on the screen."""
    chance = random.Random(0)
    taken_ms: list[float] = []
    letters = itertools.cycle("qwxzvkjh")
    while len(taken_ms) < count:
        typed = "zq"  # no word of a welcome, a variable or a hint begins so
        terminal.send(typed)
        terminal.wait(_shows(typed), "the first letters")
        for _ in range(min(LINE, count - len(taken_ms))):
            terminal.read_for(chance.uniform(*PAUSES_S))
            typed += next(letters)
            sent_s = terminal.send(typed[-1])
            taken_ms.append((terminal.wait(_shows(typed), f"{typed!r}") - sent_s) * 1e3)
        terminal.send(CTRL_C)  # no cell runs: it leaves the line
        terminal.wait(lambda lines: not any("zq" in line for line in lines), "an empty line")
    return taken_ms


def _shows(typed: str) -> Callable[[list[str]], bool]:
    return lambda lines: any(typed in line for line in lines)


def switch(terminal: Terminal) -> list[float]:
    """Go to the Autograd and the Training screen and back; return the milliseconds each took."""
    taken_ms = []
    for _ in range(SWITCHES):
        for key, words in ((F3, r"no graph open"), (F5, TRAINING_SHOWN), (F2, r"F1 lists the keys")):
            terminal.read_for(0.3)
            sent_s = terminal.send(key)
            taken_ms.append((terminal.wait_text(words) - sent_s) * 1e3)
    return taken_ms


def measure(home: Path, *arguments: str) -> Latency:
    """Return how fast keys are answered beside a run."""
    with train(home, *arguments) as terminal:
        terminal.wait_text(TRAINING_SHOWN)
        terminal.send(F2)
        terminal.wait_text(r"F1 lists the keys")
        terminal.wait_text(r"run running")
        terminal.read_for(1.0)
        keys = Latency.of(type_keys(terminal, KEYS))
        print(f"  {KEYS} keys      {keys}")
        switches = Latency.of(switch(terminal))
        print(f"  screen switches {switches}")
        terminal.send(F5)
        terminal.wait_text(TRAINING_SHOWN)
        terminal.send("p")
        terminal.wait_text(r"Ⅱ paused")
        terminal.send(F2)
        terminal.wait_text(r"F1 lists the keys")
        print(f"  100 keys, paused {Latency.of(type_keys(terminal, 100))}")
    return keys


def main() -> int:
    """Print the latencies; return 1 when one is over its budget."""
    with temporary_home() as home:
        print("spiral_mlp")
        small = measure(home, "spiral_mlp", "--epochs", "100000")
    with temporary_home() as home:
        print("steps of about 10 ms on every core")
        large = measure(home, str(write_preset(home)), "--set", "width=512", "--set", "rows=512")
    return conclude(
        Verdict("latency p50", max(small.p50, large.p50), BUDGET_P50_MS, "ms", 1),
        Verdict("latency p99", max(small.p99, large.p99), BUDGET_P99_MS, "ms", 1),
    )


if __name__ == "__main__":
    sys.exit(main())
