from __future__ import annotations

import collections
import dataclasses
import types
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tui.kernel import tensor_stats
from tui.kernel.drawing import tree as tree_module
from tui.kernel.drawing.members import members_of
from tui.kernel.drawing.tree import DEEPEST, MOST_ROWS, RECURSION, tree_of
from tui.protocol.codec import decode, encode
from tui.protocol.values import TreeRow


def rows_of(value: object) -> tuple[TreeRow, ...]:
    """Return the rows of a value that has room for all of them."""
    rows, omitted = tree_of(value)
    assert omitted == 0
    for row in rows:
        assert decode(TreeRow, encode(row)) == row
    return rows


def outline(value: object) -> list[tuple[int, str, str]]:
    return [(row.depth, row.label, row.type_name) for row in rows_of(value)]


class Pair(NamedTuple):
    left: Tensor
    right: int


@dataclasses.dataclass
class Batch:
    inputs: Tensor
    name: str = "train"
    count: int = dataclasses.field(default=3, init=False)


@dataclasses.dataclass(slots=True)
class Slotted:
    inputs: Tensor
    rest: int = 0


ZEROS = torch.zeros(2)

CONTAINERS: list[tuple[Any, str]] = [
    ([ZEROS], "[0]"),
    ((ZEROS,), "[0]"),
    ({"weight": ZEROS}, "['weight']"),
    ({3: ZEROS}, "[3]"),
    ({("a", 1): ZEROS}, "[('a', 1)]"),
    ({object(): ZEROS}, "[<object>]"),
    (collections.OrderedDict(w=ZEROS), "['w']"),
    (collections.defaultdict(list, w=ZEROS), "['w']"),
    (collections.deque([ZEROS]), "[0]"),
    ({ZEROS}, "{}"),
    (frozenset([ZEROS]), "{}"),
    (types.SimpleNamespace(x=ZEROS), ".x"),
    (Pair(ZEROS, 1), ".left"),
    (Batch(ZEROS), ".inputs"),
    (Slotted(ZEROS), ".inputs"),
    (torch.zeros(3, 2).max(0), ".values"),
]


@pytest.mark.parametrize(("container", "label"), CONTAINERS, ids=lambda value: type(value).__name__)
def test_every_container_has_a_line_per_part(container: object, label: str) -> None:
    rows = rows_of(container)
    assert rows[0].depth == 0
    assert rows[0].label == ""
    assert rows[0].type_name == type(container).__name__
    assert (rows[1].depth, rows[1].label, rows[1].type_name) == (1, label, "Tensor")
    assert rows[1].tensor is not None
    assert rows[1].tensor.shape == (2,)
    assert rows[1].summary == "(2,) float32 [0.0 0.0]"


def test_other_parts_are_a_short_value() -> None:
    assert [(row.label, row.summary) for row in rows_of(Batch(ZEROS))[2:]] == [
        (".name", "'train'"),
        (".count", "3"),
    ]
    assert rows_of([ZEROS, [1, 2], "x" * 1000, None])[2].summary == "2 items  [1, 2]"


def test_what_holds_no_tensor_has_no_tree() -> None:
    nothing: list[object] = [
        [1, 2],
        {"a": "b"},
        (),
        3,
        "text",
        None,
        nn.ReLU(),
        nn.Sequential(nn.ReLU()),
        Batch,
    ]
    nothing += [torch.zeros(3).shape, range(9), iter([ZEROS]), torch.float32, ZEROS, np.zeros(3)]
    for value in nothing:
        assert tree_of(value) == ((), 0)


def test_a_module_lists_its_submodules_parameters_and_buffers() -> None:
    model = nn.Sequential(
        collections.OrderedDict(body=nn.Linear(2, 3), norm=nn.BatchNorm1d(3), act=nn.ReLU())
    )
    assert outline(model) == [
        (0, "", "Sequential"),
        (1, ".body", "Linear"),
        (2, ".weight", "Parameter"),
        (2, ".bias", "Parameter"),
        (1, ".norm", "BatchNorm1d"),
        (2, ".weight", "Parameter"),
        (2, ".bias", "Parameter"),
        (2, ".running_mean", "Tensor"),
        (2, ".running_var", "Tensor"),
        (2, ".num_batches_tracked", "Tensor"),
        (1, ".act", "ReLU"),
    ]
    rows = rows_of(model)
    assert rows[0].summary == "15 parameters"
    assert rows[1].summary == "in_features=2, out_features=3, bias=True"
    assert rows[10].summary == ""
    assert [row.label for row in rows_of(nn.Sequential(nn.Linear(1, 1)))][1] == "[0]"


