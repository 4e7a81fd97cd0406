"""Pauses inside a batch: what is there, what the user may do, and that nothing of it is left."""

from __future__ import annotations

import contextlib
import gc
import random
import threading
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from tui.kernel.training import RunRefused, Trainer
from tui.kernel.training.log import phases
from tui.kernel.training.steer.control import Control, Stopped
from tui.kernel.training.waiting.by_hand import ADDED, SPENT, SPENT_EMPTY
from tui.protocol.messages import RunAction, RunState
from tui.protocol.run import RunSpec

WritePreset = Callable[..., str]
Names = dict[str, Any]
PHASES = ("forward", "loss", "backward", "step")
RANDOM_BATCHES = """
    class Jittered(torch.utils.data.Dataset):
        def __init__(self, x, y):
            self.x, self.y = x, y

        def __len__(self):
            return len(self.x)

        def __getitem__(self, index):  # draws from python's and torch's random streams
            return self.x[index] + random.gauss(0, 0.1) + 0.1 * torch.randn(6), self.y[index]

    def data():
        generator = torch.Generator().manual_seed(5)
        x = torch.randn(96, 6, generator=generator)
        y = (x.sum(1) > 0).long()
        train = DataLoader(Jittered(x[:80], y[:80]), batch, shuffle=True)
        return {"train": train, "val": DataLoader(Jittered(x[80:], y[80:]), 5)}
"""


class Phased:
    """A run whose every news is kept."""

    def __init__(
        self, trainer: Trainer, preset: str, runs: Path, *, paused: bool = True, epochs: int = 3
    ) -> None:
        self.names: Names = {}
        self.states: list[RunState] = []
        self._changed = threading.Condition()
        self._trainer = trainer
        spec = RunSpec(preset, str(runs), knobs={"epochs": epochs}, start_paused=paused)
        self.folder = Path(trainer.start(spec, namespace=self.names, on_change=self._note).folder)
        if paused:
            self.wait(1)

    def _note(self, state: RunState) -> None:
        with self._changed:
            self.states.append(state)
            self._changed.notify_all()

    def wait(self, count: int) -> RunState:
        """Wait until so many changes have been told; return the last of them."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.states) >= count, 30)
            return self.states[count - 1]

    def ask(self, action: RunAction) -> RunState:
        """Steer, and wait for the next news."""
        count = len(self.states) + 1
        self._trainer.control(action)
        return self.wait(count)

    def go_to(self, phase: str) -> Names:
        """Go on phase by phase; return the namespace."""
        while self.ask("phase").phase != phase:
            pass
        return self.names

    def end(self) -> RunState:
        """Let it go on to its end."""
        self._trainer.control("resume")
        assert self._trainer.join(60)
        return self.states[-1]

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()


def weights(folder: Path) -> Mapping[str, torch.Tensor]:
    content = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    model: Mapping[str, torch.Tensor] = content["model"]
    return model


def losses(folder: Path) -> list[tuple[int, float]]:
    log = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return [(event.step, event.value) for event in log.Scalars("train/loss")]


def assert_same(one: Path, other: Path) -> None:
    assert losses(one) == losses(other)
    mine, others = weights(one), weights(other)
    assert mine.keys() == others.keys()
    assert all(torch.equal(tensor, others[name]) for name, tensor in mine.items())


def whole_run(trainer: Trainer, preset: str, runs: Path) -> Path:
    """Train without a pause."""
    run = Phased(trainer, preset, runs, paused=False)
    assert trainer.join(60)
    assert run.states[-1].status == "finished", run.states[-1].error
    return run.folder


# -- what is there ----------------------------------------------------------------------------------


def test_a_batch_goes_by_in_four_phases(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    run = Phased(trainer, write_preset(), tmp_path)
    seen = [run.ask("phase") for _ in range(9)]
    assert [state.phase for state in seen] == [*PHASES, *PHASES, "forward"]
    assert {state.status for state in seen} == {"paused"}
    assert [state.step for state in seen] == [0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert [state.batch for state in seen] == [1, 1, 1, 1, 2, 2, 2, 2, 3]


def test_each_phase_shows_what_it_has_made(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    run = Phased(trainer, write_preset(), tmp_path)
    names = run.names
    before = {name: value.clone() for name, value in names["model"].named_parameters()}
    for _ in range(2):
        run.go_to("forward")
        model, output = names["model"], names["output"]
        assert output.grad_fn is not None
        assert output.shape == (16, 2)
        assert "loss" not in names
        assert names["run"].loss is None
        assert "paused after forward" in repr(names["run"])
        assert all(parameter.grad is None for parameter in model.parameters())
        run.ask("phase")
        loss = names["loss"]
        assert names["output"] is output
        assert torch.equal(loss, nn.functional.cross_entropy(output, names["batch"][1]))
        expected = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
        assert all(parameter.grad is None for parameter in model.parameters())
        run.ask("phase")
        assert names["loss"] is loss
        assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), expected, strict=True))
        assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())
        run.ask("phase")
        assert not all(torch.equal(value, before[name]) for name, value in model.named_parameters())
        assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), expected, strict=True))
        before = {name: value.clone() for name, value in model.named_parameters()}


def test_a_running_run_pauses_at_the_next_phase(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    run = Phased(trainer, write_preset(), tmp_path, paused=False, epochs=1_000_000)
    first = run.ask("phase")
    assert first.status == "paused"
    following = [run.ask("phase").phase for _ in range(4)]
    start = PHASES.index(first.phase) + 1 if first.phase else 0  # it may not have begun
    assert following == [PHASES[(start + i) % 4] for i in range(4)]


def test_an_evaluation_on_the_way_runs_through(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    run = Phased(trainer, write_preset(), tmp_path)
    seen = [run.ask("phase") for _ in range(4 * 5 + 1)]
    assert (seen[-2].phase, seen[-2].epoch, seen[-2].batch) == ("step", 0, 5)
    assert (seen[-1].phase, seen[-1].epoch, seen[-1].batch) == ("forward", 1, 1)
    assert "epoch 1/3" in run.log


def test_a_step_from_inside_a_batch_ends_that_batch(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    run = Phased(trainer, write_preset(), tmp_path)
    for phase in PHASES[:3]:
        run.go_to(phase)
        step = run.states[-1].step
        ended = run.ask("step")
        assert (ended.step, ended.phase, ended.status) == (step + 1, "", "paused")
    content = torch.load(run.folder / "checkpoints" / "last.pt", weights_only=True)
    assert content["step"] == 3
    assert run.ask("step").step == 4


def test_of_a_presets_own_step_what_can_be_seen(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    own = """
        def step(model, batch, loss):
            return 2 * loss(model(batch[0]), batch[1])
    """
    run = Phased(trainer, write_preset(step=own), tmp_path)
    assert [run.ask("phase").phase for _ in range(4)] == ["loss", "backward", "step", "loss"]
    expected = 2 * nn.functional.cross_entropy(run.names["output"], run.names["batch"][1])
    assert torch.equal(run.names["loss"], expected)


LBFGS = """
    def optimizer(parameters):
        return torch.optim.LBFGS(parameters, lr=0.1, max_iter=3)
