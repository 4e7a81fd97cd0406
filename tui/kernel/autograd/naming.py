"""Which node belongs to what: variables and parameters by name, and the module that an operation ran in.

NOTE [Modules of operations]
Where the cell was recorded, the module is the innermost one whose forward was running. Else it is told from the
parameters: an operation that a parameter goes into (through `t`, `view`, a cast…) belongs to the module that owns
the parameter. Any other operation lies between such operations: between those it was computed from and those that
were computed from it. It belongs to the innermost module that holds both sides: a `relu` between ``model[0]`` and
``model[2]`` to ``model``. What has a module on one side alone, such as the loss, belongs to none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.autograd.holders import Holders, note_holder
from tui.kernel.autograd.node_private import leaf_of
from tui.kernel.autograd.walk import Walk
from tui.kernel.autograd.words import operation_of
from tui.kernel.module_walk import Visit, member_path, parameters_of, walk
from tui.kernel.safe_objects import copy_of, is_a, user_variables
from tui.kernel.variables import attribute

HIDDEN: Final = frozenset({"In", "Out", "get_ipython", "exit", "quit", "open", "torch", "nn", "F"})
CARRIERS: Final = frozenset(
    ["t", "transpose", "permute", "view", "reshape", "expand", "to", "unsqueeze", "squeeze", "clone", "slice"]
)
"""Operations that pass a parameter on to the one that uses it."""
_ITEMS: Final = 100
"""Items of a list, tuple or dictionary in which results are looked for."""
_NAMES: Final = 3
"""Names of one node at most."""
_NOWHERE: Final = -1


@dataclass
class Naming:
    """Names and modules of the nodes of a graph."""

    names: dict[int, str] = field(default_factory=dict)
    """Of the nodes whose output a variable or a parameter holds."""
    versions: dict[int, int] = field(default_factory=dict)
    """Of the nodes whose named output was changed in place: how often."""
    holders: Holders = field(default_factory=dict)
    """Names of the variables and parameters by where they lie."""
    modules: list[str] = field(default_factory=lambda: [""])
    """Paths of modules; the first is empty: of none."""
    module: list[int] = field(default_factory=list)
    """For each node a place in `modules`."""

    def module_of(self, node: int) -> str:
        """Return the path of the module that a node belongs to; empty: none."""
        return self.modules[self.module[node]] if node < len(self.module) else ""


def name_nodes(graph: Walk, namespace: Mapping[str, object]) -> Naming:
    """Return what the namespace calls the nodes, and their modules as told from parameters; runs no user code."""
    with torch_private.without_overrides():
        return _named(graph, namespace)


def _named(graph: Walk, namespace: Mapping[str, object]) -> Naming:
    naming = Naming(module=[0] * len(graph))
    leaves = {id(leaf): i for i in graph.leaves() if (leaf := leaf_of(graph.nodes[i])) is not None}
    owners: dict[int, int] = {}
    chains: list[int] = [_NOWHERE]  # for each place in `modules` the place of the module that holds it
    variables = user_variables(namespace, HIDDEN)
    for name, value in variables:
        if is_a(value, nn.Module):
            _name_parameters(name, value, leaves, naming, owners, chains)
    for name, value in variables:
        for path, tensor in _tensors(name, value):
            note_holder(naming.holders, path, tensor)
            _name_tensor(path, tensor, graph, leaves, naming)
    if owners:
        _place_in_modules(graph, naming, owners, chains)
    return naming


def _tensors(name: str, value: object) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensor of a variable, or those of exactly a list, tuple or dictionary."""
    if is_a(value, Tensor):
        yield name, value
    elif type(value) is list or type(value) is tuple:
        yield from ((f"{name}[{i}]", item) for i, item in enumerate(value[:_ITEMS]) if is_a(item, Tensor))
    elif type(value) is dict:
        for key, item in list(copy_of(value).items())[:_ITEMS]:
            if type(key) in (str, int) and is_a(item, Tensor):
                yield f"{name}[{key!r}]", item


