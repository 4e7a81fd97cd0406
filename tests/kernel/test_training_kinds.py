"""Experiments of every kind: whose step, batch, optimizer or scheduler is not the usual one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tui.kernel.training import Trainer
from tui.protocol.run import RunSpec

WritePreset = Callable[..., str]

OWN_STEP = """
    def data():
        x = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
        rows = [{"x": row, "y": int(row.sum() > 0)} for row in x]
        return {"train": DataLoader(rows, 8), "val": DataLoader(rows, 8)}

    def step(model, batch, loss):
        return loss(model(batch["x"]), batch["y"])
"""
RATES = {
    "plateau": "ReduceLROnPlateau(optimizer, patience=0)",
    "one cycle": "OneCycleLR(optimizer, 0.1, total_steps=9)",
    "lambda": "LambdaLR(optimizer, lambda epoch: 0.5 ** epoch)",
    "milestones": "MultiStepLR(optimizer, [1, 2])",
    "chained": "SequentialLR(optimizer, [torch.optim.lr_scheduler.ConstantLR(optimizer),"
    " torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)], [1])",
}
KINDS: dict[str, dict[str, str]] = {
    "own step": {"data": OWN_STEP, "metrics": ""},
    "own step, metrics of the model's output": {
        "data": OWN_STEP,
        "metrics": "def metrics(output, target):\n    return {'spread': output.std(), 'rows': len(output)}",
    },
    "LBFGS": {
        "optimizer": "def optimizer(parameters):\n    return torch.optim.LBFGS(parameters, lr, max_iter=3)"
    },
    "stream": {
        "data": """
            class Stream(torch.utils.data.IterableDataset):
                def __iter__(self):
                    return ((torch.randn(6), i % 2) for i in range(20))

            def data():
                return {"train": DataLoader(Stream(), 8)}
        """
    },
    "sparse gradients": {
        "data": """
            def data():
                return {"train": [(torch.randint(9, (4, 3)), torch.tensor([0, 1, 0, 1]))]}
        """,
        "model": "def model():\n    return nn.EmbeddingBag(9, 2, sparse=True)",
        "optimizer": "def optimizer(parameters):\n    return torch.optim.SparseAdam(list(parameters), lr)",
    },
    "frozen layer": {
        "model": """
            def model():
                made = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 2))
                made[0].requires_grad_(False)
                return made
        """
    },
    "loss with weights": {
        "loss": "def loss():\n    return nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]))"
    },
    "two parameter groups": {
        "optimizer": """
            def optimizer(parameters):
                first, *rest = parameters
                return torch.optim.SGD([{"params": [first], "lr": 0.1}, {"params": rest}], lr)
        """
    },
    "learning rate in a tensor": {
        "optimizer": "def optimizer(parameters):\n    return torch.optim.Adam(parameters, torch.tensor(lr))"
    },
    "knob in a top-level expression": {
        "data": """
            rows = batch * 2

            def data():
                assert rows == 8
                return {"train": [(torch.randn(rows, 6), torch.zeros(rows).long())]}
        """
    },
    **{
        f"scheduler: {name}": {
            "optimizer": f"""
                def optimizer(parameters):
                    return torch.optim.SGD(parameters, lr)

                def scheduler(optimizer):
                    return torch.optim.lr_scheduler.{scheduler}
            """
        }
        for name, scheduler in RATES.items()
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_trains_logs_and_resumes(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, kind: str
) -> None:
    preset = write_preset(**KINDS[kind])
    spec = RunSpec(preset=preset, runs_dir=str(tmp_path), knobs={"batch": 4, "epochs": 2})
    folder = Path(trainer.start(spec, namespace=None, on_change=lambda _: None).folder)
    assert trainer.join(60)
    again = RunSpec(preset=preset, runs_dir=str(tmp_path), knobs={"epochs": 3}, resume=str(folder))
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished", (folder / "log.txt").read_text()
    trainer.start(again, namespace=None, on_change=lambda _: None)
    assert trainer.join(60)
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished", (folder / "log.txt").read_text()
    assert record["knobs"]["batch"] == 4
    assert record["epoch"] == 3
    log = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    assert [event.step for event in log.Scalars("train/loss")] == list(range(1, record["step"] + 1))
    assert torch.load(folder / "checkpoints" / "last.pt", weights_only=True)["epoch"] == 3


def test_the_schedulers_rates_are_those_of_torch(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    preset = write_preset(**KINDS["scheduler: lambda"])
    spec = RunSpec(preset=preset, runs_dir=str(tmp_path), knobs={"lr": 0.5})
    folder = trainer.start(spec, namespace=None, on_change=lambda _: None).folder
    assert trainer.join(60)
    log = EventAccumulator(folder).Reload()
    assert [(event.step, event.value) for event in log.Scalars("lr")] == [(1, 0.5), (6, 0.25), (11, 0.125)]


def test_metrics_of_training_are_those_of_the_models_output(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    still = "def optimizer(parameters):\n    return torch.optim.SGD(parameters, 0.0)"
    model = "def model():\n    return nn.Linear(6, 2)"
    preset = write_preset(optimizer=still, model=model)
    spec = RunSpec(preset=preset, runs_dir=str(tmp_path), knobs={"epochs": 1, "batch": 80})
    namespace: dict[str, object] = {}
    folder = trainer.start(spec, namespace=namespace, on_change=lambda _: None).folder
    assert trainer.join(60)
    made, run = namespace["model"], namespace["run"]
    assert isinstance(made, torch.nn.Module)
    batches = run.loaders["train"]  # type: ignore[attr-defined]
    hits = torch.cat([made(x).argmax(1) == y for x, y in batches])
    log = EventAccumulator(folder).Reload()
    (event,) = log.Scalars("train/accuracy")
    assert event.value == pytest.approx(hits.float().mean().item())


def test_silent_broadcasting_is_warned_of(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    preset = write_preset(
        data="def data():\n    return {'train': [(torch.randn(4, 6), torch.randn(4))]}",
        model="def model():\n    return nn.Linear(6, 1)",
        loss="def loss():\n    return nn.MSELoss()",
        metrics="",
    )
    folder = trainer.start(
        RunSpec(preset=preset, runs_dir=str(tmp_path)), namespace=None, on_change=lambda _: None
    ).folder
    assert trainer.join(60)
    (warning,) = json.loads(Path(folder, "run.json").read_text())["warnings"]
    assert "output (4, 1) with target (4,) by broadcasting" in warning
