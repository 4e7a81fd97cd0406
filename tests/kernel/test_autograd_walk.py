from __future__ import annotations

import gc
import time

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tui.kernel.autograd import AutogradError, release, walk_graph
from tui.kernel.autograd.naming import name_nodes
from tui.kernel.autograd.packing import unpacked
from tui.kernel.autograd.roots import root_of
from tui.kernel.autograd.structure import KINDS, is_spent, structure_of
from tui.kernel.autograd.walk import Walk
from tui.kernel.autograd.words import cpp_name, operation_of, words_of_name


def order_of_autograd(graph: Walk) -> list[int]:
    seen: list[int] = []
    hooks = [node.register_prehook(lambda g, i=i: seen.append(i)) for i, node in enumerate(graph.nodes)]
    torch.autograd.backward((graph.root,), (torch.ones_like(graph.root),), retain_graph=True)
    for hook in hooks:
        hook.remove()
    return seen


def words(graph: Walk) -> list[str]:
    return [operation_of(node) for node in graph.nodes]


def test_nodes_are_in_the_order_in_which_autograd_runs_them() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(4, 8), nn.LayerNorm(8), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.GRU(8, 3)
    )
    output = model(torch.randn(2, 5, 4))[0]
    graph = walk_graph(output.pow(2).mean() + output.abs().max())
    assert order_of_autograd(graph) == list(range(len(graph)))


def test_edges_are_next_functions() -> None:
    x, y = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)
    graph = walk_graph((x * y).sum() + x.exp().sum() * 2)
    for i, node in enumerate(graph.nodes):
        for (place, slot), (target, wanted) in zip(graph.edges(i), node.next_functions, strict=True):
            assert (place == -1) if target is None else (graph.nodes[place] is target and slot == wanted)
    assert all(place > i for i in range(len(graph)) for place, _ in graph.edges(i) if place >= 0)


def test_a_graph_deeper_than_recursion_allows() -> None:
    y = x = torch.ones(1, requires_grad=True)
    for _ in range(5000):
        y = y * 1.0
    graph = walk_graph(y)
    assert len(graph) == 5001
    assert graph.leaves() == [5000]
    assert graph.index_of(y.grad_fn) == 0
    assert x.grad is None


def test_letting_go_of_a_graph_of_any_depth() -> None:
    def node_count() -> int:
        gc.collect()
        return sum(type(one).__name__ == "MulBackward0" for one in gc.get_objects())

    def until_released() -> None:
        end_s = time.monotonic() + 30
        while release.busy():
            assert time.monotonic() < end_s
            time.sleep(0.01)

    before = node_count()
    state = torch.ones(1, requires_grad=True)
    for _ in range(150_000):  # freed carelessly, this overflows the stack
        state = state * 1.0
    root = state.sum()
    graph = walk_graph(root)
    del graph, root
    until_kept_s = time.monotonic() + 30
    while node_count() - before < 150_000:
        assert time.monotonic() < until_kept_s
    assert state.grad_fn is not None  # the user still holds this, so all behind it stays
    del state
    until_released()
    assert node_count() == before


def test_a_graph_wider_than_ten_thousand() -> None:
    leaves = [torch.ones(1, requires_grad=True) for _ in range(10_001)]
    graph = walk_graph(torch.cat(leaves))
    assert len(graph) == 10_002
    assert [target for target, _ in graph.edges(0)] == list(range(1, 10_002))


def test_a_limit_keeps_what_is_nearest_to_the_root() -> None:
    y = torch.ones(1, requires_grad=True)
    for _ in range(100):
        y = y.sin()
    graph = walk_graph(y, limit=10)
    assert (len(graph), graph.truncated) == (10, True)
    assert graph.edges(9) == [(-1, 0)]
    assert not walk_graph(y, limit=101).truncated


def test_a_diamond_and_two_roots_share_their_nodes() -> None:
    x = torch.randn(3, requires_grad=True)
    shared = x.sin()
    first, second = walk_graph((shared * shared).sum()), walk_graph(shared.exp().sum())
    assert words(first) == ["sum", "mul", "sin", "leaf"]
    assert first.users_of(2) == [1, 1]
    assert first.senders(2, 0) == 2
    assert first.nodes[2] is second.nodes[2]
    assert second.index_of(first.nodes[1]) == -1


def test_none_edges_and_several_outputs() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    values, _ = (x * torch.ones(4, 3)).sort(1)
    first, second = values.chunk(2, 0)
    graph = walk_graph((first * second).sum())
    assert words(graph) == ["sum", "mul", "split", "sort", "mul", "leaf"]
    assert sorted(slot for target, slot in graph.edges(1)) == [0, 1]
    assert graph.edges(4) == [(5, 0), (-1, 0)]


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (torch.ones(2, requires_grad=True), "a leaf: nothing computed it"),
        (torch.ones(2), "detached, or made under no_grad"),
        (torch.ones(2, dtype=torch.int64), "int64: only floating point and complex tensors"),
    ],
)
def test_what_has_no_graph_says_why(tensor: Tensor, expected: str) -> None:
    with pytest.raises(AutogradError, match=f"^it (is|has) .*{expected}") as caught:
        walk_graph(tensor, name="it")
    assert caught.value.kind == "no graph"


