"""The trainer on CUDA: the same truths, and not one synchronization per step from what the recorder does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from tui.kernel.training import Trainer
from tui.kernel.training.log.events import EventFile
from tui.kernel.training.log.recorder import Recorder
from tui.protocol.run import RunSpec

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

PRESET = '''
"""A classifier."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

epochs: int = 3
bad_step: int = 0
calls = 0

def data():
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(320, 6, generator=generator)
    y = (x.sum(1) > 0).long()
    sets = TensorDataset(x, y)
    return {"train": DataLoader(sets, 16, shuffle=True, pin_memory=True), "val": DataLoader(sets, 64)}

def model():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))

def loss():
    def value(output, target):
        global calls
        calls += torch.is_grad_enabled()
        scale = float("nan") if calls == bad_step else 1.0
        return nn.functional.cross_entropy(output, target) * scale
    return value

def optimizer(parameters):
    return torch.optim.Adam(parameters, 1e-2)

def metrics(output, target):
    return {"accuracy": (output.argmax(1) == target).float().mean()}
'''


@pytest.fixture
def any_sync_mode() -> Iterator[None]:
    """Leaves CUDA's sync debug mode as it is by default."""
    yield
    torch.cuda.set_sync_debug_mode("default")


def train(folder: Path, **spec: object) -> Path:
    preset = folder / "preset.py"
    preset.write_text(PRESET)
    trainer = Trainer()
    fields: dict[str, object] = {
        "preset": str(preset),
        "runs_dir": str(folder / "runs"),
        "device": "cuda",
        **spec,
    }
    state = trainer.start(RunSpec(**fields), namespace=None, on_change=lambda _: None)  # type: ignore[arg-type]
    assert trainer.join(100)
    return Path(state.folder)


def losses(folder: Path) -> list[tuple[int, float]]:
    log = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return [(event.step, event.value) for event in log.Scalars("train/loss")]


def test_a_run_logs_every_step(tmp_path: Path) -> None:
    folder = train(tmp_path)
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished", record["error"]
    assert record["device"] == "cuda:0"
    assert record["device_name"] == torch.cuda.get_device_name(0)
    assert [step for step, _ in losses(folder)] == list(range(1, 61))
    tags = EventAccumulator(str(folder)).Reload().Tags()["scalars"]
    assert {"memory/allocated_bytes", "time/backward_ms", "grad_norm", "val/accuracy"} <= set(tags)


def test_a_nan_is_found_and_no_bad_checkpoint_is_kept(tmp_path: Path) -> None:
    folder = train(tmp_path, knobs={"bad_step": 27})
    record = json.loads((folder / "run.json").read_text())
    assert record["error"]["kind"] == "NotFinite"
    assert "step 27" in record["error"]["message"]
    last = folder / "checkpoints" / "last.pt"
    if last.exists():
        content = torch.load(last, weights_only=True)
        assert content["step"] < 27
        assert all(tensor.isfinite().all() for tensor in content["model"].values())


def test_recording_does_not_synchronize(tmp_path: Path, any_sync_mode: None) -> None:
    device = torch.device("cuda", 0)
    model = nn.Linear(64, 64, device=device)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    events = EventFile(tmp_path)
    recorder = Recorder(events, device, model.named_parameters())
    recorder.FLUSH_INTERVAL_S = 0.0
    x = torch.randn(64, 64, device=device)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    recorder.open_window()
    for step in range(1, 200):
        now_s = recorder.clock.mark(0)
        optimizer.zero_grad()
        loss = model(x).square().mean()
        recorder.clock.mark(1)
        recorder.loss(step, loss)
        loss.backward()
        recorder.clock.mark(2)
        recorder.gradients.after_backward(step)
        optimizer.step()
        recorder.clock.mark(3)
        recorder.gradients.after_update(step)
        recorder.step_done(step, 64, now_s)
    torch.cuda.set_sync_debug_mode("default")
    recorder.close_window(final=True)
    recorder.flush(wait=True)
    events.close()
    logged = losses(tmp_path)
    assert [step for step, _ in logged] == list(range(1, 200))
    assert logged[-1][1] == pytest.approx(loss.item())
