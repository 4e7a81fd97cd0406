from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from torch import nn
from traitlets.config import Config

from tui.kernel.completion import list_completions, read_signature
from tui.protocol.codec import decode, encode
from tui.protocol.completing import (
    CompletionItem,
    CompletionList,
    ListCompletions,
    ReadSignature,
    SignatureTip,
)

SETUP = """
import torch
from torch import nn
import torch.nn.functional as F
x = torch.zeros(10, 3)
w = nn.Parameter(torch.zeros(2))
class Net(nn.Module):
    '''A small net.'''
    def __init__(self, width, depth=2, *, act=torch.relu):
        super().__init__()
        self.fc = nn.Linear(width, 2)
    @property
    def size(self):
        raise RuntimeError('asked')
    def forward(self, images, mask=None):
        return self.fc(images)
net = Net(3)
layers = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
table = {'alpha': x, 'beta': [net]}
number = 12
def scale(values, factor=2.0, /, *rest, axis: int = 0, **options) -> torch.Tensor:
    '''Scale the values.

    More.'''
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Any:
    config = Config()
    config.HistoryManager.enabled = False
    config.IPCompleter.use_jedi = False
    make: Any = InteractiveShell
    made = make(config=config, ipython_dir=str(tmp_path_factory.mktemp("ipython")))
    exec(SETUP, made.user_ns)
    return made


def at_bar(code: str) -> tuple[str, int]:
    """The code without its bar, and where the bar stood; at the end where there is none."""
    cursor = code.index("|") if "|" in code else len(code)
    return code.replace("|", "", 1), cursor


def completed(shell: Any, code: str) -> CompletionList:
    found = list_completions(shell, ListCompletions(*at_bar(code)))
    assert decode(CompletionList, encode(found)) == found
    return found


def texts(found: CompletionList) -> list[str]:
    return [*(item.text for item in found.items), *found.more]


def item(shell: Any, code: str, text: str) -> CompletionItem:
    return next(item for item in completed(shell, code).items if item.text == text)


def signature(shell: Any, code: str) -> SignatureTip:
    return read_signature(shell, ReadSignature(*at_bar(code)))


@pytest.mark.parametrize(
    ("code", "text", "start"),
    [
        ("nu", "number", 0),
        ("y = torch.zer", "zeros", 10),
        ("torch . zer", "zeros", 8),
        ("net.fc.wei", "weight", 7),
        ("layers[0].bi", "bias", 10),
        ("table['beta'][0].fc.wei", "weight", 20),
        ("torch.rand(3).su", "sum", 14),
        ("(x + 1).me", "mean", 8),
        ("x[0].me", "mean", 5),
        ("Net(3).forw", "forward", 7),
        ("'a'.jo", "join", 4),
        ("scale(x).su", "sum", 9),
        ("y = x * 2\ny.me", "mean", 12),
        ("fresh = 1\nfre", "fresh", 10),
        ("number\nx.me|an()", "mean", 9),
        ("isin", "isinstance", 0),
        ("torch.zeros(3, requ", "requires_grad=", 15),
        ("Net(3, dep", "depth=", 7),
        ("net(x, ma", "mask=", 7),
        ("%time", "%timeit", 0),
        ("%%time", "%%timeit", 0),
        ("%timeit torch.zer", "zeros", 14),
        ("%%time\ntorch.zer", "zeros", 13),
        ("table['al", "alpha", 7),
        ("import js", "json", 7),
        ("import json, tor", "torch", 13),
        ("from torch.nn import functional, Lin", "Linear", 33),
        ("from torch.nn.util", "utils", 14),
        ("open('/et", "/etc/", 6),
    ],
)
def test_a_name_is_completed_where_it_begins(shell: Any, code: str, text: str, start: int) -> None:
    found = completed(shell, code)
    assert text in texts(found)
    assert found.start == start
    assert found.end == at_bar(code)[1]


@pytest.mark.parametrize(
    "code", ["", "x = 1  # to", "'a to", "3.", "1.5", "no_such_name.", "x.no_such", "f(x)."]
)
def test_where_nothing_can_stand_nothing_is_offered(shell: Any, code: str) -> None:
    assert texts(completed(shell, code)) == []


def test_an_item_tells_what_it_is(shell: Any) -> None:
    assert item(shell, "x", "x") == CompletionItem("x", "tensor", "(10, 3) float32")
    assert item(shell, "w", "w") == CompletionItem("w", "parameter", "(2,) float32")
    assert item(shell, "numb", "number") == CompletionItem("number", "value", "12")
    assert item(shell, "Ne", "Net") == CompletionItem(
        "Net", "class", "(width, depth=2, *, act=…)", "A small net."
    )
    zeros = item(shell, "torch.zer", "zeros")
    assert zeros.kind == "function"
    assert zeros.detail.startswith("(*size, *, out=None, dtype=None")
    assert zeros.doc.startswith("Returns a tensor filled with the scalar value 0")
    assert item(shell, "net.forw", "forward").detail == "(images, mask=None)"
    assert item(shell, "Net.forw", "forward").detail == "(self, images, mask=None)"
    assert item(shell, "net.siz", "size").kind == "attribute"
    assert item(shell, "net.f", "fc").detail == "Linear"
    assert item(shell, "net.fc.we", "weight").detail == "(2, 3) float32"
    assert item(shell, "whil", "while").kind == "keyword"
    assert item(shell, "torch.n", "nn").kind == "module"
    assert item(shell, "torch.zeros(3, requ", "requires_grad=").kind == "argument"


def test_private_names_come_last_and_arguments_first(shell: Any) -> None:
    order = texts(completed(shell, "net."))
    assert order.index("fc") < order.index("_modules") < order.index("__init__")
    assert texts(completed(shell, "Net("))[:3] == ["width=", "depth=", "act="]


def test_only_the_first_names_have_details(shell: Any) -> None:
    found = list_completions(shell, ListCompletions("torch.", 6, detailed=5))
    assert len(found.items) == 5
    assert {name for name in dir(torch) if name.isidentifier()} <= set(texts(found))


def test_a_list_of_torch_comes_in_time(shell: Any) -> None:
    completed(shell, "torch.")
    taken_s = []
    for _ in range(5):
        started_s = time.perf_counter()
        completed(shell, "torch.")
        taken_s.append(time.perf_counter() - started_s)
    assert min(taken_s) < 0.1


class Hostile:
    """Whatever is asked of it, it notes it and fails."""

    asked: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        Hostile.asked.append(name)
        raise RuntimeError(name)

    def __getattr__(self, name: str) -> Any:
        Hostile.asked.append(name)
        raise RuntimeError(name)

    def __dir__(self) -> Any:
        Hostile.asked.append("__dir__")
        raise RuntimeError

    def __repr__(self) -> str:
        Hostile.asked.append("__repr__")
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        Hostile.asked.append("__eq__")
        raise RuntimeError

    def __hash__(self) -> int:
        return 1

    def __call__(self, one: int, two: object = None) -> None:
        Hostile.asked.append("__call__")

    def method(self, value: object) -> None:
        """Do nothing."""


class HostileTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, *args: Any, **kwargs: Any) -> Any:
        Hostile.asked.append("__torch_function__")
        raise RuntimeError

    @property
    def shape(self) -> Any:  # type: ignore[override]
        Hostile.asked.append("shape")
        raise RuntimeError


HOSTILE = Hostile()


def with_default(value: Any = HOSTILE) -> None:
    pass


def test_no_code_of_the_users_is_run(shell: Any) -> None:
    hostile = Hostile()
    names = {
        "hostile": hostile,
        "odd": torch.zeros(2).as_subclass(HostileTensor),
        "keyed": {hostile: 1, "a": hostile},
        "held": [hostile],
        "with_default": with_default,
    }
    shell.user_ns.update(names)
    Hostile.asked.clear()
    try:
        assert item(shell, "hostile.met", "method") == CompletionItem(
            "method", "method", "(value)", "Do nothing."
        )
        assert item(shell, "hosti", "hostile").detail.endswith("Hostile")
        assert item(shell, "od", "odd").detail == "(2,) float32"
        assert "sum" in texts(completed(shell, "odd.su"))
        assert "method" in texts(completed(shell, "held[0].me"))
        assert item(shell, "with_de", "with_default").detail == "(value=…)"
        assert signature(shell, "hostile(1, ").parameters == ("one", "two=None")
        assert signature(shell, "hostile(1, ").active == 1
        assert signature(shell, "with_default(").name == "with_default"
        signature(shell, "keyed['a'](")
        signature(shell, "net.size(")
        assert Hostile.asked == []
    finally:
        for name in names:
            del shell.user_ns[name]


@pytest.mark.parametrize(
    ("code", "active"),
    [
        ("torch.zeros(", "*size"),
        ("torch.zeros(2, 3, ", "*size"),
        ("torch.zeros(2, dtype=", "dtype=None"),
        ("x.sum(", "dim=None"),
        ("x.sum(0, keep|dim=True)", "keepdim=False"),
        ("torch.matmul(x, ", "other"),
        ("nn.Linear(3, ", "out_features"),
        ("nn.Linear(3, 4, bias=", "bias=True"),
        ("Net(3, act=", "act=…"),
        ("net(x, ", "mask=None"),
        ("layers[0](", "input"),
        ("scale(1, 2, 3, 4, ", "*rest"),
        ("scale(1, axis=", "axis=0"),
        ("scale(1, other=", "**options"),
        ("print('a', ", "*args"),
        ("F.cross_entropy(x, ", "target"),
        ("torch.tensor([1, 2], ", None),
        ("torch.max(x, dim=", "dim"),
        ("torch.rand(3).sum(0, ", "keepdim=False"),
    ],
)
def test_the_argument_at_the_cursor_is_told(shell: Any, code: str, active: str | None) -> None:
    told = signature(shell, code)
    assert told.name
    assert (told.parameters[told.active] if told.active is not None else None) == active


def test_a_form_that_takes_the_arguments_is_chosen(shell: Any) -> None:
    first, second = signature(shell, "torch.max("), signature(shell, "torch.max(x, ")
    assert (first.overload, first.overloads) == (1, 3)
    assert second.parameters[:2] == ("input", "dim")
    assert second.overload == 2
    assert second.returns == "(Tensor, LongTensor)"


def test_a_signature_names_its_call(shell: Any) -> None:
    told = signature(shell, "y = scale(net(x), ")
    assert (told.name, told.start, told.doc, told.returns) == ("scale", 9, "Scale the values.", "Tensor")
    assert told.parameters == ("values", "factor=2.0", "/", "*rest", "axis=0", "**options")


@pytest.mark.parametrize(
    "code", ["", "x", "(1, ", "no_such(", "number(", "def scale(", "# scale(", "scale(1)"]
)
def test_where_there_is_no_call_the_signature_is_empty(shell: Any, code: str) -> None:
    assert signature(shell, code) == SignatureTip()


def test_every_public_function_of_torch_is_explained_or_passed_over(shell: Any) -> None:
    explained = 0
    for prefix, module in (
        ("torch", torch),
        ("torch.Tensor", torch.Tensor),
        ("nn", nn),
        ("F", nn.functional),
    ):
        for name in dir(module):
            told = signature(shell, f"{prefix}.{name}(")
            explained += bool(told.parameters)
            assert all(parameter == parameter.strip() != "" for parameter in told.parameters), (name, told)
    assert explained > 1_200
