"""The table of the user's variables. Runs none of their code: NOTE [Foreign objects] in `safe_objects`."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Container, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.module_walk import buffers_of, distinct_modules, parameters_of
from tui.kernel.safe_objects import class_name, is_a, user_variables
from tui.kernel.summary import summarize
from tui.kernel.tensor_stats import OUT_OF_TIME, TABLE_LIMIT, TensorStats, Unavailable, batch_stats, words_of
from tui.kernel.variable_kinds import kind_of, summary_of
from tui.protocol.messages import GradState, Variable, VariableTable

BUDGET_S: Final = 0.15
"""Time for the statistics of one table; rows beyond it say `…` until a later table has them."""


@dataclass(frozen=True)
class Fingerprint:
    """What one variable was, to tell whether it is another now."""

    identity: int
    state: Hashable
    """Version counters and addresses of tensors; the text of anything else."""
    statistics: str = ""
    """Text of a tensor's statistics, which show the writes that torch does not count; empty: not known."""

    def differs(self, now: Fingerprint) -> bool:
        """Whether the variable was rebound or changed in place between the two."""
        known = bool(self.statistics and now.statistics)
        same = self.identity == now.identity and self.state == now.state
        return not same or (known and self.statistics != now.statistics)


Fingerprints = dict[str, Fingerprint]
"""By variable name."""


@dataclass
class StatisticsCache:
    """Statistics of the tensors of the last table, so that a table of unchanged tensors costs nothing.

    NOTE [Uncounted writes]
    `_version` counts most in-place changes, but neither those of fused optimizers and `.data` nor those
    through a NumPy array. So a leaf that requires grad is always read anew, and every tensor is after a cell.
    """

    entries: dict[int, _Entry] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def statistics(
        self, tensors: Sequence[Tensor], *, limit: int | None, execution_count: int, deadline_s: float
    ) -> list[_Reading]:
        """Return the statistics of the tensors in their order, those of small tensors taken first."""
        with self.lock:
            states = [_state_of(tensor) for tensor in tensors]
            held = [self._held(tensor, state) for tensor, state in zip(tensors, states, strict=True)]
            stale = [
                index
                for index, entry in enumerate(held)
                if entry is None
                or entry.execution_count != execution_count
                or _written_uncounted(tensors[index])
            ]
            stale.sort(key=lambda index: states[index].elements)
            fresh = batch_stats([tensors[index] for index in stale], limit=limit, deadline_s=deadline_s)
            found: dict[int, TensorStats | Unavailable] = dict(zip(stale, fresh, strict=True))
            results: list[_Reading] = []
            kept: dict[int, _Entry] = {}
            for index, (tensor, state, entry) in enumerate(zip(tensors, states, held, strict=True)):
                stats = found.get(index, Unavailable(OUT_OF_TIME))
                keep = entry
                if isinstance(stats, TensorStats):
                    keep = _Entry(weakref.ref(tensor), state, execution_count, stats)
                elif stats.reason == OUT_OF_TIME and entry is not None:
                    stats = entry.stats
                results.append(_Reading(state, stats))
                if keep is not None and state.version is not None:
                    kept[id(tensor)] = keep
            self.entries = kept
        return results

    def _held(self, tensor: Tensor, state: _State) -> _Entry | None:
        entry = self.entries.get(id(tensor))
        return entry if entry is not None and entry.tensor() is tensor and entry.state == state else None


class _State(NamedTuple):
    """What changes when a tensor's values change in a way that torch counts."""

    version: int | None
    address: int
    shape: tuple[int, ...]
    elements: int


class _Reading(NamedTuple):
    state: _State
    """When the statistics were taken, or a moment before."""
    stats: TensorStats | Unavailable


@dataclass(frozen=True)
class _Entry:
    tensor: weakref.ref[Tensor]
    state: _State
    execution_count: int
    stats: TensorStats


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
    listed, omitted = found[:limit], max(0, len(found) - limit)
    deadline_s = time.monotonic() + budget_s
    total_bytes: dict[str, int] = {}
    counted: set[str] = set()
    with torch.inference_mode(), torch_private.without_overrides():
        rows = [_guarded_row(name, value, total_bytes, counted) for name, value in listed]
        for _, value in found[limit:]:
            _guarded_row("", value, total_bytes, counted)
        tensors = {i: value for i, (_, value) in enumerate(listed) if is_a(value, Tensor)}
        read = cache.statistics(
            list(tensors.values()), limit=sample_limit, execution_count=execution_count, deadline_s=deadline_s
        )
        readings = dict(zip(tensors, read, strict=True))
        prints: Fingerprints = {}
        for i, (name, value) in enumerate(listed):
            reading = readings.get(i)
            summary = rows[i].summary if reading is None else summarize(tensors[i], reading.stats)
            prints[name] = _fingerprint(value, summary, reading)
            was = None if before is None else before.get(name)
            changed = before is not None and (was is None or was.differs(prints[name]))
            if changed or reading is not None:
                rows[i] = replace(rows[i], summary=summary, changed=changed)
    return VariableTable(tuple(rows), total_bytes, omitted, execution_count), prints


