from __future__ import annotations

import collections
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tui.kernel.variable_children import list_children
from tui.kernel.variable_paths import resolve
from tui.kernel.viewing import ViewError, open_view
from tui.kernel.viewing.allowed import ATTRIBUTES, FUNCTIONS, METHODS
from tui.kernel.viewing.errors import reading
from tui.kernel.viewing.expression import Evaluated, evaluate
from tui.protocol.viewing import OpenView, View, ViewFacts

Pair = collections.namedtuple("Pair", "a b")


class Hostile:
    """Whatever is asked of it runs code of the user's."""

    def __init__(self) -> None:
        self.held = torch.ones(2)

    @property
    def computed(self) -> Tensor:
        raise SystemExit("a property ran")

    def __getattr__(self, name: str) -> Tensor:
        raise SystemExit("__getattr__ ran")

    def __getitem__(self, key: object) -> Tensor:
        raise SystemExit("__getitem__ ran")

    def __call__(self) -> Tensor:
        raise SystemExit("__call__ ran")

    def __eq__(self, other: object) -> bool:
        raise SystemExit("__eq__ ran")

    def __hash__(self) -> int:
        return hash("b")

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise SystemExit("__class__ ran")


class Overriding(Tensor):
    @classmethod
    def __torch_function__(cls, *_: object, **__: object) -> object:
        raise SystemExit("__torch_function__ ran")

    def __add__(self, other: object) -> Any:
        raise SystemExit("__add__ ran")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.layers = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        self.scales = nn.ParameterList([torch.ones(2), torch.zeros(3)])
        self.table = nn.ParameterDict({"k": torch.ones(5)})
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        raise SystemExit("forward ran")


@pytest.fixture(scope="module")
def names() -> dict[str, object]:
    net = Net()
    net.fc(torch.ones(4)).sum().backward()
    optimizer = torch.optim.Adam(net.parameters())
    optimizer.step()
    x = torch.arange(12.0).reshape(3, 4)
    read_only = np.arange(3.0)
    read_only.flags.writeable = False
    leaf = torch.ones(2, requires_grad=True)
    return {
        "x": x, "rows": torch.tensor([0, 2]), "net": net, "optimizer": optimizer, "leaf": leaf, "result": leaf * 2,
        "array": np.arange(6.0).reshape(2, 3), "read_only": read_only, "backwards": np.arange(4)[::-1],
        "texts": np.array(["a"]), "pair": Pair(torch.ones(1), torch.zeros(2)), "many": [torch.ones(2), torch.zeros(2)],
        "table": {"a": torch.ones(2), 1: [torch.zeros(1)]}, "odd_keys": {Hostile(): 1, "a": torch.ones(3)},
        "hostile": Hostile(), "own": torch.ones(2).as_subclass(Overriding), "n": 3, "f": lambda t: t, "Out": {3: x},
        "_3": x, "wide": torch.ones(1).expand(10**6, 10**6), "torch": torch, "nn": nn, "F": functional,
    }  # fmt: skip


def opened(expression: str, names: dict[str, object]) -> Evaluated:
    with reading(expression):
        return evaluate(expression, names)


EQUAL = [
    "x", "x[1]", "x[:, 3]", "x[-1, ::2]", "x[..., None]", "x[rows]", "x[[0, 2], 1]", "x[x > 3]", "x[None, 0:2]",
    "x + 1", "2 * x - x / 3", "x @ x.T", "-x", "~(x > 2)", "x ** 2 % 5", "(x > 2) & (x < 9)", "x == x", "abs(-x)",
    "x.mean(0)", "x.max(1).values", "x.max(1)[1]", "x.softmax(dim=1)", "x.to(torch.int32)", "x.reshape(4, -1)",
    "torch.relu(x - 3)", "torch.cat(many)", "torch.stack([x, x + 1])", "F.gelu(x)", "torch.linalg.norm(x, dim=0)",
    "torch.where(x > 3, x, 0.0)", "torch.einsum('ij,kj->ik', x, x)", "F.pad(x, (1, 1))", "torch.fft.rfft(x)",
    "nn.functional.relu(x)", "torch.clamp(x, max=float('inf'))", "x[:len(many)]", "x[x.shape[0] - 1]", "x.T", "x.data",
    "net.fc.weight", "net.fc.weight.grad", "net.layers[0].bias", "net.layers[-2].weight", "net.scales[1]",
    "net.table['k']", "net.seen", "optimizer.state[net.fc.weight]['exp_avg']", "Out[3]", "_3", "pair.a", "pair[1]",
    "many[-1]", "table['a']", "table[1][0]", "leaf", "leaf[0]",
]  # fmt: skip


