"""Which variable a saved tensor is, told by where it lies."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tui.kernel.autograd import name_nodes, read_step, run_backward, walk_graph


def held(root: Tensor, namespace: dict[str, object]) -> dict[str, str]:
    """Return the holder of each saved tensor, by the operation and the label."""
    graph = walk_graph(root)
    naming = name_nodes(graph, namespace)
    caught = run_backward(graph, "peek", torch.ones_like(root))
    steps = [read_step(graph, naming, caught, number) for number in range(len(caught.order))]
    return {f"{step.node.operation} {flow.label}": flow.holder for step in steps for flow in step.saved}


def test_variables_are_found_and_results_that_nobody_holds_are_not() -> None:
    x, w = torch.randn(3), torch.randn(3, requires_grad=True)
    y = ((x + 1) * w * x).sum()
    found = held(y, {"x": x, "w": w})
    # what w is multiplied by has no name, and what is multiplied by x needs no gradient for x
    assert sorted(found.values()) == ["", "x"]


def test_a_view_is_not_taken_for_what_it_looks_into() -> None:
    x, w = torch.randn(4, 4), torch.randn(4, requires_grad=True)
    assert set(held((x[0] * w).sum(), {"x": x}).values()) == {""}
    row = x[0]
    assert set(held((row * w).sum(), {"x": x, "row": row}).values()) == {"row"}


def test_parameters_have_their_paths() -> None:
    model = nn.Linear(3, 2)
    x = torch.randn(5, 3, requires_grad=True)
    found = held(model(x).sum(), {"model": model, "x": x})
    assert "x" in found.values()
