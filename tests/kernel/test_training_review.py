"""Names given by run after run, what checkpoints can hold, and what a resumed run may change."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from tui.kernel.training import RunRefused, Trainer
from tui.kernel.training.keep import checkpoints
from tui.kernel.training.keep.checkpoint import CheckpointError, _plain, load_checkpoint
from tui.kernel.training.keep.checkpoints import Checkpoints
from tui.kernel.training.log.events import EventFile, LogWriteError
from tui.kernel.training.log.gradients import GradientSampler
from tui.kernel.training.loop import Loop
from tui.kernel.training.parts.experiment import read_source
from tui.kernel.training.waiting.handover import Handover
from tui.protocol.messages import RunState
from tui.protocol.preset import PresetError
from tui.protocol.run import LOSS, RunSpec, phase_tag

WritePreset = Callable[..., str]


def train(trainer: Trainer, spec: RunSpec, namespace: dict[str, object] | None = None) -> Path:
    """Train to the end, without a failure, and return the folder."""
    state = trainer.start(spec, namespace=namespace, on_change=lambda _: None)
    assert trainer.join(60)
    ended = trainer.state()
    assert ended is not None
    assert ended.status == "finished", ended.error
    return Path(state.folder)


def test_a_second_run_replaces_the_names_of_the_first_and_none_of_the_users(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    names: dict[str, Any] = {}
    spec = RunSpec(preset=write_preset(), runs_dir=str(tmp_path / "runs"))
    train(trainer, spec, names)
    first = weakref.ref(names["model"])
    names["loss"] = "mine"
    second = train(trainer, spec, names)
    assert names["run"].folder == second
    assert names["model"] is names["run"].model
    assert names["loss"] == "mine"
    gc.collect()
    assert first() is None


def test_a_closed_runs_model_lives_only_as_long_as_its_names(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    names: dict[str, Any] = {}
    path = write_preset(model="def model():\n    return nn.Linear(6, 2)")
    train(trainer, RunSpec(preset=path, runs_dir=str(tmp_path / "runs")), names)
    model = weakref.ref(names["model"])
    names.clear()
    gc.collect()
    assert model() is None


def test_given_names_are_recognized_without_being_kept() -> None:
    names: dict[str, Any] = {}
    handover = Handover(names)
    batch = [torch.zeros(2), torch.ones(2)]
    assert handover.give({"batch": batch, "loss": batch[0], "output": 3}) == []
    tensor = weakref.ref(batch[1])
    names["batch"] = list(batch)  # the user's own list of the same tensors
    assert handover.give({"batch": [1], "loss": 5, "output": 4}) == ["batch"]
    assert (names["loss"], names["output"]) == (5, 4)
    handover.take_back()
    assert list(names) == ["batch"]
    del names["batch"], batch
    assert tensor() is None


def test_what_weights_only_refuses_is_made_plain_or_left_out(tmp_path: Path) -> None:
    state = {
        "lr": np.float64(0.5),
        "rates": np.arange(3.0),
        "own": object(),
        "parts": [object(), 1],
        "lr_lambdas": [None, len],
        "nested": {"keep": (1, None), "drop": len},
    }
    plain = _plain(state)
    assert plain == {
        "lr": 0.5,
        "rates": [0.0, 1.0, 2.0],
        "lr_lambdas": [None, None],
        "nested": {"keep": (1, None)},
    }
    torch.save(plain, tmp_path / "state.pt")
    assert torch.load(tmp_path / "state.pt", weights_only=True) == plain


NUMPY_LAMBDA = """
    import numpy as np

    class Own(torch.optim.lr_scheduler.LambdaLR):
        def __init__(self, *arguments):
            self.helper = object()
            super().__init__(*arguments)

        def step(self, *arguments):
            assert self.helper is not None
            super().step(*arguments)

    def scheduler(optimizer):
        return Own(optimizer, lambda epoch: np.float64(0.5) ** epoch)