def test_an_object_met_again_names_the_place_where_it_is_listed() -> None:
    layer = nn.Linear(2, 2)
    rows = rows_of({"a": layer, "b": layer, "c": layer.weight})
    assert [(row.label, row.summary) for row in rows if row.depth == 1][1:] == [
        ("['b']", "same as ['a']  in_features=2, out_features=2, bias=True"),
        ("['c']", rows[-1].summary),
    ]
    places = [row for row in rows if row.type_name == "Parameter"]
    assert len(places) == 3
    assert sum(row.summary.startswith("same as") for row in places) == 1


def test_recursion_ends() -> None:
    loop: list[object] = [ZEROS]
    table: dict[str, object] = {"loop": loop}
    loop += [loop, table]
    rows = rows_of(loop)
    assert [(row.label, row.summary) for row in rows[2:]] == [
        ("[1]", RECURSION),
        ("[2]", "1 item"),
        ("['loop']", RECURSION),
    ]
    model = nn.Linear(1, 1)
    model.me = model
    assert [row.summary for row in rows_of(model) if row.label == ".me"] == [RECURSION]


def test_many_shared_lists_take_no_time() -> None:
    nest: list[object] = [ZEROS]
    for _ in range(60):  # 2^60 paths
        nest = [nest, nest]
    rows, _ = tree_of([ZEROS, nest])
    assert max(row.depth for row in rows) == DEEPEST
    assert len(rows) < MOST_ROWS


def test_upper_levels_come_first_and_the_rest_is_counted() -> None:
    value = ([torch.tensor(i) for i in range(1500)], ZEROS)
    rows, omitted = tree_of(value)
    assert len(rows) == MOST_ROWS
    assert rows[-1].label == "[1]"
    assert rows[-1].depth == 1
    assert len(rows) + omitted == 1 + 2 + 1500
    assert rows[1].summary == "1,500 items, the first 197 shown"


def test_a_tensor_deep_below_is_cut_off_but_known() -> None:
    deep: list[object] = [ZEROS]
    for _ in range(40):
        deep = [deep]
    rows, omitted = tree_of(deep)
    assert [row.depth for row in rows] == list(range(DEEPEST + 1))
    assert omitted == 1


def test_a_big_list_without_tensors_is_soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[object] = []

    def counted(value: object) -> object:
        looked_at.append(value)
        return members_of(value)

    monkeypatch.setattr(tree_module, "members_of", counted)
    assert tree_of([[[0.5] * 2000] * 500] * 2000) == ((), 0)
    assert tree_of([[float(i)] * 100 for i in range(100_000)]) == ((), 0)
    assert len(looked_at) <= 20_000


def test_arrays_inside_have_facts_too() -> None:
    array = np.arange(6, dtype=np.int16).reshape(2, 3)[:, ::2]
    row = rows_of({"x": array})[1]
    assert (row.type_name, row.summary) == ("ndarray", "(2, 2) int16 [[0 2] [3 5]]")
    assert row.tensor is not None
    assert row.tensor.strides == (3, 2)
    assert row.tensor.is_view
    text = rows_of([ZEROS, np.array(["a", "b"])])[2]
    assert text.tensor is None


def test_small_tensors_show_their_values() -> None:
    rows = rows_of([
        torch.tensor([0.25, 2.0]), torch.tensor([True, False]), torch.tensor([[1], [-2]]), torch.arange(8),
    ])  # fmt: skip
    assert [row.summary for row in rows[1:]] == [
        "(2,) float32 [0.25 2.0]", "(2,) bool [True False]", "(2, 1) int64 [[1] [-2]]",
        "(8,) int64 [0 1 2 3 4 5 6 7]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "tensor",
    [torch.tensor([1.0, torch.nan]), torch.arange(9), torch.zeros(2, 2, 2), torch.zeros(2, device="meta"),
     torch.zeros(2, dtype=torch.complex64), torch.zeros(0)],
)  # fmt: skip
def test_others_show_what_their_statistics_say(tensor: Tensor) -> None:
    row = rows_of([tensor])[1]
    assert row.tensor is not None
    assert row.summary.endswith(row.tensor.statistics)


