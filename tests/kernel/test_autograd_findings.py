from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tui.kernel.autograd import diagnose, name_nodes, run_backward, walk_graph
from tui.kernel.autograd.record import Recorder
from tui.protocol.gradients import Finding

ONE = torch.tensor(1.0)


def found(root: Tensor, *, peek: bool = True, **namespace: object) -> dict[str, Finding]:
    graph = walk_graph(root)
    naming = name_nodes(graph, namespace)
    caught = run_backward(graph, "peek", torch.ones_like(root)) if peek else None
    return {row.kind: row for row in diagnose(graph, naming, caught, namespace).rows}


def deep(activation: type[nn.Module], scale: float) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(8):
        layer = nn.Linear(16, 16)
        with torch.no_grad():
            layer.weight.mul_(scale)
        layers += [layer, activation()]
    return nn.Sequential(*layers)


def test_a_healthy_model_has_no_findings() -> None:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    torch.manual_seed(1)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    loss = nn.functional.cross_entropy(model(torch.randn(64, 8)), torch.arange(64) % 4)
    assert found(loss, model=model) == {}


def test_vanishing_names_the_layers() -> None:
    model = deep(nn.Sigmoid, 1.0)
    finding = found(model(torch.randn(32, 16)).pow(2).mean(), model=model)["vanishing"]
    assert finding.name == "model[0].weight"
    assert "at the output of model[14]" in finding.words
    assert finding.cure


def test_exploding_names_the_layers() -> None:
    model = deep(nn.Identity, 8.0)
    finding = found(model(torch.randn(32, 16)).mean(), model=model)["exploding"]
    assert (finding.kind, finding.name) == ("exploding", "model[0].weight")
    assert "grow" in finding.words


@pytest.mark.parametrize(("scale", "kind"), [(0.3, "vanishing"), (3.0, "exploding")])
def test_gradients_through_time_are_those_of_a_weight_used_again(scale: float, kind: str) -> None:
    weight = nn.Parameter(torch.eye(4) * scale)
    state = torch.ones(2, 4)
    for _ in range(20):
        state = state @ weight
    finding = found(state.sum(), W=weight)[kind]
    assert finding.words.startswith("W is used 20 times")
    assert "0.3 times" in finding.words or "3.3 times" in finding.words or "3 times" in finding.words
    assert finding.name == "W"


def test_a_recurrence_that_keeps_its_size_has_no_findings() -> None:
    weight = nn.Parameter(torch.eye(4))
    state = torch.ones(2, 4)
    for _ in range(20):
        state = torch.nn.functional.linear(state, weight)
    assert found(state.sum(), W=weight) == {}


def test_a_gradient_that_is_nan_because_forward_was_points_there() -> None:
    x = torch.tensor([-1.0, 2.0], requires_grad=True)
    y = x.log()
    rows = found((y * y).sum(), x=x, y=y)
    assert "log of 0" in rows["first nan forward"].cure
    assert rows["first nan backward"].cure.startswith("Mend the forward first")


def test_a_spent_graph_comes_after_what_is_wrong() -> None:
    model = deep(nn.Sigmoid, 1.0)
    root = model(torch.randn(32, 16)).pow(2).mean()
    graph = walk_graph(root)
    caught = run_backward(graph, "backward", ONE)
    rows = diagnose(graph, name_nodes(graph, {"model": model}), caught, {"model": model}).rows
    assert [row.kind for row in rows] == ["vanishing", "spent"]


def test_dead_relus() -> None:
    model = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 1))
    layer = model[0]
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([-100.0] * 7 + [1.0] * 3))
    finding = found(model(torch.randn(16, 4)).sum(), model=model)["dead"]
    assert "7 of 10 units" in finding.words


def test_the_first_nan_in_forward_and_not_those_that_pass_it_on() -> None:
    x = torch.tensor([1.0, -1.0, 2.0], requires_grad=True)
    y = (x * 2).log()
    loss = (y.exp() * 3).tanh().sum()
    finding = found(loss, x=x, y=y)["first nan forward"]
    assert finding.words.startswith("log (y)")
    assert "what went in was finite" in finding.words
    assert "log of 0" in finding.cure


