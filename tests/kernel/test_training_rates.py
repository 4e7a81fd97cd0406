"""The rates that are logged are those of training: pauses and evaluations are in none of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.kernel.training_oracle import scalars
from tui.kernel.training import Trainer
from tui.kernel.training.log import recorder as module
from tui.kernel.training.log.events import EventFile
from tui.kernel.training.log.recorder import Recorder
from tui.protocol.run import SAMPLES_PER_S, STEP_MS, RunSpec


class Clock:
    """Tells the time it is set to."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "perf_counter", made)
    return made


def test_time_between_steps_is_in_no_rate(tmp_path: Path, clock: Clock) -> None:
    events = EventFile(tmp_path)
    recorder = Recorder(events, torch.device("cpu"), nn.Linear(1, 1).named_parameters())
    step = 0
    for taken, away_s in ((8, 60.0), (2, 5.0), (1, 0.3), (11, 1.0)):  # pauses, evaluations
        recorder.open_window()
        for _ in range(taken):
            step += 1
            clock.now_s += 0.1
            recorder.step_done(step, 4, clock.now_s)
        recorder.close_window()
        clock.now_s += away_s
    recorder.close_window(final=True)
    recorder.flush()
    events.close()
    times, rates = scalars(tmp_path, STEP_MS), scalars(tmp_path, SAMPLES_PER_S)
    assert [at for at, _ in times] == [at for at, _ in rates]
    assert times[-1][0] == step
    assert [ms for _, ms in times] == pytest.approx([100.0] * len(times))
    assert [rate for _, rate in rates] == pytest.approx([40.0] * len(times))


def test_every_second_of_training_is_in_one_rate(
    trainer: Trainer, write_preset: Callable[..., str], tmp_path: Path
) -> None:
    spec = RunSpec(preset=write_preset(), runs_dir=str(tmp_path / "runs"), knobs={"epochs": 40})
    folder = Path(trainer.start(spec, namespace=None, on_change=lambda _: None).folder)
    assert trainer.join(60)
    times, before, total_s = scalars(folder, STEP_MS), 0, 0.0
    for step, ms in times:
        total_s += (step - before) * ms / 1e3
        before = step
    assert before == 40 * 5
    train_s = json.loads((folder / "run.json").read_text())["train_s"]
    assert 0 < total_s < train_s, "which holds the evaluations too"
