from __future__ import annotations

from pathlib import Path

import pytest

from tests.kernel.building_designs import lenet, linear, model, relu, two_inputs
from tui.kernel.building.check import check_design
from tui.kernel.building.errors import BuildingError
from tui.kernel.building.preset import compose_preset, preset_source
from tui.kernel.training import Trainer
from tui.protocol.building import (
    CheckDesign,
    ComposePreset,
    Design,
    InputSpec,
)
from tui.protocol.preset import read_preset
from tui.protocol.run import RunSpec

PRESETS = Path(__file__).parents[2] / "presets"


def source(design: Design, data: str = "spiral_mlp", **asked: object) -> str:
    settings = {"loss": "CrossEntropyLoss", "optimizer": "Adam", "lr": 0.01, "epochs": 1, **asked}
    checked = check_design({}, CheckDesign(design))
    return preset_source(design, checked, data=str(PRESETS / f"{data}.py"), **settings)  # type: ignore[arg-type]


@pytest.fixture
def spiral() -> Design:
    return model("SpiralNet", (2,), linear(8), relu(), linear(3))


def test_the_file_trains_at_once(spiral: Design, tmp_path: Path, trainer: Trainer) -> None:
    path = tmp_path / "mine.py"
    path.write_text(source(spiral), encoding="utf-8")
    info = read_preset(path)
    assert info.title == "SpiralNet on the data of spiral_mlp."
    assert {knob.name: knob.default for knob in info.knobs} == {
        "epochs": 1, "lr": 0.01, "batch_size": 32, "turns": 1.25, "noise": 0.15,
    }  # fmt: skip
    spec = RunSpec(preset=str(path), runs_dir=str(tmp_path / "runs"), device="cpu")
    trainer.start(spec, namespace={}, on_change=lambda state: None)
    assert trainer.join(60)
    ended = trainer.state()
    assert ended is not None
    assert (ended.status, ended.error, ended.step) == ("finished", "", 17)


def test_files_beside_the_data_are_found_from_elsewhere(tmp_path: Path) -> None:
    text = source(model("Pixels", (1, 8, 8), *lenet().body[6:7], linear(10)), "digits_cnn")
    namespace: dict[str, object] = {"__name__": "elsewhere"}
    exec(compile(text, str(tmp_path / "pixels.py"), "exec"), namespace)
    data = namespace["data"]
    assert callable(data)
    images, digits = next(iter(data()["val"]))
    assert (images.shape, digits.shape) == ((180, 1, 8, 8), (180,))
    assert "metrics" in namespace


def test_metrics_of_another_loss_are_left_out(spiral: Design) -> None:
    assert "def metrics" in source(spiral)
    assert "def metrics" not in source(spiral, loss="MSELoss")


def test_it_can_be_asked_for(spiral: Design) -> None:
    asked = ComposePreset(spiral, str(PRESETS / "spiral_mlp.py"), optimizer="SGD momentum")
    assert "momentum=0.9" in compose_preset({}, asked).source


def test_images_of_another_size_are_brought_to_that_of_the_model(tmp_path: Path, trainer: Trainer) -> None:
    made = compose_preset({}, ComposePreset(lenet(), str(PRESETS / "digits_cnn.py"), epochs=1))
    assert made.note == "its images of 8x8 are brought to 28x28 on the way in"
    path = tmp_path / "lenet.py"
    path.write_text(made.source, encoding="utf-8")
    trainer.start(
        RunSpec(preset=str(path), knobs={"views": 1}, runs_dir=str(tmp_path / "runs"), device="cpu"),
        namespace={},
        on_change=lambda state: None,
    )
    assert trainer.join(60)
    ended = trainer.state()
    assert ended is not None
    assert (ended.status, ended.error) == ("finished", "")


@pytest.mark.parametrize(
    ("design", "asked", "words"),
    [
        (
            model("Net", (3,), linear(3)),
            {},
            r"batch of this data is \(32, 2\) float32.* for \(N, 3\) float32",
        ),
        (model("Net", (2,), linear(3), dtype="float64"), {}, "CrossEntropyLoss|float64"),
        (model("Net", (2,), linear(2)), {}, r"output \(32, 2\) float32 with the data's target \(32,\) int64"),
        (model("Net", (2,), linear(3)), {"loss": "MSELoss"}, "MSELoss does not take the model's output"),
    ],
)
def test_what_does_not_fit_the_data_is_said_before_it_is_saved(
    design: Design, asked: dict[str, str], words: str
) -> None:
    with pytest.raises(BuildingError, match=words):
        compose_preset({}, ComposePreset(design, str(PRESETS / "spiral_mlp.py"), **asked))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("design", "asked", "words"),
    [
        (model("Data", (2,), linear(3)), {"loss": "Linear"}, "no loss Linear"),
        (model("Net", (2,), linear(3)), {"optimizer": "Adm"}, "one of SGD"),
        (model("Net", (2,), relu()), {}, "no parameters"),
        (model("model", (2,), linear(3)), {}, "another name"),
        (model("Net", (2,), linear(3), lenet().body[0]), {}, "does not run yet. Conv2d"),
        (Design("Net", (InputSpec("x", (0,)),), ()), {}, "does not run yet. Input 'x'"),
        (two_inputs(), {}, "takes several"),
        (model("Net", (2,), linear(3)), {"data": "absent"}, "cannot be read"),
    ],
)
def test_what_cannot_train_is_refused(design: Design, asked: dict[str, object], words: str) -> None:
    with pytest.raises(BuildingError, match=words):
        source(design, **asked)  # type: ignore[arg-type]
