from __future__ import annotations

import sys
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from tui.kernel.tensor_stats import batch_stats
from tui.kernel.training.progress import Progress
from tui.kernel.training.waiting.handover import RunHandle
from tui.kernel.variables import Fingerprints, StatisticsCache, list_variables
from tui.protocol.messages import Variable, VariableTable
from tui.protocol.run import RunStatus

INT4: torch.dtype = vars(torch)["int4"]  # unknown to torch's stubs


class Session:
    """A namespace of which tables are taken, with a cache of its own."""

    def __init__(self, **names: object) -> None:
        self.names = names
        self.cache = StatisticsCache()
        self.before: Fingerprints | None = None
        self.cell = 0

    def table(self, limit: int = 2000, budget_s: float = 60.0) -> VariableTable:
        table, self.before = list_variables(
            self.names,
            hidden={"In", "Out"},
            before=self.before,
            limit=limit,
            execution_count=self.cell,
            budget_s=budget_s,
            cache=self.cache,
        )
        return table

    def changed(self) -> set[str]:
        self.cell += 1
        return {row.name for row in self.table().rows if row.changed}


def row_of(value: object) -> Variable:
    (row,) = Session(value=value).table().rows
    return row


def test_only_the_names_of_the_user_in_their_order() -> None:
    names: dict[Any, object] = {
        "b": 1,
        "_i": 2,
        "In": [],
        "os": types.ModuleType("os"),
        "a": torch.ones(1),
        3: 4,
    }
    table, _ = list_variables(names, hidden={"In"}, cache=StatisticsCache())
    assert [row.name for row in table.rows] == ["b", "a"]


def test_a_tensor() -> None:
    row = row_of(torch.tensor([[1.0, 3.0]]))
    assert (row.kind, row.type_name, row.shape, row.dtype) == ("tensor", "Tensor", (1, 2), "float32")
    assert (row.device, row.grad, row.size_bytes) == ("cpu", "", 8)
    assert row.summary == "x∈[1.0, 3.0] μ=2.0 σ=1.41"


def test_gradient_states() -> None:
    w = torch.ones(2, requires_grad=True)
    assert row_of(w).grad == "leaf"
    result = w * 2
    assert (row_of(result).grad, row_of(result).grad_fn) == ("graph", "MulBackward0")
    result.sum().backward()
    assert row_of(w).grad == "leaf+grad"
    assert row_of(nn.Parameter(torch.ones(1))).kind == "parameter"


def test_modules_and_what_trains_them() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(TensorDataset(torch.zeros(1797, 1)), batch_size=32)
    session = Session(
        model=model,
        optimizer=optimizer,
        scheduler=torch.optim.lr_scheduler.StepLR(optimizer, 2),
        loader=loader,
        dataset=loader.dataset,
        generator=torch.Generator(),
    )
    rows = {row.name: row for row in session.table().rows}
    assert {name: row.kind for name, row in rows.items()} == {
        name: name if name != "model" else "module" for name in rows
    }
    assert rows["model"].summary == "Linear→ReLU 9 parameters"
    assert rows["model"].grad == "requires_grad"
    assert rows["model"].size_bytes == 36
    assert rows["model"].shape is None
    assert rows["optimizer"].summary == "lr=0.1, 9 parameters"
    assert rows["scheduler"].summary == "epoch 0 lr=0.1"
    assert rows["loader"].summary == "TensorDataset of 1,797, batch_size=32"
    assert rows["dataset"].summary == "1,797 samples"


@pytest.mark.parametrize(
    ("status", "completed", "batch", "summary"),
    [
        ("running", 0, 0, "running, epoch 1, step 7"),
        ("paused", 2, 5, "paused, epoch 3, step 7"),
        ("paused", 10, 0, "paused, epoch 10, step 7"),  # in the evaluation after the last epoch
        ("paused", 10, 1, "paused, epoch 11, step 7"),  # so many steps, however many epochs that takes
        ("finished", 10, 0, "finished, epoch 10, step 7"),
        ("stopped", 2, 5, "stopped, epoch 2, step 7"),
    ],
)
def test_a_run_tells_the_epoch_it_is_in(status: RunStatus, completed: int, batch: int, summary: str) -> None:
    run = RunHandle(Path("/nowhere"), {"epochs": 10})
    run.status, run.progress = status, Progress(epoch=completed, step=7, batch=batch)
    assert row_of(run).summary == summary
    assert summary in repr(run)
    assert run.epoch == completed


