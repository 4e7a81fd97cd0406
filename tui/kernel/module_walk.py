"""Walks modules without running their code: children, parameters, buffers, paths, counts that are right.

Iterative, so that a chain of ten thousand modules is no problem, and each module object is entered once, so
that one that contains itself is none either.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.safe_objects import copy_of, is_a

_INDEXED = (nn.Sequential, nn.ModuleList, nn.ParameterList)
_KEYED = (nn.ModuleDict, nn.ParameterDict)

Counted = Literal["trainable", "frozen", "buffer"]


def children_of(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the direct children with their names."""
    table = copy_of(torch_private.module_table(module, "_modules"))
    return [(name, child) for name, child in table.items() if is_a(child, nn.Module)]


def parameters_of(module: nn.Module) -> list[tuple[str, Tensor]]:
    """Return the module's own parameters, those of its children apart."""
    return _tensors(module, "_parameters")


def buffers_of(module: nn.Module) -> list[tuple[str, Tensor]]:
    """Return the module's own buffers."""
    return _tensors(module, "_buffers")


def _tensors(module: nn.Module, table: str) -> list[tuple[str, Tensor]]:
    found = copy_of(torch_private.module_table(module, table))
    return [(name, value) for name, value in found.items() if is_a(value, Tensor)]


def member_path(path: str, owner: nn.Module, name: str, table: Literal["_modules", "_parameters"]) -> str:
    """Return what the user would type for a child or parameter of the module that `path` names."""
    if is_a(owner, _KEYED):
        return f"{path}[{name!r}]"
    if name.isdecimal() and is_a(owner, _INDEXED):
        return f"{path}[{name}]"
    if name.isidentifier() and not keyword.iskeyword(name):
        return f"{path}.{name}"
    return f"{path}.{table}[{name!r}]"


@dataclass(frozen=True)
class Visit:
    """One place in a module tree."""

    path: str
    module: nn.Module
    depth: int
    parent: int
    """Index of the visit of the module that holds it; -1 for the root."""
    first: str
    """Path where the same module was entered; empty where that is here. What is below is listed there."""


def walk(path: str, root: nn.Module) -> list[Visit]:
    """Return the module and all below it, in the order of registration, parents before children."""
    visits: list[Visit] = []
    entered: dict[int, str] = {}
    waiting = [(path, root, 0, -1)]
    while waiting:
        here, module, depth, parent = waiting.pop()
        first = entered.setdefault(id(module), here)
        visits.append(Visit(here, module, depth, parent, "" if first == here else first))
        if first != here:
            continue
        index = len(visits) - 1
        waiting += [
            (member_path(here, module, name, "_modules"), child, depth + 1, index)
            for name, child in reversed(children_of(module))
        ]
    return visits


def distinct_modules(root: nn.Module) -> Iterator[nn.Module]:
    """Yield the module and all below it, each once."""
    return (visit.module for visit in walk("", root) if not visit.first)


class Counts:
    """Elements of parameters and buffers, each tensor counted once."""

    def __init__(self) -> None:
        self.trainable = 0
        self.frozen = 0
        self.buffers = 0
        self.uninitialized = 0
        """Lazy parameters and buffers, which have no elements yet."""
        self._seen: dict[int, tuple[Counted, int]] = {}

    def add(self, module: nn.Module) -> None:
        """Count what the module itself holds."""
        for _, parameter in parameters_of(module):
            kind: Counted = "trainable" if Tensor.requires_grad.__get__(parameter) else "frozen"  # type: ignore[attr-defined]
            self._count(id(parameter), kind, elements_of(parameter))
        for _, buffer in buffers_of(module):
            self._count(id(buffer), "buffer", elements_of(buffer))

    def merged(self, other: Counts) -> Counts:
        """Return both together. Uses up both: the smaller goes into the larger, which keeps a tree cheap."""
        small, large = sorted((self, other), key=lambda counts: len(counts._seen))
        for identity, (kind, elements) in small._seen.items():
            large._count(identity, kind, elements)
        return large

    def _count(self, identity: int, kind: Counted, elements: int) -> None:
        if identity in self._seen:
            return
        self._seen[identity] = (kind, elements)
        self.uninitialized += elements < 0
        elements = max(0, elements)
        if kind == "trainable":
            self.trainable += elements
        elif kind == "frozen":
            self.frozen += elements
        else:
            self.buffers += elements


def elements_of(tensor: Tensor) -> int:
    """Return how many elements a tensor has; -1 for a lazy one."""
    return -1 if torch_private.is_lazy(tensor) else int(Tensor.numel(tensor))


def counts_of(root: nn.Module) -> Counts:
    """Return the counts of a module with all below it."""
    counts = Counts()
    for module in distinct_modules(root):
        counts.add(module)
    return counts
