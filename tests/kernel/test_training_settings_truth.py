"""Runs with settings against hand-written loops, and against themselves after a stop in the middle, bit for bit."""

from __future__ import annotations

import random
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.kernel.training_oracle import (
    AUGMENTED,
    SCHEDULED,
    WritePreset,
    as_float32,
    assert_same_run,
    assert_same_weights,
    by_hand,
    checkpoint,
    loaded,
    losses,
    run,
    run_in_parts,
    scalars,
    wait_for,
)
from tui.kernel.training import Trainer
from tui.protocol.messages import RunState
from tui.protocol.run import RunSettings, RunSpec

CASES: dict[str, tuple[RunSettings, dict[str, Any]]] = {
    "clipping": (RunSettings(clip_norm=0.05), {"clip_norm": 0.05}),
    "accumulation": (RunSettings(accumulate=2), {"accumulate": 2}),
    "both": (RunSettings(accumulate=3, clip_norm=0.05), {"accumulate": 3, "clip_norm": 0.05}),
    "evaluations": (RunSettings(eval_every=2), {}),
    "bfloat16": (RunSettings(precision="bfloat16"), {"autocast": torch.bfloat16}),
}
"""With a schedule in all of them, five batches an epoch, so that the last group of an epoch is a shorter one."""


@pytest.mark.parametrize("case", CASES)
def test_equals_a_hand_written_loop(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, case: str
) -> None:
    settings, added = CASES[case]
    preset = write_preset(data=AUGMENTED, optimizer=SCHEDULED)
    folder = run(trainer, preset, tmp_path / "runs", settings=settings)
    expected, state = by_hand(preset, **added)
    assert losses(folder) == expected
    assert_same_weights(checkpoint(folder)["model"], state)
    if added:  # else it would be true of a trainer that knows no settings
        assert expected != by_hand(preset)[0]


@pytest.mark.parametrize("steps", [2, 4])
@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_goes_on_bit_for_bit(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, case: str, steps: int
) -> None:
    settings, _ = CASES[case]
    preset = write_preset(data=AUGMENTED, optimizer=SCHEDULED)
    whole = run(trainer, preset, tmp_path / "whole", settings=settings)
    parts = run_in_parts(trainer, preset, tmp_path / "parts", steps, settings=settings)
    assert_same_run(whole, parts, "val/loss", "val/accuracy")


