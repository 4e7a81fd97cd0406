"""The choices are those that torch and the namespace have."""

from __future__ import annotations

import inspect

import torch
from torch import nn
from torch.optim import lr_scheduler

from tui.kernel.training.parts.choices import list_choices
from tui.protocol.codec import decode, encode
from tui.protocol.training import Choice, Choices


def named(kind: str, namespace: dict[str, object] | None = None) -> dict[str, Choice]:
    return {choice.name: choice for choice in list_choices(namespace or {}).items if choice.kind == kind}


def test_optimizers_are_all_of_torch_but_the_abstract_one() -> None:
    theirs = {
        name
        for name, cls in vars(torch.optim).items()
        if isinstance(cls, type)
        and issubclass(cls, torch.optim.Optimizer)
        and cls is not torch.optim.Optimizer
    }
    assert set(named("optimizer")) == theirs


def test_losses_compare_output_and_target() -> None:
    losses = named("loss")
    assert {"CrossEntropyLoss", "MSELoss", "BCEWithLogitsLoss", "HuberLoss", "KLDivLoss"} <= set(losses)
    assert not {"CTCLoss", "TripletMarginLoss", "CosineEmbeddingLoss", "GaussianNLLLoss", "NLLLoss2d"} & set(
        losses
    )
    assert all(issubclass(getattr(nn, name), nn.Module) for name in losses)


def test_schedules_that_need_what_nobody_can_type_are_left_out() -> None:
    schedules = named("scheduler")
    assert {"StepLR", "CosineAnnealingLR", "OneCycleLR", "ReduceLROnPlateau"} <= set(schedules)
    left_out = {"LRScheduler", "LambdaLR", "MultiplicativeLR", "SequentialLR", "ChainedScheduler"}
    assert not left_out & set(schedules)
    assert all(hasattr(lr_scheduler, name) for name in schedules)


def test_arguments_and_defaults_are_those_of_the_signature() -> None:
    adam = named("optimizer")["Adam"]
    theirs = inspect.signature(torch.optim.Adam).parameters
    assert [argument.name for argument in adam.arguments] == list(theirs)[1:]
    assert {argument.name: argument.default for argument in adam.arguments}["betas"] == repr(
        theirs["betas"].default
    )
    step = {argument.name: argument for argument in named("scheduler")["StepLR"].arguments}
    assert step["step_size"].default == ""
    assert step["step_size"].annotation == "int"
    assert "last_epoch" not in step
    mode = named("scheduler")["ReduceLROnPlateau"].arguments[0]
    assert (mode.name, mode.default, mode.annotation) == ("mode", "'min'", "Literal['min', 'max']")


def test_each_says_what_it_is_in_one_line() -> None:
    for choice in list_choices({}).items:
        assert choice.about, choice.name
        assert "\n" not in choice.about
        assert ":class:" not in choice.about


def test_models_of_the_namespace_and_nothing_else() -> None:
    class Refusing(nn.Linear):
        made = False

        def __getattribute__(self, name: str) -> object:
            if Refusing.made:
                raise RuntimeError(name)
            return super().__getattribute__(name)

    refusing = Refusing(2, 2)
    Refusing.made = True
    net = nn.Linear(2, 3)
    frozen = nn.Linear(2, 3).requires_grad_(False)
    models = named(
        "model",
        {
            "net": net, "frozen": frozen, "_hidden": net, "loss_fn": nn.MSELoss(), "x": torch.ones(2), "Net": nn.Linear,
            "lazy": nn.LazyLinear(2), "refusing": refusing,
        },
    )  # fmt: skip
    assert {name: choice.about for name, choice in models.items()} == {
        "frozen": "Linear, 9 parameters, 9 frozen",
        "lazy": "LazyLinear, sizes not known yet",
        "net": "Linear, 9 parameters",
        "refusing": "Refusing, 6 parameters",
    }


def test_they_cross_the_wire() -> None:
    choices = list_choices({"net": nn.Linear(1, 1)})
    assert decode(Choices, encode(choices)) == choices
