from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tui.kernel.autograd import AutogradError, name_nodes, read_step, run_backward, walk_graph
from tui.kernel.autograd.caught import Caught
from tui.kernel.autograd.node_private import leaf_of
from tui.kernel.autograd.seeds import seed_of
from tui.kernel.autograd.walk import Walk
from tui.kernel.autograd.words import operation_of
from tui.protocol.autograd import BackwardMode

ONE = torch.tensor(1.0)
MODES: tuple[BackwardMode, ...] = ("backward", "backward, keep graph", "peek")


def small_model() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    loss: Tensor = nn.functional.cross_entropy(model(torch.randn(6, 4)), torch.tensor([0, 1, 0, 1, 1, 0]))
    return model, loss


def place_of(graph: Walk, operation: str) -> int:
    return next(i for i, node in enumerate(graph.nodes) if operation_of(node) == operation)


def came(caught: Caught, place: int) -> Tensor:
    gradient = caught.whole[place][0]
    assert gradient is not None
    return gradient


def test_backward_does_what_pytorchs_does() -> None:
    model, loss = small_model()
    expected = [g.clone() for g in torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)]
    run_backward(walk_graph(loss), "backward", ONE)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, gradient)


def test_a_peek_changes_nothing() -> None:
    model, loss = small_model()
    first = next(model.parameters())
    first.grad = torch.full_like(first, 3.0)
    versions = [(p._version, None if p.grad is None else p.grad._version) for p in model.parameters()]
    graph = walk_graph(loss)
    peeked, again = run_backward(graph, "peek", ONE), run_backward(graph, "peek", ONE)
    assert peeked.norms == again.norms
    assert torch.equal(first.grad, torch.full_like(first, 3.0))
    assert [p.grad for p in list(model.parameters())[1:]] == [None] * 5
    assert [(p._version, None if p.grad is None else p.grad._version) for p in model.parameters()] == versions
    first.grad = None
    loss.backward()  # the graph is as alive as before
    for place in graph.leaves():
        leaf = leaf_of(graph.nodes[place])
        assert leaf is not None
        assert leaf.grad is not None
        assert torch.allclose(came(peeked, place), leaf.grad, atol=1e-6)


def test_gradients_accumulate_and_what_was_caught_stays() -> None:
    x = torch.randn(3, requires_grad=True)
    graph = walk_graph((x.reshape(3, 1) * 2).sum())
    first = run_backward(graph, "backward, keep graph", ONE)
    second = run_backward(graph, "backward, keep graph", ONE)
    assert x.grad is not None
    assert x.grad.tolist() == [4, 4, 4]
    for caught in (first, second):
        assert [came(caught, place).sum().item() for place in caught.order] == [1, 3, 6, 6]
        assert not any(caught.changed(place) for place in caught.order)


def test_a_large_gradient_that_became_grad_tells_when_it_was_written_to() -> None:
    x = torch.randn(600_000, requires_grad=True)
    graph = walk_graph((x * 2).sum())
    caught = run_backward(graph, "backward, keep graph", ONE)
    leaf = graph.leaves()[0]
    assert not caught.changed(leaf)
    assert x.grad is not None
    x.grad.zero_()
    assert caught.changed(leaf)
    assert "written into" in read_step(graph, name_nodes(graph, {}), caught, len(graph) - 1).note


@pytest.mark.parametrize("mode", MODES)
def test_no_hook_is_left(mode: BackwardMode) -> None:
    x = torch.randn(3, requires_grad=True)
    y = x.sin()
    graph = walk_graph((y * y).sum())
    caught = run_backward(graph, mode, ONE)
    before = len(caught.order)
    if mode != "backward":
        graph.root.backward(retain_graph=True)
    assert len(caught.order) == before
    assert not x._backward_hooks
    assert not y._backward_hooks
    assert not y.retains_grad


