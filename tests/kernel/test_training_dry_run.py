"""A dry run tells what a run would meet, in plain words, and leaves nothing behind."""

from __future__ import annotations

import math
import os
import random
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from tui.kernel.training import Trainer
from tui.kernel.training.dry.memory import Activations
from tui.kernel.training.dry.run import DryCancelled, dry_run
from tui.protocol.run import RunSettings, RunSpec
from tui.protocol.training import DryReport

WritePreset = Callable[..., str]


def tried(preset: str, namespace: dict[str, object] | None = None, **spec: object) -> DryReport:
    made = RunSpec(preset, "/nowhere", device="cpu", **spec)  # type: ignore[arg-type]
    return dry_run(made, namespace or {}, threading.Event())


def data_of(x: str, y: str) -> str:
    return f"""
        def data():
            torch.manual_seed(3)
            x = {x}
            y = {y}
            return {{"train": DataLoader(TensorDataset(x, y), 16)}}
    """


IDS = "torch.randint(0, 2, (64,))"
ROWS = "torch.randn(64, 6)"


def test_all_steps_in_order_with_the_loss_the_run_begins_with(
    write_preset: WritePreset, trainer: Trainer, tmp_path: Path
) -> None:
    preset = write_preset(
        scheduler="def scheduler(optimizer):\n    return torch.optim.lr_scheduler.StepLR(optimizer, 2)"
    )
    report = tried(preset, seed=11)
    assert report.ok
    assert [step.name for step in report.steps] == [
        "data", "model", "optimizer", "scheduler", "forward", "loss", "backward", "step", "metrics",
    ]  # fmt: skip
    assert all(step.ok and step.took_ms is not None for step in report.steps)
    assert report.expected_loss == pytest.approx(math.log(2))
    assert report.parameters == 6 * 8 + 8 + 8 + 8 + 8 * 2 + 2
    assert report.steps_per_epoch == 5
    assert report.step_ms is not None
    assert report.epoch_s == pytest.approx(5 * report.step_ms / 1000)
    values = {value.name: value for value in report.values}
    assert values["input"].shape == (16, 6)
    assert values["target"].dtype == "int64"
    assert values["target"].note == "class ids 0 to 1"
    assert values["output"].shape == (16, 2)

    from tests.kernel.test_training_steering import finished, losses

    spec = RunSpec(preset, str(tmp_path / "runs"), knobs={"epochs": 1}, device="cpu", seed=11)
    folder = finished(trainer, spec)
    assert report.loss == losses(folder)[0]


def test_memory_is_that_of_the_objects(write_preset: WritePreset) -> None:
    report = tried(write_preset())
    memory = dict(report.memory)
    parameters = report.parameters
    assert parameters is not None
    assert memory["parameters"] == memory["gradients"] == 4 * parameters
    assert (
        memory["optimizer state"] == 2 * 4 * parameters + 4 * 6
    )  # Adam: two averages, and a count for each of six
    assert memory["free on cpu"] > 0
    assert memory["activations"] > 16 * 6 * 4


def test_activations_count_each_storage_once_and_no_parameter() -> None:
    model = nn.Sequential(nn.Linear(4, 8, bias=False), nn.ReLU())
    x = torch.randn(5, 4)
    activations = Activations(model)
    with activations.counted():
        loss = model(x).sum()
    loss.backward()
    # the input of the linear layer, and the ReLU's result, which it saves
    assert activations.size_bytes == 5 * 4 * 4 + 5 * 8 * 4


LINEAR = "def model():\n    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))"
MSE = "def loss():\n    return nn.MSELoss()"
ONE_OUTPUT = "def model():\n    return nn.Linear(6, 1)"
NO_METRICS = ""

