"""The first producer of a NaN or infinity is named, and looking for it changes nothing."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tui.kernel.training import Trainer
from tui.kernel.training.parts.experiment import Experiment
from tui.kernel.training.trouble.first_nan import Failure, bad_loss_words, bad_rate_words, bad_update_words
from tui.kernel.training.trouble.rate_too_large import too_large_words
from tui.protocol.run import RunSpec

CPU = torch.device("cpu")
INF, NAN = float("inf"), float("nan")


class Sqrt(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sqrt()


class Shift(nn.Module):
    """Adds a number."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.by


def failure(
    model: nn.Module,
    loss: Callable[..., Any] = nn.MSELoss(),  # noqa: B008
    batch: Any = None,
    *,
    step: Callable[..., Any] | None = None,
    steps_done: int = 119,
    optimizer: torch.optim.Optimizer | None = None,
) -> Failure:
    made = optimizer or torch.optim.SGD([*model.parameters(), nn.Parameter(torch.zeros(1))], 0.5)
    experiment = Experiment(
        train=[], val=None, test=None, model=model, loss=loss, optimizer=made, scheduler=None, metrics=None,
        step=step, preview=None,
    )  # fmt: skip
    given = (torch.ones(4, 3), torch.zeros(4, 3)) if batch is None else batch
    return Failure(experiment, CPU, given, 120, steps_done)


def test_a_batch_that_is_bad() -> None:
    x = torch.ones(4, 3)
    x[0, 1:] = NAN
    words = bad_loss_words(failure(nn.Identity(), batch=(x, torch.zeros(4, 3))))
    assert words == "the batch itself holds NaN, 2 of 12 in its input"
    target = torch.full((4, 3), INF)
    words = bad_loss_words(failure(nn.Identity(), batch=(torch.ones(4, 3), target)))
    assert words == "the batch itself holds Inf, 12 of 12 in its target"


def test_the_layer_that_made_it_is_named_and_not_those_that_passed_it_on() -> None:
    model = nn.Sequential(nn.Identity(), nn.Sequential(Shift(-2.0), Sqrt()), nn.Linear(3, 3), nn.ReLU())
    words = bad_loss_words(failure(model))
    assert words == "the output of layer 1.1 (Sqrt) is the first that is NaN; its input was finite"


def test_an_infinity_of_a_layer_with_large_parameters() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    with torch.no_grad():
        next(model[1].parameters()).fill_(3e38)
        next(model[0].parameters()).fill_(1e5)
    words = bad_loss_words(failure(model))
    assert words.startswith(
        "the output of layer 1 (Linear) is the first that is Inf; its input was finite (up to 3e+05"
    )
    assert "its parameters reach 3e+38" in words