@pytest.mark.parametrize("mode", MODES)
def test_a_backward_that_raises_leaves_no_hook_and_says_where(mode: BackwardMode) -> None:
    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> Tensor:
            calls.append(1)
            raise ValueError("not today")

    calls: list[int] = []
    x = torch.randn(3, requires_grad=True)
    y = Fails.apply(x.sin()).exp()  # type: ignore[no-untyped-call]
    graph = walk_graph(y.sum())
    caught = run_backward(graph, mode, ONE)
    assert caught.error == "ValueError: not today (at Fails)"
    assert [operation_of(graph.nodes[i]) for i in caught.order] == ["sum", "exp", "Fails"]
    ran = len(caught.order)
    with pytest.raises((ValueError, RuntimeError)):
        torch.autograd.grad(graph.root, x, retain_graph=True)
    assert len(caught.order) == ran


def test_a_spent_graph_is_explained() -> None:
    x = torch.randn(3, requires_grad=True)
    graph = walk_graph(x.exp().sum())
    assert run_backward(graph, "backward", ONE).error == ""
    assert "spent" in run_backward(graph, "backward", ONE).error


def test_hooks_of_the_users_own_keep_working() -> None:
    x = torch.randn(3, requires_grad=True)
    y = x * 2
    seen: list[float] = []
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: seen.append(g.sum().item()))
    assert y.grad_fn is not None
    y.grad_fn.register_prehook(lambda g: seen.append(-1.0))
    z = y.sum()
    graph = walk_graph(z)
    caught = run_backward(graph, "backward", ONE)
    assert seen == [-1.0, 60.0]
    assert x.grad is not None
    assert x.grad.tolist() == [20, 20, 20]
    assert came(caught, 1).tolist() == [10, 10, 10]  # what the node worked with, after the user's hook


def test_retained_gradients_are_there() -> None:
    x = torch.randn(3, requires_grad=True)
    y = x * 2
    y.retain_grad()
    run_backward(walk_graph(y.sum()), "backward", ONE)
    assert y.grad is not None
    assert y.grad.tolist() == [1, 1, 1]


@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph")
def test_create_graph_makes_gradients_walkable() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    caught = run_backward(walk_graph((x**3).sum()), "backward", ONE, create_graph=True)
    assert caught.error == ""
    assert x.grad is not None
    second = walk_graph(x.grad.sum(), name="x.grad")
    run_backward(second, "peek", ONE)
    (hessian,) = torch.autograd.grad(x.grad.sum(), x)
    assert hessian.tolist() == [6, 12]
    assert all(not one.requires_grad for whole in caught.whole.values() for one in whole if one is not None)
    x.grad = None


@pytest.mark.filterwarnings("ignore:Error detected in")
def test_anomaly_mode_that_is_on_already_stays_on() -> None:
    with torch.autograd.set_detect_anomaly(True):
        x = torch.randn(3, requires_grad=True)
        assert run_backward(walk_graph(x.exp().sum()), "backward", ONE).error == ""
        caught = run_backward(walk_graph((x * 0).sqrt().sum()), "backward", torch.tensor(0.0))
        assert torch.is_anomaly_enabled()
    assert "nan" in caught.error.lower()


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_run_as_ever(reentrant: bool) -> None:
    layer = nn.Linear(3, 3)
    x = torch.randn(2, 3, requires_grad=True)
    y = checkpoint(layer, x, use_reentrant=reentrant)
    expected = torch.autograd.grad(layer(x).sum(), layer.weight)[0]
    assert run_backward(walk_graph(y.sum()), "backward", ONE).error == ""
    assert layer.weight.grad is not None
    assert torch.allclose(layer.weight.grad, expected)


def test_nonfinite_gradients_are_counted_and_large_ones_are_not() -> None:
    x = torch.tensor([0.0, 4.0, 1.0], requires_grad=True)
    graph = walk_graph(x.sqrt().sum())
    caught = run_backward(graph, "backward", ONE)
    assert [caught.nonfinite[i] for i in range(len(graph))] == [0, 0, 1]
    big = torch.full((3,), 1e30, requires_grad=True)
    wide = run_backward(walk_graph((big * 1e30).sum()), "peek", ONE)
    assert list(wide.nonfinite) == [0, 0, 0]
    assert wide.norms[2] == pytest.approx(3**0.5 * 1e30, rel=1e-6)


