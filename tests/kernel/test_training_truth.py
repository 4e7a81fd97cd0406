"""The trainer against a hand-written loop, and against itself after interruptions, bit for bit."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tui
from tui.kernel.training import Trainer
from tui.protocol.messages import RunState
from tui.protocol.run import RunSpec

WritePreset = Callable[..., str]

AUGMENTED = """
    class Jittered(torch.utils.data.Dataset):
        def __init__(self, x, y):
            self.x, self.y = x, y

        def __len__(self):
            return len(self.x)

        def __getitem__(self, index):  # draws from python's and torch's random streams
            return self.x[index] + random.gauss(0, 0.1) + 0.1 * torch.randn(6), self.y[index]

    def data():
        generator = torch.Generator().manual_seed(5)
        x = torch.randn(96, 6, generator=generator)
        y = (x.sum(1) > 0).long()
        order = torch.Generator().manual_seed(7)
        val = DataLoader(Jittered(x[80:], y[80:]), 5, shuffle=True, generator=order)
        own = order if kind == "generator" else None
        return {"train": DataLoader(Jittered(x[:80], y[:80]), batch, shuffle=True, generator=own), "val": val}
"""
HEAD = """
    import random
    import torch
    from torch import nn
    from torch.utils.data import DataLoader

    epochs: int = 3
    lr: float = 0.01
    batch: int = 16
    kind: str = "plain"
"""
SCHEDULED = """
    def optimizer(parameters):
        return torch.optim.SGD(parameters, lr, momentum=0.9)

    def scheduler(optimizer):
        return torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
