"""Precision, clipping and accumulation on CUDA: equal to hand-written loops, and without a wait per step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.kernel.training_oracle import checkpoint, losses, scalars
from tui.kernel.training import Trainer
from tui.protocol.run import RunSettings, RunSpec

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

PRESET = '''
"""A classifier whose batches are on the device already."""
import torch
from torch import nn

epochs: int = 2
watched: bool = False

def batches():
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(10, 16, 6, generator=generator)
    return list(zip(x.to("cuda"), (x.sum(2) > 0).long().to("cuda")))

class Watched:
    """Lets nothing in the loop wait for the device from the second batch on."""

    def __init__(self, given):
        self.given = given

    def __len__(self):
        return len(self.given)

    def __iter__(self):
        for i, batch in enumerate(self.given):
            if i == 1:
                torch.cuda.synchronize()
                torch.cuda.set_sync_debug_mode("error")
            yield batch
        torch.cuda.set_sync_debug_mode("default")

def data():
    return {"train": Watched(batches()) if watched else batches()}

def model():
    return nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 2))

def loss():
    return nn.CrossEntropyLoss()

def optimizer(parameters):
    return torch.optim.SGD(parameters, 0.1)
'''


@pytest.fixture
def any_sync_mode() -> Iterator[None]:
    """Leaves CUDA's sync debug mode as it is by default."""
    yield
    torch.cuda.set_sync_debug_mode("default")


def train(folder: Path, settings: RunSettings, **knobs: bool) -> Path:
    preset = folder / "preset.py"
    preset.write_text(PRESET)
    trainer = Trainer()
    spec = RunSpec(str(preset), str(folder / "runs"), device="cuda", settings=settings, knobs=dict(knobs))
    state = trainer.start(spec, namespace=None, on_change=lambda _: None)
    assert trainer.join(100)
    ended = trainer.state()
    assert ended is not None
    assert ended.status == "finished", ended.error
    return Path(state.folder)


def by_hand(dtype: torch.dtype, clip_norm: float, *, scaled: bool) -> tuple[list[float], dict[str, Any]]:
    """Train for two epochs with the loop that anybody would write."""
    torch.manual_seed(0)
    module: dict[str, Any] = {}
    exec(PRESET, module)
    model = module["model"]().to("cuda")
    optimizer, loss_of = module["optimizer"](model.parameters()), nn.CrossEntropyLoss()
    scaler = torch.amp.GradScaler("cuda", enabled=scaled)
    values = []
    for _ in range(2):
        for x, y in module["batches"]():
            optimizer.zero_grad()
            with torch.autocast("cuda", dtype=dtype):
                loss = loss_of(model(x), y)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            scaler.step(optimizer)
            scaler.update()
            values.append(loss.item())
    return values, model.state_dict()


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_precision_equals_a_hand_written_loop(tmp_path: Path, precision: Any) -> None:
    folder = train(tmp_path, RunSettings(precision=precision, clip_norm=0.1))
    expected, state = by_hand(getattr(torch, precision), 0.1, scaled=precision == "float16")
    assert losses(folder) == pytest.approx(expected, rel=1e-5)
    for name, tensor in checkpoint(folder)["model"].items():
        torch.testing.assert_close(tensor.cpu(), state[name].cpu())


@pytest.mark.parametrize(
    "settings",
    [
        RunSettings(),
        RunSettings(clip_norm=0.1),
        RunSettings(accumulate=3),
        RunSettings(precision="bfloat16", clip_norm=0.1, accumulate=2),
    ],
)
def test_no_step_waits_for_the_device(tmp_path: Path, any_sync_mode: None, settings: RunSettings) -> None:
    folder = train(tmp_path, settings, watched=True)
    assert len(losses(folder)) == 2 * -(-10 // settings.accumulate)


def test_the_phases_of_a_step_of_several_batches_are_timed(tmp_path: Path) -> None:
    folder = train(tmp_path, RunSettings(accumulate=5))
    assert len(losses(folder)) == 4
    for phase in ("forward", "backward", "optimizer"):
        assert scalars(folder, f"time/{phase}_ms")[-1][1] > 0
