"""From what is typed to what the trainer is asked."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tui import paths
from tui.protocol.codec import encode
from tui.protocol.preset import PresetError
from tui.protocol.run import RECORD_FILE, SOURCE_FILE, RunInfo
from tui.runs.index import RunNotFound
from tui.training_plan import plan_preset, plan_run

PRESET = """\
'''Mine.'''
epochs: int = 4
lr: float = 0.1
def data(): ...
def model(): ...
def loss(): ...
def optimizer(parameters): ...
"""
INFO = RunInfo(
    "20260101-mine-0001",
    "mine",
    "stopped",
    "mine",
    {},
    "cuda:0",
    0,
    "2026-01-01T00:00:00+00:00",
    1,
    "elsewhere",
)


@pytest.fixture(autouse=True)
def preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A preset called `mine` in the user's folder; nothing in ./presets."""
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    path = tmp_path / "home" / "presets" / "mine.py"
    path.parent.mkdir(parents=True)
    path.write_text(PRESET)
    return path


def kept_run(info: RunInfo = INFO) -> Path:
    folder = paths.runs_dir() / info.id
    folder.mkdir(parents=True)
    (folder / RECORD_FILE).write_text(json.dumps(encode(info)))
    (folder / SOURCE_FILE).write_text(PRESET)
    return folder


def test_a_preset_by_name_with_its_settings(preset: Path) -> None:
    spec = plan_run("mine", ["lr=1e-2"], device="cpu", epochs=2, seed=7, name="first")
    assert (spec.preset, spec.experiment, spec.runs_dir) == (str(preset), "mine", str(paths.runs_dir()))
    assert spec.knobs == {"lr": 0.01, "epochs": 2}
    assert (spec.device, spec.seed, spec.name, spec.resume) == ("cpu", 7, "first", None)
    assert spec.command[0] == "torchtui"


def test_a_file_goes_by_its_absolute_path(tmp_path: Path) -> None:
    mine = tmp_path / "cwd" / "net.py"
    mine.write_text(PRESET)
    spec = plan_run("net.py")
    assert spec.preset == spec.experiment == str(mine)
    assert spec.knobs == {}
    assert spec.device == "auto"


def test_a_preset_here_shadows_the_users(tmp_path: Path) -> None:
    here = tmp_path / "cwd" / "presets" / "mine.py"
    here.parent.mkdir()
    here.write_text(PRESET)
    assert plan_run("mine").preset == str(here)


def test_one_chosen_on_the_screen_is_planned_alike(preset: Path) -> None:
    spec = plan_preset(preset, {"lr": 0.5})
    assert (spec.preset, spec.experiment, spec.knobs) == (str(preset), "mine", {"lr": 0.5})
    assert (spec.resume, spec.command) == (None, ())
    preset.write_text(PRESET.replace("def model", "def net"))
    with pytest.raises(PresetError, match="model"):
        plan_preset(preset)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"preset": "mien"}, "did you mean 'mine'"),
        ({"preset": None}, "torchtui presets"),
        ({"preset": "mine", "settings": ["rl=1"]}, "did you mean 'lr'"),
        ({"preset": "mine", "settings": ["lr=fast"]}, "lr takes float"),
        ({"preset": "gone.py"}, "no file gone.py"),
    ],
)
def test_what_cannot_be_planned_says_what_is_nearest(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(PresetError, match=says):
        plan_run(**arguments)  # type: ignore[arg-type]


def test_epochs_need_a_knob_of_that_name(preset: Path) -> None:
    preset.write_text(PRESET.replace("epochs: int = 4\n", ""))
    assert plan_run("mine").knobs == {}
    with pytest.raises(PresetError, match="epochs"):
        plan_run("mine", epochs=3)


def test_a_resumed_run_goes_on_with_its_preset_on_its_device(preset: Path) -> None:
    folder = kept_run()
    spec = plan_run(None, resume="mine")
    assert (spec.resume, spec.preset, spec.device) == (str(folder), str(preset), "cuda:0")
    assert plan_run(None, resume=INFO.id, device="cpu").device == "cpu"


def test_where_its_preset_is_gone_the_copy_it_kept_is_used(preset: Path) -> None:
    folder = kept_run()
    preset.unlink()
    assert plan_run(None, resume="mine").preset == str(folder / SOURCE_FILE)


def test_a_run_in_progress_is_not_resumed() -> None:
    kept_run(
        replace(INFO, status="paused", pid=os.getpid(), host=socket.gethostname(), started_at="2999-01-01")
    )
    with pytest.raises(PresetError, match="torchtui attach"):
        plan_run(None, resume="mine")


def test_no_such_run_is_said() -> None:
    with pytest.raises(RunNotFound, match="none"):
        plan_run(None, resume="mine")
