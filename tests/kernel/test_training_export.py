"""A model as a file: what is read back computes what the run's model computes."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import nn

from tests.kernel.test_training_steering import PLAIN, Paused, finished, state_of
from tui.kernel.training import Trainer
from tui.kernel.training.copying import copy_of_model
from tui.kernel.training.keep.export import ExportError, export_folder, export_run
from tui.protocol.run import RunSettings, RunSpec
from tui.protocol.training import Exported, ExportModel

WritePreset = Callable[..., str]
Format = Literal["state_dict", "torch_export", "onnx"]

X = torch.randn(7, 6, generator=torch.Generator().manual_seed(1))


def of_run(run: Paused, kind: Format, path: Path, **more: Any) -> Exported | None:
    live = run.trainer.live()
    assert live is not None
    return export_run(ExportModel(kind, str(path), **more), live, lambda: run.trainer.live() is None)


def ended(trainer: Trainer, preset: str, tmp_path: Path, **spec: Any) -> Path:
    return finished(
        trainer, RunSpec(preset, str(tmp_path / "runs"), knobs={"epochs": 2}, device="cpu", **spec)
    )


def rebuilt(state: dict[str, torch.Tensor]) -> nn.Module:
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))
    model.load_state_dict(state)
    return model


def test_a_state_dict_of_a_paused_run(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    run = Paused(trainer, write_preset(model=PLAIN), tmp_path / "runs")
    run.steps(3)
    exported = of_run(run, "state_dict", tmp_path / "net.pt")
    live = trainer.live()
    assert exported is not None
    assert live is not None
    state = torch.load(exported.path, weights_only=True)
    assert all(torch.equal(state[name], value) for name, value in live.model.state_dict().items())
    assert torch.equal(rebuilt(state)(X), live.model(X))
    assert exported.size_bytes == Path(exported.path).stat().st_size
    assert "4 tensors, of step 3" in exported.detail
    assert [path.name for path in tmp_path.glob("*net*")] == ["net.pt"]


@pytest.mark.parametrize("phase", ["between batches", "inside a batch"])
def test_a_program_of_a_paused_run_leaves_no_trace_on_it(
    phase: str, trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    layers = "nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2)"
    preset = write_preset(model=f"def model():\n    return nn.Sequential({layers})")
    run = Paused(trainer, preset, tmp_path / "runs")
    run.steps(2)
    if phase == "inside a batch":
        run.phase()
    exported = of_run(run, "torch_export", tmp_path / "net.pt2")
    live = trainer.live()
    assert exported is not None
    assert live is not None
    assert live.model.training
    program = torch.export.load(exported.path).module()
    copied = copy_of_model(live.model).eval()
    assert torch.allclose(program(X), copied(X), atol=1e-6)
    assert "any batch size" in exported.detail
    folder = run.to_the_end()
    plain = finished(trainer, RunSpec(preset, str(tmp_path / "runs"), device="cpu"))
    state = state_of(folder)
    assert all(torch.equal(value, state[name]) for name, value in state_of(plain).items())


def test_of_a_run_that_trains_meanwhile(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    run = Paused(trainer, write_preset(model=PLAIN), tmp_path / "runs", knobs={"epochs": 10_000})
    trainer.control("resume")
    assert of_run(run, "state_dict", tmp_path / "net.pt") is not None
    exported = of_run(run, "torch_export", tmp_path / "net.pt2")
    assert exported is not None
    assert torch.export.load(exported.path).module()(X).shape == (7, 2)
    trainer.control("stop")
    assert trainer.join(60)


def test_a_run_that_ends_first_is_told_apart(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    run = Paused(trainer, write_preset(model=PLAIN), tmp_path / "runs")
    live = trainer.live()
    assert live is not None
    trainer.control("stop")
    assert trainer.join(60)
    request = ExportModel("state_dict", str(tmp_path / "net.pt"))
    assert export_run(request, live, lambda: trainer.live() is None) is None
    assert run.folder.exists()


def test_the_last_and_the_best_checkpoint_of_a_folder(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    folder = ended(trainer, write_preset(model=PLAIN), tmp_path)
    for checkpoint in ("last", "best"):
        kept = torch.load(folder / "checkpoints" / f"{checkpoint}.pt", weights_only=True)["model"]
        path = tmp_path / f"{checkpoint}.pt"
        export_folder(ExportModel("state_dict", str(path), checkpoint=checkpoint), folder)
        state = torch.load(path, weights_only=True)
        assert all(torch.equal(value, state[name]) for name, value in kept.items())
        program_path = tmp_path / f"{checkpoint}.pt2"
        request = ExportModel("torch_export", str(program_path), checkpoint=checkpoint)
        before = torch.get_rng_state()
        export_folder(request, folder)
        assert torch.equal(torch.get_rng_state(), before)
        program = torch.export.load(program_path).module()
        assert torch.allclose(program(X), rebuilt(kept)(X), atol=1e-6)


def test_a_preset_that_finds_its_data_beside_itself(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    torch.save(torch.randn(20, 6), tmp_path / "rows.pt")
    own = """
        from pathlib import Path

        def data():
            rows = torch.load(Path(__file__).parent / "rows.pt")
            return {"train": DataLoader(TensorDataset(rows, torch.zeros(20).long()), 5)}
    """
    preset = write_preset(model=PLAIN, data=own)
    folder = ended(trainer, preset, tmp_path / "runs")
    path = tmp_path / "net.pt2"
    with pytest.raises(ExportError, match=r"rows\.pt"):  # of the copy in the run's folder alone
        export_folder(ExportModel("torch_export", str(path), checkpoint="last"), folder)
    export_folder(ExportModel("torch_export", str(path), checkpoint="last", preset=preset), folder)
    assert torch.export.load(path).module()(X).shape == (7, 2)


def test_a_model_that_a_step_calls_with_names(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    own = """
        def data():
            rows = [{"x": torch.randn(6), "y": i % 2} for i in range(20)]
            return {"train": DataLoader(rows, 5)}

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Linear(6, 2)

            def forward(self, *, rows):
                return self.inner(rows)

        def step(model, batch, loss):
            return loss(model(rows=batch["x"]), batch["y"])
    """
    preset = write_preset(data=own, model="def model():\n    return Net()", metrics="")
    folder = ended(trainer, preset, tmp_path)
    path = tmp_path / "net.pt2"
    export_folder(ExportModel("torch_export", str(path)), folder)
    assert torch.export.load(path).module()(rows=torch.ones(5, 6)).shape == (5, 2)


def test_nothing_is_overwritten_unasked(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    folder = ended(trainer, write_preset(model=PLAIN), tmp_path)
    path = tmp_path / "net.pt"
    path.write_text("mine")
    with pytest.raises(ExportError, match="is there already"):
        export_folder(ExportModel("state_dict", str(path)), folder)
    assert path.read_text() == "mine"
    export_folder(ExportModel("state_dict", str(path), overwrite=True), folder)
    assert torch.load(path, weights_only=True)


def test_why_it_cannot_be_written(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    branching = """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Linear(6, 2)

            def forward(self, x):
                out = self.inner(x)
                return out if out.sum() > 0 else -out

        def model():
            return Net()
    """
    folder = ended(trainer, write_preset(model=branching), tmp_path)
    cases: list[tuple[ExportModel, Path, str]] = [
        (ExportModel("state_dict", "net.pt"), folder, "no absolute path"),
        (ExportModel("state_dict", str(tmp_path)), folder, "is a folder"),
        (ExportModel("state_dict", str(tmp_path / "no" / "net.pt")), folder, "there is no folder"),
        (ExportModel("state_dict", str(tmp_path / "net.pt")), tmp_path, "no checkpoint"),
        (
            ExportModel("torch_export", str(tmp_path / "net.pt2")),
            folder,
            "torch.export cannot follow the model",
        ),
    ]
    for request, of, words in cases:
        with pytest.raises(ExportError, match=words):
            export_folder(request, of)
    assert not list(tmp_path.glob("*net*"))


def test_a_full_disk_leaves_nothing_half_written(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    folder = ended(trainer, write_preset(model=PLAIN), tmp_path)
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    target = tmp_path / "locked"
    target.mkdir()
    (target / f".net.{__import__('os').getpid()}.tmp.pt").symlink_to(full)
    with pytest.raises(ExportError, match="cannot write"):
        export_folder(ExportModel("state_dict", str(target / "net.pt")), folder)
    assert not list(target.iterdir())


def test_a_model_of_the_namespace_has_no_source(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    spec = RunSpec(
        write_preset(),
        str(tmp_path / "runs"),
        knobs={"epochs": 1},
        device="cpu",
        settings=RunSettings(model="net"),
    )
    state = trainer.start(spec, namespace={"net": nn.Linear(6, 2)}, on_change=lambda _: None)
    assert trainer.join(60)
    folder = Path(state.folder)
    export_folder(ExportModel("state_dict", str(tmp_path / "net.pt")), folder)
    with pytest.raises(ExportError, match="only a state dict"):
        export_folder(ExportModel("torch_export", str(tmp_path / "net.pt2")), folder)


@pytest.mark.skipif(importlib.util.find_spec("onnxscript") is not None, reason="onnxscript is installed")
def test_onnx_names_the_package_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="onnxscript, which this Python does not have: pip install"):
        export_folder(ExportModel("onnx", str(tmp_path / "net.onnx")), tmp_path)


def test_a_copy_has_the_users_hooks_and_none_of_ours() -> None:
    class Watch:
        __module__ = "tui.kernel.training.somewhere"

        def __init__(self) -> None:
            self.lock = threading.Lock()  # which cannot be copied

        def __call__(self, *_: object) -> None:
            raise AssertionError

    calls: list[object] = []

    def own(*_: object) -> None:
        calls.append(_)

    inner = nn.Linear(2, 2)
    inner.register_forward_hook(Watch())
    inner.register_forward_hook(own)
    copied = copy_of_model(nn.Sequential(inner))
    x = torch.ones(1, 2)
    assert torch.equal(copied(x), nn.functional.linear(x, inner.weight, inner.bias))
    assert len(calls) == 1
    assert next(copied.parameters()) is not inner.weight