def test_float16_equals_a_hand_written_loop_and_goes_on(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    preset = write_preset(data=AUGMENTED, optimizer=SCHEDULED)
    settings = RunSettings(precision="float16", clip_norm=0.5)
    whole = run(trainer, preset, tmp_path / "whole", settings=settings)
    scaler = torch.amp.GradScaler("cpu")
    expected, state = by_hand(preset, autocast=torch.float16, scaler=scaler, clip_norm=0.5)
    assert losses(whole) == expected
    assert_same_weights(checkpoint(whole)["model"], state)
    assert checkpoint(whole)["scaler"] == scaler.state_dict()
    norms = [norm for _, norm in scalars(whole, "grad_norm")]
    assert all(0 < norm < 100 for norm in norms)  # and not 65,536 times that
    parts = run_in_parts(trainer, preset, tmp_path / "parts", 4, settings=settings)
    assert_same_run(whole, parts)
    assert checkpoint(parts)["scaler"] == scaler.state_dict()


def test_accumulated_gradients_are_those_of_one_large_batch(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    plain = """
        def model():
            return nn.Linear(6, 2)
    """
    sgd = "def optimizer(parameters):\n    return torch.optim.SGD(parameters, 0.5)"
    preset = write_preset(model=plain, optimizer=sgd, metrics="")
    same = {"epochs": 2, "shuffle": False}
    small = run(trainer, preset, tmp_path, knobs={**same, "batch": 16}, settings=RunSettings(accumulate=5))
    large = run(trainer, preset, tmp_path, knobs={**same, "batch": 80})
    assert len(losses(small)) == len(losses(large)) == 2
    assert losses(small) == pytest.approx(losses(large), rel=1e-5)
    ours, theirs = checkpoint(small)["model"], checkpoint(large)["model"]
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor)


def test_a_shorter_last_group_is_a_mean_too_where_the_loader_has_no_length(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    endless = """
        class Unsized:
            def __iter__(self):
                generator = torch.Generator().manual_seed(3)
                for _ in range(5):
                    x = torch.randn(8, 6, generator=generator)
                    yield x, (x.sum(1) > 0).long()

        def data():
            return {"train": Unsized()}
    """
    sized = endless.replace(
        "def __iter__", "def __len__(self):\n                return 5\n\n            def __iter__"
    )
    settings = RunSettings(accumulate=4)  # a power of two: what is divided at the end is divided exactly
    one = run(trainer, write_preset("one", data=endless), tmp_path, settings=settings)
    other = run(trainer, write_preset("other", data=sized), tmp_path, settings=settings)
    assert len(losses(one)) == 6
    assert losses(one) == pytest.approx(losses(other), rel=1e-5)


def test_evaluations_inside_an_epoch_come_when_they_are_due_and_only_then(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    preset = write_preset(data=AUGMENTED)
    plain = run(trainer, preset, tmp_path / "plain")
    often = run(trainer, preset, tmp_path / "often", settings=RunSettings(eval_every=2))
    assert [step for step, _ in scalars(plain, "val/loss")] == [5, 10, 15]
    assert [step for step, _ in scalars(often, "val/loss")] == [2, 4, 5, 6, 8, 10, 12, 14, 15]
    at_the_ends = [point for point in scalars(often, "val/loss") if point[0] % 5 == 0]
    assert at_the_ends == scalars(plain, "val/loss")
    assert losses(often) == losses(plain)


def test_a_run_stopped_inside_such_an_evaluation_makes_up_for_it(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    slow = AUGMENTED.replace(
        "def __getitem__(self, index):", "def __getitem__(self, index):\n            meet(self)"
    )
    slow = slow.replace("class Jittered", "from meeting import meet\n\n    class Jittered")
    settings = RunSettings(eval_every=3)
    entered, go_on = threading.Event(), threading.Event()
    asked: list[int] = []

    def meet(dataset: Any) -> None:
        if len(dataset) == 16 and not go_on.is_set():
            asked.append(1)
            entered.set()
            assert go_on.wait(30)

    import sys
    from types import ModuleType

    module = ModuleType("meeting")
    module.meet = meet  # type: ignore[attr-defined]
    sys.modules["meeting"] = module
    try:
        preset = write_preset(data=slow)
        state = trainer.start(
            RunSpec(preset, str(tmp_path / "parts"), settings=settings),
            namespace=None,
            on_change=lambda _: None,
        )
        assert entered.wait(30)
        trainer.control("stop")
        go_on.set()
        assert trainer.join(30)
        parts = Path(state.folder)
        assert checkpoint(parts)["step"] == 3
        torch.manual_seed(99)
        random.seed(99)
        run(trainer, preset, tmp_path / "parts", resume=str(parts))
        whole = run(trainer, preset, tmp_path / "whole", settings=settings)
    finally:
        del sys.modules["meeting"]
    assert_same_run(whole, parts, "val/loss")


def test_a_learning_rate_changed_between_steps_is_the_next_steps_and_no_others(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    preset = write_preset(
        data=AUGMENTED, optimizer="def optimizer(parameters):\n    return torch.optim.SGD(parameters, lr)"
    )
    seen: list[RunState] = []
    state = trainer.start(
        RunSpec(preset, str(tmp_path), start_paused=True), namespace=None, on_change=seen.append
    )
    for _ in range(4):
        trainer.control("step")
    wait_for(lambda: any(s.step == 4 and s.status == "paused" for s in seen))
    live = trainer.live()
    assert live is not None
    done = threading.Event()

    def halve() -> None:
        live.optimizer.param_groups[0]["lr"] = 0.005
        live.changed("lr", "0.01", "0.005")
        done.set()

    live.control.at_step(halve, inside=True)
    assert done.wait(30)  # while it stays paused
    assert trainer.state().status == "paused"  # type: ignore[union-attr]
    trainer.control("resume")
    assert trainer.join(30)

    def by_rule(step: int, optimizer: torch.optim.Optimizer) -> None:
        if step == 5:
            optimizer.param_groups[0]["lr"] = 0.005

    expected, weights = by_hand(preset, before_step=by_rule)
    folder = Path(state.folder)
    assert losses(folder) == expected
    assert expected != by_hand(preset)[0]
    assert_same_weights(checkpoint(folder)["model"], weights)
    assert [(step, round(lr, 6)) for step, lr in scalars(folder, "lr")][:2] == [(1, 0.01), (5, 0.005)]


def test_pausing_changes_nothing_but_time(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    settings = RunSettings(accumulate=2, clip_norm=0.1, eval_every=2)
    preset = write_preset(data=AUGMENTED, optimizer=SCHEDULED)
    whole = run(trainer, preset, tmp_path / "whole", settings=settings)
    seen: list[RunState] = []
    state = trainer.start(
        RunSpec(preset, str(tmp_path / "paused"), start_paused=True, settings=settings),
        namespace={},
        on_change=seen.append,
    )

    def paused(times: int) -> bool:
        return sum(state.status == "paused" for state in seen) >= times

    for count in range(2, 14):  # over phases of both batches of a step, evaluations and the end of an epoch
        trainer.control("phase")
        wait_for(partial(paused, count))
    trainer.control("evaluate")
    trainer.control("checkpoint")
    trainer.control("resume")
    assert trainer.join(30)
    folder = Path(state.folder)
    assert losses(folder) == losses(whole)
    assert_same_weights(checkpoint(folder)["model"], checkpoint(whole)["model"])


def test_an_evaluation_is_made_in_the_precision_of_the_training(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    mixed = """
        def metrics(output, target):
            return {"spread": torch.cdist(output, torch.eye(2)).mean()}
    """
    preset = write_preset(metrics=mixed)
    folder = run(trainer, preset, tmp_path, settings=RunSettings(precision="bfloat16"))
    module = loaded(preset)
    model = module.model()
    model.load_state_dict(checkpoint(folder)["model"])
    model.eval()
    total = 0.0
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for x, y in module.data()["test"]:
            total += len(x) * module.loss()(model(x), y).item()
    ((_, logged),) = scalars(folder, "test/loss")
    assert logged == as_float32(total / 16)