@pytest.mark.parametrize("expression", EQUAL)
def test_an_expression_is_what_python_says_it_is(expression: str, names: dict[str, object]) -> None:
    expected = eval(expression, dict(names))
    assert torch.equal(opened(expression, names).value, expected)


PATHS = [
    "x",
    "net.fc.weight",
    "net.fc.weight.grad",
    "net.scales[0]",
    "table['a']",
    "pair.b",
    "Out[3]",
    "leaf",
]


@pytest.mark.parametrize("expression", PATHS)
def test_a_path_gives_the_very_object(expression: str, names: dict[str, object]) -> None:
    assert opened(expression, names).value is eval(expression, dict(names))
    assert opened(expression, names).plain_path


def test_arrays_are_read_where_they_lie(names: dict[str, object]) -> None:
    array = names["array"]
    assert isinstance(array, np.ndarray)
    assert opened("array", names).value.data_ptr() == array.ctypes.data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert opened("read_only[1]", names).value == 1.0
    assert opened("backwards", names).value.tolist() == [3, 2, 1, 0]
    assert torch.equal(opened("array.T + 1", names).value, torch.from_numpy(array).T + 1)


REFUSED = [
    ("y", "gone", "There is no y now."),
    ("xx", "gone", "There is no xx now. Did you mean x?"),
    ("net.fc.wieght", "gone", "net.fc, a Linear, has no wieght. Did you mean weight?"),
    ("table['b']", "gone", "table has no 'b'."),
    ("many[7]", "bad index", "many has 2 items: there is no many[7]."),
    ("x[5]", "bad index", "Dimension 0 of x, (3, 4), has indices 0 to 2: there is no 5."),
    ("x[..., 9]", "bad index", "Dimension 1 of x, (3, 4), has indices 0 to 3: there is no 9."),
    ("x[1, 2, 3]", "bad index", "x has 2 dimensions, (3, 4), and the index asks for 3."),
    ("x[::-1]", "bad index", "write .flip(dim)"),
    ("x['a']", "bad index", "its items have numbers"),
    ("net", "not a tensor", "look at one of its parameters, such as net.fc.weight"),
    ("n", "not a tensor", "n is an int, not a tensor."),
    ("many", "not a tensor", "look at one of its items, as in many[0]"),
    ("hostile", "not a tensor", "a Hostile"),
    ("leaf.grad", "not a tensor", "leaf.grad is None: no backward has reached it"),
    ("result.grad", "not a tensor", "retain_grad()"),
    ("texts", "not a tensor", "dtype <U1"),
    ("f(x)", "bad expression", "cannot call your own functions: f(x); assign the result in a cell first."),
    ("net(x)", "bad expression", "cannot call modules: net(x)"),
    ("hostile()", "bad expression", "cannot call"),
    ("hostile.computed", "bad expression", "hostile.computed is a property"),
    ("hostile[0]", "bad expression", "hostile is a Hostile"),
    ("hostile.nothing", "gone", "has no nothing"),
    ("x.add_(1)", "bad expression", "it would change the tensor; write add"),
    ("x.numpy()", "bad expression", "no NumPy arrays"),
    ("x.tolist()", "bad expression", "no lists"),
    ("x.maen()", "bad expression", "A tensor has no maen. Did you mean mean?"),
    ("x.to('cuda')", "bad expression", "may change the dtype alone"),
    ("x.bernoulli()", "bad expression", "cannot use x.bernoulli"),
    ("torch.rand(3)", "bad expression", "cannot use torch.rand"),
    ("torch.save(x, 'f')", "bad expression", "cannot use torch.save"),
    ("torch.set_grad_enabled(False)", "bad expression", "cannot use"),
    ("F.dropout(x)", "bad expression", "cannot use F.dropout"),
    ("F.relu(x, True)", "bad expression", "Name the later arguments"),
    ("F.relu(x, inplace=True)", "bad expression", "leave inplace= out"),
    ("torch.abs(x, out=x)", "bad expression", "leave out= out"),
    ("F.normalize(x, 2, 1, 1e-9, x)", "bad expression", "Name the later arguments"),
    ("torch.cat(*many)", "bad expression", "one by one"),
    ("x.__class__", "bad expression", "cannot use x.__class__"),
    ("x.matmul(x)", "bad expression", "mat1 and mat2 shapes cannot be multiplied (3x4 and 3x4)"),
    ("x if n else x", "bad expression", "torch.where"),
    ("x and x", "bad expression", "write & and |"),
    ("not x", "bad expression", "write ~"),
    ("1 < x < 3", "bad expression", "join them with &"),
    ("[t for t in many]", "bad expression", "A view cannot compute"),
    ("(lambda: x)()", "bad expression", "no functions of its own"),
    ("x ==", "bad expression", "not a Python expression: invalid syntax"),
    ("", "bad expression", "Type the name of a tensor"),
    ("x" + "+x" * 5000, "bad expression", "too long"),
    ("-" * 1900 + "x", "bad expression", "nested too deeply"),
    ("10 ** 10 ** 10", "too large", "4,096 bits"),
    ("wide - 1", "too large", "would read 1,000,000,000,000 values"),
    ("x.repeat(10 ** 6, 10 ** 6)", "too large", "would take 48,000.0 GB"),
    ("torch.histc(x, 10 ** 12)", "too large", "would take"),
]