def test_a_tensor_of_inference_mode_says_so() -> None:
    with torch.inference_mode():
        y = torch.ones(2) * 2
    with pytest.raises(AutogradError, match="inference mode"):
        walk_graph(y)


def test_structure_is_packed_whole() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    loss = model(torch.randn(5, 4)).mean()
    graph = walk_graph(loss)
    structure = structure_of(graph, name_nodes(graph, {"model": model, "loss": loss}))
    operation = unpacked("i", structure.operation)
    assert [structure.operations[int(i)] for i in operation] == words(graph)
    edges = list(unpacked("i", structure.edges))
    counts, targets = edges[: structure.nodes], edges[structure.nodes :]
    assert sum(counts) == len(targets)
    assert counts[0] == 1
    modules = [structure.modules[int(i)] for i in unpacked("i", structure.module)]
    assert dict(zip(words(graph), modules, strict=True))["tanh"] == "model"
    assert modules[words(graph).index("addmm")] == "model[2]"
    kinds = list(unpacked("B", structure.kinds))
    assert kinds.count(KINDS["parameter"]) == 4


def test_kinds_of_nodes() -> None:
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> Tensor:
            return gradients[0] * 2

    x = torch.randn(3, requires_grad=True)
    layer = nn.Linear(3, 3)
    y = Twice.apply(checkpoint(layer, x, use_reentrant=True))  # type: ignore[no-untyped-call]
    graph = walk_graph(y)
    structure = structure_of(graph, name_nodes(graph, {}))
    names = {place: kind for kind, place in KINDS.items()}
    assert words(graph)[:2] == ["Twice", "checkpoint"]
    assert [names[int(k)] for k in unpacked("B", structure.kinds)] == ["custom", "checkpoint", "input"]
    assert cpp_name(graph.nodes[0]) == "TwiceBackward"


def test_spent_is_told_from_what_was_freed() -> None:
    x = torch.randn(3, requires_grad=True)
    y, plain = x.exp(), x + 1
    graph, unsaved = walk_graph(y.sum()), walk_graph(plain.sum())
    assert not is_spent(graph)
    graph.root.backward()
    unsaved.root.backward()
    assert is_spent(graph)
    assert not is_spent(unsaved)  # nothing was saved, so it can run again


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AddmmBackward0", "addmm"),
        ("NativeLayerNormBackward0", "layer_norm"),
        ("CudnnBatchNormBackward0", "batch_norm"),
        ("MaxPool2DWithIndicesBackward0", "max_pool2d"),
        ("LogSoftmaxBackward0", "log_softmax"),
        ("TBackward0", "t"),
        ("SigmoidBackwardBackward0", "sigmoid backward"),
        ("LinalgSvdBackward0", "linalg.svd"),
        ("ScaledDotProductFlashAttentionForCpuBackward0", "scaled_dot_product_attention"),
        ("ToCopyBackward0", "to"),
        ("ThnnFusedLstmCellBackward0", "lstm_cell"),
    ],
)
def test_operations_in_the_users_words(name: str, expected: str) -> None:
    assert words_of_name(name) == expected


@pytest.mark.parametrize(("dims", "expected"), [(1, "conv1d"), (2, "conv2d"), (3, "conv3d")])
def test_convolutions_by_their_dimensions(dims: int, expected: str) -> None:
    layer = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1](2, 2, 1)
    assert operation_of(walk_graph(layer(torch.randn(1, 2, *[3] * dims))).nodes[0]) == expected
    turned = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[dims - 1](2, 2, 1)
    graph = walk_graph(turned(torch.randn(1, 2, *[3] * dims)))
    assert operation_of(graph.nodes[0]) == expected.replace("conv", "conv_transpose")


def test_roots_are_paths_or_recorded_arithmetic() -> None:
    w = torch.randn(3, requires_grad=True)
    y = w * 2
    namespace = {"w": w, "losses": [y], "y": y}
    assert root_of("losses[0]", namespace) is y
    assert torch.equal(root_of("(y * w)[1]", namespace), (y * w)[1])
    assert words(walk_graph(root_of("y.sum() / 3", namespace)))[:2] == ["div", "sum"]
    assert root_of("y.sum()", {"y": w.grad or y}).grad_fn is not None


@pytest.mark.parametrize(
    ("text", "kind"),
    [("nothing", "gone"), ("y +", "bad expression"), ("f(y)", "bad expression"), ("", "bad expression")],
)
def test_bad_roots_are_refused(text: str, kind: str) -> None:
    y = torch.randn(3, requires_grad=True) * 2
    ran: list[int] = []

    def f(x: Tensor) -> Tensor:
        ran.append(1)
        return x

    with pytest.raises(AutogradError) as caught:
        root_of(text, {"y": y, "f": f})
    assert caught.value.kind == kind
    assert not ran
