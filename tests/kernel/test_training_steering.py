"""Changes of a run in progress: at the next step and nowhere else, checked before, written down."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.optim import lr_scheduler

from tui.kernel.training import Trainer
from tui.kernel.training.progress import Progress
from tui.kernel.training.steer.control import Control
from tui.kernel.training.steer.freezing import layers_of, set_frozen
from tui.kernel.training.steer.live import LiveRun
from tui.kernel.training.steer.schedule_shift import set_learning_rate
from tui.kernel.training.steer.steering import Asked, Steering
from tui.kernel.training.steer.tunable import TuneError, checked, checked_clip, fields_of
from tui.protocol.run import RunSettings, RunSpec
from tui.protocol.training import Freeze, Tune, TuneTable

WritePreset = Callable[..., str]

PLAIN = """
    def model():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))
"""
SGD = (
    "def optimizer(parameters):\n    return torch.optim.SGD(parameters, lr, momentum=0.9, weight_decay=0.01)"
)
COSINE = "def scheduler(optimizer):\n    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)"


def losses(folder: Path) -> list[float]:
    """Return a run's training losses as its log has them."""
    log = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    log.Reload()
    return [event.value for event in log.Scalars("train/loss")]


def finished(trainer: Trainer, spec: RunSpec) -> Path:
    """Train to the end, and return the folder."""
    state = trainer.start(spec, namespace=None, on_change=lambda _: None)
    assert trainer.join(60)
    ended = trainer.state()
    assert ended is not None
    assert ended.status == "finished", ended.error
    return Path(state.folder)


class Paused:
    """A run taken step by step, steered at chosen steps."""

    def __init__(self, trainer: Trainer, preset: str, folder: Path, **spec: Any) -> None:
        self.trainer = trainer
        self.news = threading.Semaphore(0)
        self.asked = Asked()
        made = RunSpec(preset, str(folder), device="cpu", start_paused=True, **spec)
        state = trainer.start(made, namespace=None, on_change=lambda _: self.news.release())
        self.folder = Path(state.folder)
        self._wait()

    def _wait(self) -> None:
        assert self.news.acquire(timeout=60)

    def steps(self, count: int) -> None:
        """Take so many steps."""
        for _ in range(count):
            self.trainer.control("step")
            self._wait()

    def phase(self) -> None:
        """Go to the end of the next phase."""
        self.trainer.control("phase")
        self._wait()

    def to_the_end(self) -> Path:
        """Let it train on."""
        self.trainer.control("resume")
        assert self.trainer.join(60)
        ended = self.trainer.state()
        assert ended is not None
        assert ended.status == "finished", ended.error
        return self.folder

    @property
    def steering(self) -> Steering:
        """What a request would use."""
        live = self.trainer.live()
        assert live is not None
        return Steering(live, self.asked)

    @property
    def record(self) -> dict[str, Any]:
        """What is on disk."""
        found: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return found

    def until(self, fits: Callable[[], bool]) -> None:
        """Wait for the training thread to have done what was asked of it."""
        deadline_s = time.monotonic() + 60
        while not fits():
            assert time.monotonic() < deadline_s
            time.sleep(0.002)