def _guarded_row(name: str, value: object, total_bytes: dict[str, int], counted: set[str]) -> Variable:
    """Return a row without statistics for any object, adding its memory to `total_bytes`."""
    try:
        return _row(name, value, total_bytes, counted)
    except Exception as error:  # noqa: BLE001 - one odd object must not cost the user the table
        return Variable(name=name, kind="value", type_name=class_name(value), summary=words_of(error))


def _row(name: str, value: object, total_bytes: dict[str, int], counted: set[str]) -> Variable:
    if is_a(value, Tensor):
        storages = storages_of(value)
        _count(storages, total_bytes, counted)
        return _tensor_row(name, value, storages)
    row = Variable(name=name, kind=kind_of(value), type_name=class_name(value))
    if is_a(value, nn.Module):
        tensors = [t for m in distinct_modules(value) for _, t in (*parameters_of(m), *buffers_of(m))]
        storages = {key: size for tensor in tensors for key, size in storages_of(tensor).items()}
        _count(storages, total_bytes, counted)
        tracked = any(attribute(tensor, "requires_grad") for tensor in tensors)
        row = replace(row, grad="requires_grad" if tracked else "", size_bytes=sum(storages.values()))
    return summary_of(row, value)


def _tensor_row(name: str, tensor: Tensor, storages: Mapping[str, int]) -> Variable:
    grad_fn = attribute(tensor, "grad_fn")
    return Variable(
        name=name,
        kind=kind_of(tensor),
        type_name=class_name(tensor),
        shape=shape_of(tensor),
        dtype=str(attribute(tensor, "dtype")).removeprefix("torch."),
        device=str(attribute(tensor, "device")),
        grad=_grad_state(tensor),
        grad_fn="" if grad_fn is None else class_name(grad_fn),
        size_bytes=sum(storages.values()) if storages else None,
        storage=next(iter(storages), ""),
    )


def attribute(tensor: Tensor, name: str) -> object:
    """Return an attribute by the getter of torch's own class."""
    return getattr(Tensor, name).__get__(tensor)


def shape_of(tensor: Tensor) -> tuple[int, ...] | None:
    """Return the shape; None where there is none in numbers (lazy, nested)."""
    if torch_private.is_lazy(tensor):
        return None
    try:
        return tuple(int(size) for size in Tensor.size(tensor))
    except (RuntimeError, TypeError):
        return None


def _grad_state(tensor: Tensor) -> GradState:
    if not attribute(tensor, "requires_grad"):
        return ""
    if not attribute(tensor, "is_leaf"):
        return "graph"
    return "leaf" if attribute(tensor, "grad") is None else "leaf+grad"


def storages_of(tensor: Tensor) -> dict[str, int]:
    """Return the bytes of the storages of a tensor by their identity, which begins with the device.

    Empty where it has no memory of its own: on the meta device, behind a subclass, lazy.
    """
    if torch_private.is_lazy(tensor) or str(attribute(tensor, "device")).startswith("meta"):
        return {}
    layout = attribute(tensor, "layout")
    parts = [tensor]
    if layout is torch.sparse_coo:
        parts = [Tensor._indices(tensor), Tensor._values(tensor)]
    elif layout in (torch.sparse_csr, torch.sparse_bsr):
        parts = [Tensor.crow_indices(tensor), Tensor.col_indices(tensor), Tensor.values(tensor)]
    elif layout in (torch.sparse_csc, torch.sparse_bsc):
        parts = [Tensor.ccol_indices(tensor), Tensor.row_indices(tensor), Tensor.values(tensor)]
    elif layout is torch.jagged:
        parts = [torch_private.stored_values(tensor)]
    elif torch_private.dispatches_in_python(tensor):
        return {}
    found: dict[str, int] = {}
    for part in parts:
        try:
            storage = Tensor.untyped_storage(part)
            if storage.nbytes():
                found[f"{part.device}:{storage.data_ptr():#x}"] = storage.nbytes()
        except (RuntimeError, NotImplementedError):  # opaque layouts have no storage
            continue
    return found


def _count(storages: Mapping[str, int], total_bytes: dict[str, int], counted: set[str]) -> None:
    for key, size in storages.items():
        if key not in counted:
            counted.add(key)
            device = key.rpartition(":")[0]
            total_bytes[device] = total_bytes.get(device, 0) + size


def _state_of(tensor: Tensor) -> _State:
    shape = shape_of(tensor) or ()
    return _State(torch_private.version_of(tensor), _address(tensor), shape, prod(shape))


def _address(tensor: Tensor) -> int:
    """Return where the values lie; 0 where torch does not say."""
    try:
        return int(Tensor.data_ptr(tensor))
    except Exception:  # noqa: BLE001 - sparse, opaque and functional tensors each have their own refusal
        return 0


def _written_uncounted(tensor: Tensor) -> bool:
    return bool(attribute(tensor, "requires_grad") and attribute(tensor, "is_leaf"))


def _fingerprint(value: object, summary: str, reading: _Reading | None) -> Fingerprint:
    if reading is not None:
        statistics = summary if isinstance(reading.stats, TensorStats) else ""
        return Fingerprint(id(value), reading.state, statistics)
    if is_a(value, nn.Module):
        tensors = (t for m in distinct_modules(value) for _, t in (*parameters_of(m), *buffers_of(m)))
        state = tuple((_address(tensor), torch_private.version_of(tensor)) for tensor in tensors)
        return Fingerprint(id(value), state)
    return Fingerprint(id(value), summary)