"""


def test_a_closure_has_no_phases_and_says_so(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    run = Phased(trainer, write_preset(optimizer=LBFGS), tmp_path)
    with pytest.raises(RunRefused, match="LBFGS runs forward and backward several times in one step"):
        trainer.control("phase")
    assert run.ask("step").step == 1
    assert run.end().status == "finished"


# -- truth ------------------------------------------------------------------------------------------


def test_pausing_at_every_phase_changes_nothing(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    preset = write_preset(data=RANDOM_BATCHES)
    whole = whole_run(trainer, preset, tmp_path / "whole")
    run = Phased(trainer, preset, tmp_path / "paused")
    while run.states[-1].status == "paused":
        run.ask("phase")
    assert run.states[-1].status == "finished"
    assert len(run.states) == 3 * 5 * 4 + 2
    assert_same(whole, run.folder)


@pytest.mark.parametrize("phase", PHASES)
def test_a_run_stopped_at_a_phase_ends_its_batch_and_goes_on_bit_for_bit(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, phase: str
) -> None:
    preset = write_preset(data=RANDOM_BATCHES)
    whole = whole_run(trainer, preset, tmp_path / "whole")
    run = Phased(trainer, preset, tmp_path / "parts")
    for _ in range(6):
        run.ask("step")
    run.go_to(phase)
    stopped = run.ask("stop")
    assert (stopped.status, stopped.step, stopped.phase) == ("stopped", 7, "")
    torch.manual_seed(99)
    random.seed(99)
    spec = RunSpec(preset, "", resume=str(run.folder))
    trainer.start(spec, namespace=None, on_change=lambda _: None)
    assert trainer.join(60)
    assert_same(whole, run.folder)


@pytest.mark.parametrize("phase", PHASES[:3])
def test_no_checkpoint_is_of_half_a_step(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, phase: str
) -> None:
    run = Phased(trainer, write_preset(), tmp_path)
    run.ask("step")
    kept = (run.folder / "checkpoints" / "last.pt").read_bytes()
    run.go_to(phase)
    assert (run.folder / "checkpoints" / "last.pt").read_bytes() == kept


# -- a backward by hand -----------------------------------------------------------------------------


def test_a_backward_by_hand_takes_the_place_of_the_runs_own(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    whole = whole_run(trainer, write_preset(), tmp_path / "whole")
    run = Phased(trainer, write_preset(), tmp_path / "by_hand")
    run.go_to("loss")["loss"].backward()
    assert run.end().status == "finished"
    assert_same(whole, run.folder)
    assert run.log.count(f"step 1: {SPENT}") == 1
    assert run.log.count(SPENT) == 1


@pytest.mark.parametrize("phase", ["forward", "loss"])
def test_a_graph_spent_without_gradients_leaves_the_parameters_alone(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, phase: str
) -> None:
    run = Phased(trainer, write_preset(), tmp_path)
    names = run.go_to(phase)
    before = [parameter.clone() for parameter in names["model"].parameters()]
    torch.autograd.grad(names["output"].sum(), list(names["model"].parameters()))
    assert run.ask("step").step == 1
    assert all(map(torch.equal, names["model"].parameters(), before))
    assert f"step 1: {SPENT_EMPTY}" in run.log
    run.ask("step")
    assert not all(map(torch.equal, names["model"].parameters(), before))
    assert run.log.count(SPENT_EMPTY) == 1


def test_gradients_made_before_the_backward_are_added_to(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    run = Phased(trainer, write_preset(), tmp_path)
    names = run.go_to("loss")
    names["loss"].backward(retain_graph=True)
    once = [parameter.grad.clone() for parameter in names["model"].parameters()]
    assert run.ask("phase").phase == "backward"
    assert all(torch.equal(p.grad, 2 * g) for p, g in zip(names["model"].parameters(), once, strict=True))
    assert f"step 1: {ADDED}" in run.log


def test_a_look_that_leaves_all_as_it_was_is_not_told(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    whole = whole_run(trainer, write_preset(), tmp_path / "whole")
    run = Phased(trainer, write_preset(), tmp_path / "looked")
    names = run.go_to("loss")
    torch.autograd.grad(names["loss"], list(names["model"].parameters()), retain_graph=True)
    names["loss"].backward(retain_graph=True)
    names["model"].zero_grad(set_to_none=False)
    run.go_to("loss")["loss"].backward(retain_graph=True)
    names["optimizer"].zero_grad()
    assert run.end().status == "finished"
    assert_same(whole, run.folder)
    assert not any(words in run.log for words in (SPENT, SPENT_EMPTY, ADDED))


def test_a_gradient_changed_by_hand_is_what_the_step_takes(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    sgd = "def optimizer(parameters):\n    return torch.optim.SGD(parameters, 1.0)"
    run = Phased(trainer, write_preset(optimizer=sgd), tmp_path)
    names = run.go_to("backward")
    weight = names["model"][0].weight
    before = weight.detach().clone()
    weight.grad.fill_(0.5)
    run.ask("phase")
    assert torch.equal(weight, before - 0.5)


# -- nothing is left --------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", PHASES)
def test_nothing_of_the_batch_is_left_once_the_run_goes_on(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, phase: str
) -> None:
    run = Phased(trainer, write_preset(), tmp_path, epochs=1_000_000)
    names = run.go_to(phase)
    model = names["model"]
    held = [names["output"], *names["batch"], *([names["loss"]] if "loss" in names else [])]
    references = [weakref.ref(tensor) for tensor in held]
    del held
    assert run.ask("resume").status == "running"
    assert run.states[-1].phase == ""
    assert {"loss", "output", "batch"}.isdisjoint(names)
    assert names["run"].batch is names["run"].output is names["run"].loss is None
    run.ask("pause")
    run.ask("step")  # the loop itself holds a batch until the next
    gc.collect()
    assert [reference() for reference in references] == [None] * len(references)
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
    assert not any(parameter._backward_hooks for parameter in model.parameters())
    assert not model[0].weight._post_accumulate_grad_hooks


BIG = """
    def data():
        x = torch.randn(8, 6)
        return {"train": [(x, torch.zeros(8, dtype=torch.long))] * 10}

    def model():
        return nn.Sequential(nn.Linear(6, 500_000), nn.ReLU(), nn.Linear(500_000, 2))
