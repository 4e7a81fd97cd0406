from __future__ import annotations

import warnings

import torch
from torch import nn

from tui.kernel.module_walk import counts_of
from tui.kernel.modules import list_modules, module_summary
from tui.protocol.messages import ModuleRow


def rows(**namespace: object) -> list[ModuleRow]:
    return list(list_modules(namespace, hidden=()).rows)


def lookup(path: str, **names: object) -> object:
    """Evaluate a path as the user would by typing it."""
    return eval(path, names)


class Holder(nn.Module):
    """A module of the user's with every way to hold another."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 3)
        self.steps = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        self.by_name = nn.ModuleDict({"a b": nn.Linear(1, 1), "c": nn.Identity()})
        self.listed = nn.ModuleList([nn.Dropout(0.5)])
        self.add_module("7", nn.Identity())
        self.add_module("class", nn.Identity())
        self.free = nn.ParameterList([nn.Parameter(torch.ones(2))])


def test_paths_are_what_the_user_would_type() -> None:
    model = Holder()
    found = rows(model=model)
    assert [row.path for row in found[:4]] == ["model", "model.fc", "model.steps", "model.steps[0]"]
    assert [lookup(row.path, model=model) for row in found] == list(model.modules())
    assert [row.depth for row in found[:4]] == [0, 1, 1, 2]


def test_counts_agree_with_torch() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 2)))
    model[0].weight.requires_grad_(False)
    for row in rows(model=model):
        module = lookup(row.path, model=model)
        assert isinstance(module, nn.Module)
        assert row.trainable == sum(p.numel() for p in module.parameters() if p.requires_grad)
        assert row.frozen == sum(p.numel() for p in module.parameters() if not p.requires_grad)
        assert row.buffers == sum(b.numel() for b in module.buffers())


def test_settings_and_own_parameters() -> None:
    model = nn.Sequential(nn.Linear(4, 2)).eval()
    _, row = rows(model=model)
    assert row.settings == "in_features=4, out_features=2, bias=True"
    assert row.parameters == ("weight (2, 4)", "bias (2,)")
    assert not row.training
    assert row.class_name == "Linear"


def test_tied_parameters_count_once_and_are_marked() -> None:
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 10, bias=False))
    model[1].weight = model[0].weight
    root, embedding, linear = rows(model=model)
    assert root.trainable == embedding.trainable == linear.trainable == 40
    assert embedding.tied == linear.tied == ("weight",)
    assert root.tied == ()


def test_a_shared_module_is_listed_once_and_counts_where_it_stands() -> None:
    shared = nn.Linear(3, 3)
    model = nn.Sequential(nn.Sequential(shared), nn.Sequential(shared))
    found = rows(model=model)
    assert [row.path for row in found] == ["model", "model[0]", "model[0][0]", "model[1]", "model[1][0]"]
    assert [row.trainable for row in found] == [12] * 5
    assert found[4].settings == "same module as model[0][0]"
    assert all(row.tied == () for row in found)


def test_two_names_of_one_module() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    found = rows(model=model, same=model)
    assert [row.path for row in found] == ["model", "model[0]", "same"]
    assert found[2].settings == "same module as model"
    assert found[2].trainable == 6


def test_a_module_that_contains_itself() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    model._modules["loop"] = model  # add_module would let it through as well
    found = rows(model=model)
    assert [row.path for row in found] == ["model", "model[0]", "model.loop"]
    assert found[2].settings == "same module as model"
    assert found[0].trainable == found[2].trainable == 6
    assert "6 parameters" in module_summary(model)


def test_deep_nesting_is_no_recursion() -> None:
    model: nn.Module = nn.Linear(2, 2)
    for _ in range(3000):
        model = nn.Sequential(model)
    tree = list_modules({"model": model}, hidden=(), limit=5)
    assert len(tree.rows) == 5
    assert tree.omitted == 2996
    assert tree.rows[0].trainable == 6


def test_lazy_parameters_have_no_shape_yet() -> None:
    (row,) = rows(lazy=nn.LazyLinear(3))
    assert row.parameters == ("weight (?)", "bias (?)")
    assert row.trainable == 0
    assert module_summary(nn.LazyLinear(3)) == "0 parameters (2 uninitialized)"


def test_scripted_module() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scripting is deprecated, its modules live on
        scripted = torch.jit.script(nn.Sequential(nn.Linear(2, 2)))
    found = rows(m=scripted)
    assert [row.trainable for row in found] == [6, 6]
    assert lookup(found[1].path, m=scripted) is scripted._modules["0"]


class Hostile(nn.Linear):
    """A module whose own code must not run."""

    def extra_repr(self) -> str:
        raise AssertionError("the user's extra_repr ran")

    def __repr__(self) -> str:
        raise AssertionError("the user's repr ran")


class Grabby(nn.Linear):
    """A module that answers for every attribute."""

    def __getattr__(self, name: str) -> torch.Tensor:
        raise AssertionError("the user's __getattr__ ran")


class Unready(nn.Module):
    """A module before its `super().__init__()`."""

    def __init__(self) -> None:
        pass


def test_code_of_the_user_does_not_run() -> None:
    hostile = Hostile(2, 2)
    found = rows(hostile=hostile, grabby=Grabby.__new__(Grabby), unready=Unready())
    assert [row.settings for row in found] == ["", "", ""]
    assert found[0].trainable == 6
    assert module_summary(Unready()) == "not initialized: super().__init__() was not called"


def test_torch_settings_that_fail_are_left_out() -> None:
    model = nn.Linear(2, 2)
    del model.in_features
    (row,) = rows(model=model)
    assert row.settings == ""


def test_summary_of_a_module() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    model[0].bias.requires_grad_(False)
    assert module_summary(model) == "Linear→ReLU→Linear 13 parameters (3 frozen)"
    assert counts_of(model).trainable == 10


def test_limit_and_hidden_names() -> None:
    namespace = {"a": nn.Linear(1, 1), "b": nn.Linear(1, 1), "_c": nn.Linear(1, 1), "d": nn.Linear(1, 1)}
    tree = list_modules(namespace, hidden={"d"}, limit=1)
    assert [row.path for row in tree.rows] == ["a"]
    assert tree.omitted == 1
