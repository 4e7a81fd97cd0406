"""Steps/s of a preset's loop bare / under the trainer, with the dashboard open in a terminal that is read.

Both are started once and take turns, a few seconds each; while one runs the other is stopped (SIGSTOP), the UI
with its kernel. Speeds under the trainer are taken from the run's own log: the wall times of every step's loss,
less the first moments after a stop. The figure is the median of each such turn's ratio to its two neighbours,
over the turns in which other programs left the machine alone.

Where there are too few of those, speeds say more about the others than about us. Then processor time per step
stands in for time, that of the UI included: on a busy machine every cycle that it takes is one that training lacks.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from bench.common import (
    TRAINING_SHOWN,
    BenchError,
    Terminal,
    Verdict,
    conclude,
    end_family,
    environment,
    kernel_pid,
    run_folder,
    spread,
    temporary_home,
    train,
)
from bench.mlp import write_preset
from tui.client.launch import kernel_environment
from tui.runs.reader import RunReader
from tui.runs.series import Series

WANTED_TURNS, MOST_TURNS = 12, 24
"""Quiet turns that are enough; turns after which it ends anyhow."""
FEW_TURNS = 5
"""With fewer quiet turns than that, processor time stands in."""
QUIET = 0.05
"""How much of a core others (or the machine's other tenants) may use in a quiet turn."""
TURN_S, BARE_TURN_S = 2.0, 1.0
"""The dashboard's own rhythms (0.5 s, 2 s) fit into the first a whole number of times."""
SETTLE_S = 0.3


@dataclass(frozen=True)
class Size:
    """How long a step is to take, of how many rows a batch is, and the budget."""

    step_ms: float
    rows: int
    budget: float


SIZES = (Size(1.0, 64, 1.03), Size(10.0, 512, 1.01))


@dataclass(frozen=True)
class BareTurn:
    """A turn of the bare loop."""

    steps_per_s: float
    processor_s: float
    """Per step."""
    others_share: float
    """Of a core, used by others."""


class Bare:
    """The bare loop in a process with the environment of a kernel."""

    def __init__(self, preset: Path, rows: int, home: Path) -> None:
        loop = Path(__file__).with_name("mlp.py")
        environ = {**kernel_environment(), **environment(home)}
        self._process = subprocess.Popen(
            [sys.executable, str(loop), str(preset), str(rows)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
            cwd=home,
        )
        self.pid = self._process.pid

    def ask(self, command: str) -> float:
        """Have a command carried out; return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise BenchError("the bare loop has ended")
        return float(answer)

    def turn(self) -> BareTurn:
        """Train for a turn."""
        self.ask(f"train {SETTLE_S}")
        others = Others(self.pid)
        steps_per_s = self.ask(f"train {BARE_TURN_S}")
        others_share, own_share = others.shares()
        return BareTurn(steps_per_s, own_share / steps_per_s, others_share)

    def __enter__(self) -> Bare:
        return self

    def __exit__(self, *exception: object) -> None:
        end_family(self.pid)
        self._process.communicate()


@dataclass(frozen=True)
class Turn:
    """A turn under the trainer."""

    start_s: float
    """Beginning and end of the part that counts, in seconds since 1970."""
    end_s: float
    ui_share: float
    """Of a core, used by the UI; so the kernel's and others'."""
    kernel_share: float
    others_share: float


class Others:
    """Counts the processor time that goes to processes that are none of ours, or to other virtual machines."""

    def __init__(self, *pids: int) -> None:
        self._ours = [psutil.Process(pid) for pid in (os.getpid(), *pids)]
        self._before = self._now()

    def _now(self) -> tuple[float, float, list[float]]:
        total = psutil.cpu_times()
        idle = ("idle", "iowait", "guest", "guest_nice")  # guest time is in user time as well
        busy_s = sum(value for name, value in total._asdict().items() if name not in idle)
        return time.perf_counter(), busy_s, [sum(process.cpu_times()[:2]) for process in self._ours]

    def shares(self) -> list[float]:
        """Return the share of a core since the start: others, then the given processes."""
        (start_s, busy_before_s, before), (end_s, busy_s, after) = self._before, self._now()
        own = [(late - early) / (end_s - start_s) for early, late in zip(before, after, strict=True)]
        return [(busy_s - busy_before_s) / (end_s - start_s) - sum(own), *own[1:]]


@contextmanager
def running(*processes: psutil.Process) -> Iterator[None]:
    """Let stopped processes go on for a while."""
    for process in processes:
        process.resume()
    try:
        yield
    finally:
        for process in processes:
            process.suspend()


def trained_turn(terminal: Terminal, kernel: psutil.Process) -> Turn:
    """Let the run go on for a turn."""
    with running(kernel, psutil.Process(terminal.pid)):
        terminal.read_for(SETTLE_S)
        others = Others(terminal.pid, kernel.pid)
        start_s = time.time()
        terminal.read_for(TURN_S)
        end_s = time.time()
        others_share, ui_share, kernel_share = others.shares()
    return Turn(start_s, end_s, ui_share, kernel_share, others_share)


def speed(losses: Series, start_s: float, end_s: float) -> float:
    """Return the steps per second between two times, from the times the run's log gives."""
    times = losses.wall_times
    first, end = np.searchsorted(times, (start_s, end_s))
    if end - first < 20:
        raise BenchError(f"only {end - first} steps in a turn")
    steps = losses.steps[end - 1] - losses.steps[first]
    return float(steps / (times[end - 1] - times[first]))


def measure(size: Size, home: Path) -> tuple[float, str]:
    """Return the cost of the trainer and the dashboard for one size of step, and what it is a ratio of."""
    preset = write_preset(home)
    with Bare(preset, size.rows, home) as loop:
        width = int(loop.ask(f"calibrate {size.step_ms}"))
        print(f"step of about {size.step_ms:g} ms (width {width}, {size.rows} rows)")
        with train(home, str(preset), f"--set=width={width}", f"--set=rows={size.rows}") as terminal:
            terminal.wait_text(TRAINING_SHOWN)
            terminal.read_for(2.0)
            kernel = psutil.Process(kernel_pid(home))
            psutil.Process(terminal.pid).suspend()
            kernel.suspend()
            turns, bare = take_turns(loop, terminal, kernel)
            with running(kernel):
                time.sleep(0.5)  # what was recorded last is written
            losses = _losses(run_folder(home))
    return judge(turns, bare, [speed(losses, turn.start_s, turn.end_s) for turn in turns])


def judge(turns: list[Turn], bare: list[BareTurn], trained: list[float]) -> tuple[float, str]:
    """Print what was measured; return the figure, and what it is of."""
    speeds = [turn.steps_per_s for turn in bare]
    print(f"    bare          {spread(speeds, '.1f')} steps/s")
    print(f"    trained       {spread(trained, '.1f')} steps/s")
    ratios: list[float] = []
    quiet_ratios: list[float] = []
    for before, turn, after, watched in zip(bare, turns, bare[1:], trained, strict=False):
        ratios.append((before.steps_per_s + after.steps_per_s) / 2 / watched)
        if max(before.others_share, turn.others_share, after.others_share) < QUIET:
            quiet_ratios.append(ratios[-1])
    print(f"    ratio         {spread(ratios)}")
    alone_s = statistics.median(turn.processor_s for turn in bare)
    kernel_s = statistics.median(
        turn.kernel_share / watched for turn, watched in zip(turns, trained, strict=True)
    )
    ui_share = statistics.median(turn.ui_share for turn in turns)
    ui_s = ui_share / max(
        speeds
    )  # what it takes per second, shared out over the steps of a second undisturbed
    print(f"    processor     bare {alone_s * 1e3:.3f} ms a step, kernel {kernel_s / alone_s:.3f} of that")
    print(f"    UI            {ui_share:.1%} of a core, {ui_s / alone_s:.3f} of the bare loop's")
    if len(quiet_ratios) < FEW_TURNS:
        print(f"    the machine was busy: {len(quiet_ratios)} of {len(turns)} turns were quiet")
        return (kernel_s + ui_s) / alone_s, "processor time"
    print(f"    quiet turns   {spread(quiet_ratios)}")
    return statistics.median(quiet_ratios), "steps/s"


def take_turns(loop: Bare, terminal: Terminal, kernel: psutil.Process) -> tuple[list[Turn], list[BareTurn]]:
    """Return the turns under the trainer, and the bare ones before, between and after."""
    turns: list[Turn] = []
    bare = [loop.turn()]
    quiet = 0
    while quiet < WANTED_TURNS and len(turns) < MOST_TURNS:
        turns.append(trained_turn(terminal, kernel))
        bare.append(loop.turn())
        others = (bare[-2].others_share, turns[-1].others_share, bare[-1].others_share)
        quiet += max(others) < QUIET
    return turns, bare


def _losses(folder: Path) -> Series:
    reader = RunReader(folder)
    while reader.poll().more:
        pass
    return reader.series["train/loss"]


def main() -> int:
    """Print both ratios; return 1 when one is over its budget."""
    verdicts = []
    for size in SIZES:
        with temporary_home() as home:
            ratio, kind = measure(size, home)
        verdicts.append(Verdict(f"overhead {size.step_ms:g} ms, {kind}", ratio, size.budget, digits=3))
    return conclude(*verdicts)


if __name__ == "__main__":
    sys.exit(main())
