"""Runs that look for something: one batch learnt by heart, a good learning rate."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.kernel.training_oracle import WritePreset, losses, run, scalars
from tui.kernel.training import RunRefused, Trainer
from tui.kernel.training.courses import LrRange, OneBatchCourse
from tui.protocol.run import RunSettings

ONE_BATCH = RunSettings(kind="overfit_batch")
LR_RANGE = RunSettings(kind="lr_range")
PLAIN = "def model():\n    return nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 2))"
FROZEN = """
    def model():
        made = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
        for parameter in made.parameters():
            parameter.requires_grad_(False)
        made[2].bias.requires_grad_(True)
        return made
"""


def record(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return data


def test_one_batch_is_learnt_and_that_is_said(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    folder = run(trainer, write_preset(model=PLAIN), tmp_path, knobs={"lr": 0.05}, settings=ONE_BATCH)
    curve = losses(folder)
    assert len(curve) == 102  # 34 an epoch, so that there are at least 100
    learnt = next(step for step, value in enumerate(curve, 1) if value <= 0.1 * curve[0])
    verdict = record(folder)["verdict"]
    assert (
        verdict
        == f"it can learn one batch: its loss fell from {curve[0]:.4g} to {curve[learnt - 1]:.4g} in {learnt} steps"
    )
    assert (folder / "log.txt").read_text().count(verdict) == 1
    assert record(folder)["status"] == "finished"


def test_one_batch_that_cannot_be_learnt_is_said_as_well(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    folder = run(
        trainer,
        write_preset(model=FROZEN),
        tmp_path,
        settings=RunSettings(kind="overfit_batch", max_steps=230),
    )
    assert "it has not learnt one batch in 200 steps" in (folder / "log.txt").read_text()
    assert "it has not learnt one batch in 230 steps" in record(folder)["verdict"]


def test_it_is_the_same_batch_again_and_again_also_after_a_resume(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    still = "def optimizer(parameters):\n    return torch.optim.SGD(parameters, 0.0)"
    preset = write_preset(model=PLAIN, optimizer=still)
    settings = RunSettings(kind="overfit_batch", max_steps=5)
    folder = run(trainer, preset, tmp_path, settings=settings)
    torch.manual_seed(99)
    more = RunSettings(kind="overfit_batch", max_steps=8)
    run(trainer, preset, tmp_path, resume=str(folder), settings=more)
    assert len(losses(folder)) == 8
    assert len(set(losses(folder))) == 1  # nothing is learnt, so the loss is the batch's


def test_a_range_of_learning_rates_ends_when_the_loss_explodes(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    sgd = "def optimizer(parameters):\n    return torch.optim.SGD(parameters, 0.1)"
    preset = write_preset(
        model="def model():\n    return nn.Linear(6, 1)",
        loss="def loss():\n    return lambda output, target: ((output[:, 0] - target) ** 2).mean()",
        optimizer=sgd,
        metrics="",
    )
    folder = run(trainer, preset, tmp_path, knobs={"epochs": 40}, settings=LR_RANGE)
    rates = scalars(folder, "lr")
    assert rates[0][1] == pytest.approx(1e-7)
    growth = [math.log10(rates[i + 1][1] / rates[i][1]) for i in range(20)]
    assert growth == pytest.approx([8 / 199] * 20, rel=1e-3)
    assert len(rates) < 200  # it has exploded before the last step
    data = record(folder)
    assert data["status"] == "finished"
    assert data["error"] is None
    assert 1e-3 < data["suggested_lr"] < 1.0
    assert f"learning rate of {data['suggested_lr']:.2g}; it exploded at" in data["verdict"]
    assert data["verdict"] in (folder / "log.txt").read_text()
    assert not list((folder / "checkpoints").iterdir())
    with pytest.raises(RunRefused, match="start it anew"):
        run(trainer, preset, tmp_path, resume=str(folder))


def test_a_loss_that_is_not_a_number_ends_it_as_well(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    bad = """
        def loss():
            count = []

            def of(output, target):
                count.append(1)
                return output.sum() * (float("nan") if len(count) == 30 else 1.0)

            return of
    """
    folder = run(trainer, write_preset(loss=bad, metrics=""), tmp_path, settings=LR_RANGE)
    assert record(folder)["status"] == "finished"
    assert record(folder)["step"] == 29


def test_a_short_epoch_is_gone_through_again_as_often_as_it_takes(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    still = "def loss():\n    return lambda output, target: output.sum() * 0.0 + 1.0"
    folder = run(trainer, write_preset(loss=still, metrics=""), tmp_path, settings=LR_RANGE)
    assert len(losses(folder)) == 100
    assert scalars(folder, "lr")[-1][1] == pytest.approx(10.0)
    assert record(folder)["suggested_lr"] is None
    assert "made the loss fall" in record(folder)["verdict"]


def test_the_rate_suggested_is_where_the_loss_falls_fastest() -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1)
    course = LrRange(optimizer, 161)
    steepest = 101  # 1e-7 * 10 ** (100 / 20) = 1e-2

    def loss(step: int) -> float:
        return 2.0 / (1.0 + math.exp((step - steepest) / 4)) + (
            0.05 * (step - 130) ** 2 if step > 130 else 0.0
        )

    for step in range(1, 162):
        if course.is_over:
            break
        course.before_step(step)
        course.losses([step], [loss(step)])
    course.end()
    assert course.is_over
    assert course.suggested_lr is not None
    assert 1e-2 / 2 < course.suggested_lr < 1e-2 * 5  # smoothing lags by a few steps


def test_groups_keep_the_proportion_of_their_rates() -> None:
    one, other = nn.Linear(1, 1), nn.Linear(1, 1)
    optimizer = torch.optim.SGD(
        [{"params": one.parameters(), "lr": 0.1}, {"params": other.parameters(), "lr": 0.01}]
    )
    course = LrRange(optimizer, 100)
    course.before_step(50)
    first, second = (group["lr"] for group in optimizer.param_groups)
    assert first == pytest.approx(course.lr(50))
    assert second == pytest.approx(course.lr(50) / 10)


def test_a_loss_below_zero_does_not_explode_by_being_small() -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), 0.1)
    course = LrRange(optimizer, 100)
    course.losses(list(range(1, 51)), [-0.1 * step for step in range(50)])
    assert not course.is_over
    course.losses([51, 52, 53, 54], [200.0] * 4)
    assert course.is_over


def test_one_batch_course_says_it_once_and_stays_with_it() -> None:
    course = OneBatchCourse()
    course.losses([1, 2], [2.0, 1.0])
    assert course.verdict == ""
    course.losses([3], [0.19])
    assert "from 2 to 0.19 in 3 steps" in course.verdict
    said = course.verdict
    course.losses(list(range(4, 300)), [5.0] * 296)
    course.end()
    assert course.verdict == said