def test_memory_counts_each_storage_once() -> None:
    base = torch.zeros(10, 10)
    model = nn.Linear(10, 10)
    session = Session(
        base=base, view=base[2:], model=model, weight=model.weight, sparse=torch.eye(2).to_sparse()
    )
    table = session.table()
    rows = {row.name: row for row in table.rows}
    assert rows["base"].storage == rows["view"].storage != ""
    assert rows["view"].size_bytes == 400
    assert rows["sparse"].size_bytes == 2 * 2 * 8 + 2 * 4
    assert table.total_bytes == {"cpu": 400 + 440 + 40}


PLAIN = [
    (5, "value", "5"),
    (10**400, "value", "an int of 1,329 bits"),
    ("x" * 200, "value", "'" + "x" * 58 + "…"),
    (None, "value", "None"),
    (torch.float32, "value", "torch.float32"),
    (torch.Size([2, 3]), "value", "torch.Size([2, 3])"),
    ([1, "a", torch.ones(2)], "container", "3 items  [1, 'a', Tensor]"),
    ({"k": 1.5}, "container", "1 item  {'k': 1.5}"),
    ((), "container", "0 items"),
    (list(range(100)), "container", "100 items  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …]"),
    (nn.Linear, "class", "torch.nn.modules.linear.Linear"),
    (len, "function", "builtin_function_or_method"),
    (np.arange(3), "array", "x∈[0, 2] μ=1.0 σ=1.0"),
    (np.arange(3)[::-1], "array", "x∈[0, 2] μ=1.0 σ=1.0"),
    (np.array(["a"]), "array", ""),
]


@pytest.mark.parametrize(
    ("value", "kind", "summary"), PLAIN, ids=[summary or "text array" for *_, summary in PLAIN]
)
def test_plain_values(value: object, kind: str, summary: str) -> None:
    row = row_of(value)
    assert (row.kind, row.summary) == (kind, summary)


def test_a_function_shows_its_arguments() -> None:
    def loss(output: Tensor, target: Tensor, *, scale: float = 1.0) -> Tensor:
        return (output - target).sum() * scale

    assert row_of(loss).summary == "loss(output, target, scale)"


class Raises:
    """Whatever is asked of it, it raises; `ran` tells that it was asked."""

    ran: list[str] = []

    def __getattribute__(self, name: str) -> object:
        Raises.ran.append(name)
        raise RuntimeError("asked")

    def __repr__(self) -> str:
        Raises.ran.append("repr")
        raise RuntimeError("asked")

    def __len__(self) -> int:
        Raises.ran.append("len")
        raise RuntimeError("asked")

    def __eq__(self, other: object) -> bool:
        Raises.ran.append("eq")
        raise RuntimeError("asked")

    __hash__ = None  # type: ignore[assignment]


class Pretender:
    """Says that it is a tensor."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        Raises.ran.append("class")
        return Tensor


class BadList(list[int]):
    """A list whose own methods raise."""

    def __len__(self) -> int:
        raise RuntimeError("asked")

    def __iter__(self) -> object:  # type: ignore[override]
        raise RuntimeError("asked")

    def __repr__(self) -> str:
        raise RuntimeError("asked")


class BadMeta(type):
    """A metaclass whose classes have no name and no module."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("asked")

    def __instancecheck__(cls, other: object) -> bool:
        raise RuntimeError("asked")


class Odd(metaclass=BadMeta):
    """Of such a metaclass."""


class BadTensor(Tensor):
    """A tensor whose shape raises."""

    @property
    def shape(self) -> torch.Size:  # type: ignore[override]
        raise RuntimeError("asked")

    @classmethod
    def __torch_function__(
        cls, func: object, types: object, args: object = (), kwargs: object = None
    ) -> object:
        raise RuntimeError("asked")


