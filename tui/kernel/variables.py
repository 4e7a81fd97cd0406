"""The table of the user's variables. Runs none of their code: NOTE [Foreign objects] in `safe_objects`."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.safe_objects import class_name, is_a, user_variables
from tui.kernel.tensor_stats import TABLE_LIMIT, TensorStats, words_of
from tui.kernel.variable_kinds import kind_of, summary_of
from tui.kernel.variable_members import attribute as attribute
from tui.kernel.variable_members import gradient_of, unfolds
from tui.kernel.variable_memory import (
    Memory,
    Room,
    own_bytes_of,
    storages_of_all,
    storages_of_array,
    tensors_in,
)
from tui.kernel.variable_memory import storages_of as storages_of
from tui.kernel.variable_statistics import Fingerprint, Reading, address_of
from tui.kernel.variable_statistics import Fingerprints as Fingerprints
from tui.kernel.variable_statistics import StatisticsCache as StatisticsCache
from tui.kernel.variable_statistics import shape_of as shape_of
from tui.protocol.messages import GradState, Variable, VariableTable

BUDGET_S: Final = 0.15
"""Time for the statistics of one table; rows beyond it say `…` until a later table has them."""
_HOLDERS: Final = frozenset({"module", "optimizer", "container", "dataset", "loader"})
"""Kinds that hold tensors."""
_STATES: Final = 1_000
"""Tensors of one holder that are looked at for changes."""

_CACHE: Final = StatisticsCache()


def list_variables(
    namespace: Mapping[str, object],
    *,
    hidden: Container[str],
    before: Fingerprints | None = None,
    limit: int = 2000,
    execution_count: int = 0,
    budget_s: float = BUDGET_S,
    sample_limit: int | None = TABLE_LIMIT,
    cache: StatisticsCache = _CACHE,
) -> tuple[VariableTable, Fingerprints]:
    """Return the user's variables in the order they were defined, and what to compare the next table with.

    Args:
        namespace: the user's; only read, may be written to meanwhile by other threads.
        hidden: names to leave out, beside those with a leading underscore and modules.
        before: marks rows as `changed` since then; None: none is.
        limit: rows beyond it are left out, and counted in `omitted`.
        execution_count: of the last cell; goes into the table.
        budget_s: time for statistics; rows beyond it have the summary `…`.
        sample_limit: a tensor with more values is sampled.
        cache: keeps statistics from table to table.
    """
    found = user_variables(namespace, hidden)
    memory = Memory()
    rows, prints = tabulate(
        found[:limit],
        memory=memory,
        before=before,
        execution_count=execution_count,
        deadline_s=time.monotonic() + budget_s,
        sample_limit=sample_limit,
        cache=cache,
    )
    room = Room()
    with torch.inference_mode(), torch_private.without_overrides():
        for name, value in found[limit:]:
            _guarded_row(name, value, memory, room, None)
    omitted = max(0, len(found) - limit)
    return VariableTable(
        tuple(rows), memory.total_bytes, omitted, execution_count, memory.shared_bytes
    ), prints


def tabulate(
    named: Sequence[tuple[str, object]],
    *,
    memory: Memory,
    before: Fingerprints | None,
    execution_count: int,
    deadline_s: float,
    cache: StatisticsCache,
    sample_limit: int | None = TABLE_LIMIT,
) -> tuple[list[Variable], Fingerprints]:
    """Return a row for each object, and what to compare the next rows with; counts storages in `memory`.

    One synchronization for each device, where any of its tensors has to be read.
    """
    room = Room()
    rows: list[Variable] = []
    prints: Fingerprints = {}
    with torch.inference_mode(), torch_private.without_overrides():
        tensors = {i: value for i, (_, value) in enumerate(named) if is_a(value, Tensor)}
        read = cache.statistics(
            list(tensors.values()), limit=sample_limit, execution_count=execution_count, deadline_s=deadline_s
        )
        readings = dict(zip(tensors, read, strict=True))
        for i, (name, value) in enumerate(named):
            reading = readings.get(i)
            row, held = _guarded_row(name, value, memory, room, reading)
            prints[name] = _fingerprint(value, row.summary, reading, held)
            was = None if before is None else before.get(name)
            if before is not None and (was is None or was.differs(prints[name])):
                row = replace(row, changed=True)
            rows.append(row)
    return rows, prints


def count_memory(named: Sequence[tuple[str, object]]) -> Memory:
    """Return who holds which storage among these variables, without rows for them."""
    memory, room = Memory(), Room()
    with torch.inference_mode(), torch_private.without_overrides():
        for name, value in named:
            try:
                kind = kind_of(value)
                held = [value] if is_a(value, Tensor) else _held(value, kind, room)
                memory.count(name, storages_of_all(held) or storages_of_array(value))
                if is_a(value, (Tensor, nn.Module)):
                    memory.same_as(name, value)
            except Exception:  # noqa: BLE001 - one odd object must not cost the user the table
                continue
    return memory


def _guarded_row(
    name: str, value: object, memory: Memory, room: Room, reading: Reading | None
) -> tuple[Variable, list[Tensor]]:
    """Return a row for any object, and the tensors that it holds."""
    try:
        return _row(name, value, memory, room, reading)
    except Exception as error:  # noqa: BLE001 - one odd object must not cost the user the table
        return Variable(name=name, kind="value", type_name=class_name(value), summary=words_of(error)), []


def _row(
    name: str, value: object, memory: Memory, room: Room, reading: Reading | None
) -> tuple[Variable, list[Tensor]]:
    if is_a(value, Tensor):
        return _tensor_row(name, value, memory, reading), []
    kind = kind_of(value)
    row = Variable(name=name, kind=kind, type_name=class_name(value), unfolds=unfolds(value))
    held = _held(value, kind, room)
    if held or kind == "module":
        storages = storages_of_all(held)
        _count_gradients(f"a gradient of {name}", held, memory)
        row = replace(
            row,
            shares_with=memory.count(name, storages),
            size_bytes=sum(storages.values()),
            grad="requires_grad" if kind == "module" and any(map(_tracked, held)) else "",
        )
    if kind == "array":
        row = replace(row, shares_with=memory.count(name, storages_of_array(value)))
    if kind in _HOLDERS or kind == "array":
        row = replace(row, same_as=memory.same_as(name, value))
    return summary_of(row, value), held


def _held(value: object, kind: str, room: Room) -> list[Tensor]:
    return tensors_in(value, kind, room) if kind in _HOLDERS else []


def _count_gradients(name: str, tensors: list[Tensor], memory: Memory) -> None:
    """Count the memory of `.grad`, which is nobody's in the table but takes room like any other."""
    gradients = [gradient for tensor in tensors if (gradient := gradient_of(tensor)) is not None]
    memory.count(name, storages_of_all(gradients))


