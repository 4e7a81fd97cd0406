"""Pause, step, resume, stop; and the objects that a paused or ended run gives to the REPL."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

import tui
from tui.kernel.training import Trainer
from tui.protocol.messages import RunState
from tui.protocol.run import RunSpec

WritePreset = Callable[..., str]
ENDLESS = {"epochs": 1_000_000}


class Watched:
    """A run whose changes of status are kept and can be waited for."""

    def __init__(self, trainer: Trainer, preset: str, runs: Path, *, start_paused: bool = False) -> None:
        self.seen: list[RunState] = []
        self.namespace: dict[str, object] = {}
        self._changed = threading.Condition()
        self.trainer = trainer
        spec = RunSpec(preset=preset, runs_dir=str(runs), knobs=dict(ENDLESS), start_paused=start_paused)
        self.folder = Path(trainer.start(spec, namespace=self.namespace, on_change=self._note).folder)

    def _note(self, state: RunState) -> None:
        with self._changed:
            self.seen.append(state)
            self._changed.notify_all()

    def wait(self, status: str, count: int = 1) -> RunState:
        """Wait until the run has told `count` times that it has this status; return the last."""

        def told() -> list[RunState]:
            return [state for state in self.seen if state.status == status]

        with self._changed:
            assert self._changed.wait_for(lambda: len(told()) >= count, 30)
            return told()[-1]

    def record(self) -> dict[str, object]:
        data: dict[str, object] = json.loads((self.folder / "run.json").read_text())
        return data


def test_step_takes_one_batch_and_pauses_again(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    run = Watched(trainer, write_preset(), tmp_path, start_paused=True)
    assert run.wait("paused").step == 0
    for steps in range(1, 12):  # over the ends of two epochs, evaluation included
        trainer.control("step")
        assert run.wait("paused", steps + 1).step == steps
    assert run.record()["status"] == "paused"
    assert run.record()["step"] == 11
    assert run.record()["epoch"] == 2


def test_pause_resume_and_stop(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    run = Watched(trainer, write_preset(), tmp_path)
    trainer.control("pause")
    paused = run.wait("paused")
    assert run.record()["status"] == "paused"
    assert (run.folder / "checkpoints" / "last.pt").exists()
    trainer.control("resume")
    run.wait("running")
    trainer.control("step")  # of a running run: pause after the current step
    assert run.wait("paused", 2).step > paused.step
    trainer.control("stop")
    stopped = run.wait("stopped")
    assert trainer.join(30)
    assert run.record()["status"] == "stopped"
    assert run.record()["ended_at"]
    assert run.record()["step"] == stopped.step
    content = torch.load(run.folder / "checkpoints" / "last.pt", weights_only=True)
    assert content["step"] == stopped.step
    log = (run.folder / "log.txt").read_text()
    assert f"paused at step {paused.step}" in log
    assert "resumed" in log


def test_a_paused_run_gives_its_live_objects(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    run = Watched(trainer, write_preset(), tmp_path, start_paused=True)
    run.wait("paused")
    trainer.control("step")
    run.wait("paused", 2)
    model, batch, output = run.namespace["model"], run.namespace["batch"], run.namespace["output"]
    assert isinstance(model, nn.Module)
    assert isinstance(output, torch.Tensor)
    assert isinstance(batch, list)
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert isinstance(run.namespace["optimizer"], torch.optim.Adam)
    loss = nn.CrossEntropyLoss()(output, batch[1])
    assert torch.equal(loss, run.namespace["loss"])  # type: ignore[arg-type]
    assert "paused, epoch 1, step 1" in repr(run.namespace["run"])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    trainer.control("step")
    run.wait("paused", 3)
    assert all(
        parameter.abs().max() <= 0.0101 for parameter in model.parameters()
    )  # what is typed is what trains


def test_the_users_names_are_left_alone(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    run = Watched(trainer, write_preset(), tmp_path, start_paused=True)
    run.namespace["loss"] = "mine"
    run.wait("paused")
    for steps in (1, 2):
        trainer.control("step")
        run.wait("paused", steps + 1)
    assert run.namespace["loss"] == "mine"
    first_output = run.namespace["output"]
    run.namespace["batch"] = "mine too"
    del run.namespace["model"]
    trainer.control("step")
    run.wait("paused", 4)
    assert run.namespace["batch"] == "mine too"
    assert run.namespace["output"] is not first_output
    assert isinstance(run.namespace["model"], nn.Module)
    assert (run.folder / "log.txt").read_text().count("left alone, since they are yours: loss") == 1


def test_a_learning_rate_changed_while_paused_is_logged(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = Watched(trainer, write_preset(), tmp_path, start_paused=True)
    run.wait("paused")
    trainer.control("step")
    run.wait("paused", 2)
    optimizer = run.namespace["optimizer"]
    assert isinstance(optimizer, torch.optim.Optimizer)
    optimizer.param_groups[0]["lr"] = 0.25
    trainer.control("step")
    run.wait("paused", 3)
    assert trainer.stop_and_wait(30)
    log = EventAccumulator(str(run.folder)).Reload()
    assert [(e.step, e.value) for e in log.Scalars("lr")][-1] == (2, 0.25)


def test_output_of_the_experiment_goes_to_its_log_and_no_other(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    loud = """
        import sys

        def loss():
            print("from the experiment")
            print("from its stderr", file=sys.stderr)
            print("no end", end="")
            return nn.CrossEntropyLoss()
    """
    stdout = sys.stdout
    run = Watched(trainer, write_preset(loss=loud), tmp_path, start_paused=True)
    run.wait("paused")
    print("from the cell")  # noqa: T201
    assert trainer.stop_and_wait(30)
    log = (run.folder / "log.txt").read_text().splitlines()
    assert "from the experiment" in log
    assert "from its stderr" in log
    assert "no end" in log
    assert "from the cell" not in log
    assert sys.stdout is stdout


def test_a_process_that_exits_stops_its_run_in_order(write_preset: WritePreset, tmp_path: Path) -> None:
    program = f"""
import sys; sys.path.insert(0, {str(Path(tui.__file__).parents[1])!r})
from tui.kernel.training import Trainer
from tui.protocol.run import RunSpec
trainer = Trainer()
spec = RunSpec(preset={write_preset()!r}, runs_dir={str(tmp_path / "runs")!r}, knobs={ENDLESS!r})
print(trainer.start(spec, namespace=None, on_change=lambda state: None).folder, flush=True)
while trainer.state().step == 0: pass
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert time.monotonic() - started < 30
    record = json.loads((Path(done.stdout.strip()) / "run.json").read_text())
    assert record["status"] == "stopped"
    assert record["step"] > 0
    assert done.stderr == ""
