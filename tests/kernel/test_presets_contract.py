"""Every preset keeps the contract, whatever the working directory and the training seed."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from tui.protocol.preset import read_preset

FOLDER = Path(__file__).parents[2] / "presets"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))

Loaders = dict[str, DataLoader[tuple[Tensor, ...]]]


def load(name: str) -> ModuleType:
    """Run the preset's file as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"preset_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def preset(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The preset, loaded from a working directory that holds none of its files."""
    monkeypatch.chdir(tmp_path)
    return load(name)


def samples(dataset: Dataset[tuple[Tensor, ...]]) -> list[bytes]:
    """The bytes of each distinct input that a data set draws from."""
    inputs = dataset.images if hasattr(dataset, "images") else dataset.tensors[0]  # type: ignore[attr-defined]
    return [one.numpy().tobytes() for one in inputs]


def first_loss(preset: ModuleType, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The loss of a batch, by the preset's own step where it has one."""
    if hasattr(preset, "step"):
        stepped: Tensor = preset.step(model, batch, preset.loss())
        return stepped
    loss: Tensor = preset.loss()(model(batch[0]), batch[1])
    return loss


def test_the_presets_are_there() -> None:
    assert NAMES == [
        "char_gpt",
        "diabetes_regression",
        "digits_autoencoder",
        "digits_cnn",
        "digits_gan",
        "digits_vae",
        "linear_regression",
        "sine_lstm",
        "spiral_mlp",
        "two_moons_mlp",
    ]


def test_reads_without_running_and_every_knob_has_a_help_text(name: str) -> None:
    info = read_preset(FOLDER / f"{name}.py")
    assert 20 < len(info.title) <= 72
    for word in ("Watch:", "Try:"):
        assert word in info.description
    assert {"epochs", "batch_size", "lr"} <= {knob.name for knob in info.knobs}
    assert [knob.name for knob in info.knobs if not knob.help] == []


def test_what_the_description_says_to_try_are_knobs(name: str) -> None:
    info = read_preset(FOLDER / f"{name}.py")
    lines = info.description.split("Try:")[1].splitlines()
    tried = [line.split("=")[0].split()[-1] for line in lines if "=" in line]
    assert len(tried) == 3
    assert set(tried) <= {knob.name for knob in info.knobs}


def test_imports_only_torch_and_the_standard_library(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    roots = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert roots <= {"torch", *sys.stdlib_module_names}


def test_no_input_is_in_two_sets_nor_twice_in_one(preset: ModuleType) -> None:
    loaders: Loaders = preset.data()
    assert list(loaders) == ["train", "val", "test"]
    sets = [samples(loader.dataset) for loader in loaders.values()]
    if preset.__name__ == "preset_char_gpt":  # pieces of one text overlap; the three parts of it do not
        sets = [list(set(inputs)) for inputs in sets]
    inputs = [one for some in sets for one in some]
    assert len(inputs) >= 442
    assert len(set(inputs)) == len(inputs)


def test_the_split_does_not_depend_on_the_training_seed(preset: ModuleType) -> None:
    torch.manual_seed(1)
    first: Loaders = preset.data()
    torch.manual_seed(2)
    second: Loaders = preset.data()
    for part in first:
        assert samples(first[part].dataset) == samples(second[part].dataset)


def test_the_training_seed_decides_the_order_of_training(preset: ModuleType) -> None:
    def first_batch(seed: int) -> Tensor:
        torch.manual_seed(seed)
        loaders: Loaders = preset.data()
        inputs: Tensor = next(iter(loaders["train"]))[0]
        return inputs

    assert torch.equal(first_batch(1), first_batch(1))
    assert not torch.equal(first_batch(1), first_batch(2))


def test_evaluation_takes_each_set_in_one_batch(preset: ModuleType) -> None:
    """A metric averaged over batches of unequal size would not be the set's."""
    loaders: Loaders = preset.data()
    assert [len(loaders[part]) for part in ("val", "test")] == [1, 1]


def test_one_step_reaches_every_parameter_and_moves_it(preset: ModuleType) -> None:
    torch.manual_seed(0)
    inputs, targets = next(iter(preset.data()["train"]))
    model: nn.Module = preset.model()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer: torch.optim.Optimizer = preset.optimizer(model.parameters())
    loss = first_loss(preset, model, (inputs, targets))
    assert loss.ndim == 0
    assert loss.isfinite()
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    optimizer.step()
    moved = [not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True)]
    assert all(moved)


def test_metrics_are_named_scalars_that_stay_on_their_device(preset: ModuleType) -> None:
    inputs, targets = next(iter(preset.data()["val"]))
    with torch.no_grad():
        torch.manual_seed(0)
        values = preset.metrics(preset.model().eval()(inputs), targets)
    assert values
    for value in values.values():
        assert isinstance(value, Tensor)  # an .item() here would wait for a GPU at every step
        assert value.ndim == 0
        assert value.isfinite()


def test_the_preview_is_a_text_or_a_tensor_without_history(preset: ModuleType) -> None:
    model: nn.Module = preset.model()
    shown = preset.preview(model)
    if isinstance(shown, Tensor):
        assert not shown.requires_grad
        assert shown.ndim in (2, 3)
    else:
        assert isinstance(shown, str)
        assert shown.strip()


def test_the_preview_runs_where_the_model_is(preset: ModuleType) -> None:
    """The meta device stands in for a GPU: a tensor left on the CPU is an error there."""
    model: nn.Module = preset.model().to("meta")
    if not isinstance(preset.preview(preset.model()), str):
        assert preset.preview(model).device.type == "meta"


@pytest.mark.parametrize(
    ("preset_name", "knob", "value", "parameters"),
    [
        ("digits_cnn", "channels", 2, 434),
        ("spiral_mlp", "hidden", 4, (2 * 4 + 4) + (4 * 4 + 4) + (4 * 3 + 3)),
        ("linear_regression", "batch_size", 7, 4),
        ("diabetes_regression", "hidden", 0, 11),
        ("two_moons_mlp", "hidden", 4, (2 * 4 + 4) + (4 + 1)),
        ("sine_lstm", "hidden", 4, 4 * (4 * 1 + 4 * 4 + 2 * 4) + (4 + 1)),
        ("char_gpt", "layers", 0, 64 * 68 + 64 * 64 + 2 * 64 + (64 * 68 + 68)),
    ],
)
def test_a_knob_set_before_building_takes_effect(
    preset_name: str, knob: str, value: int, parameters: int
) -> None:
    module = load(preset_name)
    for changed, new in {"batch_size": 7, knob: value}.items():
        setattr(module, changed, new)
    assert sum(parameter.numel() for parameter in module.model().parameters()) == parameters
    assert len(next(iter(module.data()["train"]))[0]) == 7
