"""The learning rate of every epoch as planned is the one that is trained with."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.kernel.test_training_steering import finished
from tui.kernel.training import Trainer
from tui.kernel.training.parts.schedule_plan import MOST_EPOCHS, plan_schedule
from tui.protocol.run import RunSettings, RunSpec
from tui.protocol.training import SchedulePlan

WritePreset = Callable[..., str]

COSINE = "def scheduler(optimizer):\n    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)"


def planned(preset: str, *, run_in_progress: bool = False, **spec: object) -> SchedulePlan:
    return plan_schedule(RunSpec(preset, "/nowhere", **spec), run_in_progress=run_in_progress)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [
        RunSettings(),
        RunSettings(scheduler="none"),
        RunSettings(scheduler="StepLR(step_size=2)"),
        RunSettings(optimizer="SGD(lr=0.5)"),
        RunSettings(optimizer="SGD(lr=0.5, momentum=0.9)", scheduler="OneCycleLR(max_lr=0.1, total_steps=9)"),
        RunSettings(scheduler="CosineAnnealingWarmRestarts(T_0=2)"),
    ],
    ids=lambda settings: settings.scheduler or settings.optimizer or "plain",
)
def test_it_is_what_a_run_has(
    settings: RunSettings, write_preset: WritePreset, trainer: Trainer, tmp_path: Path
) -> None:
    preset = write_preset(scheduler=COSINE)
    knobs: dict[str, bool | int | float | str] = {"epochs": 5}
    plan = planned(preset, knobs=knobs, settings=settings)
    assert plan.problem == ""
    spec = RunSpec(preset, str(tmp_path / "runs"), knobs=knobs, device="cpu", settings=settings)
    log = EventAccumulator(str(finished(trainer, spec)), size_guidance={"scalars": 0})
    log.Reload()
    rates = {event.step: event.value for event in log.Scalars("lr")}
    begins = [max(step for step in rates if step <= 5 * epoch + 1) for epoch in range(5)]
    assert [rates[step] for step in begins] == pytest.approx(list(plan.lrs), rel=1e-6)


def test_of_the_first_group_of_a_presets_own_optimizer(write_preset: WritePreset) -> None:
    own = """
        def optimizer(parameters):
            parameters = list(parameters)
            matrices = [p for p in parameters if p.dim() > 1]
            rest = [p for p in parameters if p.dim() <= 1]
            return torch.optim.SGD([{"params": matrices, "lr": 0.3}, {"params": rest}], lr)
    """
    assert planned(write_preset(optimizer=own)).lrs == (0.3, 0.3, 0.3)


def test_no_more_than_a_thousand_epochs(write_preset: WritePreset) -> None:
    assert len(planned(write_preset(scheduler=COSINE), knobs={"epochs": 10**6}).lrs) == MOST_EPOCHS


def test_neither_data_nor_model_is_made_and_no_stream_is_touched(write_preset: WritePreset) -> None:
    preset = write_preset(
        head=_head() + "torch.manual_seed(7)\nrandom.seed(7)\nprint('not seen')\n",
        data="def data():\n    raise AssertionError",
        model="def model():\n    raise AssertionError",
    )
    before = torch.get_rng_state(), random.getstate()
    assert planned(preset).lrs == (0.01, 0.01, 0.01)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]


def _head() -> str:
    import textwrap

    from tests.kernel.conftest import PARTS

    return textwrap.dedent(PARTS["head"])


def test_beside_a_run_nothing_that_computes_is_run(write_preset: WritePreset, tmp_path: Path) -> None:
    seeding = write_preset("seeding", head=_head() + "torch.manual_seed(7)\n")
    before = torch.get_rng_state()
    assert "a run is in progress" in planned(seeding, run_in_progress=True).problem
    assert torch.equal(torch.get_rng_state(), before)
    plain = write_preset(
        "plain", head=_head() + "from pathlib import Path\nHERE = Path(__file__).parent / 'x'\n"
    )
    assert planned(plain, run_in_progress=True).lrs == (0.01, 0.01, 0.01)
    chosen = RunSettings(optimizer="SGD(lr=0.5)")
    assert planned(seeding, run_in_progress=True, settings=chosen).lrs == (0.5, 0.5, 0.5)


NEEDS_LENGTH = """
    def scheduler(optimizer):
        steps = epochs * len(data()["train"])
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps)
"""
PROBLEMS: list[tuple[dict[str, str], RunSettings, str]] = [
    ({}, RunSettings(scheduler="ReduceLROnPlateau"), "follows the validation loss"),
    ({"scheduler": NEEDS_LENGTH}, RunSettings(), "asks for the data or the model"),
    ({}, RunSettings(scheduler="OneCycleLR(max_lr=0.1)"), "total_steps"),
    ({}, RunSettings(scheduler="StepLR"), "needs step_size"),
    ({}, RunSettings(optimizer="Adamm"), "did you mean 'Adam'"),
    ({}, RunSettings(kind="lr_range"), "raises the rate step by step"),
    (
        {"scheduler": "def scheduler(optimizer):\n    raise ValueError('not today')"},
        RunSettings(),
        "not today",
    ),
    ({"optimizer": "def optimizer(parameters):\n    return 3"}, RunSettings(), "no optimizer"),
]


@pytest.mark.parametrize(("parts", "settings", "words"), PROBLEMS)
def test_why_it_cannot_be_told(
    parts: dict[str, str], settings: RunSettings, words: str, write_preset: WritePreset
) -> None:
    plan = planned(write_preset(**parts), settings=settings)
    assert words in plan.problem
    assert plan.lrs == ()


def test_a_schedule_that_ends_too_soon_is_told_with_what_comes_before(write_preset: WritePreset) -> None:
    settings = RunSettings(scheduler="OneCycleLR(max_lr=0.1, total_steps=2, cycle_momentum=False)")
    plan = planned(write_preset(), knobs={"epochs": 5}, settings=settings)
    assert len(plan.lrs) == 3
    assert "fails after epoch 3 of 5" in plan.problem


def test_of_a_run_that_is_resumed_with_its_own_knobs_and_settings(
    write_preset: WritePreset, trainer: Trainer, tmp_path: Path
) -> None:
    preset, settings = write_preset(), RunSettings(scheduler="ExponentialLR(gamma=0.5)")
    knobs: dict[str, bool | int | float | str] = {"epochs": 2, "lr": 0.5}
    spec = RunSpec(preset, str(tmp_path / "runs"), knobs=knobs, device="cpu", settings=settings)
    folder = finished(trainer, spec)
    assert planned(preset, resume=str(folder), knobs={"epochs": 3}).lrs == (0.5, 0.25, 0.125)
    assert "no run directory" in planned(preset, resume=str(tmp_path)).problem


def test_a_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("def data(:")
    assert "not valid Python" in planned(str(path)).problem


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
def test_of_an_optimizer_that_takes_matrices_alone(write_preset: WritePreset) -> None:
    preset = write_preset(
        optimizer="def optimizer(parameters):\n    return torch.optim.Muon(parameters, lr=0.25)",
        scheduler=COSINE,
    )
    plan = planned(preset, knobs={"epochs": 2})
    assert (plan.problem, plan.lrs[0]) == ("", 0.25)
    wrong = write_preset(
        "wrong", optimizer="def optimizer(parameters):\n    return torch.optim.SGD(parameters, -1)"
    )
    assert "Invalid learning rate" in planned(wrong).problem