class BadModule(nn.Module):
    """A module whose attributes raise."""

    def __getattr__(self, name: str) -> Tensor:
        raise RuntimeError("asked")

    def named_parameters(self, *_: object, **__: object) -> object:  # type: ignore[override]
        raise RuntimeError("asked")


def test_none_of_the_users_code_runs() -> None:
    Raises.ran.clear()
    tensor = torch.ones(2).as_subclass(BadTensor)
    inner = object.__new__(Raises)
    session = Session(
        raises=inner,
        inside=[inner],
        pretender=Pretender(),
        items=BadList([1, 2]),
        odd=Odd(),
        odd_class=Odd,
        tensor=tensor,
        module=BadModule(),
    )
    for _ in range(2):
        rows = {row.name: row for row in session.table().rows}
    assert Raises.ran == []
    assert rows["raises"].type_name == "Raises"
    assert rows["raises"].kind == rows["pretender"].kind == "value"
    assert rows["inside"].summary == "1 item  [Raises]"
    assert rows["items"].summary == "2 items"
    assert rows["odd"].type_name == "Odd"
    assert (rows["tensor"].shape, rows["tensor"].summary) == ((2,), "x∈[1.0, 1.0] μ=1.0 σ=0.0")
    assert rows["module"].summary == "0 parameters"


def test_a_tensor_that_cannot_be_read_keeps_its_row() -> None:
    row = row_of(torch.empty(4, dtype=INT4))
    assert (row.shape, row.dtype) == ((4,), "int4")
    assert "not implemented" in row.summary
    meta = row_of(torch.ones(3, device="meta"))
    assert (meta.size_bytes, meta.storage, meta.summary) == (None, "", "meta: no values")


def test_changed_marks_new_rebound_and_written_in_place() -> None:
    x, kept, model = torch.ones(3), torch.ones(3), nn.Linear(2, 2)
    session = Session(x=x, kept=kept, model=model, items=[1], n=5)
    assert session.changed() == set()  # nothing to compare with
    assert session.changed() == set()
    x.add_(1)
    assert session.changed() == {"x"}
    session.names["n"] = 6
    session.names["items"].append(2)  # type: ignore[attr-defined]
    session.names["new"] = 1
    assert session.changed() == {"n", "items", "new"}
    with torch.no_grad():
        model.bias.zero_()
    session.names["kept"] = torch.ones(3)
    assert session.changed() == {"model", "kept"}
    assert session.changed() == set()


def test_changes_that_torch_does_not_count_show_after_the_cell() -> None:
    w = torch.ones(3, requires_grad=True)
    x = torch.ones(3)
    session = Session(w=w, x=x)
    session.changed()
    version = w._version
    w.data.add_(1)
    x.numpy()[0] = 7
    assert w._version == version
    assert session.changed() == {"w", "x"}
    assert next(row.summary for row in session.table().rows) == "x∈[2.0, 2.0] μ=2.0 σ=0.0"


@pytest.mark.parametrize("options", [{"foreach": True}, {"fused": True}, {"foreach": False}], ids=str)
def test_an_optimizer_step_shows_though_no_cell_ran(options: dict[str, bool]) -> None:
    w = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([w], lr=1.0, **options)
    session = Session(w=w)
    session.table()
    w.grad = torch.ones(3)
    optimizer.step()
    (row,) = session.table().rows
    assert row.summary == "x∈[0.0, 0.0] μ=0.0 σ=0.0"