class Between(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.second(self.first(x) / 0)
        return y


class After(Between):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.second(self.first(x))
        return y - INF


def test_what_no_layer_has_made() -> None:
    words = bad_loss_words(failure(nn.Sequential(Between())))
    assert words == (
        "it is Inf where it comes to layer 0.second (Linear), made after layer 0.first (Linear) by no layer,"
        " in the forward of layer 0 (Between)"
    )
    words = bad_loss_words(failure(nn.Sequential(After())))
    assert words == "the forward of layer 0 (After) itself makes the first Inf after layer 0.second (Linear)"


def test_the_loss() -> None:
    words = bad_loss_words(failure(nn.Identity(), lambda output, target: (output / target).sum()))
    assert words == "the model's output is finite (up to 1), and the loss makes the first Inf of it"
    batch = torch.rand(4, 3), torch.full((4,), -100)
    words = bad_loss_words(failure(nn.Identity(), nn.CrossEntropyLoss(), batch))
    assert words.startswith("every target of the batch is -100")


def test_parameters_after_an_update() -> None:
    model = nn.Sequential(nn.Linear(3, 3), Sqrt(), nn.Linear(3, 3), nn.Linear(3, 3))
    with torch.no_grad():
        next(model[0].parameters())[0, 0] = NAN
    words = bad_loss_words(failure(model))
    assert words == (
        "the update of step 119 made parameters NaN: the gradient went bad on its way back from layer 2 (Linear), which"
        " is finite, to layer 0 (Linear), past layer 1 (Sqrt) (lr 0.5; NaN in layer 0 (Linear))"
    )
    assert "before the first step" in bad_loss_words(failure(model, steps_done=0))
    late = bad_loss_words(failure(model, steps_done=150))
    assert "by step 150" in late
    assert "some steps late" in late


def test_the_optimizers_averages_tell_of_a_gradient() -> None:
    model = nn.Linear(3, 3)
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    (model(torch.ones(4, 3)) * 0).sum().sqrt().backward()
    optimizer.step()
    words = bad_loss_words(failure(model, optimizer=optimizer))
    assert "the gradient was NaN or Inf" in words


def test_an_update_after_a_finite_loss() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    given = failure(model)
    (model(torch.ones(4, 3)) * 0).sum().sqrt().backward()
    words = bad_update_words(given.experiment)
    assert words == (
        "the loss was finite, and the gradient of layer 1 (Linear).bias was NaN in that step, and so were 3 more"
        " after it"
    )
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    assert "so its update itself made it so" in bad_update_words(given.experiment)


def test_a_gradient_where_all_that_goes_forward_is_finite() -> None:
    class Zero(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 0

    model = nn.Sequential(nn.Linear(3, 3), Zero(), Sqrt(), nn.Linear(3, 3))
    words = bad_loss_words(failure(model))
    assert words == (
        "run again, the batch gives a finite loss, but the gradient of the output of layer 1 (Zero) is the first that"
        " is Inf, where that of layer 2 (Sqrt) was finite"
    )


def test_chance() -> None:
    words = bad_loss_words(failure(nn.Linear(3, 3)))
    assert words.startswith("run again, the same batch gives a finite loss")


def test_a_presets_own_step_is_watched_up_to_its_update() -> None:
    model = nn.Sequential(nn.Linear(3, 3), Shift(-INF), nn.Linear(3, 3))
    own = torch.optim.SGD(model.parameters(), 0.1)

    def step(model: nn.Module, batch: Any, loss: Callable[..., Any]) -> torch.Tensor:
        value: torch.Tensor = loss(model(batch[0]), batch[1])
        own.zero_grad()
        value.backward()
        own.step()
        return value

    before = [parameter.clone() for parameter in model.parameters()]
    words = bad_loss_words(failure(model, step=step))
    assert words == "the output of layer 1 (Shift) is the first that is Inf; its input was finite"
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    own.step()  # allowed again


def test_nothing_is_left_behind() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), Sqrt())
    model(torch.rand(4, 3)).sum().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    copies = [gradient.clone() for gradient in gradients if gradient is not None]
    before = [tensor.clone() for tensor in model.state_dict().values()]
    batch = (torch.rand(4, 3), torch.zeros(4, 3))
    stream = torch.get_rng_state()
    assert bad_loss_words(failure(model, batch=batch)) != ""
    assert all(torch.equal(a, b) for a, b in zip(before, model.state_dict().values(), strict=True))
    assert torch.equal(stream, torch.get_rng_state())
    for parameter, gradient, copy in zip(model.parameters(), gradients, copies, strict=True):
        assert parameter.grad is gradient
        assert parameter.grad is not None
        assert torch.equal(parameter.grad.nan_to_num(), copy.nan_to_num())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert model.training


@pytest.mark.parametrize("batch", [torch.ones(3), (torch.ones(2, 7), torch.ones(2, 7)), {"x": torch.ones(2)}])
def test_what_cannot_be_run_again_is_not_told(batch: object) -> None:
    assert bad_loss_words(failure(nn.Linear(3, 3), batch=batch)) == ""


def test_calls_from_other_threads_do_not_count() -> None:
    model = nn.Sequential(Sqrt(), nn.Identity())

    class Nosy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            other = threading.Thread(target=lambda: model[0](-x))
            other.start()
            other.join()
            return x + INF

    whole = nn.Sequential(Nosy(), model)
    words = bad_loss_words(failure(whole))
    assert words.startswith("the output of layer 0 (Nosy) is the first that is Inf")