def _name_tensor(path: str, tensor: Tensor, graph: Walk, leaves: Mapping[int, int], naming: Naming) -> None:
    place = leaves.get(id(tensor), -1)
    is_leaf = place >= 0
    if not is_leaf:
        try:
            grad_fn = attribute(tensor, "grad_fn")
        except RuntimeError:  # a view that was changed in a way that autograd forbids
            return
        place = graph.index_of(grad_fn)
    if place < 0:
        return
    known = naming.names.setdefault(place, path)
    if known != path and not is_leaf and len(known.split(", ")) < _NAMES:
        naming.names[place] = f"{known}, {path}"  # each of several outputs, or another name of the same one
    version = _version(tensor)
    if version and not is_leaf:
        naming.versions[place] = version


def _version(tensor: Tensor) -> int:
    try:
        return int(attribute(tensor, "_version"))  # type: ignore[call-overload, no-any-return]
    except RuntimeError:
        return 0


def _name_parameters(
    name: str,
    root: nn.Module,
    leaves: Mapping[int, int],
    naming: Naming,
    owners: dict[int, int],
    chains: list[int],
) -> None:
    """Name the leaves that are parameters of a module; put down the owner of each, and the modules above it."""
    places: dict[int, int] = {}
    visits = walk(name, root)
    for number, visit in enumerate(visits):
        if visit.first:
            continue
        for own, tensor in parameters_of(visit.module):
            leaf = leaves.get(id(tensor), -1)
            if leaf < 0 or leaf in owners:
                continue
            path = member_path(visit.path, visit.module, own, "_parameters")
            naming.names[leaf] = path
            note_holder(naming.holders, path, tensor)
            owners[leaf] = _module_place(number, visits, places, naming, chains)


def _module_place(
    number: int, visits: list[Visit], places: dict[int, int], naming: Naming, chains: list[int]
) -> int:
    """Return the place of a module, after those that hold it."""
    path = [number]
    while visits[path[-1]].parent >= 0 and path[-1] not in places:
        path.append(visits[path[-1]].parent)
    above = _NOWHERE
    for one in reversed(path):
        if one not in places:
            places[one] = len(naming.modules)
            naming.modules.append(visits[one].path)
            chains.append(above)
        above = places[one]
    return above


class _Common:
    """The innermost module that holds two, with a memory."""

    def __init__(self, chains: list[int]) -> None:
        self._chains = chains
        self._depth = [0] * len(chains)
        for place, above in enumerate(chains):
            self._depth[place] = 0 if above == _NOWHERE else self._depth[above] + 1
        self._known: dict[tuple[int, int], int] = {}

    def of(self, one: int, other: int) -> int:
        """Return the module that holds both; 0 where none does. `_NOWHERE` says nothing about a side."""
        if one == other or other == _NOWHERE:
            return one
        if one == _NOWHERE:
            return other
        if not one or not other:
            return 0
        key = (one, other)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._find(one, other)
        return known

    def _find(self, one: int, other: int) -> int:
        while one != other:
            if self._depth[one] < self._depth[other]:
                one, other = other, one
            one = self._chains[one]
            if one == _NOWHERE:
                return 0
        return one


def _place_in_modules(graph: Walk, naming: Naming, owners: Mapping[int, int], chains: list[int]) -> None:
    """Give each operation its module. See NOTE [Modules of operations]."""
    common = _Common(chains)
    count = len(graph)
    own = [_NOWHERE] * count  # operations that a parameter goes into
    carries = [_NOWHERE] * count  # what only passes one on
    before = [_NOWHERE] * count  # the modules that an operation was computed from
    for node in range(count - 1, -1, -1):
        if node in owners:
            own[node] = carries[node] = owners[node]
            continue
        targets = [target for target, _ in graph.edges(node) if target >= 0]
        used = _NOWHERE
        for target in targets:
            used = common.of(used, carries[target])
            if carries[target] == _NOWHERE:
                before[node] = common.of(before[node], own[target] if own[target] >= 0 else before[target])
        own[node] = used
        if used >= 0 and len(targets) == 1 and operation_of(graph.nodes[node]) in CARRIERS:
            carries[node] = used
    after = [_NOWHERE] * count  # the modules that were computed from it
    after[0] = 0
    for node in range(count):
        side = own[node] if own[node] > 0 else after[node]
        naming.module[node] = own[node] if own[node] >= 0 else 0
        if own[node] < 0 and before[node] >= 0 and after[node] >= 0:
            naming.module[node] = common.of(before[node], after[node])
        for target, _ in graph.edges(node):
            if target >= 0:
                after[target] = side if after[target] == _NOWHERE else common.of(after[target], side)