PROBLEMS: dict[str, tuple[dict[str, str], str, tuple[str, ...]]] = {
    "float targets": (
        {"data": data_of(ROWS, "torch.zeros(64)")}, "loss",
        ("cross-entropy wants int64 class ids (16,)", "got float32 (16,)", "target.long()"),
    ),
    "column of float targets": (
        {"data": data_of(ROWS, "torch.zeros(64, 1)")}, "loss", ("float32 (16, 1)", "target.squeeze(1).long()"),
    ),
    "column of ids": (
        {"data": data_of(ROWS, "torch.zeros(64, 1).long()")}, "loss", ("int64 (16, 1)", "target.squeeze(1)"),
    ),
    "one-hot ids": (
        {"data": data_of(ROWS, "torch.eye(2).long().repeat(32, 1)")}, "loss", ("target.argmax(1)",),
    ),
    "int32 ids": ({"data": data_of(ROWS, f"{IDS}.int()")}, "loss", ("int32 (16,)", "target.long()")),
    "an id too many": (
        {"data": data_of(ROWS, "torch.arange(64) % 3")}, "loss", ("class id 2", "2 outputs", "3 outputs"),
    ),
    "ids from 1": (
        {"data": data_of(ROWS, "torch.arange(64) % 2 + 1")}, "loss", ("begin at 1, so subtract 1",),
    ),
    "sizes of layers": (
        {"model": "def model():\n    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(7, 2))"}, "forward",
        ("model[2]", "takes 7 features", "(16, 8)", "nn.Linear(8, 2)"),
    ),
    "sizes of layers inside a class": (
        {
            "model": """
                class Net(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.first = nn.Linear(5, 2)

                    def forward(self, x):
                        return self.first(x)

                def model():
                    return Net()
            """
        },
        "forward",
        ("model.first", "takes 5 features", "(16, 6)", "tiny.py"),
    ),
    "an embedding of floats": (
        {"model": "def model():\n    return nn.Sequential(nn.Embedding(9, 2), nn.Flatten())"}, "forward",
        ("indexed by int64", "float32 (16, 6)", "LongTensor"),
    ),
    "an embedding too small": (
        {
            "data": data_of("torch.randint(0, 10, (64, 6)) * 0 + 9", IDS),
            "model": "def model():\n    return nn.Sequential(nn.Embedding(9, 2), nn.Flatten(), nn.Linear(12, 2))",
        },
        "forward",
        ("9 rows", "the id 9"),
    ),
    "whole numbers into a linear layer": (
        {"data": data_of("torch.ones(64, 6).long()", IDS)}, "forward", ("int64", ".float()"),
    ),
    "another device": (
        {
            "model": """
                class Net(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.inner = nn.Linear(6, 2)
                        self.shift = [torch.zeros(6, device="meta")]

                    def forward(self, x):
                        return self.inner(x + self.shift[0])

                def model():
                    return Net()
            """
        },
        "forward",
        ("device", "meta", "cpu"),
    ),
    "shapes that cannot be compared": (
        {"data": data_of(ROWS, "torch.randn(64, 3)"), "model": LINEAR, "loss": MSE, "metrics": NO_METRICS}, "loss",
        ("output (16, 2)", "target (16, 3)"),
    ),
    "BCE of class ids": (
        {"model": ONE_OUTPUT, "loss": "def loss():\n    return nn.BCEWithLogitsLoss()", "metrics": NO_METRICS}, "loss",
        ("one shape", "(16, 1) and (16,)", "target.unsqueeze(1)"),
    ),
    "BCE without a sigmoid": (
        {
            "data": data_of(ROWS, "torch.ones(64, 1)"),
            "model": ONE_OUTPUT,
            "loss": "def loss():\n    return nn.BCELoss()",
            "metrics": NO_METRICS,
        },
        "loss",
        ("BCELoss wants probabilities", "BCEWithLogitsLoss"),
    ),
    "frozen": (
        {"model": "def model():\n    return nn.Linear(6, 2).requires_grad_(False)"}, "model",
        ("every parameter is frozen",),
    ),
    "no parameters": ({"model": "def model():\n    return nn.Flatten()"}, "model", ("has no parameters",)),
    "a loss per sample": (
        {"loss": "def loss():\n    return nn.CrossEntropyLoss(reduction='none')"}, "loss", ("one number per batch",),
    ),
    "a loss that is detached": (
        {"loss": "def loss():\n    return lambda output, target: torch.ones(())"}, "loss", ("depends on no parameter",),
    ),
    "NaN": (
        {"data": data_of("torch.full((64, 6), float('nan'))", IDS), "model": LINEAR}, "loss",
        ("is nan, since the batch holds NaN",),
    ),
    "data that raises": ({"data": "def data():\n    raise OSError('no such disk')"}, "data", ("no such disk",)),
    "a sample that raises": (
        {
            "data": """
                class Rows(torch.utils.data.Dataset):
                    def __len__(self):
                        return 10

                    def __getitem__(self, index):
                        raise KeyError("label")

                def data():
                    return {"train": DataLoader(Rows(), 5)}
            """
        },
        "data",
        ("there is no key 'label'", "tiny.py"),
    ),
    "a wrong optimizer": ({"optimizer": "def optimizer(parameters):\n    return None"}, "optimizer", ("None",)),
    "metrics that are no dict": (
        {"metrics": "def metrics(output, target):\n    return 3"}, "metrics", ("dict of name to value",),
    ),
    "an in-place operation": (
        {
            "model": """
                class Net(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.inner = nn.Linear(6, 2)

                    def forward(self, x):
                        y = self.inner(x).exp()
                        y.add_(1)
                        return y

                def model():
                    return Net()
            """
        },
        "backward",
        ("in place",),
    ),
    "a tuple of outputs": (
        {"model": "def model():\n    return nn.LSTM(6, 2)"}, "loss",
        ("gives a tuple (float32 (16, 2)", "CrossEntropyLoss takes a tensor"),
    ),
    "layers without a size": (
        {"model": "def model():\n    return nn.Sequential(nn.LazyLinear(2))"}, "model", ("0.weight has no size yet",),
    ),
    "a square root of less than nothing": (
        {"loss": "def loss():\n    return lambda output, target: (output - 99).sqrt().mean()"},
        "loss",
        ("is nan, of an output that is finite",),
    ),
    "out of memory": (
        {"model": "def model():\n    raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')"},
        "model",
        ("no memory left", "smaller batch", "bfloat16"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_mistake_in_plain_words(name: str, write_preset: WritePreset) -> None:
    parts, step, words = PROBLEMS[name]
    report = tried(write_preset(**parts))
    assert not report.ok
    assert report.steps[-1].name == step, report.steps
    assert not report.steps[-1].ok
    assert all(earlier.ok for earlier in report.steps[:-1])
    assert report.steps[-1].detail == report.problem
    for word in words:
        assert word in report.problem, report.problem


WARNINGS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "softmax before cross-entropy": (
        {"model": "def model():\n    return nn.Sequential(nn.Linear(6, 2), nn.Softmax(1))"},
        ("ends in a softmax", "leave the softmax out"),
    ),
    "softmax, then a view": (
        {"model": "def model():\n    return nn.Sequential(nn.Linear(6, 2), nn.Softmax(1), nn.Flatten())"},
        ("ends in a softmax",),
    ),
    "sigmoid before BCEWithLogits": (
        {
            "data": data_of(ROWS, "torch.ones(64, 1)"),
            "model": "def model():\n    return nn.Sequential(nn.Linear(6, 1), nn.Sigmoid())",
            "loss": "def loss():\n    return nn.BCEWithLogitsLoss()",
            "metrics": "",
        },
        ("ends in a sigmoid",),
    ),
    "NLLLoss of scores": (
        {"loss": "def loss():\n    return nn.NLLLoss()"}, ("takes log-probabilities", "LogSoftmax"),
    ),
    "silent broadcasting": (
        {"data": data_of(ROWS, "torch.randn(64)"), "model": ONE_OUTPUT, "loss": MSE, "metrics": ""},
        ("output (16, 1) with target (16,) by broadcasting", "target.unsqueeze(1)"),
    ),
    "silent broadcasting in a difference": (
        {
            "data": data_of(ROWS, "torch.randn(64)"),
            "model": ONE_OUTPUT,
            "loss": "def loss():\n    return lambda output, target: ((output - target) ** 2).mean()",
            "metrics": "",
        },
        ("output (16, 1) with target (16,) by broadcasting",),
    ),
    "silent broadcasting in a loss of one's own": (
        {
            "data": data_of(ROWS, "torch.randn(64)"),
            "model": ONE_OUTPUT,
            "loss": "def loss():\n    return lambda output, target: nn.functional.l1_loss(output, target) * 2",
            "metrics": "",
        },
        ("by broadcasting",),
    ),
    "parameters the optimizer was not given": (
        {
            "model": LINEAR,
            "optimizer": "def optimizer(parameters):\n    return torch.optim.SGD(list(parameters)[:3], lr)",
        },
        ("was not given 2.bias", "it will not be trained"),
    ),
    "parameters without a gradient": (
        {
            "model": """
                class Net(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.used, self.spare = nn.Linear(6, 2), nn.Linear(6, 2)

                    def forward(self, x):
                        return self.used(x)

                def model():
                    return Net()
            """
        },
        ("no gradient reaches spare.weight, spare.bias",),
    ),
    "pictures from 0 to 255": (
        {"data": data_of("torch.randint(0, 256, (64, 6)).float()", IDS)}, ("not normalized: 0 to 255", "divide by 255"),
    ),
    "a loss that begins too high": (
        {
            "data": data_of(ROWS, IDS),
            "model": "def model():\n    net = nn.Linear(6, 2)\n    net.weight.data.mul_(100)\n    return net",
        },
        ("blind guess would have 0.693",),
    ),
    "one output and cross-entropy": (
        {"data": data_of(ROWS, "torch.zeros(64).long()"), "model": ONE_OUTPUT}, ("always 0",),
    ),
    "a last batch of one": (
        {
            "data": """
                def data():
                    rows = TensorDataset(torch.randn(33, 6), torch.zeros(33).long())
                    return {"train": DataLoader(rows, 16)}
            """
        },
        ("last batch of an epoch has one sample", "drop_last=True"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WARNINGS)
def test_what_runs_and_is_hardly_meant(name: str, write_preset: WritePreset) -> None:
    parts, words = WARNINGS[name]
    report = tried(write_preset(**parts))
    assert report.ok, report.problem
    for word in words:
        assert any(word in warning for warning in report.warnings), report.warnings


def test_a_sound_preset_is_not_warned_of(write_preset: WritePreset) -> None:
    assert tried(write_preset()).warnings == ()


def test_random_streams_and_folder_are_as_before_and_nothing_is_printed(
    write_preset: WritePreset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    preset = write_preset(
        model=f"""
            def model():
                import os
                os.chdir({str(elsewhere)!r})
                print("a line of the preset's own")
                torch.set_default_dtype(torch.float64)
                torch.set_default_dtype(torch.float32)
                torch.manual_seed(99)
                random.seed(1)
                return nn.Linear(6, 2)
        """
    )
    before = sorted(tmp_path.rglob("*"))
    streams = torch.get_rng_state(), random.getstate()
    cwd, modules, path = Path.cwd(), set(sys.modules), list(sys.path)
    assert tried(preset).ok
    assert torch.equal(torch.get_rng_state(), streams[0])
    assert random.getstate() == streams[1]
    assert Path.cwd() == cwd
    assert sorted(tmp_path.rglob("*")) == before
    assert not [name for name in set(sys.modules) - modules if name.startswith("experiment_")]
    assert sys.path == path
    assert capsys.readouterr().out == ""


def test_a_warning_that_was_dropped_comes_again(write_preset: WritePreset) -> None:
    parts, _ = WARNINGS["silent broadcasting"]
    preset = write_preset(**parts)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")  # once for a place in the code
        for count in (1, 2):
            tried(preset)
            assert [warning.filename.endswith("nn/modules/loss.py") for warning in said].count(True) == count


def test_the_default_dtype_is_put_back(write_preset: WritePreset) -> None:
    report = tried(write_preset(head=_head() + "torch.set_default_dtype(torch.float64)\n"))
    assert report.ok
    assert {value.dtype for value in report.values if value.name == "output"} == {"float64"}
    assert torch.get_default_dtype() == torch.float32


def _head() -> str:
    import textwrap

    from tests.kernel.conftest import PARTS

    return textwrap.dedent(PARTS["head"])


def test_a_model_of_the_namespace_is_tried_on_a_copy(write_preset: WritePreset) -> None:
    net = nn.Linear(6, 2)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    report = tried(write_preset(), {"nets": [net]}, settings=RunSettings(model="nets[0]"))
    assert report.ok, report.problem
    assert report.parameters == 14
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.weight.grad is None


def test_settings_are_used(write_preset: WritePreset) -> None:
    settings = RunSettings(
        loss="CrossEntropyLoss(label_smoothing=0.1)",
        optimizer="SGD(lr=0.5)",
        scheduler="StepLR(2)",
        clip_norm=1.0,
    )
    report = tried(write_preset(), settings=settings)
    details = {step.name: step.detail for step in report.steps}
    assert details["optimizer"].startswith("SGD, lr 0.5")
    assert details["scheduler"].startswith("StepLR")
    assert dict(report.memory)["optimizer state"] == 0


def test_half_precision_is_tried(write_preset: WritePreset) -> None:
    report = tried(write_preset(), settings=RunSettings(precision="bfloat16"))
    assert report.ok, report.problem
    assert next(value for value in report.values if value.name == "output").dtype == "bfloat16"


def test_a_wrong_choice_is_told_before_anything(write_preset: WritePreset) -> None:
    report = tried(write_preset(), settings=RunSettings(optimizer="Adamm"))
    assert report.problem == "torch.optim has no 'Adamm'; did you mean 'Adam'?"
    assert report.steps == ()


def test_a_preset_with_its_own_step_and_nested_batches(write_preset: WritePreset) -> None:
    own = """
        def data():
            rows = [{"x": torch.randn(6), "y": i % 2} for i in range(20)]
            return {"train": DataLoader(rows, 5)}

        def step(model, batch, loss):
            return loss(model(batch["x"]), batch["y"])
    """
    report = tried(write_preset(data=own, metrics=""))
    assert report.ok, report.problem
    assert {value.name for value in report.values} == {"batch['x']", "batch['y']", "output"}
    assert report.expected_loss == pytest.approx(math.log(2))


def test_an_optimizer_with_a_closure(write_preset: WritePreset) -> None:
    report = tried(write_preset(), settings=RunSettings(optimizer="LBFGS(lr=0.1, max_iter=2)"))
    assert report.ok, report.problem


def test_it_can_be_cancelled_between_steps(write_preset: WritePreset) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(DryCancelled):
        dry_run(RunSpec(write_preset(), "/nowhere", device="cpu"), {}, cancel)
    assert os.getcwd()


def test_the_kernel_trains_afterwards(write_preset: WritePreset, trainer: Trainer, tmp_path: Path) -> None:
    from tests.kernel.test_training_steering import finished

    tried(write_preset(**PROBLEMS["sizes of layers"][0]))
    finished(trainer, RunSpec(write_preset(), str(tmp_path / "runs"), knobs={"epochs": 1}, device="cpu"))
