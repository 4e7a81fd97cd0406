"""Pauses inside a batch on CUDA: the same weights, and the device's memory as before."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from tui.kernel.training import Trainer
from tui.kernel.training.log.phases import DATA, OPTIMIZER, phase_clock
from tui.protocol.messages import RunAction, RunState
from tui.protocol.run import RunSpec

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
PRESET = '''
"""A regression."""
import torch
from torch import nn

epochs: int = 2

def data():
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(64, 256, generator=generator)
    return {"train": [(x, x[:, :4].contiguous())] * 5}

def model():
    return nn.Sequential(nn.Linear(256, 4096), nn.ReLU(), nn.Linear(4096, 4))

def loss():
    return nn.MSELoss()

def optimizer(parameters):
    return torch.optim.SGD(parameters, 1e-3)
'''


class Run:
    """A run on CUDA that is steered from here."""

    def __init__(self, folder: Path, *, paused: bool) -> None:
        folder.mkdir()
        preset = folder / "preset.py"
        preset.write_text(PRESET)
        self.states: list[RunState] = []
        self.names: dict[str, object] = {}
        self.trainer = Trainer()
        self._changed = threading.Condition()
        spec = RunSpec(str(preset), str(folder), device="cuda", start_paused=paused)
        self.folder = Path(self.trainer.start(spec, namespace=self.names, on_change=self._note).folder)

    def _note(self, state: RunState) -> None:
        with self._changed:
            self.states.append(state)
            self._changed.notify_all()

    def ask(self, action: RunAction) -> RunState:
        """Steer, and wait for the next news."""
        count = len(self.states) + 1
        self.trainer.control(action)
        return self.wait(count)

    def wait(self, count: int) -> RunState:
        """Wait until so many changes have been told."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.states) >= count, 60)
            return self.states[count - 1]

    def weights(self) -> dict[str, torch.Tensor]:
        assert self.trainer.join(60)
        model: dict[str, torch.Tensor] = torch.load(
            self.folder / "checkpoints" / "last.pt", weights_only=True
        )["model"]
        return model


def test_pausing_at_every_phase_changes_nothing(tmp_path: Path) -> None:
    whole = Run(tmp_path / "whole", paused=False).weights()
    run = Run(tmp_path / "paused", paused=True)
    state = run.wait(1)
    while state.status == "paused":
        state = run.ask("phase")
    assert state.status == "finished", state.error
    paused = run.weights()
    assert all(torch.equal(tensor, paused[name]) for name, tensor in whole.items())


def test_the_devices_memory_is_as_before_once_the_run_goes_on(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", paused=True)
    run.wait(1)
    run.ask("step")
    run.ask("step")
    before = torch.cuda.memory_allocated()
    for phase in ("forward", "loss"):
        assert run.ask("phase").phase == phase
    assert torch.cuda.memory_allocated() > before
    run.ask("step")
    run.ask("step")
    assert torch.cuda.memory_allocated() == before
    run.ask("stop")
    assert run.trainer.join(60)


def test_a_step_that_was_interrupted_is_not_timed_on_the_device() -> None:
    clock = phase_clock(torch.device("cuda"))
    clock.start()
    clock.mark(DATA)
    clock.interrupt(1)
    clock.start()
    clock.mark(2)
    clock.mark(OPTIMIZER)
    clock.step_done()
    torch.cuda.synchronize()
    means = clock.take()
    clock.mark(DATA)  # the events of the step that was left out serve again
    assert set(means) == {"data", "forward", "backward", "optimizer"}
