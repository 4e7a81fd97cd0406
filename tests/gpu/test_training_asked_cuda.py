"""A dry run, changes and exports on CUDA: what would end CUDA is told before, and memory is given back."""

from __future__ import annotations

import textwrap
import threading
from pathlib import Path

import pytest
import torch

from tui.kernel.training.dry.run import dry_run
from tui.protocol.run import RunSettings, RunSpec
from tui.protocol.training import DryReport

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
PRESET = '''
"""A classifier."""
import torch
from torch import nn

epochs: int = 2
classes: int = 4
width: int = 64

def data():
    x = torch.randn(64, 32, generator=torch.Generator().manual_seed(5))
    return {"train": [(x, torch.arange(64) % classes)] * 5}

def model():
    return nn.Sequential(nn.Linear(32, width), nn.ReLU(), nn.Dropout(0.5), nn.Linear(width, 4))

def loss():
    return nn.CrossEntropyLoss()

def optimizer(parameters):
    return torch.optim.Adam(parameters, 1e-3)
'''


def tried(folder: Path, settings: RunSettings = RunSettings(), **knobs: int) -> DryReport:  # noqa: B008 - frozen
    path = folder / "preset.py"
    path.write_text(textwrap.dedent(PRESET))
    spec = RunSpec(str(path), str(folder / "runs"), device="cuda", knobs=dict(knobs), settings=settings)
    return dry_run(spec, {}, threading.Event())


def test_memory_and_random_stream_are_as_before(tmp_path: Path) -> None:
    tried(tmp_path)  # what CUDA's libraries keep for good
    stream, held = torch.cuda.get_rng_state(), torch.cuda.memory_allocated()
    report = tried(tmp_path)
    assert report.ok, report.problem
    assert {value.device for value in report.values} == {"cuda:0"}
    assert dict(report.memory)["free on cuda:0"] > 0
    assert torch.equal(torch.cuda.get_rng_state(), stream)
    assert torch.cuda.memory_allocated() == held


def test_a_class_id_out_of_range_leaves_cuda_usable(tmp_path: Path) -> None:
    report = tried(tmp_path, classes=5)
    assert "class id 4" in report.problem
    assert float(torch.ones(3, device="cuda").sum()) == 3.0


def test_out_of_memory_is_explained_and_given_back(tmp_path: Path) -> None:
    held = torch.cuda.memory_allocated()
    report = tried(tmp_path, width=10**11)
    assert "no memory left" in report.problem
    assert "smaller batch" in report.problem
    assert torch.cuda.memory_allocated() == held


def test_half_precision_with_its_scaler(tmp_path: Path) -> None:
    report = tried(tmp_path, RunSettings(precision="float16", clip_norm=1.0))
    assert report.ok, report.problem
    assert next(value for value in report.values if value.name == "output").dtype == "float16"
