"""A sweep trains one run after the other, and no run of it can keep the others from their turn."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tui.kernel.training import RunRefused, Trainer
from tui.kernel.training.sweep import Sweep
from tui.protocol.codec import decode
from tui.protocol.messages import RunState
from tui.protocol.run import SWEEPS, KnobValue, RunSpec
from tui.protocol.training import SweepRecord

WritePreset = Callable[..., str]


class Started:
    """Starts runs with a real trainer and notes them."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.states: list[RunState] = []
        self.begun = threading.Event()
        self.changes = 0

    def __call__(self, spec: RunSpec) -> RunState:
        state = self.trainer.start(spec, namespace=None, on_change=lambda _: None)
        self.states.append(state)
        self.begun.set()
        return state

    def changed(self) -> None:
        self.changes += 1


@pytest.fixture
def specs(write_preset: WritePreset, tmp_path: Path) -> Callable[..., list[RunSpec]]:
    def make(*knobs: dict[str, KnobValue]) -> list[RunSpec]:
        preset, runs = write_preset(), str(tmp_path / "runs")
        return [RunSpec(preset=preset, runs_dir=runs, knobs={"epochs": 1, **each}) for each in knobs]

    return make


def test_every_run_has_its_turn_and_its_knobs(trainer: Trainer, specs: Callable[..., list[RunSpec]]) -> None:
    started = Started(trainer)
    sweep = Sweep("lrs", specs({"lr": 0.1}, {"lr": 0.01}, {"lr": 0.001}), started, trainer, started.changed)
    assert [run.status for run in sweep.state().runs] == ["waiting"] * 3
    sweep.begin()
    assert sweep.wait(120)
    state = sweep.state()
    assert [run.status for run in state.runs] == ["finished"] * 3
    assert [run.knobs for run in state.runs] == [{"lr": 0.1}, {"lr": 0.01}, {"lr": 0.001}]
    records = [json.loads(Path(run.folder, "run.json").read_text()) for run in state.runs]
    assert [record["knobs"]["lr"] for record in records] == [0.1, 0.01, 0.001]
    assert {record["sweep"] for record in records} == {"lrs"}
    assert started.changes >= 6
    assert not sweep.in_progress


def test_a_run_that_fails_or_is_refused_does_not_keep_the_next_from_its_turn(
    trainer: Trainer, specs: Callable[..., list[RunSpec]]
) -> None:
    started = Started(trainer)
    wanted = specs({"lr": -1.0}, {"epochs": 0}, {"lr": 0.01})
    sweep = Sweep("odd", wanted, started, trainer, started.changed)
    sweep.begin()
    assert sweep.wait(120)
    failed, refused, good = sweep.state().runs
    assert failed.status == "failed"
    assert "lr" in failed.error or "learning rate" in failed.error.lower()
    assert refused.status == "refused"
    assert "epochs must be" in refused.error
    assert refused.folder == ""
    assert good.status == "finished"


def test_a_sweep_that_is_ended_lets_the_run_in_progress_go_on(
    trainer: Trainer, specs: Callable[..., list[RunSpec]]
) -> None:
    started = Started(trainer)
    wanted = specs({"lr": 0.1, "epochs": 100_000}, {"lr": 0.01})
    sweep = Sweep("long", wanted, started, trainer, started.changed)
    sweep.begin()
    assert started.begun.wait(60)
    sweep.end()
    assert [run.status for run in sweep.state().runs][1] == "stopped"
    assert sweep.in_progress
    state = trainer.state()
    assert state is not None
    assert state.status == "running"
    trainer.control("stop")
    assert sweep.wait(60)
    assert [run.status for run in sweep.state().runs] == ["stopped", "stopped"]
    assert len(started.states) == 1


def test_a_start_that_raises_anything_is_told(trainer: Trainer, specs: Callable[..., list[RunSpec]]) -> None:
    def start(_: RunSpec) -> RunState:
        raise RunRefused("not now")

    sweep = Sweep("none", specs({"lr": 0.1}, {"lr": 0.2}), start, trainer, lambda: None)
    sweep.begin()
    assert sweep.wait(60)
    assert [(run.status, run.error) for run in sweep.state().runs] == [("refused", "not now")] * 2


def test_its_record_beside_the_runs_tells_how_it_stands(
    trainer: Trainer, specs: Callable[..., list[RunSpec]], tmp_path: Path
) -> None:
    started = Started(trainer)
    sweep = Sweep("lrs", specs({"lr": 0.1}, {"epochs": 0}), started, trainer, started.changed)
    sweep.begin()
    assert sweep.wait(120)
    (path,) = (tmp_path / "runs" / SWEEPS).iterdir()
    record = decode(SweepRecord, json.loads(path.read_text()))
    assert record.ended
    assert (record.name, record.pid) == ("lrs", os.getpid())
    assert record.runs == sweep.state().runs
    assert [spec.knobs for spec in record.specs] == [{"epochs": 1, "lr": 0.1}, {"epochs": 0}]


def test_a_sweep_that_is_ended_says_so_in_its_record_at_once(
    trainer: Trainer, specs: Callable[..., list[RunSpec]], tmp_path: Path
) -> None:
    started = Started(trainer)
    wanted = specs({"lr": 0.1, "epochs": 100_000}, {"lr": 0.01})
    sweep = Sweep("long", wanted, started, trainer, started.changed)
    sweep.begin()
    assert started.begun.wait(60)
    sweep.end()
    (path,) = (tmp_path / "runs" / SWEEPS).glob("*.json")
    record = decode(SweepRecord, json.loads(path.read_text()))
    trainer.control("stop")
    assert sweep.wait(60)
    assert record.ended
    assert record.runs[1].status == "stopped"


def test_a_sweep_whose_record_cannot_be_written_goes_on(
    trainer: Trainer, specs: Callable[..., list[RunSpec]], tmp_path: Path
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / SWEEPS).write_text("no folder")
    started = Started(trainer)
    sweep = Sweep("lrs", specs({"lr": 0.1}), started, trainer, started.changed)
    sweep.begin()
    assert sweep.wait(120)
    assert sweep.state().runs[0].status == "finished"
