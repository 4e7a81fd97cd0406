"""What goes wrong ends in plain words, in the record and in the log, and leaves the last good checkpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader

from tui.kernel.training import RunRefused, Trainer
from tui.protocol.run import RunSpec

WritePreset = Callable[..., str]


def start(trainer: Trainer, preset: str, runs: Path, **spec: Any) -> Path:
    state = trainer.start(
        RunSpec(preset=preset, runs_dir=str(runs), **spec), namespace=None, on_change=lambda _: None
    )
    return Path(state.folder)


def failed(trainer: Trainer, preset: str, runs: Path, **spec: Any) -> tuple[dict[str, str], Path]:
    """Train, and return the record's error and the folder."""
    folder = start(trainer, preset, runs, **spec)
    assert trainer.join(60)
    state = trainer.state()
    assert state is not None
    assert state.status == "failed"
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "failed"
    assert record["ended_at"]
    assert record["error"]["message"] == state.error
    assert state.error in (folder / "log.txt").read_text()
    assert not list(folder.rglob("*.tmp"))
    error: dict[str, str] = record["error"]
    return error, folder


BROKEN = {
    "raises at the top": (
        {"head": "import torch\n1 / 0"}, "ZeroDivisionError", "division by zero", "tiny.py:2",
    ),
    "imports what is not there": (
        {"head": "import no_such_package"},
        "ModuleNotFoundError", "-m pip install no_such_package", "tiny.py:1",
    ),
    "model raises": (
        {"model": "def model():\n    raise ValueError('no model today')"},
        "ValueError", "no model today", " in model",
    ),
    "model is none": (
        {"model": "def model():\n    pass"},
        "PresetError", "model() must return an nn.Module, not None", "tiny.py:",
    ),
    "data is a list": (
        {"data": "def data():\n    return []"}, "PresetError", "data() returned a list", "tiny.py:",
    ),
    "data has no train": (
        {"data": "def data():\n    return {'val': []}"}, "PresetError", "without 'train'", "tiny.py:",
    ),
    "data has a wrong key": (
        {"data": "def data():\n    return {'trian': []}"}, "PresetError", "did you mean 'train'?", "tiny.py:",
    ),
    "loader is empty": (
        {"data": "def data():\n    return {'train': []}"},
        "PresetError", "data()['train'] has no batches", "tiny.py:",
    ),
    "iterator is empty": (
        {"data": "def data():\n    return {'train': iter(())}"},
        "LoopError", "data()['train'] has no batches", "",
    ),
    "iterator is exhausted": (
        {"data": """
            def data():
                return {"train": iter([(torch.randn(4, 6), torch.zeros(4).long())])}
        """},
        "LoopError", "gave no batches in epoch 2: it is exhausted", "",
    ),
    "optimizer is none": (
        {"optimizer": "def optimizer(parameters):\n    pass"},
        "PresetError", "torch.optim.Optimizer, not None", "",
    ),
    "nothing to train": (
        {"model": "def model():\n    return nn.Identity()"},
        "ValueError", "no parameters to train", " in optimizer",
    ),
    "shapes do not fit": (
        {"model": "def model():\n    return nn.Linear(5, 2)"},
        "RuntimeError", "a layer that takes 5 features got 6", "",
    ),
    "target is float": (
        {"data": """
            def data():
                return {"train": [(torch.randn(4, 6), torch.zeros(4))]}
        """},
        "RuntimeError", "target float32 (4,)", "",
    ),
    "loss is no scalar": (
        {"loss": "def loss():\n    return nn.CrossEntropyLoss(reduction='none')"},
        "LoopError", "must give one number per batch, got float32 (16,)", "",
    ),
    "loss is detached": (
        {"loss": "def loss():\n    return lambda output, target: output.detach().sum()"},
        "LoopError", "depends on no parameter", "",
    ),
    "batch is no pair": (
        {"data": "def data():\n    return {'train': [torch.randn(4, 6)]}"},
        "LoopError", "without a step(model, batch, loss) a batch must be (input, target)", "",
    ),
    "metric is no number": (
        {"metrics": "def metrics(output, target):\n    return {'rows': output}"},
        "TypeError", "rows must be one number", "",
    ),
    "code exits": (
        {"loss": "def loss():\n    raise SystemExit(3)"}, "SystemExit", "called sys.exit(3)", " in loss",
    ),
    "code interrupts": (
        {"loss": "def loss():\n    raise KeyboardInterrupt"},
        "KeyboardInterrupt", "was interrupted", " in loss",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_experiment_fails_in_plain_words(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, name: str
) -> None:
    parts, kind, message, where = BROKEN[name]
    error, _ = failed(trainer, write_preset(**parts), tmp_path / "runs")
    assert error["kind"] == kind
    assert message in error["message"]
    assert where in error["where"]


def test_the_traceback_is_the_users(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    preset = write_preset(model="def model():\n    raise ValueError('no model today')")
    error, folder = failed(trainer, preset, tmp_path / "runs")
    assert "raise ValueError('no model today')" in error["traceback"]
    assert "worker.py" not in error["traceback"]
    assert "Traceback (most recent call last)" in (folder / "log.txt").read_text()


NAN_AT_STEP_8 = """
    calls = 0

    def loss():
        entropy = nn.CrossEntropyLoss()

        def value(output, target):
            global calls
            calls += torch.is_grad_enabled()
            return entropy(output, target) * (float("nan") if calls == 8 else 1.0)
        return value
"""


def test_a_loss_that_is_nan_ends_the_run_and_keeps_the_last_good_checkpoint(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    error, folder = failed(trainer, write_preset(loss=NAN_AT_STEP_8), tmp_path / "runs")
    assert error["kind"] == "NotFinite"
    assert "the loss is nan at step 8" in error["message"]
    assert error["where"] == "failed in epoch 2, step 8"
    assert error["message"].endswith("; kept: last.pt and best.pt (end of epoch 1, step 5)")
    content = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    assert content["step"] == 5
    assert all(tensor.isfinite().all() for tensor in content["model"].values())


def test_a_loss_that_is_nan_at_once_names_the_first_bad_module(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    model = """
        class Log(nn.Module):
            def forward(self, x):
                return torch.log(-x.abs() - 1)

        def model():
            return nn.Sequential(nn.Linear(6, 2), Log())
    """
    error, folder = failed(trainer, write_preset(model=model), tmp_path / "runs")
    assert error["kind"] == "NotFinite"
    assert "the output of layer 1 (Log) is the first" in error["message"]
    assert error["message"].endswith("; no checkpoint was written yet")
    assert not list((folder / "checkpoints").iterdir())


def test_parameters_that_became_nan_are_not_kept(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    # The gradient of sqrt at 0 is infinite, and the loss is fine: only the parameters tell.
    loss = "def loss():\n    return lambda output, target: (output * 0).sum().sqrt()"
    data = "def data():\n    return {'train': [(torch.randn(4, 6), torch.zeros(4).long())]}"
    error, folder = failed(trainer, write_preset(loss=loss, data=data), tmp_path / "runs")
    assert error["kind"] == "NotFinite"
    assert "parameter 0.weight is NaN or infinite at step 1" in error["message"]
    assert not list((folder / "checkpoints").iterdir())


DEADLY = """
    import os

    class Deadly(torch.utils.data.Dataset):
        def __len__(self):
            return 40

        def __getitem__(self, index):
            if index >= {first}:
                os._exit(3)
            return torch.zeros(6), 1

    def data():
        return {{"train": DataLoader(Deadly(), 4, num_workers=1, prefetch_factor={ahead})}}
"""


@pytest.mark.parametrize(("first", "ahead"), [(0, 2), (17, 8)])
def test_a_loader_whose_worker_dies(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, first: int, ahead: int
) -> None:
    error, _ = failed(trainer, write_preset(data=DEADLY.format(first=first, ahead=ahead)), tmp_path / "runs")
    assert "a DataLoader worker process died (" in error["message"]
    assert "num_workers=0 loads in the kernel itself" in error["message"]
    assert "float32" not in error["message"], "the batch before has nothing to do with it"


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_failure_to_get_a_batch_does_not_tell_of_the_one_before(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, split: str
) -> None:
    data = f"""
        def broken():
            yield torch.zeros(4, 6), torch.zeros(4).long()
            raise OSError("the file is gone")

        def data():
            whole = [(torch.zeros(4, 6), torch.zeros(4).long())] * 2
            return {{{{"train": whole, "val": whole}}}} | {{{{"{split}": broken()}}}}
    """.replace("{{", "{").replace("}}", "}")
    error, _ = failed(trainer, write_preset(data=data), tmp_path / "runs")
    assert error["message"] == "the file is gone"
    assert "in broken" in error["where"]


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_loader_workers_find_the_experiments_classes(
    trainer: Trainer,
    write_preset: WritePreset,
    tmp_path: Path,
    context: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main = ModuleType("__main__")
    del main.__spec__  # as `%reset` in the REPL does
    monkeypatch.setitem(sys.modules, "__main__", main)
    data = f"""
        class Rows(torch.utils.data.Dataset):
            def __len__(self):
                return 8

            def __getitem__(self, index):
                return torch.full((6,), float(batch)), index % 2

        def data():
            return {{"train": DataLoader(Rows(), 4, num_workers=1, multiprocessing_context="{context}")}}
    """
    folder = start(trainer, write_preset(data=data), tmp_path / "runs", knobs={"epochs": 1})
    assert trainer.join(90)
    state = trainer.state()
    assert state is not None
    assert state.status == "finished", (folder / "log.txt").read_text()


# -- refusals: nothing has been created ----------------------------------------------------------------


def refused(trainer: Trainer, spec: RunSpec) -> str:
    with pytest.raises(RunRefused) as caught:
        trainer.start(spec, namespace=None, on_change=lambda _: None)
    assert not Path(spec.runs_dir).is_dir() or not list(Path(spec.runs_dir).iterdir())
    return str(caught.value)


def test_what_cannot_work_is_refused_at_once(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    good = RunSpec(preset=write_preset(), runs_dir=str(tmp_path / "runs"))
    assert "is not valid Python" in refused(trainer, replace(good, preset=write_preset("bad", head="def (")))
    assert "has no model" in refused(trainer, replace(good, preset=write_preset("less", model="")))
    assert "did you mean 'lr'" in refused(trainer, replace(good, knobs={"lrr": 1.0}))
    assert "knob epochs takes int" in refused(trainer, replace(good, knobs={"epochs": 1.5}))
    assert "epochs must be" in refused(trainer, replace(good, knobs={"epochs": 0}))
    assert "there is no device" in refused(trainer, replace(good, device="tpu"))
    assert "cannot be read" in refused(trainer, replace(good, preset=str(tmp_path / "none.py")))
    assert "it is no run directory" in refused(trainer, replace(good, resume=str(tmp_path / "none")))
    if not torch.cuda.is_available():
        assert "CUDA is not available" in refused(trainer, replace(good, device="cuda"))


def test_a_runs_folder_that_cannot_be_made(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    message = refused(trainer, RunSpec(preset=write_preset(), runs_dir=str(tmp_path / "file" / "runs")))
    assert "cannot make a run directory in" in message
    assert "Not a directory" in message


def test_a_second_run_of_a_kernel_is_refused(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    folder = start(trainer, write_preset(), tmp_path / "runs", start_paused=True)
    with pytest.raises(RunRefused, match=folder.name):
        start(trainer, write_preset(), tmp_path / "runs")
    assert trainer.stop_and_wait(30)
    start(trainer, write_preset(), tmp_path / "runs")


def test_control_without_a_run_is_refused(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    with pytest.raises(RunRefused, match="no run"):
        trainer.control("pause")
    start(trainer, write_preset(), tmp_path / "runs")
    assert trainer.join(30)
    with pytest.raises(RunRefused, match="has ended"):
        trainer.control("pause")


def test_damaged_runs_are_not_resumed_and_not_changed(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    preset = write_preset()
    folder = start(trainer, preset, tmp_path / "runs")
    assert trainer.join(30)
    with pytest.raises(RunRefused, match="has finished its 3 epochs"):
        start(trainer, preset, tmp_path / "runs", resume=str(folder))
    last = folder / "checkpoints" / "last.pt"
    last.write_bytes(last.read_bytes()[:1000])
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(RunRefused, match=r"last\.pt is damaged"):
        start(trainer, preset, tmp_path / "runs", resume=str(folder), knobs={"epochs": 4})
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (folder / "run.json").write_text("{")
    with pytest.raises(RunRefused, match=r"run\.json is damaged"):
        start(trainer, preset, tmp_path / "runs", resume=str(folder))


def test_a_checkpoint_of_another_model(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    folder = start(trainer, write_preset(), tmp_path / "runs", knobs={"epochs": 1})
    assert trainer.join(30)
    other = write_preset(model="def model():\n    return nn.Linear(6, 2)")
    error, _ = failed(trainer, other, tmp_path / "runs", resume=str(folder), knobs={"epochs": 2})
    assert "does not fit this experiment" in error["message"]


# -- a disk that is full -------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("width", [8, 3000, 5000])  # fills up by its log; with the 2nd, the 1st checkpoint
def test_a_full_disk_ends_the_run_and_keeps_what_was_whole(
    trainer: Trainer, write_preset: WritePreset, small_disk: Path, tmp_path: Path, width: int
) -> None:
    model = f"def model():\n    return nn.Sequential(nn.Linear(6, {width}), nn.ReLU(), nn.Linear({width}, 2))"
    preset = write_preset(model=model)
    folder = start(trainer, preset, small_disk, knobs={"epochs": 100_000})
    if width == 8:
        (small_disk / "ballast").write_bytes(b"x" * 250_000)
    assert trainer.join(100)
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "failed"
    assert "No space left on device" in record["error"]["message"]
    assert str(folder) in record["error"]["message"]
    assert not list(folder.rglob("*.tmp"))
    (log,) = folder.glob("events.*")
    events = list(RawEventFileLoader(str(log)).Load())
    assert sum(len(event) + 16 for event in events) == log.stat().st_size  # whole records and nothing else
    first = folder / "checkpoints" / ("last.pt" if width == 8 else "best.pt")  # the best is written first
    assert first.exists() == (width < 5000)
    told = record["error"]["message"]
    assert (first.name in told.partition("; kept: ")[2]) == first.exists()
    assert told.endswith("; no checkpoint was written yet") == (not first.exists())
    if first.exists():
        torch.load(first, weights_only=True)
    if width == 8:
        (small_disk / "ballast").unlink()
        start(trainer, preset, small_disk, resume=str(folder), knobs={"epochs": record["epoch"] + 2})
        assert trainer.join(60)
        state = trainer.state()
        assert state is not None
        assert state.status == "finished", state.error