"""


def test_a_scheduler_that_gives_numpys_numbers_can_be_resumed(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    path = write_preset(scheduler=NUMPY_LAMBDA)
    folder = train(trainer, RunSpec(preset=path, runs_dir=str(tmp_path / "runs")))
    train(trainer, RunSpec(preset=path, runs_dir="", resume=str(folder), knobs={"epochs": 5}))
    checkpoint = load_checkpoint(folder)
    assert checkpoint is not None
    assert checkpoint["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.01 * 0.5**5)


def test_a_checkpoint_of_another_schema_is_refused(tmp_path: Path) -> None:
    names = ["model", "optimizer", "scheduler", "loss", "epoch", "step", "batch", "random", "best", "train_s"]
    (tmp_path / "checkpoints").mkdir()
    torch.save({"schema": 99, **dict.fromkeys(names)}, tmp_path / "checkpoints" / "last.pt")
    with pytest.raises(CheckpointError, match="schema 99"):
        load_checkpoint(tmp_path)


def test_the_best_state_is_on_disk_before_the_last_one_tells_of_it(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.pt").mkdir()  # in the way of the second write
    checkpoints = Checkpoints(tmp_path, lambda: {"step": 1})
    checkpoints.keep_best()
    with pytest.raises(CheckpointError):
        checkpoints.save()
    assert torch.load(tmp_path / "checkpoints" / "best.pt", weights_only=True) == {"step": 1}


CACHING = """
    class Rotary(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.mask = nn.Linear(6, 2), None

        def forward(self, x):
            if self.mask is None and not self.training:
                self.mask = torch.ones(6)
            return self.linear(x if self.mask is None else x * self.linear.weight[0] * self.mask)

    def model():
        return Rotary()

    def step(model, batch, loss):
        with torch.enable_grad():
            x = batch[0].clone().requires_grad_()
            slope, = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        return loss(model(batch[0]), batch[1]) + slope.square().mean()
"""


def test_evaluation_suits_cached_tensors_and_steps_that_differentiate(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    train(trainer, RunSpec(preset=write_preset(model=CACHING), runs_dir=str(tmp_path / "runs")))


def test_a_failing_truncation_leaves_the_first_error_to_tell_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    events = EventFile(tmp_path)
    size_bytes = events.path.stat().st_size
    events.scalar("loss", 1, 0.5, 0.0)
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", fail)
        broken.setattr(os, "ftruncate", fail)
        with pytest.raises(LogWriteError, match="Input/output error"):
            events.flush()
    events.scalar("loss", 2, 0.5, 0.0)
    events.flush()  # nothing may follow a record that may be torn
    assert events.path.stat().st_size == size_bytes


def test_update_ratios_are_left_out_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Linear(2, 1)
    model(torch.ones(1, 2)).sum().backward()
    sampler = GradientSampler(model.named_parameters(), torch.device("cpu"))

    def fail(_: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(torch.Tensor, "clone", fail)
    sampler.after_backward(1)
    sampler.after_update(1)
    assert not sampler.has_update_ratios
    tags = [tag for _, _, pairs in sampler.take(wait=True) for tag, _ in pairs]
    assert tags == ["grad_norm/weight", "grad_norm/bias", "grad_norm"]


def test_a_resumed_run_keeps_its_seed(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    path = write_preset()
    folder = train(trainer, RunSpec(preset=path, runs_dir=str(tmp_path / "runs")))
    before = (folder / "run.json").read_bytes()
    with pytest.raises(RunRefused, match="begun with seed 0, which cannot become 9"):
        trainer.start(
            RunSpec(preset=path, runs_dir="", resume=str(folder), knobs={"epochs": 5}, seed=9),
            namespace=None,
            on_change=lambda _: None,
        )
    assert (folder / "run.json").read_bytes() == before


def test_knobs_that_change_on_resume_are_told_with_what_they_do_not_change(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    path = write_preset()
    folder = train(trainer, RunSpec(preset=path, runs_dir=str(tmp_path / "runs")))
    train(trainer, RunSpec(preset=path, runs_dir="", resume=str(folder), knobs={"epochs": 5, "lr": 0.5}))
    log = (folder / "log.txt").read_text()
    assert "lr is 0.5 from here on, it was 0.01" in log
    assert "the optimizer goes on with its own state, the learning rate in it included" in log
    assert json.loads((folder / "run.json").read_text())["knobs"]["lr"] == 0.5


COSINE = """
    def scheduler(optimizer):
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
"""


def test_more_epochs_than_the_scheduler_planned_for_and_another_source_are_told(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    path = write_preset(scheduler=COSINE)
    folder = train(trainer, RunSpec(preset=path, runs_dir=str(tmp_path / "runs")))
    Path(path).write_text(Path(path).read_text() + "\n# changed\n")
    train(trainer, RunSpec(preset=path, runs_dir="", resume=str(folder), knobs={"epochs": 5}))
    log = (folder / "log.txt").read_text()
    assert log.count("the source has changed since the run began") == 1
    assert "T_max 3, as planned for 3 epochs, not 5 as 5 epochs would have it" in log
    assert any("T_max 3" in warning for warning in json.loads((folder / "run.json").read_text())["warnings"])


def test_a_run_that_cannot_begin_does_not_stay_running(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tui.kernel.training.parts.preset_module.tempfile", SimpleNamespace(mkdtemp=fail))
    with pytest.raises(RunRefused, match="No space left"):
        trainer.start(
            RunSpec(preset=write_preset(), runs_dir=str(tmp_path / "runs")),
            namespace=None,
            on_change=lambda _: None,
        )
    (record,) = (tmp_path / "runs").glob("*/run.json")
    assert json.loads(record.read_text())["status"] == "failed"


def test_a_return_at_the_top_level_is_an_error_of_the_preset(write_preset: WritePreset) -> None:
    path = write_preset(tail="return 1")
    with pytest.raises(PresetError) as raised:
        read_source(Path(path), {})
    assert raised.value.line == len(Path(path).read_text().splitlines())


def values(folder: Path, tag: str) -> list[tuple[int, float]]:
    log = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    log.Reload()
    return [(point.step, point.value) for point in log.Scalars(tag)]


def test_a_checkpoint_inside_an_epoch_never_runs_ahead_of_the_log(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[tuple[int, int]] = []

    def write(path: Path, content: dict[str, Any]) -> None:
        if path.name == "last.pt":
            logged.append((content["step"], values(path.parents[1], LOSS)[-1][0]))

    monkeypatch.setattr(checkpoints, "write_checkpoint", write)
    monkeypatch.setattr(Checkpoints, "MIN_INTERVAL_S", 0.0)
    monkeypatch.setattr(Checkpoints, "MAX_INTERVAL_S", 0.0)
    monkeypatch.setattr(Loop, "LOOK_INTERVAL_S", 0.0)
    train(trainer, RunSpec(preset=write_preset(), runs_dir=str(tmp_path / "runs"), knobs={"epochs": 1}))
    assert {step for step, _ in logged} == {1, 2, 3, 4, 5}
    assert all(step == last for step, last in logged)


CLOSURE = """
    def optimizer(parameters):
        return torch.optim.LBFGS(parameters, lr=0.1, max_iter=3)
"""


def test_an_optimizer_with_a_closure_has_a_backward_phase(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    folder = train(trainer, RunSpec(preset=write_preset(optimizer=CLOSURE), runs_dir=str(tmp_path / "runs")))
    for phase in ("forward", "backward", "optimizer"):
        assert values(folder, phase_tag(phase))[-1][1] > 0


NOISY = """
    import pauser

    class Noisy(torch.utils.data.Dataset):
        def __init__(self, on_item):
            self.on_item = on_item

        def __len__(self):
            return 20

        def __getitem__(self, index):
            self.on_item(index)
            return torch.randn(6), index % 2

    def data():
        return {
            "train": DataLoader(Noisy(lambda index: None), 5),
            "val": DataLoader(Noisy(pauser.seen), 5, shuffle=True),
        }
"""


def test_a_run_killed_while_paused_inside_an_evaluation_goes_on_bit_for_bit(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_preset(data=NOISY)
    monkeypatch.setitem(sys.modules, "pauser", SimpleNamespace(seen=lambda _: None))
    whole = train(trainer, RunSpec(preset=path, runs_dir=str(tmp_path / "whole")))

    monkeypatch.setitem(sys.modules, "pauser", SimpleNamespace(seen=lambda _: trainer.control("pause")))
    paused = threading.Event()

    def note(state: RunState) -> None:
        if state.status == "paused":
            paused.set()

    spec = RunSpec(preset=path, runs_dir=str(tmp_path / "parts"))
    folder = Path(trainer.start(spec, namespace=None, on_change=note).folder)
    assert paused.wait(30)
    killed = Path(shutil.copytree(folder, tmp_path / "killed"))
    assert trainer.stop_and_wait(30)

    monkeypatch.setitem(sys.modules, "pauser", SimpleNamespace(seen=lambda _: None))
    train(trainer, RunSpec(preset=path, runs_dir="", resume=str(killed)))
    assert values(killed, LOSS) == values(whole, LOSS)
    assert values(killed, "val/loss") == values(whole, "val/loss")


PLATEAU = """
    def scheduler(optimizer):
        return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)

    def data():
        x = torch.randn(8, 6)
        return {"train": [(x, torch.zeros(8, dtype=torch.long))] * 2}
"""


def schedule(folder: Path) -> dict[str, Any]:
    checkpoint = load_checkpoint(folder)
    assert checkpoint is not None
    state: dict[str, Any] = checkpoint["scheduler"]
    return state


def test_a_plateau_scheduler_is_resumed_after_an_epochs_last_batch(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    path = write_preset(scheduler=PLATEAU, data="", metrics="")
    reached = threading.Event()

    def note(state: RunState) -> None:
        if state.step == 2:
            reached.set()

    spec = RunSpec(preset=path, runs_dir=str(tmp_path / "runs"), start_paused=True)
    folder = Path(trainer.start(spec, namespace=None, on_change=note).folder)
    trainer.control("step")
    trainer.control("step")
    assert reached.wait(30)
    assert trainer.stop_and_wait(30)
    trainer.start(
        RunSpec(preset=path, runs_dir="", resume=str(folder), start_paused=True),
        namespace=None,
        on_change=lambda _: None,
    )
    trainer.control("resume")
    assert trainer.join(60)
    whole = train(trainer, RunSpec(preset=path, runs_dir=str(tmp_path / "whole")))
    assert schedule(folder) == schedule(whole)
