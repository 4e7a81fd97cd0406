"""What the trainer's loop costs: steps/s of a loop bare / under the trainer; no kernel, no dashboard.

The two take turns of a few steps in one thread: the bare loop runs inside the loader that the trainer draws its
batches from. The trainer's clock stands still meanwhile: what it does so many times a second, or for a share of
the time, would otherwise come twice as often as there is training. The figure is made of the processor time
that each took in all, since on a shared machine the clock shows what the others do; the figure by the clock is
printed beside it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


class TrainersClock:
    """The clock that the trainer goes by: it stands still while somebody else's code runs in its thread."""

    def __init__(self) -> None:
        self.perf_counter = time.perf_counter
        self._away_s = 0.0

    def __call__(self) -> float:
        return self.perf_counter() - self._away_s

    def leave_out(self, seconds: float) -> None:
        """Let so much of the time not have been."""
        self._away_s += seconds


CLOCK = TrainersClock()
time.perf_counter = CLOCK  # before the trainer's modules take it from `time`

from tui.kernel.training import Trainer  # noqa: E402
from tui.protocol.run import RunSpec  # noqa: E402

PRESET = '''
"""A multi-layer perceptron with a given time per step."""
import sys
import torch
from torch import nn

epochs: int = 1
width: int = 64
rows: int = 64
turns: int = 10
steps: int = 10

def data():
    generator = torch.Generator().manual_seed(0)
    batches = []
    for _ in range(100):
        x = torch.randn(rows, width, generator=generator)
        batches.append((x, (x[:, 0] > 0).long()))
    return {"train": sys.modules["overhead_turns"].Turns(sys.modules[__name__], batches, turns, steps)}

def model():
    first, second = nn.Linear(width, width), nn.Linear(width, width)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Linear(width, 2))

def loss():
    return nn.CrossEntropyLoss()

def optimizer(parameters):
    return torch.optim.Adam(parameters, 1e-5)

def metrics(output, target):
    return {"accuracy": (output.argmax(1) == target).float().mean()}
'''
SIZES = {"1 ms": (128, 340, 50, 1.03), "10 ms": (512, 350, 6, 1.01)}
"""Width, rows per batch, steps per turn, budget."""
TURNS = 150

Seconds = tuple[float, float]
"""Of processor time, and by the clock."""


class Turns:
    """A loader that takes as many bare steps with a twin of the model as it has given batches for."""

    last: Turns

    def __init__(self, experiment: ModuleType, batches: list[Any], turns: int, steps: int) -> None:
        Turns.last = self
        self.bare: list[Seconds] = []
        self.trained: list[Seconds] = []
        self._experiment, self._batches, self._turns, self._steps = experiment, batches, turns, steps

    def __iter__(self) -> Iterator[Any]:
        model, loss_of = self._experiment.model(), self._experiment.loss()
        optimizer = self._experiment.optimizer(model.parameters())
        for turn in range(self._turns):
            first = turn * self._steps
            batches = [self._batches[i % len(self._batches)] for i in range(first, first + self._steps)]
            start = now()
            for x, y in batches:
                optimizer.zero_grad()
                loss = loss_of(model(x), y)
                loss.backward()
                optimizer.step()
            middle = now()
            CLOCK.leave_out(middle[1] - start[1])
            yield from batches
            self.bare.append(since(start, middle))
            self.trained.append(since(middle, now()))


def now() -> Seconds:
    """Return the thread's processor time and the clock's."""
    return time.thread_time(), CLOCK.perf_counter()


def since(start: Seconds, end: Seconds) -> Seconds:
    """Return how much of both went by."""
    return end[0] - start[0], end[1] - start[1]


def measure(name: str, folder: str) -> float:
    """Return bare speed over the trainer's, for one size of step."""
    width, rows, steps, _ = SIZES[name]
    path = Path(folder, "mlp.py")
    path.write_text(PRESET, encoding="utf-8")
    knobs = {"width": width, "rows": rows, "turns": TURNS, "steps": steps}
    trainer = Trainer()
    trainer.start(RunSpec(str(path), folder, knobs=dict(knobs)), namespace=None, on_change=lambda _: None)
    trainer.join()
    state = trainer.state()
    assert state is not None
    assert state.status == "finished", state.error
    warm = slice(TURNS // 10, None)
    bare, trained = Turns.last.bare[warm], Turns.last.trained[warm]
    cpu, clock = (sum(t[i] for t in trained) / sum(b[i] for b in bare) for i in (0, 1))
    turns = sum(t[0] for t in sorted(trained)[len(trained) // 4 : -len(trained) // 4])
    middle = turns / sum(b[0] for b in sorted(bare)[len(bare) // 4 : -len(bare) // 4])
    step_ms = 1e3 * sum(b[0] for b in bare) / len(bare) / steps
    cost_us = 1e3 * step_ms * (cpu - 1)
    print(
        f"step of {step_ms:.2f} ms: {cost_us:.0f} us more; ratio {cpu:.3f}, by the clock {clock:.3f},"
        f" of the middle half of the turns {middle:.3f}"
    )
    return cpu


def main() -> int:
    """Print both figures; return 1 when one is over its budget."""
    torch.set_num_threads(1)  # so that the thread's processor time is all there is
    sys.modules["overhead_turns"] = sys.modules[__name__]
    status = 0
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (_, _, _, budget) in SIZES.items():
            ratio = measure(name, folder)
            verdict = "ok" if ratio <= budget else "OVER"
            status |= ratio > budget
            lines.append(f"overhead_loop {name}  {ratio:.3f}  budget <= {budget}  {verdict}")
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    raise SystemExit(main())
