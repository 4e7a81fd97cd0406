"""A plain loop around each preset reaches what its description says."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

FOLDER = Path(__file__).parents[2] / "presets"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other lose far more than they gain where other work shares the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Trained:
    preset: ModuleType
    model: nn.Module
    losses: list[float]
    """The training loss of every step."""
    test: dict[str, float]
    """The metrics on the test set, after the last epoch."""


def train(name: str, seed: int = 0, **knobs: float | str) -> Trained:
    """The loop that a preset's reader would write."""
    spec = importlib.util.spec_from_file_location(f"trained_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    preset = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(preset)
    for knob, value in knobs.items():
        assert hasattr(preset, knob)
        setattr(preset, knob, value)

    torch.manual_seed(seed)
    data, model, criterion = preset.data(), preset.model(), preset.loss()
    optimizer = preset.optimizer(model.parameters())
    scheduler = preset.scheduler(optimizer) if hasattr(preset, "scheduler") else None
    losses = []
    for _ in range(preset.epochs):
        for inputs, targets in data["train"]:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if scheduler:
            scheduler.step()
    model.eval()
    inputs, targets = next(iter(data["test"]))
    with torch.no_grad():
        test = {metric: value.item() for metric, value in preset.metrics(model(inputs), targets).items()}
    return Trained(preset, model, losses, test)


def test_linear_regression_recovers_the_coefficients() -> None:
    trained = train("linear_regression")
    weight, bias = trained.model.parameters()
    torch.testing.assert_close(weight[0].tolist(), trained.preset.WEIGHT, atol=0.02, rtol=0)
    assert bias.item() == pytest.approx(trained.preset.BIAS, abs=0.02)
    assert trained.test["mean_abs_error"] == pytest.approx(0.1 * math.sqrt(2 / math.pi), abs=0.015)
    assert "true  -3.400" in trained.preset.preview(trained.model)


def test_linear_regression_diverges_when_told_to() -> None:
    assert math.isnan(train("linear_regression", lr=1.0, epochs=3).losses[-1])


def test_spiral_mlp_names_the_arm_of_unseen_points() -> None:
    trained = train("spiral_mlp", epochs=200)
    assert trained.test["accuracy"] > 0.95
    assert trained.preset.preview(trained.model).unique().tolist() == [0, 1, 2]


def test_spiral_mlp_without_bends_stays_near_half() -> None:
    assert 0.35 < train("spiral_mlp", epochs=40, activation="identity").test["accuracy"] < 0.65


@pytest.mark.parametrize("seed", [0, 1])
def test_digits_cnn_reads_unseen_digits(seed: int) -> None:
    """A quarter of the default work; ten epochs of the default knobs reach 99 % and more."""
    assert train("digits_cnn", seed, epochs=4, channels=32, views=2).test["accuracy"] >= 0.97
