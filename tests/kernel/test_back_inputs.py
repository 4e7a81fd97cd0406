from __future__ import annotations

import dataclasses
from collections import namedtuple

import pytest
import torch
from torch import Tensor, nn

from tui.kernel.building.back_inputs import Arguments, read_arguments
from tui.kernel.building.back_values import mapped, shapes_text, tensors_of, typed_text
from tui.kernel.building.errors import BuildingError


def shapes(text: str, **names: object) -> Arguments:
    return read_arguments(names, text)


def refusal(text: str, **names: object) -> BuildingError:
    with pytest.raises(BuildingError) as caught:
        read_arguments(names, text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "args", "kwargs"),
    [
        ("(32, 1, 28, 28)", ["(32, 1, 28, 28)"], {}),
        ("(32,)", ["(32,)"], {}),
        ("(32)", ["(32,)"], {}),
        ("()", ["()"], {}),
        ("(0, 4)", ["(0, 4)"], {}),
        (" ( 2 ,3 ) , (4,) int64 ", ["(2, 3)", "(4,)"], {}),
        ("(2, 3), mask=(2,) torch.bool", ["(2, 3)"], {"mask": "(2,)"}),
    ],
)
def test_shapes(text: str, args: list[str], kwargs: dict[str, str]) -> None:
    found = shapes(text)
    assert found.meta
    assert [shapes_text(arg) for arg in found.args] == args
    assert {name: shapes_text(arg) for name, arg in found.kwargs.items()} == kwargs
    assert all(tensor.device.type == "meta" for tensor in tensors_of((found.args, found.kwargs)))


def test_dtypes_of_shapes() -> None:
    found = shapes("(2,) int64, (2,) bfloat16, (2,)")
    assert typed_text(found.args) == "int64 (2,), bfloat16 (2,), float32 (2,)"
    assert "no dtype int46" in str(refusal("(2,) int46"))
    assert "without a name" in str(refusal("a=(2,), (3,)"))
    assert refusal("(99999999999999999999, 2)").kind == "bad expression"


def test_expressions_are_arguments_of_a_call() -> None:
    x, y = torch.ones(2), torch.zeros(3)
    found = shapes("batch[0], *rest, scale=y, **more", batch=(x, y), rest=[y], y=y, more={"n": 3})
    assert not found.meta
    assert shapes_text(found.args) == "((2,), (3,))"
    assert found.kwargs["n"] == 3
    assert shapes_text(shapes("next(iter(loader))", loader=[(x, y)]).args) == "(((2,), (3,)),)"
    assert shapes_text(shapes("(x, y)", x=x, y=y).args[0]) == "((2,), (3,))"
    assert shapes("torch.ones(3).sum(),\n").args[0] == 3


def test_tensors_of_the_user_are_copied() -> None:
    x = torch.ones(2)
    first, second = shapes("x, [x]", x=x).args
    assert isinstance(first, Tensor)
    assert isinstance(second, list)
    assert first is second[0]
    first.zero_()
    assert x.sum() == 2


def test_names_of_the_user_stay() -> None:
    namespace: dict[str, object] = {"x": torch.ones(2)}
    read_arguments(namespace, "(y := x)")
    assert set(namespace) == {"x"}


def test_what_cannot_be_read() -> None:
    assert refusal("x + ").kind == "bad expression"
    assert refusal("x); import os; (", x=1).kind == "bad expression"
    assert refusal("nothing").kind == "gone"
    assert "1/0" in str(refusal("1/0"))
    assert refusal("exit()").kind == "bad expression"
    assert "next(iter(model))" in str(refusal("model", model=nn.ReLU()))
    assert refusal("x" * 5000).kind == "bad expression"
    assert refusal("(" * 3000 + ")" * 3000).kind == "bad expression"


Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass(frozen=True)
class Held:
    value: Tensor
    other: object = None


def test_containers_keep_their_kind() -> None:
    x = torch.ones(2)
    value = {"a": [x, (x, None)], "b": Pair(x, 3), "c": Held(x, "text")}
    doubled = mapped(value, lambda tensor: tensor * 2)
    assert isinstance(doubled, dict)
    assert isinstance(doubled["b"], Pair)
    assert isinstance(doubled["c"], Held)
    assert [float(tensor.sum()) for tensor in tensors_of(doubled)] == [4.0] * 4
    assert (
        shapes_text(doubled)
        == "{a: [(2,), ((2,), None)], b: {left: (2,), right: 3}, c: {value: (2,), other: 'text'}}"
    )
    assert [float(tensor.sum()) for tensor in tensors_of(value)] == [2.0] * 4


def test_a_container_in_itself_ends() -> None:
    loop: list[object] = [torch.ones(2)]
    loop.append(loop)
    assert "…" in shapes_text(loop)
    assert mapped(loop, lambda tensor: tensor)
