"""Losses, optimizers, schedules and models from texts: what is made, what is refused, and in which words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from tui.kernel.training.parts.chosen import (
    ChoiceError,
    check_optimizer,
    check_scheduler,
    chosen_loss,
    chosen_model,
    chosen_optimizer,
    chosen_scheduler,
)
from tui.kernel.training.parts.offered import Kind, offered
from tui.kernel.training.parts.written import read_literal


def parameters() -> list[nn.Parameter]:
    return [nn.Parameter(torch.zeros(2, 2))]


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters(), 0.1, momentum=0.9)


def test_arguments_by_name_and_by_place() -> None:
    sgd = chosen_optimizer("SGD(0.1, momentum=0.9)", parameters())
    assert type(sgd) is torch.optim.SGD
    assert (sgd.defaults["lr"], sgd.defaults["momentum"]) == (0.1, 0.9)
    adam = chosen_optimizer("torch.optim.Adam(lr=1e-3, betas=(0.8, 0.99))", (p for p in parameters()))
    assert adam.defaults["betas"] == (0.8, 0.99)
    huber = chosen_loss("nn.HuberLoss(delta=0.5)")
    assert isinstance(huber, nn.HuberLoss)
    assert huber.delta == 0.5
    step = chosen_scheduler("StepLR(step_size=5, gamma=0.5)", optimizer())
    assert isinstance(step, lr_scheduler.StepLR)
    assert (step.step_size, step.gamma) == (5, 0.5)


def test_just_a_name() -> None:
    assert isinstance(chosen_loss(" MSELoss "), nn.MSELoss)
    assert isinstance(chosen_optimizer("AdamW", parameters()), torch.optim.AdamW)
    assert isinstance(chosen_scheduler("ReduceLROnPlateau", optimizer()), lr_scheduler.ReduceLROnPlateau)
    assert chosen_scheduler("none", optimizer()) is None


def test_a_list_becomes_a_tensor_where_one_is_wanted() -> None:
    loss = chosen_loss("CrossEntropyLoss(weight=[1, 2, 0.5])")
    assert isinstance(loss, nn.CrossEntropyLoss)
    assert isinstance(loss.weight, torch.Tensor)
    assert torch.equal(loss.weight, torch.tensor([1.0, 2.0, 0.5]))
    with_logits = chosen_loss("BCEWithLogitsLoss(pos_weight=3)")
    assert isinstance(with_logits, nn.BCEWithLogitsLoss)
    assert with_logits.pos_weight is not None
    assert float(with_logits.pos_weight) == 3.0
    milestones = chosen_scheduler("MultiStepLR([2, 4])", optimizer())
    assert isinstance(milestones, lr_scheduler.MultiStepLR)
    assert sorted(milestones.milestones) == [2, 4]


@pytest.mark.parametrize("kind", ["loss", "optimizer", "scheduler"])
def test_everything_that_is_offered_can_be_chosen(kind: Kind) -> None:
    needed = {
        "StepLR": "step_size=2", "MultiStepLR": "milestones=[2]", "ExponentialLR": "gamma=0.9",
        "CosineAnnealingLR": "T_max=4", "CosineAnnealingWarmRestarts": "T_0=2", "CyclicLR": "base_lr=0.1, max_lr=1",
        "OneCycleLR": "max_lr=0.1, total_steps=9",
    }  # fmt: skip
    make: dict[Kind, Callable[[str], object]] = {
        "loss": chosen_loss,
        "optimizer": lambda text: chosen_optimizer(text, parameters()),
        "scheduler": lambda text: chosen_scheduler(text, optimizer()),
    }
    for name, cls in offered(kind).items():
        assert type(make[kind](f"{name}({needed.get(name, '')})")) is cls


WRONG = [
    (chosen_loss, "MSE", "torch.nn has no 'MSE'; did you mean 'MSELoss'?"),
    (chosen_loss, "Linear", "torch.nn.Linear is no loss"),
    (chosen_loss, "HuberLoss(delat=1)", "no argument 'delat'; did you mean 'delta'? It has reduction, delta"),
    (chosen_loss, "HuberLoss(1.0, 2.0, 3.0)", "at most 2 arguments"),
    (chosen_loss, "HuberLoss('mean', reduction='sum')", "given reduction twice"),
    (chosen_loss, "MSELoss(reduction='none')", "one number per batch"),
    (chosen_loss, "CTCLoss", "not (output, target)"),
    (chosen_loss, "CrossEntropyLoss(label_smoothing='a')", "takes a number, got 'a'"),
    (chosen_loss, "CrossEntropyLoss(weight=['a'])", "takes a list of numbers"),
    (chosen_loss, "", "cannot be read"),
    (chosen_loss, "MSELoss(**{})", "without **"),
    (chosen_loss, "MSELoss() + L1Loss()", "no name with arguments"),
    (lambda text: chosen_optimizer(text, parameters()), "Adamm", "torch.optim has no 'Adamm'; did you mean 'Adam'?"),
    (lambda text: chosen_optimizer(text, parameters()), "Adam(lr=-1)", "Invalid learning rate: -1"),
    (lambda text: chosen_optimizer(text, parameters()), "Adam(lr=True)", "takes a number, got True"),
    (lambda text: chosen_optimizer(text, parameters()), "Adam(betas=(0.9,))", "got (0.9,)"),
    (lambda text: chosen_optimizer(text, parameters()), "Optimizer", "has no 'Optimizer'"),
    (lambda text: chosen_optimizer(text, []), "Adam", "no parameters"),
    (lambda text: chosen_scheduler(text, optimizer()), "StepLR", "StepLR needs step_size: StepLR(step_size=…)"),
    (lambda text: chosen_scheduler(text, optimizer()), "StepLR(2.5)", "takes a whole number, got 2.5"),
    (lambda text: chosen_scheduler(text, optimizer()), "LambdaLR(3)", "needs lr_lambda, which no text can give"),
    (lambda text: chosen_scheduler(text, optimizer()), "SequentialLR", "needs schedulers"),
    (lambda text: chosen_scheduler(text, optimizer()), "ReduceLROnPlateau('mn')", "takes 'min' or 'max', got 'mn'"),
    (lambda text: chosen_scheduler(text, optimizer()), "OneCycleLR(max_lr=0.1)", "define either total_steps"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "text", "words"), WRONG)
def test_what_is_wrong_in_plain_words(make: Callable[[str], object], text: str, words: str) -> None:
    with pytest.raises(ChoiceError, match=re.escape(words)):
        make(text)


def test_no_text_is_ever_run(tmp_path: Any) -> None:
    path = tmp_path / "made"
    for text in (
        f"MSELoss(open({str(path)!r}, 'w'))",
        f"open({str(path)!r}, 'w')",
        f"MSELoss(reduction=[open({str(path)!r}, 'w') for _ in '1'])",
        f"__import__('pathlib').Path({str(path)!r}).touch()",
    ):
        with pytest.raises(ChoiceError):
            chosen_loss(text)
        with pytest.raises(ChoiceError):
            chosen_model(text, {"open": open})
    assert not path.exists()


def test_literals() -> None:
    assert read_literal(" (0.9, -1e-3) ") == (0.9, -1e-3)
    assert read_literal("-inf") == -float("inf")
    for text in ("lr", "1 if x else 2", "f'{x}'", "(" * 500):
        with pytest.raises(ChoiceError):
            read_literal(text)


class Tricky(nn.Module):
    """Tells of itself only by running code."""

    asked = 0

    @property
    def body(self) -> nn.Module:
        type(self).asked += 1
        return nn.Linear(1, 1)


def test_a_model_is_the_very_object_a_path_leads_to() -> None:
    inner = nn.Linear(2, 2)
    namespace: dict[str, object] = {"model": nn.Sequential(inner), "nets": {"small": [inner]}}
    assert chosen_model("model", namespace) is namespace["model"]
    assert chosen_model("model[0]", namespace) is inner
    assert chosen_model("nets['small'][-1]", namespace) is inner


MODELS = [
    ("net", "there is no 'net' in the namespace; did you mean 'nets'?"),
    ("x", "x is a Tensor, not an nn.Module"),
    ("Net", "Net is a class; make a model of it in a cell first: model = Net(…)"),
    ("nets[5]", "there is no nets[5]"),
    ("nets.eval()", "more than names, attributes and indices"),
    ("tricky.body", "runs none of your code"),
    ("lazy", "not known yet"),
    ("nets[", "cannot be read"),
]


@pytest.mark.parametrize(("text", "words"), MODELS)
def test_what_is_no_model(text: str, words: str) -> None:
    namespace: dict[str, object] = {
        "nets": [nn.Linear(1, 1)],
        "x": torch.ones(1),
        "Net": nn.Linear,
        "tricky": Tricky(),
        "lazy": nn.LazyLinear(3),
    }
    with pytest.raises(ChoiceError, match=re.escape(words)):
        chosen_model(text, namespace)
    assert Tricky.asked == 0


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
def test_parameters_that_an_optimizer_does_not_take_are_named() -> None:
    assert type(check_optimizer("Muon(lr=0.1)")).__name__ == "Muon"
    model = nn.Linear(2, 3)
    names = [name for name, _ in model.named_parameters()]
    with pytest.raises(
        ChoiceError, match=r"^Muon takes matrices \(2 dimensions\) alone; bias \(3,\) of this model is"
    ):
        chosen_optimizer("Muon(lr=0.1)", model.parameters(), names)
    with pytest.raises(ChoiceError, match="torch refuses Muon"):
        chosen_optimizer("Muon(lr=-1)", model.parameters(), names)
    with pytest.raises(ChoiceError, match="torch refuses Muon"):
        check_optimizer("Muon(lr=-1)")


def test_an_argument_is_told_in_words() -> None:
    with pytest.raises(ChoiceError, match="takes a number or a list of numbers, got 'a'"):
        chosen_scheduler("OneCycleLR('a')", optimizer())
    with pytest.raises(ChoiceError, match="betas of Adam takes a tuple of 2 numbers, got 3"):
        chosen_optimizer("Adam(betas=3)", parameters())
    with pytest.raises(ChoiceError, match="StepLR needs step_size"):
        check_scheduler("StepLR")
    check_scheduler("StepLR(2)")
    check_scheduler("none")