def test_a_runs_error_names_the_layer(
    trainer: Trainer, write_preset: Callable[..., str], tmp_path: Path
) -> None:
    model = """
        class Log(nn.Module):
            def forward(self, x):
                return x.log() if self.training and torch.is_grad_enabled() else x

        def model():
            return nn.Sequential(nn.Linear(6, 4), nn.Sequential(nn.Tanh(), Log()), nn.Linear(4, 2))
    """
    state = trainer.start(
        RunSpec(preset=write_preset(model=model), runs_dir=str(tmp_path / "runs")),
        namespace=None,
        on_change=lambda _: None,
    )
    assert trainer.join(60)
    error = json.loads((Path(state.folder) / "run.json").read_text())["error"]
    assert error["kind"] == "NotFinite"
    assert error["message"] == (
        "the loss is nan at step 1: the output of layer 1.1 (Log) is the first that is NaN; its input was finite;"
        " no checkpoint was written yet"
    )


def test_a_learning_rate_that_is_too_high_comes_first_with_another_to_try(
    trainer: Trainer, write_preset: Callable[..., str], tmp_path: Path
) -> None:
    optimizer = "def optimizer(parameters):\n    return torch.optim.SGD(parameters, 1e38)"
    model = "def model():\n    return nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2))"
    state = trainer.start(
        RunSpec(preset=write_preset(model=model, optimizer=optimizer), runs_dir=str(tmp_path / "runs")),
        namespace=None,
        on_change=lambda _: None,
    )
    assert trainer.join(60)
    error = json.loads((Path(state.folder) / "run.json").read_text())["error"]
    assert error["kind"] == "NotFinite"
    assert re.match(
        r"the learning rate 1e\+38 is far too large, try 0\.01 or less"
        r" \(parameters reach [\de+.]+, 0\.01 is usual for SGD\); the loss is (nan|inf) at step \d: .*",
        error["message"],
    )


@pytest.mark.parametrize(
    ("optimizer", "reach", "steps_done", "told"),
    [
        (lambda p: torch.optim.SGD(p, 0.5), 1e20, 9, "0.5 is too large, try 0.01 or less (parameters reach 1e+20, 0"),
        (lambda p: torch.optim.SGD(p, 1e-3), 1e20, 9, "0.001 is probably too large, try 0.0001 or less"),
        (lambda p: torch.optim.Adam(p, 1e9), 3e9, 3, "far too large, try 0.001 or less (parameters reach 3e+09,"),
        (lambda p: torch.optim.Adam(p, 1e-3), 1e20, 9, ""),  # in so few steps it cannot have made them so large
        (lambda p: torch.optim.SGD(p, 100.0), 3.0, 9, ""),  # the parameters have stayed where they were
        (lambda p: torch.optim.SGD(p, 100.0), 1e20, 0, ""),  # it has made no update yet
        (lambda p: torch.optim.SGD(p, 100.0), NAN, 9, "the learning rate 100 is far too large, try 0.01 or less"),
        (lambda p: torch.optim.SGD(p, 0.5), NAN, 9, ""),
    ],
)  # fmt: skip
def test_a_learning_rate_is_blamed_where_the_parameters_show_it(
    optimizer: Callable[..., torch.optim.Optimizer], reach: float, steps_done: int, told: str
) -> None:
    model = nn.Linear(3, 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(reach)
    words = too_large_words(failure(model, optimizer=optimizer(model.parameters())).experiment, steps_done)
    assert told in words
    assert bool(words) == bool(told)


def test_a_bad_batch_is_no_fault_of_the_learning_rate() -> None:
    model = nn.Linear(3, 3)
    with torch.no_grad():
        next(model.parameters()).fill_(1e20)
    assert bad_rate_words(failure(model)) != ""
    assert bad_rate_words(failure(model, batch=(torch.full((4, 3), NAN), torch.zeros(4, 3)))) == ""
