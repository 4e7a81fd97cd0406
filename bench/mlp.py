"""A preset with a given time per step, and the loop that anybody would write around it.

``python bench/mlp.py PRESET ROWS`` reads commands on stdin and answers each with a line on stdout.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

PRESET = '''"""A multilayer perceptron with a given time per step, in one epoch that does not end."""

import torch
from torch import nn

epochs: int = 1
width: int = 64
rows: int = 64


class Forever:
    """The same hundred batches again and again."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return 100_000_000

    def __iter__(self):
        while True:
            yield from self.batches


def data():
    draw = torch.Generator().manual_seed(0)
    inputs = [torch.randn(rows, width, generator=draw) for _ in range(100)]
    return {"train": Forever([(x, (x[:, 0] > 0).long()) for x in inputs])}


def model():
    first, second = nn.Linear(width, width), nn.Linear(width, width)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Linear(width, 2))


def loss():
    return nn.CrossEntropyLoss()


def optimizer(parameters):
    return torch.optim.Adam(parameters, lr=1e-5)


def metrics(output, target):
    return {"accuracy": (output.argmax(1) == target).float().mean()}
'''
WIDTHS = (32, 48, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024)


def write_preset(folder: Path) -> Path:
    """Write the preset into a folder; return its path."""
    path = folder / "mlp.py"
    path.write_text(PRESET, encoding="utf-8")
    return path


class BareLoop:
    """Data, model, loss and optimizer of a preset, and nothing around them."""

    def __init__(self, preset: ModuleType, width: int, rows: int) -> None:
        preset.width, preset.rows = width, rows  # type: ignore[attr-defined]
        self.batches = iter(preset.data()["train"])
        self.model, self.loss = preset.model(), preset.loss()
        self.optimizer = preset.optimizer(self.model.parameters())

    def steps_per_s(self, seconds: float) -> float:
        """Train for so long; return the speed."""
        model, loss_of, optimizer = self.model, self.loss, self.optimizer
        steps, start_s = 0, time.perf_counter()
        for x, y in self.batches:
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimizer.step()
            steps += 1
            elapsed_s = time.perf_counter() - start_s
            if elapsed_s >= seconds:
                break
        return steps / elapsed_s


def step_ms(loop: BareLoop) -> float:
    """Return the milliseconds of a step that nobody disturbed: the lower quartile of many."""
    loop.steps_per_s(0.1)
    steps = max(20, int(0.3 * loop.steps_per_s(0.1)))
    times = [1e3 / loop.steps_per_s(0.0) for _ in range(steps)]
    return sorted(times)[steps // 4]


def calibrate(preset: ModuleType, rows: int, target_ms: float) -> int:
    """Return the width whose step comes nearest to a time."""
    times: list[tuple[float, int]] = []
    for width in WIDTHS:
        taken_ms = step_ms(BareLoop(preset, width, rows))
        times.append((abs(taken_ms - target_ms), width))
        if taken_ms > target_ms:
            break
    return min(times)[1]


def main() -> None:
    """Obey ``calibrate MS``, then ``train SECONDS`` again and again, until stdin ends."""
    spec = importlib.util.spec_from_file_location("mlp_preset", sys.argv[1])
    assert spec is not None
    assert spec.loader is not None
    preset = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(preset)
    rows = int(sys.argv[2])
    loop: BareLoop | None = None
    for line in sys.stdin:
        command, value = line.split()
        if command == "calibrate":
            width = calibrate(preset, rows, float(value))
            loop = BareLoop(preset, width, rows)
            print(width, flush=True)
        elif loop is not None:
            print(loop.steps_per_s(float(value)), flush=True)


if __name__ == "__main__":
    main()
