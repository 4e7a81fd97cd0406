from __future__ import annotations

from collections.abc import Callable, Iterator
from math import log10

import pytest
import torch
from torch import Tensor, nn

from tui.kernel.autograd import AutogradError, descend, list_gradients, zero_grad
from tui.kernel.autograd.gradients import tracked_leaves
from tui.kernel.autograd.watch import BackwardWatch
from tui.protocol.gradients import GradientRow


def rows(**namespace: object) -> dict[str, GradientRow]:
    return {row.name: row for row in list_gradients(namespace).rows}


def backward(tensor: Tensor) -> None:
    tensor.sum().backward()


@pytest.fixture
def watch() -> Iterator[BackwardWatch]:
    made = BackwardWatch()
    yield made
    made.stop()


def test_statistics_of_gradients() -> None:
    w = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    backward(w * torch.tensor([0.0, 3.0, -4.0, 0.0]))
    row = rows(w=w)["w"]
    assert row.grad_norm == pytest.approx(5)
    assert (row.minimum, row.maximum, row.zero_fraction, row.nonfinite) == (-4, 3, 0.5, 0)
    assert row.mean == pytest.approx(-0.25)
    assert w.grad is not None
    assert row.std == pytest.approx(w.grad.std().item())
    assert row.value_norm == pytest.approx(30**0.5)


def test_sparse_and_nonfinite_gradients() -> None:
    layer = nn.Embedding(4, 2, sparse=True)
    backward(layer(torch.tensor([1, 1])))
    row = rows(layer=layer)["layer.weight"]
    assert row.grad_norm == pytest.approx(8**0.5)
    assert row.zero_fraction == pytest.approx(0.75)
    x = torch.zeros(2, requires_grad=True)
    backward(x.sqrt())
    assert rows(x=x)["x"].nonfinite == 2


def test_the_order_and_the_reasons() -> None:
    model = nn.Linear(2, 2)
    used, unused = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    y = used * 2
    backward(y)
    table = list_gradients(
        {"data": torch.ones(2), "y": y, "model": model, "used": used, "unused": unused}, limit=5
    )
    assert [row.name for row in table.rows] == ["model.weight", "model.bias", "used", "unused", "y"]
    assert table.omitted == 1
    assert [row.is_leaf for row in table.rows] == [True, True, True, True, False]
    verdicts = {row.name: row.verdict for row in table.rows}
    assert "no backward has reached it yet" in verdicts["unused"]
    assert "not a leaf" in verdicts["y"]


ENGINE = "_engine_run_backward"
Make = Callable[[list[nn.Parameter]], torch.optim.Optimizer]


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.SGD(p, lr=0.1),
        lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.3),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.1),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, lr=0.1, maximize=True),
        lambda p: torch.optim.Adam(p, lr=0.01),
        lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1, betas=(0.8, 0.95)),
        lambda p: torch.optim.AdamW(p, lr=torch.tensor(0.01), weight_decay=0.5),
    ],
)
def test_update_ratios_are_those_of_the_next_step(make: Make) -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = make(list(model.parameters()))
    for _ in range(4):
        optimizer.zero_grad()
        backward(model(torch.randn(5, 4)) ** 2)
        found = rows(model=model, optimizer=optimizer)
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        optimizer.step()
        for name, parameter in model.named_parameters():
            update = (parameter.detach() - before[name]).norm().item()
            expected = log10(update / before[name].norm().item())
            assert found[f"model.{name}"].update_ratio == pytest.approx(expected, abs=1e-3)


def test_no_ratio_where_the_rule_is_not_known() -> None:
    model = nn.Linear(2, 2)
    backward(model(torch.ones(1, 2)))

    class Mine(torch.optim.SGD):
        pass

    assert rows(model=model)["model.weight"].update_ratio is None
    for optimizer in (Mine(model.parameters(), lr=1), torch.optim.Adam(model.parameters(), amsgrad=True)):
        assert rows(model=model, optimizer=optimizer)["model.weight"].update_ratio is None
    table = list_gradients({"model": model, "opt": optimizer, "same": optimizer})
    assert table.optimizers == ("opt",)


def test_zero_grad_clears_and_says_what_was() -> None:
    w, v = torch.tensor([3.0, 4.0], requires_grad=True), torch.ones(2, requires_grad=True)
    backward(w * w + v)
    changes = zero_grad({"w": w, "v": v}, ("w",))
    assert changes.code == "w.grad = None"
    (change,) = changes.rows
    assert (change.name, change.before, change.after) == ("w", "[6.0, 8.0]", "None")
    assert change.norm_before == pytest.approx(10)
    assert (w.grad is None, v.grad is None) == (True, False)
    assert zero_grad({"w": w, "v": v}).rows[0].name == "v"
    assert (w.grad is None, v.grad is None) == (True, True)
    with pytest.raises(AutogradError, match="no leaf nothing"):
        zero_grad({"w": w}, ("nothing",))


