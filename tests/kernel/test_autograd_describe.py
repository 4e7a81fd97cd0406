from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tui.kernel.autograd import describe, name_nodes, walk_graph
from tui.protocol.autograd import Node


def nodes(root: Tensor, **namespace: object) -> list[Node]:
    graph = walk_graph(root)
    naming = name_nodes(graph, namespace)
    return [describe(graph, place, naming) for place in range(len(graph))]


def by_operation(rows: list[Node]) -> dict[str, Node]:
    return {row.operation: row for row in reversed(rows)}


def test_names_of_variables_and_parameters() -> None:
    layer = nn.Linear(3, 2)
    x = torch.randn(4, 3, requires_grad=True)
    h = layer(x)
    parts = list(h.unbind(1))
    loss = (parts[0] * parts[1]).sum()
    rows = nodes(loss, layer=layer, x=x, h=h, parts=parts, loss=loss)
    names = {row.name for row in rows}
    assert {"loss", "h", "x", "layer.weight", "layer.bias", "parts[0], parts[1]"} <= names
    assert {row.name: row.kind for row in rows}["layer.weight"] == "parameter"
    assert {row.name: row.kind for row in rows}["x"] == "input"


def test_modules_are_told_from_parameters() -> None:
    model = nn.ModuleDict(
        {"a": nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3)), "b": nn.Linear(3, 1)}
    )
    x = torch.randn(2, 3)
    loss = model["b"](model["a"](x).sigmoid()).mean()
    rows = nodes(loss, model=model)
    found = {(row.operation, row.module) for row in rows if row.kind == "operation"}
    assert ("relu", "model['a']") in found
    assert ("sigmoid", "model") in found
    assert ("mean", "") in found
    assert ("addmm", "model['b']") in found
    assert ("addmm", "model['a'][0]") in found
    assert ("t", "model['a'][2]") in found


def test_saved_tensors_count_a_storage_once() -> None:
    x = torch.randn(8, 4, requires_grad=True)
    row = nodes(x * x)[0]
    assert set(row.saved) == {"self (8, 4) float32", "other (8, 4) float32"}
    assert row.saved_bytes == 8 * 4 * 4
    assert nodes(x * 3.0)[0].saved == ("other = 3.0",)
    y = x.exp()
    graph = walk_graph(y.sum())
    graph.root.backward()
    spent = describe(graph, 1, name_nodes(graph, {}))
    assert (spent.saved, spent.saved_bytes) == (("freed",), 0)
    assert "spent" in spent.traits


def test_hooks_on_saved_tensors_are_not_called() -> None:
    calls: list[str] = []

    def unpack(packed: Tensor) -> Tensor:
        calls.append("unpack")
        return packed

    x = torch.randn(3, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, unpack):
        y = x.exp()
    assert nodes(y)[0].saved == ("result packed by a hook",)
    assert not calls


def test_checkpoints_are_not_run_forward_again() -> None:
    ran: list[int] = []
    layer = nn.Linear(3, 3)

    def block(x: Tensor) -> Tensor:
        ran.append(1)
        return torch.relu(layer(x))

    y = checkpoint(block, torch.randn(2, 3, requires_grad=True), use_reentrant=False)
    rows = nodes(y, layer=layer)
    assert ran == [1]
    assert rows[0].saved == ("result computed again in backward",)
    assert "checkpointed" in rows[0].traits


def test_shapes_of_every_output() -> None:
    rows = nodes(torch.randn(4, 6, requires_grad=True).split([1, 5], 1)[0])
    assert rows[0].shapes == ((4, 1), (4, 5))
    assert "2 outputs" in rows[0].traits
    assert "view" in rows[0].traits
    assert rows[0].dtype == "float32"


def test_traits_tell_views_broadcasts_and_in_place() -> None:
    x, row = torch.randn(3, 4, requires_grad=True), torch.randn(4, requires_grad=True)
    assert "broadcast" in nodes(x + row)[0].traits
    assert "broadcast" not in nodes(x + x)[0].traits
    assert "view" in nodes(x.t())[0].traits
    y = x * 1
    y[0] = 5.0
    rows = nodes(y, y=y)
    assert rows[0].operation == "copy_slices"
    assert {"in place", "changed in place"} <= set(rows[0].traits)
    z = x.sigmoid()
    w = z * 2
    z.mul_(3)
    found = by_operation(nodes(w.sum() + z.sum(), z=z))
    assert found["sigmoid"].saved == ("result (3, 4) float32, changed in place since",)
    assert "a saved value was changed" in found["sigmoid"].traits


def test_no_code_of_the_user_runs() -> None:
    class Loud(nn.Module):
        def __getattr__(self, name: str) -> Tensor:
            raise AssertionError(name)

    class LoudTensor(torch.Tensor):
        @classmethod
        def __torch_function__(
            cls, func: Callable[..., object], types: object, args: object = (), kwargs: object = None
        ) -> object:
            raise AssertionError(func)

    x = torch.randn(3, requires_grad=True)
    loud = torch.Tensor._make_subclass(LoudTensor, torch.ones(3))
    rows = nodes(x * 2, x=x, loud=loud, module=Loud())
    assert rows[-1].name == "x"
