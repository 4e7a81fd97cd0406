"""The loop that anybody would write, with what a run's settings add to it; and runs to compare with it."""

from __future__ import annotations

import importlib.util
import random
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tui.kernel.training import Trainer
from tui.protocol.messages import RunState
from tui.protocol.run import RunSpec

WritePreset = Callable[..., str]
State = dict[str, torch.Tensor]

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
        return {
            "train": DataLoader(Jittered(x[:80], y[:80]), batch, shuffle=True, generator=order),
            "val": DataLoader(Jittered(x[80:], y[80:]), 5, shuffle=True, generator=order),
        }
"""
"""Five batches of 16 an epoch, with the `batch` there is by default."""
SCHEDULED = """
    def optimizer(parameters):
        return torch.optim.SGD(parameters, lr, momentum=0.9)

    def scheduler(optimizer):
        return torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
"""


def loaded(preset: str) -> Any:
    spec = importlib.util.spec_from_file_location("by_hand", preset)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def by_hand(
    preset: str,
    *,
    epochs: int = 3,
    clip_norm: float | None = None,
    accumulate: int = 1,
    autocast: torch.dtype | None = None,
    scaler: torch.amp.GradScaler | None = None,
    steps: int | None = None,
    before_step: Callable[[int, torch.optim.Optimizer], None] = lambda step, optimizer: None,
) -> tuple[list[float], State]:
    """Train with seed 0; return the loss of every step, and the parameters at the end."""
    random.seed(0)
    torch.manual_seed(0)
    module = loaded(preset)
    loader, model, loss_of = module.data()["train"], module.model(), module.loss()
    optimizer = module.optimizer(model.parameters())
    scheduler = module.scheduler(optimizer) if hasattr(module, "scheduler") else None
    cast = nullcontext if autocast is None else (lambda: torch.autocast("cpu", dtype=autocast))
    losses: list[float] = []
    while epochs > 0 and (steps is None or len(losses) < steps):
        epochs -= steps is None
        parts: list[torch.Tensor] = []
        for i, (x, y) in enumerate(loader):
            if not parts:
                before_step(len(losses) + 1, optimizer)
                optimizer.zero_grad()
            group = min(accumulate, len(loader) - i + len(parts))
            with cast():
                loss = loss_of(model(x), y)
            share = loss / group if group > 1 else loss
            (scaler.scale(share) if scaler is not None else share).backward()
            parts.append(loss.detach())
            if len(parts) < group:
                continue
            if scaler is not None:
                scaler.unscale_(optimizer)
            if clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            if scaler is not None:
                scaler.step(optimizer)
                scaler.update()
            else:
                optimizer.step()
            losses.append(torch.stack(parts).mean().item())
            parts = []
            if steps is not None and len(losses) == steps:
                break
        if scheduler is not None:
            scheduler.step()
    return [as_float32(value) for value in losses], model.state_dict()


def as_float32(value: float) -> float:
    return torch.tensor(value, dtype=torch.float32).item()


def run(trainer: Trainer, preset: str, runs: Path, *, status: str = "finished", **spec: Any) -> Path:
    """Train to the end and return the folder."""
    state = trainer.start(
        RunSpec(preset=preset, runs_dir=str(runs), **spec), namespace=None, on_change=lambda _: None
    )
    assert trainer.join(60)
    ended = trainer.state()
    assert ended is not None
    assert ended.status == status, ended.error
    return Path(state.folder)


def run_in_parts(trainer: Trainer, preset: str, runs: Path, steps: int, **spec: Any) -> Path:
    """Stop after so many single steps, do things that must not matter, and go on to the end."""
    folder = stopped_after(trainer, preset, runs, steps, **spec)
    torch.manual_seed(99)
    random.seed(99)
    assert run(trainer, preset, runs, resume=str(folder)) == folder
    return folder


def stopped_after(trainer: Trainer, preset: str, runs: Path, steps: int, **spec: Any) -> Path:
    """Take so many single steps, then stop."""
    seen: list[RunState] = []
    state = trainer.start(
        RunSpec(preset=preset, runs_dir=str(runs), start_paused=True, **spec),
        namespace=None,
        on_change=seen.append,
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


def scalars(folder: Path, tag: str) -> list[tuple[int, float]]:
    log = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    log.Reload()
    return [(event.step, event.value) for event in log.Scalars(tag)]


def losses(folder: Path) -> list[float]:
    points = scalars(folder, "train/loss")
    assert [step for step, _ in points] == list(range(1, len(points) + 1))
    return [value for _, value in points]


def checkpoint(folder: Path, name: str = "last.pt") -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "checkpoints" / name, weights_only=True)
    return content


def assert_same_weights(one: State, other: State) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def assert_same_run(one: Path, other: Path, *tags: str) -> None:
    for tag in ("train/loss", *tags):
        assert scalars(one, tag) == scalars(other, tag), tag
    assert_same_weights(checkpoint(one)["model"], checkpoint(other)["model"])
