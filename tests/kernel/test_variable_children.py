"""What is below a name: parts with the names that the user would type, and none of their code run."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tui.kernel.training.waiting.handover import RunHandle
from tui.kernel.variable_children import ChildMemory, list_children
from tui.kernel.variable_paths import GoneError, resolve
from tui.kernel.variables import list_variables
from tui.protocol.children import ChildTable
from tui.protocol.messages import Variable

Point = namedtuple("Point", "x y")


@dataclass
class Batch:
    images: Tensor
    size: int


class Slotted:
    __slots__ = ("inner", "unset")

    def __init__(self) -> None:
        self.inner = torch.ones(2)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 2)
        self.blocks = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.heads = nn.ModuleDict({"a-b": nn.Linear(2, 1)})
        self.mask = torch.ones(3)
        self.register_buffer("steps", torch.arange(4))


def below(path: str, **names: object) -> dict[str, Variable]:
    return {row.name: row for row in list_children(names, path, memory=ChildMemory()).rows}


def children(names: dict[str, Any], path: str, limit: int = 500) -> ChildTable:
    return list_children(names, path, limit, memory=ChildMemory())


def test_a_module_has_its_own_tensors_first_then_its_parts() -> None:
    rows = below("model", model=Net())
    assert list(rows) == ["model.steps", "model.mask", "model.fc", "model.blocks", "model.heads"]
    assert rows["model.fc"].kind == "module"
    assert rows["model.fc"].unfolds
    assert not rows["model.mask"].unfolds
    assert list(below("model.fc", model=Net())) == ["model.fc.weight", "model.fc.bias"]
    assert list(below("model.blocks", model=Net())) == ["model.blocks[0]", "model.blocks[1]"]
    assert list(below("model.heads['a-b']", model=Net())) == [
        "model.heads['a-b'].weight",
        "model.heads['a-b'].bias",
    ]


def test_a_part_is_described_as_a_variable_is() -> None:
    row = below("batch", batch=[torch.tensor([[1.0, 3.0]])])["batch[0]"]
    assert (row.kind, row.shape, row.dtype, row.summary) == (
        "tensor", (1, 2), "float32", "x∈[1.0, 3.0] μ=2.0 σ=1.41",
    )  # fmt: skip


def test_the_gradient_is_below_its_leaf() -> None:
    w = torch.ones(2, requires_grad=True)
    result = w * 2
    result.retain_grad()
    result.sum().backward()
    assert below("w", w=w)["w.grad"].summary == "x∈[2.0, 2.0] μ=2.0 σ=0.0"
    assert below("y", y=result)["y.grad"].summary == "x∈[1.0, 1.0] μ=1.0 σ=0.0"
    assert below("z", z=w * 2) == {}


def test_the_state_of_an_optimizer_is_named_by_its_parameters() -> None:
    model = Net()
    optimizer = torch.optim.Adam(model.fc.parameters(), lr=0.1)
    model.fc(torch.ones(4)).sum().backward()
    optimizer.step()
    names = {"model": model, "opt": optimizer}
    assert [row.name for row in children(names, "opt").rows] == ["opt.param_groups[0]", "opt.state"]
    states = [row.name for row in children(names, "opt.state").rows]
    assert states == ["opt.state[model.fc.weight]", "opt.state[model.fc.bias]"]
    rows = children(names, states[0]).rows
    assert [row.name.removeprefix(states[0]) for row in rows] == ["['step']", "['exp_avg']", "['exp_avg_sq']"]
    assert rows[1].shape == (2, 4)


EVERY: list[tuple[object, list[str]]] = [
    ([1, 2], ["x[0]", "x[1]"]),
    ((1,), ["x[0]"]),
    (deque([1, 2]), ["x[0]", "x[1]"]),
    ({"fc.bias": 1, 3: 2, (1, "a"): 3, None: 4}, ["x['fc.bias']", "x[3]", "x[(1, 'a')]", "x[None]"]),
    (OrderedDict(a=1), ["x['a']"]),
    ({"it's\n": 1}, ['x["it\'s\\n"]']),
    ({object(): 1, "k" * 500: 2}, ["list(x.values())[0]", "list(x.values())[1]"]),
    ({7}, ["list(x)[0]"]),
    (frozenset({7}), ["list(x)[0]"]),
    (Point(1, torch.ones(1)), ["x.x", "x.y"]),
    (Batch(torch.ones(1), 3), ["x.images", "x.size"]),
    (Slotted(), ["x.inner"]),
    (torch.utils.data.TensorDataset(torch.ones(2)), ["x.tensors"]),
    (nn.ParameterList([torch.ones(1)]), ["x[0]"]),
    (nn.ParameterDict({"a": torch.ones(1)}), ["x['a']"]),
]


@pytest.mark.parametrize(("value", "paths"), EVERY, ids=lambda v: type(v).__name__)
def test_what_holds_things_unfolds_to_paths_that_lead_back(value: object, paths: list[str]) -> None:
    names = {"x": value}
    rows = children(names, "x").rows
    assert [row.name for row in rows] == paths
    (variable,) = list_variables(names, hidden=())[0].rows
    assert variable.unfolds
    for path in paths:
        typed = eval(path, dict(names))  # as the user would type it
        assert resolve(names, path)[-1] is typed


NO_PARTS = [
    5, "text", b"bytes", None, 1.5, range(3), slice(1, 2), torch.float32, torch.Size([1]), torch.ones(3), [], {},
    nn.ReLU(), nn.Linear, len, (i for i in iter(int, 1)), torch.Generator(), Point, object(), lambda: None,
]  # fmt: skip


@pytest.mark.parametrize("value", NO_PARTS, ids=lambda v: type(v).__name__)
def test_what_holds_nothing_does_not_unfold(value: object) -> None:
    (row,) = list_variables({"x": value}, hidden=())[0].rows
    assert not row.unfolds
    table = children({"x": value}, "x")
    assert (table.rows, table.reason) == ((), "there is nothing below x")


def test_an_infinite_generator_is_not_drawn_from() -> None:
    drawn: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            drawn.append(1)
            yield 1

    assert children({"g": endless()}, "g").rows == ()
    assert [row.kind for row in children({"x": [endless()]}, "x").rows] == ["generator"]
    assert drawn == []


def test_a_run_shows_its_parts() -> None:
    run = RunHandle(Path("/nowhere"), {"lr": 0.1})
    run.model = nn.Linear(2, 2)
    assert list(below("run", run=run)) == ["run.model", "run.loaders", "run.knobs"]
    assert list(below("run.model", run=run)) == ["run.model.weight", "run.model.bias"]


def test_what_contains_itself_stops_there() -> None:
    items: list[object] = [1]
    items.append(items)
    inner = children({"x": items}, "x").rows[1]
    assert not inner.unfolds
    assert "contains itself" in inner.summary
    module = nn.Sequential(nn.ReLU())
    module.add_module("again", module)
    assert not children({"m": module}, "m").rows[1].unfolds
    pair: list[object] = [[]]
    pair[0].append(pair)  # type: ignore[attr-defined]
    assert not children({"p": pair}, "p[0]").rows[0].unfolds
    assert list_variables({"x": items, "p": pair}, hidden=())[0].omitted == 0


def test_the_first_of_very_many() -> None:
    table = children({"x": list(range(10_000))}, "x", limit=3)
    assert (len(table.rows), table.omitted) == (3, 9_997)
    table = children({"x": {i: i for i in range(10)}}, "x", limit=3)
    assert (len(table.rows), table.omitted) == (3, 7)


GONE = [
    ("y", "y is no longer there"),
    ("x[9]", "x[9] is no longer there"),
    ("x[-1]", "x[-1] is no longer there"),
    ("x.real", "x.real is no longer there"),
    ("model.nope", "model.nope is no longer there"),
    ("model.forward", "model.forward is no longer there"),
    ("model.__class__", "model.__class__ is no longer there"),
    ("f(x)", "f(x) is no path"),
    ("x[", "x[ is no path"),
    ("", " is no path"),
    ("list(x)['a']", "is no path"),
    ("x" + "[0]" * 20_000, "is no path"),
]


@pytest.mark.parametrize(("path", "reason"), GONE, ids=[path[:20] for path, _ in GONE])
def test_a_path_that_leads_nowhere_says_so(path: str, reason: str) -> None:
    names = {"x": [1, 2], "model": Net(), "f": lambda x: pytest.fail("called")}
    table = children(names, path)
    assert table.rows == ()
    assert reason in table.reason


class Hostile:
    """Whatever is asked of it, it tells."""

    asked: list[str] = []

    def __getattribute__(self, name: str) -> object:
        Hostile.asked.append(name)
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        Hostile.asked.append("eq")
        raise RuntimeError("eq")

    def __hash__(self) -> int:
        return hash("key")

    def __repr__(self) -> str:
        Hostile.asked.append("repr")
        raise RuntimeError("repr")


class HostileMeta(type):
    def __getattribute__(cls, name: str) -> Any:
        Hostile.asked.append(f"meta {name}")
        return super().__getattribute__(name)


class Attributes(metaclass=HostileMeta):
    def __init__(self) -> None:
        self.__dict__.update(plain=1, answered=2, _private=3)

    @property
    def answered(self) -> int:
        Hostile.asked.append("property")
        return 1

    def __len__(self) -> int:
        Hostile.asked.append("len")
        return 1

    def __getitem__(self, index: int) -> int:
        Hostile.asked.append("item")
        return index


class HostileDict(dict[object, object]):
    def items(self) -> Any:
        Hostile.asked.append("items")
        raise RuntimeError("items")

    __iter__ = keys = values = items
    __len__ = __getitem__ = __contains__ = items  # type: ignore[assignment]


class HostileModule(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(1, 1)

    def __getattr__(self, name: str) -> Any:
        Hostile.asked.append(f"getattr {name}")
        raise RuntimeError(name)

    def named_children(self) -> Any:
        Hostile.asked.append("named_children")
        raise RuntimeError("named_children")

    def __len__(self) -> int:
        Hostile.asked.append("len")
        raise RuntimeError("len")


class HostileTensor(Tensor):
    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        Hostile.asked.append(str(func))
        raise RuntimeError("torch function")


def test_none_of_the_users_code_runs() -> None:
    key = object.__new__(Hostile)
    attributes = Attributes()
    names: dict[str, Any] = {
        "held": [key, torch.ones(1).as_subclass(HostileTensor)],
        "table": HostileDict(a=1),
        "keys": {"other": 1},
        "module": HostileModule(),
        "thing": attributes,
        "odd": key,
    }
    dict.__setitem__(names["keys"], key, torch.ones(1))
    dict.__setitem__(names["keys"], (key, 1), 2)
    Hostile.asked.clear()
    found = {name: [row.name for row in children(names, name).rows] for name in names}
    for path in (
        "keys['other']",
        "keys['key']",
        "keys[('key', 1)]",
        "thing.answered",
        "module.nope",
        "table['a']",
    ):
        children(names, path)
    list_variables(names, hidden=())
    assert Hostile.asked == []
    assert found == {
        "held": ["held[0]", "held[1]"],
        "table": ["table['a']"],
        "keys": ["keys['other']", "list(keys.values())[1]", "list(keys.values())[2]"],
        "module": ["module.fc"],
        "thing": ["thing.plain"],
        "odd": [],
    }
    with pytest.raises(GoneError):
        resolve(names, "thing.answered")


def test_whose_memory_a_part_is() -> None:
    model = nn.Linear(4, 2)
    names = {
        "model": model,
        "state": model.state_dict(),
        "w": model.weight,
        "batch": [model.bias, model.bias[:1]],
    }
    assert [row.shares_with for row in children(names, "model").rows] == ["", ""]
    assert [row.shares_with for row in children(names, "state").rows] == ["model", "model"]
    bias, part = children(names, "batch").rows
    assert (bias.shares_with, part.shares_with, part.own_bytes) == ("model", "model", 4)
    pair = torch.ones(2)
    first, again = children({"x": [pair, pair]}, "x").rows
    assert (first.same_as, again.same_as) == ("", "x[0]")


def test_what_changed_since_the_cell_before_is_marked() -> None:
    names: dict[str, Any] = {"x": [torch.ones(2), torch.ones(2)]}
    memory = ChildMemory()

    def changed(cell: int, *, running: bool = False) -> list[bool]:
        table = list_children(names, "x", execution_count=cell, cell_running=running, memory=memory)
        return [row.changed for row in table.rows]

    assert changed(1) == [False, False]
    names["x"][1].add_(1)
    assert changed(2) == [False, True]
    assert changed(2) == [False, True]
    names["x"][0].add_(1)
    assert changed(2, running=True) == [True, False]
    assert changed(3) == [True, False]
    names["x"][0].add_(1)
    assert changed(9) == [False, False]  # nobody looked in between


def test_while_other_threads_write() -> None:
    names: dict[str, Any] = {"d": {}, "s": set(), "q": deque()}
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for i in range(200):
                names["d"][i] = torch.ones(1)
                names["s"].add(i)
                names["q"].append(i)
            names["d"].clear()
            names["s"].clear()
            names["q"].clear()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(30):
            for path in ("d", "s", "q", "d[5]"):
                assert isinstance(children(names, path), ChildTable)
    finally:
        stop.set()
        writer.join()