"""


def run(trainer: Trainer, preset: str, runs: Path, **spec: Any) -> Path:
    """Train to the end and return the folder."""
    state = trainer.start(
        RunSpec(preset=preset, runs_dir=str(runs), **spec), namespace=None, on_change=lambda _: None
    )
    assert trainer.join(60)
    ended = trainer.state()
    assert ended is not None
    assert ended.status == "finished", ended.error
    return Path(state.folder)


def scalars(folder: Path, tag: str) -> list[tuple[int, float]]:
    log = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    log.Reload()
    return [(event.step, event.value) for event in log.Scalars(tag)]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    content = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    model: dict[str, torch.Tensor] = content["model"]
    return model


def assert_same_weights(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def assert_same_run(one: Path, other: Path) -> None:
    assert scalars(one, "train/loss") == scalars(other, "train/loss")
    assert scalars(one, "val/loss") == scalars(other, "val/loss")
    assert_same_weights(weights(one), weights(other))


def by_hand(preset: str, seed: int, *, evaluate: bool) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Train a preset with the loop that anybody would write."""
    random.seed(seed)
    torch.manual_seed(seed)
    spec = importlib.util.spec_from_file_location("by_hand", preset)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loaders, model, loss_of = module.data(), module.model(), module.loss()
    optimizer = module.optimizer(model.parameters())
    scheduler = module.scheduler(optimizer) if hasattr(module, "scheduler") else None
    losses = []
    for _ in range(module.epochs):
        for x, y in loaders["train"]:
            loss = loss_of(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if scheduler is not None:
            scheduler.step()
    return losses, model.state_dict()


@pytest.mark.parametrize("seed", [0, 3])
def test_equals_a_hand_written_loop(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, seed: int
) -> None:
    preset = write_preset(data=AUGMENTED, optimizer=SCHEDULED)
    folder = run(trainer, preset, tmp_path / "runs", seed=seed)
    losses, state = by_hand(preset, seed, evaluate=False)
    assert scalars(folder, "train/loss") == list(enumerate(map(as_float32, losses), start=1))
    assert_same_weights(weights(folder), state)


def as_float32(value: float) -> float:
    return torch.tensor(value, dtype=torch.float32).item()


def test_other_seeds_differ(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    one = run(trainer, write_preset(), tmp_path / "runs", seed=1)
    other = run(trainer, write_preset(), tmp_path / "runs", seed=2)
    assert scalars(one, "train/loss") != scalars(other, "train/loss")


def stopped_after(trainer: Trainer, preset: str, runs: Path, steps: int) -> Path:
    """Take so many single steps, then stop."""
    seen: list[RunState] = []
    state = trainer.start(
        RunSpec(preset=preset, runs_dir=str(runs), start_paused=True), namespace=None, on_change=seen.append
    )
    for _ in range(steps):
        trainer.control("step")
    wait_for(lambda: any(s.status == "paused" and s.step == steps for s in seen))
    assert trainer.stop_and_wait(30)
    assert seen[-1].status == "stopped"
    assert seen[-1].step == steps
    return Path(state.folder)


def wait_for(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.005)


@pytest.mark.parametrize("steps", [0, 3, 5, 7, 14])
@pytest.mark.parametrize("kind", ["plain", "generator"])
def test_a_resumed_run_goes_on_bit_for_bit(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, steps: int, kind: str
) -> None:
    preset = write_preset(data=AUGMENTED, optimizer=SCHEDULED, head=HEAD.replace("plain", kind))
    whole = run(trainer, preset, tmp_path / "whole")
    folder = stopped_after(trainer, preset, tmp_path / "parts", steps)
    torch.manual_seed(99)  # what the process did in between must not matter
    random.seed(99)
    assert run(trainer, preset, tmp_path / "parts", resume=str(folder)) == folder
    assert_same_run(whole, folder)


def test_more_epochs_continue_a_finished_run(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    preset = write_preset(data=AUGMENTED)
    whole = run(trainer, preset, tmp_path / "whole", knobs={"epochs": 5})
    folder = run(trainer, preset, tmp_path / "parts", knobs={"epochs": 2})
    run(trainer, preset, tmp_path / "parts", knobs={"epochs": 5}, resume=str(folder))
    assert_same_run(whole, folder)


def test_pausing_changes_nothing(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    preset = write_preset(data=AUGMENTED)
    whole = run(trainer, preset, tmp_path / "whole")
    seen: list[RunState] = []
    state = trainer.start(
        RunSpec(preset=preset, runs_dir=str(tmp_path / "paused"), start_paused=True),
        namespace={},
        on_change=seen.append,
    )
    for _ in range(8):
        trainer.control("step")
    wait_for(lambda: any(s.status == "paused" and s.step == 8 for s in seen))
    trainer.control("resume")
    assert trainer.join(30)
    assert_same_run(whole, Path(state.folder))


def test_evaluation_changes_nothing(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    shared = AUGMENTED.replace('order if kind == "generator" else None', "order")
    with_val = run(trainer, write_preset("with_val", data=shared), tmp_path / "runs")
    without = write_preset("without", data=shared.replace(', "val": val}', "}"))
    without_val = run(trainer, without, tmp_path / "runs")
    assert scalars(with_val, "train/loss") == scalars(without_val, "train/loss")
    assert_same_weights(weights(with_val), weights(without_val))


def test_evaluation_keeps_each_modules_mode(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    frozen = """
        def model():
            made = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
            made[1].eval()
            return made
    """
    folder = run(trainer, write_preset(model=frozen), tmp_path / "runs")
    assert torch.equal(weights(folder)["1.running_mean"], torch.zeros(8))


def test_a_killed_process_leaves_a_readable_log_and_a_run_that_goes_on(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    preset = write_preset(data=AUGMENTED)
    knobs = {"epochs": 60}
    whole = run(trainer, preset, tmp_path / "whole", knobs=knobs)
    program = f"""
import sys; sys.path.insert(0, {str(Path(tui.__file__).parents[1])!r})
from tui.kernel.training import Trainer
from tui.protocol.run import RunSpec
trainer = Trainer()
spec = RunSpec(preset={preset!r}, runs_dir={str(tmp_path / "killed")!r}, knobs={knobs!r})
print(trainer.start(spec, namespace=None, on_change=lambda state: None).folder, flush=True)
trainer.join()
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        folder = Path(child.stdout.readline().strip())
        wait_for((folder / "checkpoints" / "last.pt").exists)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    assert '"status": "running"' in (folder / "run.json").read_text()
    logged = scalars(folder, "train/loss")
    assert logged == scalars(whole, "train/loss")[: len(logged)]
    run(trainer, preset, tmp_path / "killed", resume=str(folder))
    assert_same_run(whole, folder)