@pytest.mark.parametrize(("expression", "kind", "words"), REFUSED, ids=[text[:30] for text, *_ in REFUSED])
def test_what_is_refused_and_why(expression: str, kind: str, words: str, names: dict[str, object]) -> None:
    with pytest.raises(ViewError) as refusal:
        opened(expression, names)
    assert refusal.value.kind == kind
    assert words in str(refusal.value)


def test_code_of_the_user_does_not_run(names: dict[str, object]) -> None:
    assert opened("hostile.held", names).value.tolist() == [1.0, 1.0]
    assert opened("odd_keys['a']", names).value.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ViewError, match="odd_keys has no 'b'"):
        opened("odd_keys['b']", names)  # whose hash is that of a key of the user's
    assert opened("own + 1", names).value.tolist() == [2.0, 2.0]
    assert opened("own[0]", names).value.item() == 1.0
    assert opened("own.softmax(0)", names).value.tolist() == [0.5, 0.5]


def test_every_allowed_operation_is_pure_by_torchs_own_schemas() -> None:
    prefixes = {torch: "", functional: "", torch.linalg: "linalg_", torch.fft: "fft_"}
    listed = {(prefix, name) for module, prefix in prefixes.items() for name in FUNCTIONS[module]}
    listed |= {("", name) for name in METHODS | ATTRIBUTES}
    seen = 0
    for prefix, name in sorted(listed):
        packet = getattr(torch.ops.aten, prefix + name, None)
        for overload in packet.overloads() if packet is not None else ():
            operation = getattr(packet, overload)
            schema = operation._schema
            of_tensors = any(str(argument.type) == "Tensor" for argument in schema.arguments)
            writes = [a for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
            assert all(argument.is_out for argument in writes) or not of_tensors, schema
            assert torch.Tag.nondeterministic_seeded not in operation.tags, schema
            seen += of_tensors
    assert seen > 400
    for module, functions in FUNCTIONS.items():
        assert all(callable(getattr(module, name)) for name in functions)
    assert all(callable(getattr(Tensor, name)) for name in METHODS)


def test_evaluating_changes_nothing(names: dict[str, object]) -> None:
    leaf = names["leaf"]
    assert isinstance(leaf, Tensor)
    torch.manual_seed(3)
    state, version = torch.get_rng_state(), leaf._version
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as `.grad` of a result would
        for expression in ("leaf * 2", "F.softmax(leaf, dim=0)", "result + leaf", "leaf[0]"):
            assert not opened(expression, names).value.requires_grad
        with pytest.raises(ViewError):
            opened("result.grad", names)
    assert torch.equal(torch.get_rng_state(), state)
    assert leaf._version == version
    assert leaf.grad is None
    assert torch.is_grad_enabled()


def facts(names: dict[str, object], expression: str) -> ViewFacts:
    return open_view(names, OpenView(View(expression)))


def test_identity_and_version_tell_rebinding_and_writing_in_place() -> None:
    names: dict[str, object] = {"x": torch.zeros(3, 4)}
    for expression in ("x", "x[:, 1]", "x + 1"):
        first = facts(names, expression)
        assert facts(names, expression) == first
        x = names["x"]
        assert isinstance(x, Tensor)
        x.add_(1)
        written = facts(names, expression)
        assert written.identity == first.identity
        assert written.version > first.version
        names["x"] = torch.zeros(3, 4)
        assert facts(names, expression).identity != first.identity


def test_an_identity_is_never_given_twice() -> None:
    seen = {facts({"x": torch.zeros(2)}, "x").identity for _ in range(50)}  # addresses are used again
    assert len(seen) == 50


def test_leaves_are_called_as_in_the_table_of_leaves() -> None:
    net = nn.Sequential(nn.Linear(2, 2))
    alias = net[0].weight
    names: dict[str, object] = {
        "net": net,
        "alias": alias,
        "x": torch.ones(2),
        "w": torch.ones(2, requires_grad=True),
    }
    assert facts(names, "net[0].weight").leaf_name == "net[0].weight"
    assert facts(names, "alias").leaf_name == "net[0].weight"
    assert facts(names, "w").leaf_name == "w"
    assert facts(names, "x").leaf_name == ""
    assert facts(names, "w[0]").leaf_name == ""
    names["v"] = names.pop("w")
    assert facts(names, "v").leaf_name == "v"


def test_facts_of_a_tensor_without_values_are_there() -> None:
    assert facts({"x": torch.empty(2, 3, device="meta")}, "x").tensor.shape == (2, 3)
    assert facts({"x": nn.LazyLinear(3)}, "x.weight").tensor.shape == (-1,)


def test_a_parametrized_weight_is_named_by_its_original() -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    with pytest.raises(ViewError, match=r"layer\.parametrizations\.weight\.original"):
        facts({"layer": layer}, "layer.weight")
    assert facts({"layer": layer}, "layer.parametrizations.weight.original1").tensor.shape == (2, 2)


class Unequal:
    """A key that cannot be typed."""

    def __eq__(self, other: object) -> bool:
        raise SystemExit("__eq__ ran")

    def __hash__(self) -> int:
        return 1


def _listed_paths(namespace: dict[str, object], path: str, depth: int = 4) -> list[str]:
    rows = list_children(namespace, path, 100, execution_count=1, cell_running=False).rows
    below = [
        name
        for row in rows
        if row.unfolds and depth
        for name in _listed_paths(namespace, row.name, depth - 1)
    ]
    return [row.name for row in rows if row.kind in ("tensor", "parameter")] + below


def test_whatever_tensor_the_table_of_variables_lists_can_be_viewed() -> None:
    t = torch.rand(2, 3, requires_grad=True)
    model = nn.Sequential(nn.Linear(2, 3), nn.ModuleList([nn.Linear(1, 2)]))
    model.register_buffer("table", torch.ones(2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    sum(parameter.sum() for parameter in [*model.parameters(), t]).backward()  # type: ignore[union-attr]
    optimizer.step()
    namespace: dict[str, object] = {
        "d": {Unequal(): t, ("a", 1): t, None: t, b"x": t, t: torch.ones(3), 2.5: t, "k": [t]},
        "q": collections.deque([t, [t + 1]]),
        "s": {t},
        "pair": Pair(t, {"x": t}),
        "model": model,
        "optimizer": optimizer,
    }
    paths = [path for name in namespace for path in _listed_paths(namespace, name)]
    assert {"list(d.values())[0]", "d[('a', 1)]", "q[0]", "list(s)[0]", "model[0].weight.grad"} <= set(paths)
    for path in paths:
        with reading(path):
            whole = evaluate(path, namespace)
            first = evaluate(f"{path}[0] * 2", namespace)
        assert whole.plain_path, path
        assert whole.value is resolve(namespace, path)[-1]
        assert torch.equal(first.value, whole.value[0] * 2)


@pytest.mark.parametrize(
    ("expression", "words"),
    [("q[5]", "there is no q[5]"), ("list(d.values())[9]", "list(d.values())[9] is no longer there"),
     ("list(gone.values())[0]", "no longer there"), ("list(q)", "list"), ("q[0].foo", "has no foo")],
)  # fmt: skip
def test_a_listed_path_that_leads_nowhere_says_so(expression: str, words: str) -> None:
    namespace: dict[str, object] = {"q": collections.deque([torch.ones(2)]), "d": {Unequal(): torch.ones(2)}}
    with pytest.raises(ViewError) as refused, reading(expression):
        evaluate(expression, namespace)
    assert words in str(refused.value)