def test_an_unchanged_tensor_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import tui.kernel.variable_statistics as variables

    read: list[int] = []
    real = batch_stats

    def counting(tensors: list[Tensor], **options: float) -> object:
        read.append(len(tensors))
        return real(tensors, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(variables, "batch_stats", counting)
    x, y = torch.ones(3), torch.zeros(3)
    session = Session(x=x, y=y)
    first = session.table()
    assert session.table() == first
    y.add_(1)
    session.table()
    session.names["x"] = torch.ones(3)
    session.table()
    assert read == [2, 0, 1, 1]


def test_without_time_rows_come_without_statistics_and_keep_old_ones() -> None:
    session = Session(x=torch.ones(3))
    assert [row.summary for row in session.table(budget_s=-1.0).rows] == ["…"]
    known = session.table().rows[0].summary
    session.cell += 1
    assert [(row.summary, row.changed) for row in session.table(budget_s=-1.0).rows] == [(known, False)]


def test_limit_counts_what_is_left_out_and_its_memory() -> None:
    table = Session(**{f"x{i}": torch.ones(1) for i in range(5)}).table(limit=2)
    assert (len(table.rows), table.omitted) == (2, 3)
    assert table.total_bytes == {"cpu": 20}


def test_while_other_threads_write_to_namespace_and_tensors() -> None:
    session = Session(x=torch.ones(50_000), model=nn.Linear(4, 4))
    stop = threading.Event()
    faults: list[Exception] = []
    x = session.names["x"]
    assert isinstance(x, Tensor)

    def write() -> None:
        try:
            while not stop.is_set():
                for i in range(300):
                    session.names[f"t{i}"] = torch.ones(2)
                    x.add_(1)
                for i in range(300):
                    del session.names[f"t{i}"]
        except Exception as error:  # noqa: BLE001 - reported by the test
            faults.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(30):
            rows = {row.name: row for row in session.table().rows}
            assert rows["x"].shape == (50_000,)
    finally:
        stop.set()
        writer.join()
        sys.setswitchinterval(interval)
    assert faults == []


# -- memory and sharing ---------------------------------------------------------------------------


def rows_of(**names: object) -> dict[str, Variable]:
    return {row.name: row for row in Session(**names).table().rows}


def test_views_and_aliases_say_whose_memory_they_are() -> None:
    x = torch.zeros(10)
    rows = rows_of(x=x, view=x[2:5], spread=x[:1].expand(100), same=x, other=torch.zeros(10))
    assert [rows[name].shares_with for name in rows] == ["", "x", "x", "x", ""]
    assert [rows[name].same_as for name in rows] == ["", "", "", "x", ""]
    assert [rows[name].own_bytes for name in rows] == [40, 12, 4, 40, 40]


def test_a_numpy_array_and_a_tensor_on_it_share() -> None:
    array = np.zeros(5)
    tensor = torch.ones(3)
    names = {"array": array, "on_it": torch.from_numpy(array), "tensor": tensor, "bridge": tensor.numpy()[1:]}
    table = Session(**names).table()
    assert [row.shares_with for row in table.rows] == ["", "array", "", "tensor"]
    assert (table.total_bytes, table.shared_bytes) == ({"cpu": 40 + 12}, 40 + 12)


def test_gradients_containers_and_optimizers_count() -> None:
    w = torch.ones(10, requires_grad=True)
    w.sum().backward()
    optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    optimizer.step()
    batch = {"x": [torch.zeros(100)], "y": (torch.zeros(1), w)}
    table = Session(w=w, optimizer=optimizer, batch=batch, g=w.grad).table()
    rows = {row.name: row for row in table.rows}
    assert rows["optimizer"].size_bytes == 40  # the momentum; the parameters are w's
    assert (rows["batch"].size_bytes, rows["batch"].shares_with) == (400 + 4 + 40, "")
    assert rows["g"].shares_with == "w.grad"
    assert table.total_bytes == {"cpu": 40 + 40 + 40 + 404}
    assert table.shared_bytes == 40 + 40


def test_a_state_dict_is_its_models_memory() -> None:
    model = nn.Linear(3, 3)
    table = Session(model=model, state=model.state_dict()).table()
    assert [row.shares_with for row in table.rows] == ["", "model"]
    assert table.total_bytes == {"cpu": 48}


def test_what_is_inside_a_container_marks_it_as_changed() -> None:
    batch = [torch.ones(3)]
    session = Session(batch=batch, other=[torch.ones(3)])
    session.changed()
    batch[0].add_(1)
    assert session.changed() == {"batch"}


def test_a_container_of_a_million_items_is_not_walked_whole() -> None:
    many = [[]] * 1_000_000  # type: ignore[var-annotated]
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    rows = rows_of(many=many, deep=deep)
    assert rows["many"].summary.startswith("1,000,000 items")
    while deep:  # freed link by link: the interpreter's own way down may run out of stack
        deep = deep.pop()  # type: ignore[assignment]
