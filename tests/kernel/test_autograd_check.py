from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tui.kernel.autograd import AutogradError, check_gradient


class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.square(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        slope = 2 * x
        slope.view(-1)[1] += 0.5
        return torch.mul(gradients[0], slope)


def wrong(x: Tensor) -> Tensor:
    return torch.as_tensor(Wrong.apply(x))  # type: ignore[no-untyped-call]


def square(x: Tensor) -> Tensor:
    return x.sin() * x


def test_a_right_gradient_agrees() -> None:
    result = check_gradient({"square": square, "x": torch.randn(3, 4)}, "square", ("x",))
    assert result.ok
    assert result.checked == 12
    assert result.worst is not None
    assert result.worst < 1e-6


def test_a_wrong_gradient_is_shown_at_its_worst() -> None:
    x = torch.ones(2, 2)
    result = check_gradient({"wrong": wrong, "x": x}, "wrong", ("x",))
    assert not result.ok
    assert "1 of 4 entries" in result.words
    assert result.worst_at.startswith("x[0, 1]: autograd")
    assert torch.equal(x, torch.ones(2, 2))
    assert x.grad is None


def test_a_module_is_checked_in_a_copy() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(1)
    state = torch.get_rng_state()
    result = check_gradient({"model": model, "x": torch.randn(2, 3)}, "model", ("x",))
    assert result.ok
    assert model[0].weight.dtype is torch.float32
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_random_stream_is_put_back() -> None:
    x = torch.randn(3)
    torch.manual_seed(4)
    state = torch.get_rng_state()
    check_gradient({"square": square, "x": x}, "square", ("x",))
    assert torch.equal(torch.get_rng_state(), state)


def test_some_entries_of_many_are_drawn_evenly() -> None:
    result = check_gradient({"square": square, "x": torch.randn(100, 10)}, "square", ("x",), entries=50)
    assert result.ok
    assert result.checked == 50
    assert "50 of 1,000" in result.words


def test_complex_inputs_and_constants() -> None:
    def f(z: Tensor, index: Tensor) -> Tensor:
        return (z * z.conj()).real[index]

    z = torch.randn(3, dtype=torch.complex64)
    result = check_gradient({"f": f, "z": z, "i": torch.tensor([0, 2])}, "f", ("z", "i"))
    assert result.ok, result
    assert result.checked == 6


def test_a_function_that_changes_its_mind() -> None:
    calls: list[int] = []

    def drifts(x: Tensor) -> Tensor:
        calls.append(1)
        return x * len(calls)

    result = check_gradient({"drifts": drifts, "x": torch.ones(2)}, "drifts", ("x",))
    assert not result.ok
    assert "another result each time" in result.words


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("nothing", "not known"),
        ("x", "no function"),
        ("raises", "ValueError: no"),
        ("constant", "depends on"),
    ],
)
def test_what_cannot_be_checked_says_why(function: str, words: str) -> None:
    def raises(x: Tensor) -> Tensor:
        raise ValueError("no")

    def constant(x: Tensor) -> Tensor:
        return torch.ones(2)

    namespace = {"raises": raises, "constant": constant, "x": torch.ones(2), "square": square}
    with pytest.raises(AutogradError, match=words):
        check_gradient(namespace, function, ("x",))
    with pytest.raises(AutogradError, match="None of the inputs"):
        check_gradient({"square": square, "i": torch.tensor([1])}, "square", ("i",))


def test_the_apply_of_a_function_of_the_users_is_checked() -> None:
    result = check_gradient({"Wrong": Wrong, "x": torch.ones(2, 2)}, "Wrong.apply", ("x",))
    assert not result.ok
    with pytest.raises(AutogradError, match="is not known here"):
        check_gradient({"Wrong": Wrong, "x": torch.ones(2, 2)}, "Wrong.nothing", ("x",))
