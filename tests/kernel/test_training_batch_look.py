"""What is told of a batch at a pause, against torch on the same objects."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tui.kernel.training import Trainer
from tui.kernel.training.waiting.batch_look import BatchLooks
from tui.protocol.messages import RunAction, RunState
from tui.protocol.run import RunSpec
from tui.protocol.training import BatchLook

WritePreset = Callable[..., str]


class Paused:
    """A run that is paused before its first step."""

    def __init__(self, trainer: Trainer, preset: str, runs: Path) -> None:
        self.names: dict[str, Any] = {}
        self._states: list[RunState] = []
        self._changed = threading.Condition()
        self._trainer = trainer
        spec = RunSpec(preset, str(runs), start_paused=True)
        trainer.start(spec, namespace=self.names, on_change=self._note)
        self._wait(1)

    def _note(self, state: RunState) -> None:
        with self._changed:
            self._states.append(state)
            self._changed.notify_all()

    def _wait(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._states) >= count, 30)

    def ask(self, action: RunAction) -> BatchLook:
        count = len(self._states) + 1
        self._trainer.control(action)
        self._wait(count)
        live = self._trainer.live()
        assert live is not None
        look = live.look()
        assert look is not None
        return look


def whole_norm(tensors: list[torch.Tensor]) -> float:
    return float(torch.cat([tensor.detach().flatten() for tensor in tensors]).norm())


def test_each_phase_tells_what_torch_says(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    run = Paused(trainer, write_preset(), tmp_path)
    names = run.names

    forward = run.ask("phase")
    assert (forward.phase, forward.loss, forward.grad_norm, forward.change) == ("forward", None, None, None)
    shapes = {value.name: value.shape for value in forward.values}
    assert shapes["input"] == tuple(names["batch"][0].shape)
    assert shapes["output"] == tuple(names["output"].shape)

    assert run.ask("phase").loss == pytest.approx(names["loss"].item())

    backward = run.ask("phase")
    parameters = dict(names["model"].named_parameters())
    norms = {one.name: one.grad_norm for one in backward.parameters}
    assert norms == pytest.approx({name: float(p.grad.norm()) for name, p in parameters.items()})
    assert list(norms.values()) == sorted(norms.values(), reverse=True)  # type: ignore[type-var]
    assert backward.grad_norm == pytest.approx(whole_norm([p.grad for p in parameters.values()]))
    assert backward.change is None

    before = {name: p.detach().clone() for name, p in parameters.items()}
    step = run.ask("phase")
    update = whole_norm([parameters[name] - old for name, old in before.items()])
    assert step.change == pytest.approx(update / whole_norm(list(before.values())))
    for one in step.parameters:
        old = before[one.name]
        if old.norm() == 0:  # a bias that began at zero: no ratio
            assert one.change is None
            continue
        expected = float((parameters[one.name] - old).detach().norm() / old.norm())
        assert one.change == pytest.approx(expected)


def test_a_whole_step_tells_its_change_as_well(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    run = Paused(trainer, write_preset(), tmp_path)
    look = run.ask("step")
    assert (look.phase, look.step) == ("", 1)
    assert (look.change or 0) > 0
    assert (look.grad_norm or 0) > 0


def test_nothing_is_told_while_it_trains() -> None:
    looks = BatchLooks(torch.nn.Linear(2, 1))
    looks.take("", 3)
    assert looks.latest == BatchLook("", 3)
    looks.go_on(3, pauses_again=False)
    assert looks.latest is None


def test_a_batch_that_cannot_be_looked_at_does_not_end_the_run() -> None:
    class Odd:
        loss = None
        output = None

        @property
        def batch(self) -> object:
            raise RuntimeError("no")

    looks = BatchLooks(torch.nn.Linear(2, 1))
    looks.of = Odd()  # type: ignore[assignment]
    looks.take("forward", 1)
    assert looks.latest == BatchLook("forward", 1)
