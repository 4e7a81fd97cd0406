"""What the trainer's loop costs: steps/s of a loop bare / under the trainer; no kernel, no dashboard.

The two take turns in one process, many times; the figure is the median of the ratios of neighbours. It is
taken in processor time per step, which is what the clock would show on a machine that nobody else uses; the
ratios by the clock are printed beside it.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tui.kernel.training import Trainer
from tui.protocol.run import RunSpec

PRESET = '''
"""A multi-layer perceptron with a given time per step."""
import torch
from torch import nn

epochs: int = 1000000
width: int = 64
rows: int = 64

def data():
    generator = torch.Generator().manual_seed(0)
    batches = []
    for _ in range(100):
        x = torch.randn(rows, width, generator=generator)
        batches.append((x, (x[:, 0] > 0).long()))
    return {"train": batches}

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
SIZES = {"1 ms": (128, 256, 1.03), "10 ms": (512, 350, 1.01)}
"""Width, rows per batch, budget."""
TURNS = 40
TURN_S = 0.3


Speed = tuple[float, float]
"""Steps per second by the clock, and per second of processor time."""


def bare_steps_per_s(parts: tuple[object, ...], seconds: float) -> Speed:
    """Return the speed of the loop that anybody would write."""
    batches, model, loss_of, optimizer = parts
    steps = 0
    start, cpu_start = time.perf_counter(), time.process_time()
    while True:
        for x, y in batches:  # type: ignore[attr-defined]
            optimizer.zero_grad()  # type: ignore[attr-defined]
            loss = loss_of(model(x), y)  # type: ignore[operator]
            loss.backward()
            optimizer.step()  # type: ignore[attr-defined]
            steps += 1
            elapsed = time.perf_counter() - start
            if elapsed >= seconds:
                return steps / elapsed, steps / (time.process_time() - cpu_start)


def trainer_steps_per_s(trainer: Trainer, seconds: float) -> Speed:
    """Let the paused run go on for a while and return its speed in between."""

    def step() -> int:
        state = trainer.state()
        assert state is not None
        return state.step

    before = step()
    trainer.control("resume")
    while step() < before + 3:
        time.sleep(0.001)
    first, start, cpu_start = step(), time.perf_counter(), time.process_time()
    time.sleep(seconds)
    last, end, cpu_end = step(), time.perf_counter(), time.process_time()
    trainer.control("pause")
    while (state := trainer.state()) is not None and state.status != "paused":
        time.sleep(0.002)
    return (last - first) / (end - start), (last - first) / (cpu_end - cpu_start)


def measure(name: str, folder: str) -> float:
    """Return bare speed over the trainer's, for one size of step."""
    width, rows, _ = SIZES[name]
    path = Path(folder, "mlp.py")
    path.write_text(PRESET, encoding="utf-8")
    preset: dict[str, object] = {}
    text = PRESET.replace("width: int = 64", f"width: int = {width}").replace(
        "rows: int = 64", f"rows: int = {rows}"
    )
    exec(compile(text, str(path), "exec"), preset)
    ns = SimpleNamespace(**preset)
    net = ns.model()
    parts = (ns.data()["train"], net, ns.loss(), ns.optimizer(net.parameters()))
    trainer = Trainer()
    spec = RunSpec(preset=str(path), runs_dir=folder, knobs={"width": width, "rows": rows}, start_paused=True)
    trainer.start(spec, namespace=None, on_change=lambda _: None)
    while (state := trainer.state()) is not None and state.status == "running":
        time.sleep(0.01)
    bare_steps_per_s(parts, TURN_S)
    trainer_steps_per_s(trainer, TURN_S)
    before = bare_steps_per_s(parts, TURN_S)
    ratios: list[Speed] = []
    for _ in range(TURNS):
        observed = trainer_steps_per_s(trainer, TURN_S)
        after = bare_steps_per_s(parts, TURN_S)
        ratios.append(((before[0] + after[0]) / 2 / observed[0], (before[1] + after[1]) / 2 / observed[1]))
        before = after
    trainer.stop_and_wait(30)
    for label, values in zip(("clock", "processor"), zip(*ratios, strict=True), strict=True):
        low, middle, high = statistics.quantiles(values, n=4)
        print(
            f"step of {1e3 / before[1]:.2f} ms, by {label}: quartiles {low:.3f} · {middle:.3f} · {high:.3f}"
        )
    return statistics.median(cpu for _, cpu in ratios)


def main() -> int:
    """Print both figures; return 1 when one is over its budget."""
    torch.set_num_threads(1)  # on a small machine the spread between turns would hide the figure
    status = 0
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (_, _, budget) in SIZES.items():
            ratio = measure(name, folder)
            verdict = "ok" if ratio <= budget else "OVER"
            status |= ratio > budget
            lines.append(f"overhead_loop {name}  {ratio:.3f}  budget <= {budget}  {verdict}")
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    if "MALLOC_ARENA_MAX" not in os.environ:
        # glibc gives a thread a heap of its own that hands big blocks back to the system more eagerly than the
        # main thread's does: some 5 % of a 10 ms step. A kernel is started with this setting.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "MALLOC_ARENA_MAX": "1"})
    raise SystemExit(main())