@pytest.fixture
def paused(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> Callable[..., Paused]:
    def start(spec: dict[str, Any] | None = None, **parts: str) -> Paused:
        preset = write_preset(**{"model": PLAIN, "optimizer": SGD, **parts})
        return Paused(trainer, preset, tmp_path / "runs", **{"knobs": {"shuffle": False}, **(spec or {})})

    return start


def by_hand(
    at: dict[int, Callable[[nn.Module, torch.optim.Optimizer], float | None]],
) -> tuple[list[float], nn.Module]:
    """Train as the presets of these tests do, with changes before given steps; a number returned is the new norm."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(96, 6, generator=generator)
    y = (x.sum(1) > 0).long()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=0.01)
    loss_fn = nn.CrossEntropyLoss()
    found, step, clip = [], 0, None
    for _ in range(3):
        for i in range(0, 80, 16):
            step += 1
            if step in at:
                norm = at[step](model, optimizer)
                clip = norm if norm is not None else clip
            optimizer.zero_grad()
            loss = loss_fn(model(x[i : i + 16]), y[i : i + 16])
            loss.backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            found.append(float(loss.detach()))
    return found, model


def state_of(folder: Path) -> dict[str, torch.Tensor]:
    content = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    state: dict[str, torch.Tensor] = content["model"]
    return state


def assert_same(folder: Path, hand: tuple[list[float], nn.Module]) -> None:
    assert losses(folder) == [float(torch.tensor(value)) for value in hand[0]]
    state = state_of(folder)
    assert all(torch.equal(value, state[name]) for name, value in hand[1].state_dict().items())


# -- at the next step and nowhere else ----------------------------------------------------------------


def test_a_learning_rate_takes_effect_at_the_next_step_and_nowhere_else(
    paused: Callable[..., Paused],
) -> None:
    run = paused()
    run.steps(4)
    run.steering.tune(Tune("lr", "0.5"))
    run.steps(3)
    run.steering.tune(Tune("weight_decay", "0.1", group=0))
    folder = run.to_the_end()

    def faster(_: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.param_groups[0]["lr"] = 0.5

    def decayed(_: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.param_groups[0]["weight_decay"] = 0.1

    assert_same(folder, by_hand({5: faster, 8: decayed}))
    changes = run.record["changes"]
    assert [(c["step"], c["name"], c["before"], c["after"]) for c in changes] == [
        (5, "lr", "0.01", "0.5"),
        (8, "weight_decay", "0.01", "0.1"),
    ]
    assert "lr is 0.5 from step 5 on, it was 0.01" in (folder / "log.txt").read_text()


def test_inside_a_batch_a_rate_is_that_of_the_batchs_own_update(paused: Callable[..., Paused]) -> None:
    run = paused()
    run.steps(2)
    for _ in range(3):  # forward, loss, backward of step 3
        run.phase()
    run.steering.tune(Tune("lr", "0.5"))
    folder = run.to_the_end()

    def faster(_: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.param_groups[0]["lr"] = 0.5

    assert_same(folder, by_hand({3: faster}))
    assert run.record["changes"][0]["step"] == 3


def test_clipping_is_switched_on_at_the_next_step(paused: Callable[..., Paused]) -> None:
    run = paused()
    run.steps(3)
    table = run.steering.tune(Tune("clip_norm", "0.05"))
    assert field(table, "clip_norm", None) == "0.05"
    folder = run.to_the_end()
    assert_same(folder, by_hand({4: lambda model, optimizer: 0.05}))


def test_a_frozen_layer_stands_still_and_goes_on_when_thawed(paused: Callable[..., Paused]) -> None:
    run = paused()
    run.steps(4)
    table = run.steering.freeze(Freeze("0", frozen=True))
    assert {layer.path: layer.frozen for layer in table.layers} == {"0": True, "2": False}
    live = run.trainer.live()
    assert live is not None
    run.until(lambda: not live.model[0].weight.requires_grad)  # type: ignore[index]
    weight = live.model[0].weight  # type: ignore[index]
    assert weight.grad is None
    before = weight.detach().clone()
    run.steps(4)
    assert torch.equal(weight, before)
    run.steering.freeze(Freeze("0", frozen=False))
    folder = run.to_the_end()

    def frozen(model: nn.Module, _: torch.optim.Optimizer) -> None:
        for parameter in model[0].parameters():  # type: ignore[index]
            parameter.requires_grad_(False)
            parameter.grad = None

    def thawed(model: nn.Module, _: torch.optim.Optimizer) -> None:
        model[0].requires_grad_(True)  # type: ignore[index]

    assert_same(folder, by_hand({5: frozen, 9: thawed}))
    assert [(c["step"], c["name"], c["after"]) for c in run.record["changes"]] == [
        (5, "frozen 0", "True"),
        (9, "frozen 0", "False"),
    ]


def test_freezing_inside_a_batch_waits_for_its_end_and_shows_at_once(paused: Callable[..., Paused]) -> None:
    run = paused()
    run.steps(2)
    run.phase()
    table = run.steering.freeze(Freeze("0", frozen=True))
    assert table.layers[0].frozen
    live = run.trainer.live()
    assert live is not None
    assert next(live.model.parameters()).requires_grad
    folder = run.to_the_end()

    def frozen(model: nn.Module, _: torch.optim.Optimizer) -> None:
        set_frozen(model[0].parameters(), frozen=True)  # type: ignore[index]

    assert_same(folder, by_hand({4: frozen}))


def test_a_change_asked_for_while_it_trains_begins_at_the_step_that_is_told(
    paused: Callable[..., Paused],
) -> None:
    run = paused({"knobs": {"shuffle": False, "epochs": 400}})
    run.trainer.control("resume")
    run.until(lambda: (state := run.trainer.state()) is not None and state.step > 1)
    table = run.steering.tune(Tune("lr", "0.25"))
    assert field(table, "lr", 0) == "0.25"
    run.until(lambda: bool(run.record["changes"]))
    assert run.steering.table() == table
    step = run.record["changes"][0]["step"]
    run.until(lambda: (state := run.trainer.state()) is not None and state.step > step)
    run.trainer.control("stop")
    assert run.trainer.join(60)
    log = EventAccumulator(str(run.folder), size_guidance={"scalars": 0})
    log.Reload()
    rates = [(event.step, round(event.value, 6)) for event in log.Scalars("lr")]
    assert (step, 0.25) in rates
    assert {rate for at, rate in rates if at < step} == {0.01}
    assert {rate for at, rate in rates if at >= step} == {0.25}


def field(table: TuneTable, name: str, group: int | None) -> str:
    return next(each.text for each in table.fields if each.name == name and each.group == group)


# -- schedules ---------------------------------------------------------------------------------------

SCHEDULES: dict[str, Callable[[torch.optim.Optimizer, float], Any]] = {
    "cosine": lambda o, f: lr_scheduler.CosineAnnealingLR(o, 8),
    "cosine with a floor": lambda o, f: lr_scheduler.CosineAnnealingLR(o, 8, eta_min=0.01),
    "warm restarts": lambda o, f: lr_scheduler.CosineAnnealingWarmRestarts(o, 3),
    "steps": lambda o, f: lr_scheduler.StepLR(o, 3, 0.5),
    "milestones": lambda o, f: lr_scheduler.MultiStepLR(o, [2, 6], 0.1),
    "exponential": lambda o, f: lr_scheduler.ExponentialLR(o, 0.9),
    "constant": lambda o, f: lr_scheduler.ConstantLR(o, 0.5, 6),
    "linear": lambda o, f: lr_scheduler.LinearLR(o, 0.25, 1.0, 6),
    "polynomial": lambda o, f: lr_scheduler.PolynomialLR(o, 10, 2),
    "lambda": lambda o, f: lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "multiplicative": lambda o, f: lr_scheduler.MultiplicativeLR(o, lambda epoch: 0.8),
    "cyclic": lambda o, f: lr_scheduler.CyclicLR(o, 0.02 * f, 0.1 * f, step_size_up=3),
    "one cycle": lambda o, f: lr_scheduler.OneCycleLR(o, 0.1 * f, total_steps=12),
    "sequential": lambda o, f: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.5, 1.0, 3), lr_scheduler.CosineAnnealingLR(o, 6)], [5]
    ),
    "chained": lambda o, f: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o, 0.5, 6), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_goes_on_as_if_it_had_begun_with_the_scaled_rate(name: str) -> None:
    base, factor, changed_at = 0.1, 0.5, 4
    floor = 0.01 if "floor" in name else 0.0

    def made(scale: float) -> tuple[torch.optim.Optimizer, Any]:
        rate = floor + (base - floor) * scale
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], rate, momentum=0.9)
        return optimizer, SCHEDULES[name](optimizer, scale)

    expected_optimizer, expected = made(factor)
    optimizer, scheduler = made(1.0)
    for epoch in range(10):
        if epoch == changed_at:
            now = optimizer.param_groups[0]["lr"]
            set_learning_rate(optimizer, scheduler, [0], floor + (now - floor) * factor)
            assert scheduler.get_last_lr() == [optimizer.param_groups[0]["lr"]]
        if epoch >= changed_at:
            assert optimizer.param_groups[0]["lr"] == pytest.approx(
                expected_optimizer.param_groups[0]["lr"], rel=1e-9
            )
        for each in (optimizer, expected_optimizer):
            each.step()
        scheduler.step()
        expected.step()


def test_a_rate_in_a_tensor_stays_in_it() -> None:
    rate = torch.tensor(0.1)
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    held = optimizer.param_groups[0]["lr"]
    set_learning_rate(optimizer, scheduler, [0], 0.02)
    assert optimizer.param_groups[0]["lr"] is held
    optimizer.step()
    scheduler.step()
    assert float(held) == pytest.approx(0.01)


def test_from_a_rate_of_zero_the_schedule_takes_over_at_its_next_step() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1)
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda epoch: epoch / 10)
    set_learning_rate(optimizer, scheduler, [0], 0.5)
    assert optimizer.param_groups[0]["lr"] == 0.5
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


def test_a_run_with_a_cosine_goes_on_from_the_new_rate(paused: Callable[..., Paused]) -> None:
    run = paused(scheduler=COSINE)
    run.steps(6)  # one into the second epoch
    run.steering.tune(Tune("lr", "0.015"))
    folder = run.to_the_end()
    log = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    log.Reload()
    rates = [event.value for event in log.Scalars("lr") if event.step >= 11]
    # the rate of the second epoch is three quarters of the base: 0.015 is twice of that, so the base was doubled
    assert rates[0] == pytest.approx(0.02 * 0.25, rel=1e-5)


# -- what may be changed -----------------------------------------------------------------------------


def optimizer_of(kind: Callable[..., torch.optim.Optimizer], **settings: Any) -> torch.optim.Optimizer:
    parameter = nn.Parameter(torch.zeros(2, 2))
    made = kind([parameter], **settings)
    parameter.grad = torch.ones(2, 2)
    made.step()
    return made


def test_fields_are_numbers_flags_and_tuples_without_the_dangerous_ones() -> None:
    adam = optimizer_of(torch.optim.Adam)
    assert fields_of(adam, 0) == [
        "lr", "weight_decay", "betas", "eps", "amsgrad", "decoupled_weight_decay",
    ]  # fmt: skip
    assert fields_of(optimizer_of(torch.optim.SGD), 0) == [
        "lr", "weight_decay", "momentum", "dampening", "nesterov",
    ]  # fmt: skip
    assert "lr" not in fields_of(optimizer_of(torch.optim.Rprop), 0)


REFUSED: list[tuple[Any, dict[str, Any], str, str, str]] = [
    (torch.optim.SGD, {}, "lr", "-1", "Invalid learning rate: -1"),
    (torch.optim.SGD, {}, "lr", "'fast'", "takes a number, got"),
    (torch.optim.SGD, {}, "lr", "nan", "finite"),
    (torch.optim.SGD, {}, "lr", "inf", "finite"),
    (torch.optim.SGD, {}, "lr", "model.lr", "no plain value"),
    (torch.optim.SGD, {}, "lr", "0.1 0.2", "cannot be read"),
    (torch.optim.SGD, {}, "lr", "True", "takes a number, got"),
    (torch.optim.SGD, {}, "nesterov", "True", "Nesterov momentum requires a momentum"),
    (torch.optim.SGD, {}, "nesterov", "1", "takes True or False, got 1"),
    (torch.optim.SGD, {}, "fused", "True", "cannot be changed while it runs"),
    (torch.optim.SGD, {}, "maximize", "True", "cannot be changed while it runs"),
    (torch.optim.Adam, {}, "betas", "(0.9, 1.5)", "Invalid beta"),
    (torch.optim.Adam, {}, "betas", "(0.9,)", "takes a tuple of 2 numbers, got"),
    (torch.optim.Adam, {}, "amsgrad", "True", "kept no max_exp_avg_sq"),
    (torch.optim.RMSprop, {}, "momentum", "0.9", "kept no momentum_buffer"),
    (torch.optim.RMSprop, {}, "centered", "True", "kept no grad_avg"),
    (torch.optim.Rprop, {}, "lr", "0.1", "first step sizes alone"),
]


@pytest.mark.parametrize(("kind", "settings", "name", "text", "words"), REFUSED)
def test_a_value_that_cannot_be(
    kind: Callable[..., torch.optim.Optimizer], settings: dict[str, Any], name: str, text: str, words: str
) -> None:
    with pytest.raises(TuneError) as refused:
        checked(optimizer_of(kind, **settings), 0, name, text)
    assert words in str(refused.value)


TAKEN: list[tuple[Any, dict[str, Any], str, str, object]] = [
    (torch.optim.SGD, {}, "momentum", "0.9", 0.9),
    (torch.optim.SGD, {"momentum": 0.9}, "nesterov", "True", True),
    (torch.optim.SGD, {}, "lr", "1e-3", 1e-3),
    (torch.optim.SGD, {}, "lr", "1", 1),
    (torch.optim.Adam, {}, "betas", "[0.8, 0.9]", (0.8, 0.9)),
    (torch.optim.RMSprop, {"momentum": 0.5}, "momentum", "0.9", 0.9),
    (torch.optim.Adam, {"amsgrad": True}, "amsgrad", "False", False),
]


@pytest.mark.parametrize(("kind", "settings", "name", "text", "value"), TAKEN)
def test_a_value_that_torch_goes_on_with(
    kind: Callable[..., torch.optim.Optimizer], settings: dict[str, Any], name: str, text: str, value: object
) -> None:
    optimizer = optimizer_of(kind, **settings)
    assert checked(optimizer, 0, name, text) == value
    optimizer.param_groups[0][name] = value
    optimizer.step()


def test_an_optimizer_of_the_users_own_is_not_run() -> None:
    class Mine(torch.optim.SGD):
        made = 0

        def __init__(self, *args: Any, **options: Any) -> None:
            type(self).made += 1
            super().__init__(*args, **options)

    optimizer = optimizer_of(Mine)
    assert checked(optimizer, 0, "lr", "0.5") == 0.5
    with pytest.raises(TuneError, match="another kind"):
        checked(optimizer, 0, "lr", "'a'")
    assert Mine.made == 1


def test_the_norm_is_a_number_above_zero_or_none() -> None:
    assert checked_clip("2") == 2.0
    assert checked_clip("None") is None
    for text in ("0", "-1", "inf", "True", "'a'"):
        with pytest.raises(TuneError):
            checked_clip(text)


# -- the table ---------------------------------------------------------------------------------------


class NoClip:
    clip_norm: float | None = None
    why_no_clip = "it has none"


def live(model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: object = None) -> LiveRun:
    return LiveRun(
        model=model,
        optimizer=optimizer,
        control=Control(),
        progress=Progress(),
        scheduler=scheduler,
        clip=NoClip(),
        changed=lambda *_: None,
    )


def test_the_table_has_groups_layers_and_no_more(paused: Callable[..., Paused]) -> None:
    shared = nn.Linear(3, 3)
    model = nn.ModuleDict({"a": shared, "b": nn.Sequential(nn.ReLU(), nn.LayerNorm(3)), "again": shared})
    groups: list[dict[str, Any]] = [
        {"params": model["a"].parameters(), "lr": 0.1},
        {"params": model["b"].parameters()},
    ]
    optimizer = torch.optim.SGD(groups, 1.0)
    model["b"].requires_grad_(False)
    table = Steering(live(model, optimizer)).table()
    assert [(f.name, f.group, f.text) for f in table.fields if f.name == "lr"] == [
        ("lr", 0, "0.1"),
        ("lr", 1, "1.0"),
    ]
    assert not [f for f in table.fields if f.group is None]
    assert [(layer.path, layer.class_name, layer.parameters, layer.frozen) for layer in table.layers] == [
        ("a", "Linear", 12, False),
        ("b.1", "LayerNorm", 6, True),
    ]


def test_several_changes_at_once_show_the_last_until_they_are_made() -> None:
    optimizer = torch.optim.SGD(nn.Linear(2, 2).parameters(), 0.1)
    steering = Steering(live(nn.Linear(2, 2), optimizer))
    steering.tune(Tune("lr", "0.2"))
    table = steering.tune(Tune("lr", "0.3"))
    assert field(table, "lr", 0) == "0.3"
    assert optimizer.param_groups[0]["lr"] == 0.1
    steering.live.control.ask("pause")
    steering.live.control.ask("step")
    steering.live.control.after_step(lambda: None, lambda: None)
    assert optimizer.param_groups[0]["lr"] == 0.3
    assert steering.table() == table


def test_what_cannot_be_steered() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)))
    model[1].requires_grad_(False)
    optimizer = torch.optim.SGD(model[0].parameters(), 0.1)
    scheduler = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=5)
    steering = Steering(live(model, optimizer, scheduler))
    cases: list[tuple[Tune | Freeze, str]] = [
        (Tune("lrr", "1"), "did you mean 'lr'"),
        (Tune("lr", "1", group=3), "no parameter group 3"),
        (Tune("clip_norm", "1"), "it has none"),
        (Tune("momentum", "0.5"), "OneCycleLR sets momentum itself"),
        (Tune("params", "[]"), "has no 'params'"),
        (Freeze("0", True), "nothing to train"),
        (Freeze("1", False), "was not given the parameters"),
        (Freeze("2", True), "below it are 2.0"),
        (Freeze("9", True), "no layer '9'"),
    ]
    for request, words in cases:
        with pytest.raises(TuneError) as refused:
            steering.tune(request) if isinstance(request, Tune) else steering.freeze(request)
        assert words in str(refused.value)
    lbfgs = Steering(live(model, torch.optim.LBFGS(model.parameters())))
    with pytest.raises(TuneError, match="all parameters as one"):
        lbfgs.freeze(Freeze("0", True))


def test_a_run_over_a_range_of_rates_sets_the_rate_itself(paused: Callable[..., Paused]) -> None:
    run = paused({"settings": RunSettings(kind="lr_range", max_steps=4), "knobs": {}})
    run.steps(1)
    with pytest.raises(TuneError, match="sets lr itself before every step; when it has ended"):
        run.steering.tune(Tune("lr", "0.5"))
    assert next(field.text for field in run.steering.table().fields if field.name == "lr") != "0.5"
    run.steering.tune(Tune("weight_decay", "0.5"))
    folder = run.to_the_end()
    assert [change["name"] for change in json.loads((folder / "run.json").read_text())["changes"]] == [
        "weight_decay"
    ]


def test_layers_are_those_of_named_modules() -> None:
    model = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), nn.Flatten(), nn.LSTM(4, 5))
    own = [name for name, module in model.named_modules() if list(module.parameters(recurse=False))]
    assert [layer.path for layer in layers_of(model)] == own


def test_a_run_that_is_resumed_goes_on_with_what_was_changed(
    trainer: Trainer, paused: Callable[..., Paused]
) -> None:
    run = paused()
    run.steps(3)
    run.steering.tune(Tune("lr", "0.5"))
    run.steering.freeze(Freeze("0", frozen=True))
    live_run = trainer.live()
    assert live_run is not None
    run.until(lambda: not next(live_run.model.parameters()).requires_grad)
    trainer.control("stop")
    assert trainer.join(60)
    preset = str(run.folder.parent.parent / "tiny.py")
    folder = finished(
        trainer,
        RunSpec(
            preset, str(run.folder.parent), device="cpu", resume=str(run.folder), knobs={"shuffle": False}
        ),
    )

    def changed(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.param_groups[0]["lr"] = 0.5
        set_frozen(model[0].parameters(), frozen=True)  # type: ignore[index]

    assert_same(folder, by_hand({4: changed}))
