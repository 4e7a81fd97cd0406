"""Gradients at every node and the rules of operations, held against what autograd itself says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from tests.kernel.autograd_cases import CASES, Case
from tui.kernel.autograd.backward import run_backward
from tui.kernel.autograd.node_private import is_leaf_node, output_shapes
from tui.kernel.autograd.rules import apply_rule, read_rule, rule_lines
from tui.kernel.autograd.walk import Walk, walk_graph
from tui.kernel.autograd.words import cpp_name
from tui.protocol.autograd import BackwardMode

# operations whose gradient does not fit on a line, so that there is no rule for them
WITHOUT_RULE = {
    "CopySlices", "DoubleBackward", "FftC2CBackward0", "FftR2CBackward0", "LinalgSvdBackward0",
    "SliceInverseBackward0", "MkldnnRnnLayerBackward0",
}  # fmt: skip


def seed_for(root: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(11)
    return torch.randn(root.shape, generator=generator, dtype=root.dtype)


def truth(graph: Walk, seed: Tensor) -> dict[tuple[int, int], Tensor | None]:
    """Returns the gradient of every output of every node, as `torch.autograd.grad` computes it."""
    places = [
        (place, slot)
        for place, node in enumerate(graph.nodes)
        for slot in range(max(1, len(output_shapes(node))))
    ]
    edges = [GradientEdge(graph.nodes[place], slot) for place, slot in places]  # type: ignore[arg-type]
    found = torch.autograd.grad(graph.root, edges, seed.clone(), retain_graph=True, allow_unused=True)
    return dict(zip(places, found, strict=True))


def close(one: Tensor, other: Tensor) -> bool:
    tolerance = 2e-2 if one.dtype is torch.bfloat16 else 1e-5
    return torch.allclose(one.to_dense(), other.to_dense().to(one.dtype), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("mode", ["peek", "backward"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gradients_at_every_node_are_autograds(case: Case, mode: BackwardMode) -> None:
    leaves = case.leaves()
    graph = walk_graph(case.root(leaves))
    seed = seed_for(graph.root)
    expected = truth(graph, seed)
    caught = run_backward(graph, mode, seed.clone())
    assert caught.error == ""
    assert list(caught.order) == list(range(len(graph)))
    for (place, slot), gradient in expected.items():
        whole = caught.whole.get(place, ())
        mine = whole[slot] if slot < len(whole) else None
        assert (mine is None) == (gradient is None)
        if mine is not None and gradient is not None:
            assert close(mine, gradient)
    for place in range(len(graph)):
        parts = [g.to_dense().flatten() for (p, _), g in expected.items() if p == place and g is not None]
        norm = torch.cat(parts).abs().double().norm().item() if parts else float("nan")
        assert caught.norms[place] == pytest.approx(norm, rel=1e-4, abs=1e-12, nan_ok=True)
    assert all((leaf.grad is None) == (mode == "peek") for leaf in leaves)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rules_compute_what_autograd_sends_on(case: Case) -> None:
    graph = walk_graph(case.root(case.leaves()))
    sent: dict[int, tuple[Tensor | None, ...]] = {}
    came: dict[int, tuple[Tensor | None, ...]] = {}

    def watch(place: int) -> object:
        def note(outgoing: tuple[Tensor | None, ...], incoming: tuple[Tensor | None, ...]) -> None:
            sent[place], came[place] = outgoing, incoming

        return graph.nodes[place].register_hook(note)

    hooks = [watch(place) for place in range(len(graph))]
    torch.autograd.backward((graph.root,), (seed_for(graph.root),), retain_graph=True)
    del hooks
    for place, node in enumerate(graph.nodes):
        if is_leaf_node(node):
            continue
        rule = read_rule(graph, place)
        known = any(rule.formulas)
        assert known != (cpp_name(node) in WITHOUT_RULE), cpp_name(node)
        if not known:
            assert rule_lines(graph, place) == ()
            continue
        computed = apply_rule(graph, place, came[place])
        for (target, _), mine, theirs in zip(graph.edges(place), computed, sent[place], strict=True):
            if target >= 0 and theirs is not None:
                assert mine is not None, rule_lines(graph, place)
                assert mine.shape == theirs.shape
                assert close(theirs, mine), rule_lines(graph, place)


def test_rules_read_as_one_would_type_them() -> None:
    x, w, b = (
        torch.randn(32, 64),
        torch.randn(64, 10, requires_grad=True),
        torch.randn(10, requires_grad=True),
    )
    graph = walk_graph(torch.addmm(b, x, w))
    assert rule_lines(graph, 0) == (
        "d self (10,) = g.sum_to_size((10,))",
        "d mat2 (64, 10) = mat1.mT @ g",
        "where g (32, 10), mat1 (32, 64)",
    )
    y = torch.randn(3, 4, requires_grad=True)
    assert rule_lines(walk_graph(y**2), 0) == (
        "d self (3, 4) = g * (2 * self)",
        "where g (3, 4), self (3, 4)",
    )
    assert rule_lines(walk_graph(y.sum(1)), 0)[0] == "d self (3, 4) = g.reshape((3, 1)).expand((3, 4))"
    assert rule_lines(walk_graph(y[1]), 0)[0] == "d self (3, 4) = zeros((3, 4)).select_scatter(g, 0, 1)"
    z = torch.randn(3, dtype=torch.complex64, requires_grad=True)
    assert rule_lines(walk_graph(z * z), 0)[0] == "d self (3,) = g * other.conj()"


def test_there_are_enough_operations() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 200
