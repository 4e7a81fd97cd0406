from __future__ import annotations

import linecache
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tui.kernel.autograd import describe, name_nodes, walk_graph
from tui.kernel.autograd.record import Recorder

FILE = "/tmp/ipykernel_1234/5678.py"


def cell(recorder: Recorder, source: str, namespace: dict[str, object]) -> None:
    """Runs code as IPython runs a cell."""
    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)
    with recorder.cell():
        exec(compile(source, FILE, "exec"), namespace)


def recorder_for(namespace: dict[str, object]) -> Recorder:
    made = Recorder(lambda: namespace)
    made.cell_of = lambda file: 7 if file == FILE else None
    made.switch(True)
    return made


def test_lines_of_cells() -> None:
    namespace: dict[str, object] = {"torch": torch}
    recorder = recorder_for(namespace)
    source = (
        "x = torch.ones(3, requires_grad=True)\ndef f(a):\n    return a.exp()\ny = f(x)\nz = (y * y).sum()\n"
    )
    cell(recorder, source, namespace)
    root = namespace["z"]
    assert isinstance(root, Tensor)
    graph = walk_graph(root)
    lines = [recorder.line_of(node) for node in graph.nodes]
    assert lines == [
        "In [7], line 5: z = (y * y).sum()",
        "In [7], line 5: z = (y * y).sum()",
        "In [7], line 3: return a.exp()",
        "",
    ]


def test_modules_of_operations_by_their_ranges() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.Tanh(), nn.Linear(3, 2)), nn.ReLU())
    namespace: dict[str, object] = {"torch": torch, "model": model}
    recorder = recorder_for(namespace)
    cell(recorder, "loss = (model(torch.ones(2, 3)) ** 2).mean()", namespace)
    root = namespace["loss"]
    assert isinstance(root, Tensor)
    graph = walk_graph(root)
    naming = name_nodes(graph, namespace)
    assert recorder.place(graph, naming)
    rows = [describe(graph, i, naming) for i in range(len(graph))]
    found = {(row.operation, row.module) for row in rows if row.kind == "operation"}
    assert found == {
        ("mean", ""), ("pow", ""), ("relu", "model[2]"), ("tanh", "model[1][0]"),
        ("addmm", "model[1][1]"), ("t", "model[1][1]"), ("addmm", "model[0]"), ("t", "model[0]"),
    }  # fmt: skip


def test_what_was_not_recorded_says_so() -> None:
    recorder = recorder_for({})
    graph = walk_graph(torch.ones(2, requires_grad=True).exp())
    assert not recorder.place(graph, name_nodes(graph, {}))
    assert recorder.line_of(graph.nodes[0]) == ""


@pytest.mark.parametrize("mode", [(False, True), (True, True), (True, False)])
def test_anomaly_mode_and_hooks_are_put_back(mode: tuple[bool, bool]) -> None:
    hooks: tuple[Callable[[], object], ...] = (
        lambda: len(nn.modules.module._global_forward_hooks),
        lambda: len(nn.modules.module._global_forward_pre_hooks),
        lambda: len(nn.modules.module._global_forward_hooks_always_called),
    )
    before = [count() for count in hooks]
    with torch.autograd.set_detect_anomaly(mode[0], check_nan=mode[1]):
        namespace: dict[str, object] = {"torch": torch}
        recorder = recorder_for(namespace)
        with pytest.raises(ZeroDivisionError):
            cell(recorder, "1 / 0", namespace)
        assert (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()) == mode
    assert [count() for count in hooks] == before


def test_recording_does_not_make_backward_raise_on_nan() -> None:
    recorder = recorder_for({})
    x = torch.zeros(2, requires_grad=True)
    with recorder.cell():
        (x * 0).sqrt().sum().backward()
    assert x.grad is not None
    assert x.grad.isnan().all()


def test_a_forward_that_raises_ends_its_ranges() -> None:
    class Fails(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("no")

    model = nn.Sequential(nn.Linear(2, 2), Fails())
    after = nn.Linear(2, 2)
    namespace: dict[str, object] = {"torch": torch, "model": model, "after": after}
    recorder = recorder_for(namespace)
    cell(
        recorder,
        "try:\n    model(torch.ones(1, 2))\nexcept ValueError:\n    pass\ny = torch.tanh(after(torch.ones(1, 2)))",
        namespace,
    )
    root = namespace["y"]
    assert isinstance(root, Tensor)
    graph = walk_graph(root)
    naming = name_nodes(graph, namespace)
    recorder.place(graph, naming)
    assert [naming.module_of(i) for i in range(2)] == ["", "after"]


def test_off_records_nothing() -> None:
    recorder = Recorder(dict)
    with recorder.cell():
        assert not torch.is_anomaly_enabled()
        graph = walk_graph(torch.ones(2, requires_grad=True).exp())
    assert recorder.line_of(graph.nodes[0]) == ""