def test_statistics_of_all_tensors_are_read_together(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(tensors: list[Tensor], *, deadline_s: float) -> object:
        calls.append(len(tensors))
        return tensor_stats.batch_stats(tensors, deadline_s=deadline_s)

    monkeypatch.setattr(tree_module, "batch_stats", counted)
    weight = torch.ones(3)
    rows_of({"a": weight, "b": [weight, torch.zeros(2)], "c": nn.Linear(2, 2)})
    assert calls == [4]


def test_without_time_the_tree_comes_without_statistics() -> None:
    rows, _ = tree_of({"a": torch.ones(3)}, budget_s=-1.0)
    assert rows[1].summary == "(3,) float32 …"


# -- objects that must not be asked -----------------------------------------------------------------


class Hostile:
    """Whatever is asked of it, it raises."""

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError(f"{name} was asked for")

    def __repr__(self) -> str:
        raise RuntimeError("the repr ran")

    def __len__(self) -> int:
        raise RuntimeError("the length was asked for")

    def __iter__(self) -> object:
        raise RuntimeError("it was iterated over")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("it was compared")

    def __hash__(self) -> int:
        return 1

    def __bool__(self) -> bool:
        raise RuntimeError("its truth was asked for")


class HostileList(list[object]):
    __len__ = __iter__ = __getitem__ = __repr__ = __bool__ = Hostile.__len__  # type: ignore[assignment]

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError(f"{name} was asked for")


class HostileDict(dict[str, object]):
    __len__ = __iter__ = __getitem__ = items = keys = __repr__ = Hostile.__len__  # type: ignore[assignment]


@dataclasses.dataclass
class HostileBatch:
    x: Tensor

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError(f"{name} was asked for")


class HostileModule(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.__dict__["strange"] = Hostile()

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"{name} was asked for")

    def extra_repr(self) -> str:
        raise RuntimeError("the settings were asked for")

    def named_parameters(self, *args: object, **kwargs: object) -> Any:
        raise RuntimeError("the parameters were asked for")

    __len__ = __iter__ = __repr__ = Hostile.__len__  # type: ignore[assignment]


class Meta(type):
    def __getattribute__(cls, name: str) -> object:
        raise RuntimeError(f"{name} of the class was asked for")


class HostileClass(metaclass=Meta):
    pass


def test_no_code_of_the_users_runs() -> None:
    batch = HostileBatch.__new__(HostileBatch)
    object.__setattr__(batch, "x", ZEROS)
    value = {
        "object": Hostile(),
        Hostile(): ZEROS,
        "list": HostileList([ZEROS, Hostile()]),
        "dict": HostileDict(a=ZEROS),
        "batch": batch,
        "module": HostileModule(),
        "class": HostileClass,
        "instance": HostileClass(),
    }
    rows = rows_of(value)
    assert [row.label for row in rows if row.depth == 1] == [
        "['object']", "[<Hostile>]", "['list']", "['dict']", "['batch']", "['module']", "['class']", "['instance']",
    ]  # fmt: skip
    assert sum(row.tensor is not None for row in rows) == 6
    assert tree_of(Hostile()) == ((), 0)


def test_a_module_that_was_not_initialized() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            pass

    rows = rows_of([Half(), ZEROS])
    assert "super().__init__()" in rows[1].summary


def test_a_tree_leaves_no_trace() -> None:
    model = nn.Linear(2, 2)
    model(torch.ones(1, 2)).sum().backward()
    assert model.weight.grad is not None
    grad, version, state = model.weight.grad.clone(), model.weight._version, torch.get_rng_state()
    rows_of(model)
    assert torch.equal(model.weight.grad, grad)
    assert model.weight._version == version
    assert torch.equal(torch.get_rng_state(), state)