def _tracked(tensor: Tensor) -> bool:
    return bool(attribute(tensor, "requires_grad"))


def _tensor_row(name: str, tensor: Tensor, memory: Memory, reading: Reading | None) -> Variable:
    storages = storages_of(tensor)
    grad_fn = attribute(tensor, "grad_fn")
    grad = grad_state(tensor)
    if grad == "leaf+grad":
        _count_gradients(f"{name}.grad", [tensor], memory)
    return Variable(
        name=name,
        kind=kind_of(tensor),
        type_name=class_name(tensor),
        shape=(reading.state.shape if reading else ()) or shape_of(tensor),
        dtype=str(attribute(tensor, "dtype")).removeprefix("torch."),
        device=str(attribute(tensor, "device")),
        grad=grad,
        grad_fn="" if grad_fn is None else class_name(grad_fn),
        size_bytes=sum(storages.values()) if storages else None,
        storage=next(iter(storages), ""),
        unfolds=grad == "leaf+grad" or (grad == "graph" and gradient_of(tensor) is not None),
        own_bytes=own_bytes_of(tensor) if storages else None,
        shares_with=memory.count(name, storages),
        same_as=memory.same_as(name, tensor),
        summary=reading.text if reading else "",
    )


def grad_state(tensor: Tensor) -> GradState:
    """Return what Autograd keeps of a tensor; never touches the `.grad` of a result."""
    if not attribute(tensor, "requires_grad"):
        return ""
    if not attribute(tensor, "is_leaf"):
        return "graph"
    return "leaf" if attribute(tensor, "grad") is None else "leaf+grad"


def _fingerprint(value: object, summary: str, reading: Reading | None, held: list[Tensor]) -> Fingerprint:
    if reading is not None:
        statistics = summary if isinstance(reading.stats, TensorStats) else ""
        return Fingerprint(id(value), reading.state, statistics)
    state = tuple((address_of(tensor), torch_private.version_of(tensor)) for tensor in held[:_STATES])
    return Fingerprint(id(value), state if is_a(value, nn.Module) else (summary, state))