def test_half_precision_norms_do_not_overflow() -> None:
    x = torch.full((100_000,), 1.0, dtype=torch.float16, requires_grad=True)
    caught = run_backward(walk_graph((x * 1000).sum()), "peek", torch.tensor(1.0, dtype=torch.float16))
    assert caught.norms[2] == pytest.approx(1000 * 100_000**0.5, rel=1e-3)


def test_what_exceeds_the_budget_has_norms_alone() -> None:
    x = torch.randn(4096, requires_grad=True)
    y = x
    for _ in range(40):
        y = y.sin()
    graph = walk_graph(y.sum())
    every = run_backward(graph, "backward, keep graph", ONE)
    x.grad = None
    some = run_backward(graph, "backward", ONE, budget_bytes=10 * 4 * 4096)
    assert 5 <= len(some.whole) < 15 < len(every.whole) == len(graph)
    assert list(some.norms) == pytest.approx(list(every.norms), rel=1e-5)
    first = min(set(range(len(graph))) - set(some.whole))
    assert all(place < first for place in some.whole if place not in graph.leaves())
    step = read_step(graph, name_nodes(graph, {}), some, first)
    assert "only its norm" in step.note
    facts = step.incoming[0].facts
    assert facts is not None
    assert (facts.shape, facts.device) == ((4096,), "cpu")
    assert facts.statistics.startswith("norm ")


def test_vanishing_gradients_have_norms_too() -> None:
    x = torch.ones(1000, requires_grad=True)
    caught = run_backward(walk_graph((x * 1e-30).sum()), "peek", ONE)
    assert caught.norms[2] == pytest.approx(1e-30 * 1000**0.5, rel=1e-4)


def test_a_root_that_was_changed_in_place_must_be_opened_again() -> None:
    x = torch.randn(3, requires_grad=True)
    y = x * 2
    graph = walk_graph(y)
    y.add_(1)
    with pytest.raises(AutogradError) as caught:
        run_backward(graph, "backward", torch.ones(3))
    assert caught.value.kind == "changed"


def test_a_step_holds_what_came_in_was_saved_and_went_out() -> None:
    w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    b = torch.tensor(0.5, requires_grad=True)
    x = torch.tensor([1.0, -1.0, 2.0])
    graph = walk_graph((x * w + b).relu().sum())
    naming = name_nodes(graph, {"w": w, "b": b})
    caught = run_backward(graph, "backward", ONE)
    steps = [read_step(graph, naming, caught, i) for i in range(len(caught.order))]
    assert [step.node.operation for step in steps] == ["sum", "relu", "add", "leaf", "mul", "leaf"]
    add, leaf_b, mul, leaf_w = steps[2:]
    assert [flow.numbers for flow in add.incoming] == [(1, 0, 1)]
    assert {(flow.label, flow.to, flow.numbers) for flow in add.outgoing} == {
        ("grad of self", 4, (1, 0, 1)),
        ("grad of other", 3, (2,)),
    }
    assert leaf_b.node.name == "b"
    assert [flow.numbers for flow in mul.saved] == [(1, -1, 2)]  # freed by now, and remembered
    assert mul.rule == ("d other (3,) = g * self", "where g (3,), self (3,)")
    assert list(leaf_w.incoming[0].numbers) == [1, 0, 2]
    assert leaf_w.node.gradient_norm == pytest.approx(5**0.5)
    with pytest.raises(AutogradError, match="no step 6"):
        read_step(graph, naming, caught, 6)


