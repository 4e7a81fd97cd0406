"""What is directly below a name of the namespace, as rows of the table of variables."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Final

import torch
from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.module_walk import member_path, parameters_of, walk
from tui.kernel.safe_objects import is_a, user_variables
from tui.kernel.variable_members import Member, members_of
from tui.kernel.variable_paths import GoneError, resolve
from tui.kernel.variable_statistics import Fingerprints, StatisticsCache
from tui.kernel.variables import BUDGET_S, count_memory, tabulate
from tui.protocol.children import ChildTable
from tui.protocol.messages import Variable

_PATHS: Final = 200
"""Paths whose last table is remembered."""


@dataclass
class _Known:
    """What the last tables of one path were like."""

    cache: StatisticsCache = field(default_factory=StatisticsCache)
    settled: Fingerprints | None = None
    """After the cell `at`."""
    before: Fingerprints | None = None
    """After the cell before it; None where nobody looked then."""
    at: int = -1


@dataclass
class ChildMemory:
    """What is remembered from table to table, by path; holds no object of the user's alive."""

    known: OrderedDict[str, _Known] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, path: str) -> _Known:
        """Return what is known of a path, the path looked at longest ago forgotten."""
        known = self.known.setdefault(path, _Known())
        self.known.move_to_end(path)
        while len(self.known) > _PATHS:
            self.known.popitem(last=False)
        return known


_MEMORY: Final = ChildMemory()


def list_children(
    namespace: Mapping[str, object],
    path: str,
    limit: int = 500,
    *,
    execution_count: int = 0,
    cell_running: bool = False,
    budget_s: float = BUDGET_S,
    memory: ChildMemory = _MEMORY,
) -> ChildTable:
    """Return a row for each part of the object that a path names; none, with a reason, where it is gone.

    Args:
        namespace: the user's; only read, may be written to meanwhile by other threads.
        path: as the user would type it: see NOTE [Paths].
        limit: parts beyond it are left out, and counted in `omitted`.
        execution_count: of the last cell: marks what changed since the cell before, where that was looked at.
        cell_running: whether a cell is under way, whose changes are marked too.
        budget_s: time for statistics; rows beyond it have the summary `…`.
        memory: keeps statistics and marks from table to table.
    """
    deadline_s = time.monotonic() + budget_s
    with torch_private.without_overrides():
        try:
            chain = resolve(namespace, path)
        except GoneError as error:
            return ChildTable((), reason=str(error))
        found, omitted = members_of(path, chain[-1], limit, _TensorNames(namespace))
        if not found:
            return ChildTable((), reason=f"there is nothing below {path}")
        root = path_root(path)
        earlier = list(takewhile(lambda pair: pair[0] != root, user_variables(namespace, ())))
        with memory.lock:
            known = memory.of(path)
            cell_ended = execution_count != known.at and not cell_running
            if cell_ended:
                known.before = known.settled if execution_count == known.at + 1 else None
                known.at = execution_count
            rows, now = tabulate(
                [(member.path, member.value) for member in found],
                memory=count_memory(earlier),
                before=known.settled if cell_running else known.before,
                execution_count=execution_count,
                deadline_s=deadline_s,
                cache=known.cache,
            )
            if cell_ended:
                known.settled = now
    return ChildTable(tuple(map(_closed(path, chain), rows, found)), omitted)


def path_root(path: str) -> str:
    """Return the variable that a path begins with."""
    start = 0
    while path.startswith("list(", start):
        start += len("list(")
    end = start
    while end < len(path) and (path[end].isalnum() or path[end] == "_"):
        end += 1
    return path[start:end]


class _closed:
    """Marks a part that is one of the objects it is below: it would unfold for ever."""

    def __init__(self, path: str, chain: list[object]) -> None:
        self._path = path
        self._above = {id(value) for value in chain}

    def __call__(self, row: Variable, member: Member) -> Variable:
        if id(member.value) not in self._above:
            return row
        return replace(row, unfolds=False, summary=f"the object that {self._path} is in: it contains itself")


class _TensorNames:
    """The names of tensors and parameters in a namespace, looked up when the first is wanted."""

    def __init__(self, namespace: Mapping[str, object]) -> None:
        self._namespace = namespace
        self._names: dict[int, str] | None = None

    def __call__(self, tensor: Tensor) -> str:
        if self._names is None:
            self._names = {}
            with torch.inference_mode():
                for name, value in user_variables(self._namespace, ()):
                    self._add(name, value, self._names)
        return self._names.get(id(tensor), "")

    def _add(self, name: str, value: object, names: dict[int, str]) -> None:
        if is_a(value, Tensor):
            names.setdefault(id(value), name)
        elif is_a(value, nn.Module):
            for visit in walk(name, value):
                for own, tensor in parameters_of(visit.module) if not visit.first else ():
                    names.setdefault(id(tensor), member_path(visit.path, visit.module, own, "_parameters"))
