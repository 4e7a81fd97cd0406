from __future__ import annotations

import math
import warnings

import pytest
import torch
from torch import Tensor, nn

from tui.kernel.autograd import list_gradients
from tui.protocol.gradients import GradientRow


def leaves(**namespace: object) -> dict[str, GradientRow]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as `.grad` of a non-leaf would
        return {leaf.name: leaf for leaf in list_gradients(namespace).rows}


def backward(loss: Tensor) -> None:
    loss.backward()


def test_parameters_are_named_as_typed() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ModuleDict({"head": nn.Linear(3, 1)}))
    found = leaves(model=model)
    assert list(found) == [
        "model[0].weight",
        "model[0].bias",
        "model[1]['head'].weight",
        "model[1]['head'].bias",
    ]
    for name, leaf in found.items():
        parameter = eval(name, {"model": model})
        assert leaf.shape == tuple(parameter.shape)
        assert leaf.is_parameter
        assert leaf.value_norm == pytest.approx(parameter.norm().item(), rel=1e-5)
        assert leaf.grad_norm is None


def test_gradients_and_their_norms() -> None:
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    assert leaves(w=w)["w"].verdict == "no backward has reached it yet, or zero_grad() has freed its gradient"
    backward((w * w).sum())
    leaf = leaves(w=w)["w"]
    assert leaf.value_norm == pytest.approx(5.0)
    assert leaf.grad_norm == pytest.approx(10.0)
    assert leaf.verdict == "has a gradient: the sum of all backwards since it was last zeroed"
    assert not leaf.is_parameter
    assert w.grad is not None
    w.grad.zero_()
    assert leaves(w=w)["w"].verdict.startswith("has a gradient of zeros")


def test_nonfinite_gradient_is_counted() -> None:
    w = torch.zeros(3, requires_grad=True)
    backward((w.sqrt() * torch.tensor([1.0, 0.0, 1.0])).sum())
    leaf = leaves(w=w)["w"]
    assert leaf.nonfinite == 3
    assert leaf.grad_norm is not None
    assert math.isnan(leaf.grad_norm)
    assert leaf.verdict == "has a gradient with 3 NaN or infinite values"


def test_what_requires_no_grad_comes_last_with_the_reason() -> None:
    with torch.inference_mode():
        inferred = torch.ones(2)
    found = leaves(x=torch.ones(2), i=torch.arange(3), w=torch.ones(1, requires_grad=True), inferred=inferred)
    assert list(found) == ["w", "x", "i", "inferred"]
    assert found["x"].verdict == "requires_grad is False: autograd does not track it"
    assert found["i"].verdict == "int64 cannot require grad: only floating point and complex tensors can"
    assert found["inferred"].verdict == "made in inference mode: autograd cannot track it"


def test_results_say_why_they_keep_no_gradient() -> None:
    w = torch.ones(2, requires_grad=True)
    y, kept = w * 2, w * 3
    kept.retain_grad()
    found = leaves(w=w, y=y, kept=kept)
    assert found["y"].verdict == "not a leaf: made by MulBackward0; .grad is kept only after retain_grad()"
    assert found["kept"].grad_norm is None
    backward(kept.sum())
    leaf = leaves(kept=kept)["kept"]
    assert leaf.grad_norm == pytest.approx(math.sqrt(2))
    assert leaf.verdict == "not a leaf: made by MulBackward0; retain_grad() keeps its .grad, it has one"


def test_parameters_that_a_backward_did_not_reach() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    backward(model[0](torch.ones(1, 2)).sum())
    found = leaves(model=model)
    assert found["model[0].weight"].verdict.startswith("has a gradient")
    assert found["model[1].weight"].verdict == (
        "no gradient, though others of model have one: the backward did not reach it"
    )


def test_one_tensor_of_several_names_has_one_row() -> None:
    model = nn.Linear(2, 2)
    found = leaves(model=model, w=model.weight, again=model)
    assert list(found) == ["model.weight", "model.bias"]
    assert found["model.weight"].verdict.endswith("; also named w, again.weight") or found[
        "model.weight"
    ].verdict.endswith("; also named w")


def test_sparse_gradient_adds_up_what_stands_twice() -> None:
    embedding = nn.Embedding(4, 2, sparse=True)
    backward(embedding(torch.tensor([1, 1])).sum())
    leaf = leaves(embedding=embedding)["embedding.weight"]
    assert leaf.grad_norm == pytest.approx(math.sqrt(8))


def test_lazy_meta_and_complex() -> None:
    found = leaves(
        lazy=nn.LazyLinear(2),
        meta=torch.ones(3, device="meta", requires_grad=True),
        z=torch.tensor([3 + 4j], requires_grad=True),
    )
    assert found["lazy.weight"].verdict.startswith("not initialized")
    assert found["meta"].value_norm is None
    assert found["z"].value_norm == pytest.approx(5.0)


def test_limit() -> None:
    table = list_gradients({f"w{i}": torch.ones(1, requires_grad=True) for i in range(5)}, limit=2)
    assert len(table.rows) == 2
    assert table.omitted == 3