def test_what_meets_is_told_apart_in_a_step() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    graph = walk_graph(x * x + x.exp())
    caught = run_backward(graph, "peek", ONE)
    naming = name_nodes(graph, {"x": x})
    mul = read_step(graph, naming, caught, list(caught.order).index(place_of(graph, "mul")))
    assert [flow.numbers for flow in mul.outgoing] == [(3,), (3,)]
    leaf = read_step(graph, naming, caught, len(caught.order) - 1)
    assert leaf.incoming[0].numbers == pytest.approx((6 + x.exp().item(),))
    assert "Used 3 times" in leaf.note


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ones", [[1, 1], [1, 1]]),
        ("one-hot 1, 0", [[0, 0], [1, 0]]),
        ("one-hot (0, -1)", [[0, 1], [0, 0]]),
        ("one-hot 3", [[0, 0], [0, 1]]),
        ("g * 2", [[2, 4], [6, 8]]),
        ("g[0, 1]", [[2, 2], [2, 2]]),
    ],
)
def test_gradients_to_start_from(text: str, expected: list[list[float]]) -> None:
    root = torch.zeros(2, 2, requires_grad=True) * 1
    seed = seed_of(root, "y", text, {"g": torch.tensor([[1.0, 2.0], [3.0, 4.0]])})
    assert seed.tolist() == expected


def test_random_gradients_leave_the_random_stream_alone() -> None:
    root = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True) * 1
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = (seed_of(root, "y", "random", {}) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, second)
    assert (first.shape, first.dtype) == (root.shape, root.dtype)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "choose the gradient to start from"),
        ("one-hot", "Write the index after it"),
        ("one-hot 2, 0", "no element"),
        ("g[0]", r"shape \(2,\)"),
        ("nothing", "nothing"),
    ],
)
def test_bad_gradients_are_refused(text: str, words: str) -> None:
    root = torch.zeros(2, 2, requires_grad=True) * 1
    with pytest.raises(AutogradError, match=words):
        seed_of(root, "y", text, {"g": torch.ones(2, 2)})


def test_a_scalar_needs_no_gradient_and_a_complex_one_does() -> None:
    assert seed_of(torch.zeros((), requires_grad=True) * 1, "y", "", {}).item() == 1
    with pytest.raises(AutogradError, match="complex64"):
        seed_of(torch.zeros((), dtype=torch.complex64), "y", "", {})


def test_a_user_gradient_is_copied() -> None:
    mine = torch.ones(3)
    seed = seed_of(torch.zeros(3, requires_grad=True) * 1, "y", "mine", {"mine": mine})
    mine.zero_()
    assert seed.tolist() == [1, 1, 1]


def test_everything_is_freed_with_the_graph() -> None:
    model, loss = small_model()
    graph = walk_graph(loss)
    del loss
    caught = run_backward(graph, "peek", torch.ones(()))
    held = [weakref.ref(one) for whole in caught.whole.values() for one in whole if one is not None]
    held += [weakref.ref(graph.root)]
    del graph, caught
    gc.collect()
    assert all(one() is None for one in held)
    assert all(not parameter._backward_hooks for parameter in model.parameters())


def test_inside_no_grad_and_of_a_graph_with_constants() -> None:
    with torch.no_grad():
        frozen = torch.randn(3, requires_grad=True) * 2
    x = torch.randn(3, requires_grad=True)
    graph = walk_graph((x * frozen).sum())
    with torch.no_grad():
        caught = run_backward(graph, "backward", ONE)
    assert caught.error == ""
    assert x.grad is not None
    assert torch.equal(x.grad, frozen)


def test_sparse_gradients_of_an_embedding() -> None:
    layer = nn.Embedding(10, 4, sparse=True)
    graph = walk_graph((layer(torch.tensor([1, 1, 3])) * 2).sum())
    caught = run_backward(graph, "backward", ONE)
    leaf = graph.leaves()[0]
    assert layer.weight.grad is not None
    assert layer.weight.grad.is_sparse
    assert caught.norms[leaf] == pytest.approx(layer.weight.grad.to_dense().norm().item())


@pytest.mark.cuda
def test_on_cuda() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).cuda()
    loss = model(torch.randn(6, 4, device="cuda")).pow(2).mean()
    expected = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    graph = walk_graph(loss)
    caught = run_backward(graph, "peek", torch.ones_like(loss))
    assert caught.error == ""
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        place = next(i for i in graph.leaves() if leaf_of(graph.nodes[i]) is parameter)
        assert torch.equal(came(caught, place), gradient)
        assert caught.norms[place] == pytest.approx(gradient.norm().item(), rel=1e-4)