def test_a_step_of_descent() -> None:
    w = torch.tensor(3.0, requires_grad=True)
    layer = nn.Linear(9, 9)
    backward(w * w)
    changes = descend({"w": w, "layer": layer}, 0.1)
    assert w.item() == pytest.approx(3 - 0.1 * 6)
    assert w.requires_grad
    assert w.is_leaf
    assert changes.code == "with torch.no_grad():\n    w -= 0.1 * w.grad"
    assert [(c.name, c.before, c.after) for c in changes.rows] == [("w", "3.0", "2.4")]
    namespace = {"torch": torch, "w": w}
    exec(changes.code, namespace)
    assert w.item() == pytest.approx(3 - 0.2 * 6)
    with pytest.raises(AutogradError, match="run backward first"):
        descend({"layer": layer})


def test_a_step_of_an_optimizer() -> None:
    torch.manual_seed(0)
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    other.load_state_dict(model.state_dict())
    mine, theirs = (torch.optim.Adam(m.parameters(), lr=0.1) for m in (model, other))
    x = torch.randn(4, 3)
    for one in (model, other):
        backward(one(x) ** 2)
    before = model.weight.detach().clone()
    changes = descend({"model": model, "mine": mine}, optimizer="mine")
    theirs.step()
    assert changes.rows[0].moved == pytest.approx((model.weight - before).norm().item(), rel=1e-4)
    assert torch.equal(model.weight, other.weight)
    assert changes.code == "mine.step()"
    assert [c.name for c in changes.rows] == ["model.weight", "model.bias"]
    assert changes.rows[0].norm_after == pytest.approx(model.weight.norm().item(), rel=1e-5)
    with pytest.raises(AutogradError, match="no optimizer"):
        descend({}, optimizer="mine")
    lbfgs = torch.optim.LBFGS(model.parameters())
    with pytest.raises(AutogradError, match="closure"):
        descend({"lbfgs": lbfgs}, optimizer="lbfgs")


def test_backwards_are_counted(watch: BackwardWatch) -> None:
    w, v = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    backward(w * 2)
    watch.follow([w, v])
    assert (watch.count_of(w), watch.count_of(v)) == (1, 0)
    backward(w * 2)
    backward(w * v)
    assert (watch.count_of(w), watch.count_of(v)) == (3, 1)
    w.grad = None
    assert watch.count_of(w) == 0
    backward(w * 2)
    assert watch.count_of(w) == 1
    table = list_gradients({"w": w, "v": v}, count_of=watch.count_of)
    assert (table.backwards, {row.name: row.backwards for row in table.rows}) == (1, {"w": 1, "v": 1})


def test_clipping_is_no_backward_and_zeroing_clears(watch: BackwardWatch) -> None:
    w = torch.ones(3, requires_grad=True)
    watch.follow([w])
    for expected in (1, 2):
        backward(w * 2)
        nn.utils.clip_grad_norm_([w], 0.1)
        assert watch.count_of(w) == expected
    optimizer = torch.optim.SGD([w], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad(set_to_none=False)
        backward(w * 2)
        optimizer.step()
    assert watch.count_of(w) == 1
    optimizer.zero_grad(set_to_none=False)
    assert watch.count_of(w) == 0


def test_what_was_there_before_is_not_guessed(watch: BackwardWatch) -> None:
    w = torch.ones(3, requires_grad=True)
    backward(w * 2)
    backward(w * 2)
    watch.follow([w])
    assert watch.count_of(w) is None
    backward(w * 2)
    assert watch.count_of(w) is None
    w.grad = None
    backward(w * 2)
    assert watch.count_of(w) == 1


def test_gradients_asked_for_are_no_backwards(watch: BackwardWatch) -> None:
    w = torch.ones(3, requires_grad=True)
    watch.follow([w])
    torch.autograd.grad((w * 2).sum(), w)
    assert watch.count_of(w) == 0
    y = torch.utils.checkpoint.checkpoint(
        lambda x: x * w, torch.ones(3, requires_grad=True), use_reentrant=True
    )
    backward(y)
    assert watch.count_of(w) == 1


def test_a_watch_leaves_nothing_behind() -> None:
    engine = vars(torch.autograd)[ENGINE]
    w = torch.ones(3, requires_grad=True)
    made = BackwardWatch()
    made.follow(tracked_leaves({"w": w, "data": torch.ones(2)}))
    assert vars(torch.autograd)[ENGINE] is not engine
    made.stop()
    assert vars(torch.autograd)[ENGINE] is engine
    assert not w._backward_hooks
    assert made.count_of(w) == 0