"""


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_is_as_before_once_the_run_goes_on(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    sgd = "def optimizer(parameters):\n    return torch.optim.SGD(parameters, 1e-3)"
    preset = write_preset(data=BIG, model="", optimizer=sgd, metrics="")
    run = Phased(trainer, preset, tmp_path, epochs=1_000_000)
    sizes = []
    for _ in range(15):
        run.go_to("loss")
        run.ask("resume")
        run.ask("pause")
        sizes.append(resident_bytes())
    # The output of the first layer alone is 16 MB: held from each pause, ten of them would be 160 MB.
    assert min(sizes[-3:]) - max(sizes[:3]) < 64e6


def test_the_names_of_the_user_stay(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    run = Phased(trainer, write_preset(), tmp_path, epochs=1_000_000)
    names = run.go_to("loss")
    kept = names["kept"] = names["loss"]
    names["output"] = "mine"
    run.ask("resume")
    run.ask("pause")  # perhaps in the very same batch
    run.ask("step")
    assert names["output"] == "mine"
    assert names["kept"] is kept
    assert names["loss"] is not kept


# -- what is asked in what order --------------------------------------------------------------------


class Driven:
    """Passes the boundaries of batches as the loop does: ``0`` before the first; ``1f``, ``1l``, ``1b`` in it, ``1``
    after it. Each pause asks for the next actions of a script, the one after its end for a stop.
    """

    def __init__(self, *script: tuple[RunAction, ...], paused: bool) -> None:
        self.control = Control(paused=paused)
        self.told: list[str] = []
        self._script = iter(script)

    def _pause(self, place: str) -> None:
        self.told.append(place)
        for action in next(self._script, ("stop",)):
            self.control.ask(action)

    def drive(self, meanwhile: Mapping[str, RunAction] | None = None) -> str:
        """Go through three batches; return the pauses, ``on`` and ``stopped``.

        Args:
            meanwhile: what is asked on the way to a place.
        """
        places = ["0", *(f"{batch}{phase}" for batch in (1, 2, 3) for phase in ("f", "l", "b", ""))]
        with contextlib.suppress(Stopped):
            for place in places:
                if meanwhile and place in meanwhile:
                    self.control.ask(meanwhile[place])
                self._pass(place)
            return " ".join(self.told)
        return " ".join([*self.told, "stopped"])

    def _pass(self, place: str) -> None:
        control = self.control
        paused, resumed = partial(self._pause, place), partial(self.told.append, "on")
        if place.isdigit() and control.pending:
            control.after_step(paused, resumed)
        elif not place.isdigit() and control.phase_pending:
            control.at_phase(paused, resumed)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ([("phase",)] * 5, "0 1f 1l 1b 1 2f stopped"),
        ([("phase", "phase"), ()], "0 1f 1l stopped"),
        ([("phase",), ("step",), ("step",)], "0 1f 1 2 stopped"),
        ([("phase",), ("step", "step"), ()], "0 1f 1 2 stopped"),
        ([("step", "phase"), ()], "0 1 2f stopped"),
        ([("phase", "step")], "0 1 stopped"),
        ([("phase",), ("phase",), ("resume",)], "0 1f 1l on"),
        ([("phase",), ("pause", "resume")], "0 1f on"),
        ([("phase",), ("stop",)], "0 1f stopped"),
    ],
)
def test_what_is_asked_of_a_paused_run_is_done_in_order(
    script: list[tuple[RunAction, ...]], told: str
) -> None:
    driven = Driven(*script, paused=True)
    assert driven.drive() == told
    if told.endswith("on"):
        assert not driven.control.pending
        assert not driven.control.phase_pending


@pytest.mark.parametrize(
    ("meanwhile", "told"),
    [
        ({"1l": "phase"}, "1l stopped"),
        ({"2": "phase"}, "2 stopped"),
        ({"1f": "stop"}, "stopped"),
        ({"1b": "step"}, "1 stopped"),
    ],
)
def test_a_running_run_is_met_where_it_is(meanwhile: Mapping[str, RunAction], told: str) -> None:
    assert Driven(paused=False).drive(meanwhile) == told


@pytest.mark.parametrize("granted", ["step", "phase"])
def test_a_run_that_is_resumed_on_the_way_says_so(granted: RunAction) -> None:
    driven = Driven((granted,), paused=True)
    assert driven.drive({"1f": "resume"}) == "0 on"
    assert not driven.control.pending


def test_a_pause_is_no_part_of_a_phases_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr(phases, "perf_counter", lambda: now_s)
    clock = phases.PhaseClock()
    for seconds, end in (
        (1, lambda: clock.mark(phases.DATA)),
        (2, lambda: clock.interrupt(phases.FORWARD)),
        (100, clock.start),
        (3, lambda: clock.mark(phases.FORWARD)),
    ):
        now_s += seconds
        end()
    clock.step_done()
    assert clock.take() == {"data": 1e3, "forward": 5e3, "backward": 0.0, "optimizer": 0.0}