def test_a_leaf_or_the_data_that_holds_nan_is_named() -> None:
    w = torch.tensor([1.0, float("nan")], requires_grad=True)
    assert found((w * 2).sum(), peek=False, w=w)["first nan forward"].name == "w"
    v = torch.ones(2, requires_grad=True)
    data = torch.tensor([float("inf"), 1.0])
    words = found((v * data).sum(), peek=False, v=v)["first nan forward"].words
    assert "other of mul already holds NaN" in words


def test_what_a_mask_leaves_out_is_no_finding() -> None:
    x = torch.randn(3, 4, requires_grad=True)
    masked = x.masked_fill(torch.tensor([True, False, False, False]), float("-inf"))
    loss = nn.functional.nll_loss(masked.log_softmax(1), torch.tensor([1, 2, 3]))
    assert "first nan forward" not in found(loss, x=x)


def test_the_first_nan_in_backward() -> None:
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    y = x * 0
    loss = (y.sqrt() * 3).sum()
    finding = found(loss, x=x, y=y)["first nan backward"]
    assert finding.words.startswith("sqrt made the first NaN")
    assert "first nan forward" not in found(loss, x=x)


def test_among_several_users_the_guilty_one_is_told() -> None:
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    h = x * 1
    loss = h.exp().sum() + h.sqrt().sum() + h.sin().sum()
    assert found(loss, x=x)["first nan backward"].words.startswith("sqrt")


def test_parameters_that_the_result_does_not_depend_on() -> None:
    class Forgets(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.forgotten = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return torch.as_tensor(self.used(x))

    model, other = Forgets(), nn.Linear(2, 2)
    finding = found(model(torch.ones(1, 2)).sum(), model=model, other=other)["no gradient"]
    assert finding.name == "model.forgotten.weight"
    assert "2 parameters of model" in finding.words
    assert "other" not in finding.words


def test_an_in_place_change_is_told_with_both_lines() -> None:
    recorder = Recorder(dict)
    recorder.switch(True)
    x = torch.randn(3, requires_grad=True)
    with recorder.cell():
        y = x.sigmoid()
        y.mul_(2)
        z = x.exp()
        w = z * z
        z += 1
    recorder.switch(False)
    for root, operation, change in ((y.sum(), "sigmoid", "y.mul_(2)"), ((w + z).sum(), "exp", "z += 1")):
        graph = walk_graph(root)
        naming = name_nodes(graph, {"y": y, "z": z})
        rows = diagnose(graph, naming, None, {}, line_of=recorder.line_of).rows
        words = [row.words for row in rows if row.kind == "in place"]
        assert any(operation in one and change in one for one in words), words


def test_a_spent_graph_and_its_cure() -> None:
    x = torch.randn(3, requires_grad=True)
    loss = x.exp().sum()
    loss.backward()
    finding = found(loss, peek=False, x=x)["spent"]
    assert "Run its cell again" in finding.cure


def test_sums_of_backwards() -> None:
    x = torch.randn(3, requires_grad=True)
    graph = walk_graph((x * 2).sum())
    rows = diagnose(graph, name_nodes(graph, {"x": x}), None, {"x": x}, count_of=lambda leaf: 3).rows
    assert [(row.kind, row.name) for row in rows] == [("sum of backwards", "x")]
    assert "sum of 3 backwards" in rows[0].words


@pytest.mark.parametrize("kind", ["float16", "complex64", "meta"])
def test_odd_tensors_are_no_obstacle(kind: str) -> None:
    if kind == "meta":
        x = torch.randn(3, 4, device="meta", requires_grad=True)
    else:
        x = torch.randn(3, 4).to(getattr(torch, kind)).requires_grad_()
    assert found((x * x).sum(), x=x) == {}
