from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tui.kernel.building.back_files import list_classes, open_run
from tui.kernel.building.back_import import import_model
from tui.kernel.building.errors import BuildingError
from tui.kernel.training import Trainer
from tui.protocol.models import (
    FileClass,
    ImportModel,
    ListClasses,
    OpenRun,
)
from tui.protocol.run import RunSpec

CLASSES = '''
from torch import nn
import torch.nn

raise SystemExit("it was run")

class Plain: ...

class Net(nn.Module):
    """A net.

    More of it.
    """
    def __init__(self, width: int, depth: int = 2, *, act="relu"):
        super().__init__()

class Deeper(Net): ...

class Own(torch.nn.Sequential):
    def __init__(self, *sizes):
        super().__init__()
'''
PRESET = '''"""A line through points."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

epochs: int = 1
width: int = 3
lr: float = 0.1
SIZES = (1, width, 1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(SIZES[0], SIZES[1])
        self.last = nn.Linear(SIZES[1], SIZES[2])

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


def data():
    x = torch.linspace(-1, 1, 32).unsqueeze(1)
    return {"train": DataLoader(TensorDataset(x, 2 * x), 16)}


def model():
    return Net()


def loss():
    return nn.MSELoss()


def optimizer(parameters):
    return torch.optim.SGD(parameters, lr=lr)
'''


def refusal(call: Any) -> str:
    with pytest.raises(BuildingError) as caught:
        call()
    return str(caught.value)


# -- classes of a file ------------------------------------------------------------------------------


def test_classes_of_a_file_are_found_without_running_it(tmp_path: Path) -> None:
    path = tmp_path / "nets.py"
    path.write_text(CLASSES)
    assert list_classes(ListClasses(str(path))).classes == (
        FileClass("Net", "width, depth=2, *, act='relu'", True, "A net."),
        FileClass("Deeper"),
        FileClass("Own", "*sizes"),
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"class Net(nn.Module:\n", "nets.py is no Python: line 1"),
        (b"\x80\x81\x82\x00", "nets.py is no Python"),
        (b"x = 1\n", "defines no class of nn.Module"),
        (None, "No such file"),
    ],
)
def test_a_file_without_models_is_refused_in_words(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "nets.py"
    if content is not None:
        path.write_bytes(content)
    assert words in refusal(lambda: list_classes(ListClasses(str(path))))


# -- runs -------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, trainer: Trainer) -> Path:
    """The folder of a run that has ended, with another width than the preset's."""
    path = tmp_path / "line.py"
    path.write_text(PRESET)
    spec = RunSpec(preset=str(path), knobs={"width": 5}, runs_dir=str(tmp_path / "runs"), device="cpu")
    trainer.start(spec, namespace={}, on_change=lambda state: None)
    assert trainer.join(60)
    return next((tmp_path / "runs").iterdir())


def test_the_model_of_a_run_is_opened_with_its_weights_and_knobs(run: Path) -> None:
    namespace: dict[str, object] = {"trained": 1}
    opened = open_run(namespace, OpenRun(str(run)))
    assert opened.name == "trained2"
    assert "epoch 1" in opened.words
    model = namespace["trained2"]
    assert isinstance(model, torch.nn.Module)
    assert not model.training
    weights = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["model"]
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, weights[key])
    design = import_model(namespace, ImportModel("trained2")).design
    assert design.name == "Net"
    assert [block.layer for block in design.body if block.kind == "layer"] == ["nn.Linear", "nn.Linear"]


def test_what_is_no_run_with_weights_is_refused_in_words(run: Path) -> None:
    record = run / "run.json"
    told = json.loads(record.read_text())
    record.write_text(json.dumps({**told, "settings": {**told.get("settings", {}), "model": "net"}}))
    assert "trained net of its session" in refusal(lambda: open_run({}, OpenRun(str(run))))
    record.write_text(json.dumps(told))

    source = run / "experiment.py"
    text = source.read_text()
    source.write_text(text.replace("SIZES = (1, width, 1)", "SIZES = (1, width + 1, 1)"))
    assert "not those of its experiment's model" in refusal(lambda: open_run({}, OpenRun(str(run))))
    source.write_text(text.replace("SIZES = (1,", "SIZES = (1 / 0,"))
    assert "cannot be run" in refusal(lambda: open_run({}, OpenRun(str(run))))
    source.unlink()
    assert "no experiment.py" in refusal(lambda: open_run({}, OpenRun(str(run))))

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (exit, ())

    for name in ("best.pt", "last.pt"):
        torch.save({"model": Bomb()}, run / "checkpoints" / name)
    assert "more than weights" in refusal(lambda: open_run({}, OpenRun(str(run))))
    for name in ("best.pt", "last.pt"):
        (run / "checkpoints" / name).unlink()
    assert "no checkpoint" in refusal(lambda: open_run({}, OpenRun(str(run))))
