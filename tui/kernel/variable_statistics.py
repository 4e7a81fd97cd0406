"""What the last tables knew of their tensors: statistics that need not be taken again, and marks of what changed."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.summary import summarize
from tui.kernel.tensor_stats import OUT_OF_TIME, TensorStats, Unavailable, batch_stats
from tui.kernel.variable_members import attribute


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


class State(NamedTuple):
    """What changes when a tensor's values change in a way that torch counts."""

    version: int | None
    address: int
    shape: tuple[int, ...]
    elements: int


class Reading(NamedTuple):
    """Statistics of a tensor."""

    state: State
    """When they were taken, or a moment before."""
    stats: TensorStats | Unavailable
    text: str
    """The statistics in words, on one line."""


@dataclass(frozen=True)
class _Entry:
    tensor: weakref.ref[Tensor]
    state: State
    execution_count: int
    stats: TensorStats
    text: str


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
    ) -> list[Reading]:
        """Return the statistics of the tensors in their order, those of small tensors taken first."""
        with self.lock:
            states = [state_of(tensor) for tensor in tensors]
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
            results: list[Reading] = []
            kept: dict[int, _Entry] = {}
            for index, (tensor, state, entry) in enumerate(zip(tensors, states, held, strict=True)):
                stats = found.get(index, Unavailable(OUT_OF_TIME))
                keep = entry
                if isinstance(stats, TensorStats):
                    keep = _Entry(
                        weakref.ref(tensor), state, execution_count, stats, summarize(tensor, stats)
                    )
                if keep is None or (keep is entry and not _out_of_time(stats)):
                    results.append(Reading(state, stats, summarize(tensor, stats)))
                else:
                    results.append(Reading(state, keep.stats, keep.text))
                if keep is not None and state.version is not None:
                    kept[id(tensor)] = keep
            self.entries = kept
        return results

    def _held(self, tensor: Tensor, state: State) -> _Entry | None:
        entry = self.entries.get(id(tensor))
        return entry if entry is not None and entry.tensor() is tensor and entry.state == state else None


def _out_of_time(stats: TensorStats | Unavailable) -> bool:
    return isinstance(stats, Unavailable) and stats.reason == OUT_OF_TIME


def shape_of(tensor: Tensor) -> tuple[int, ...] | None:
    """Return the shape; None where there is none in numbers (lazy, nested)."""
    if torch_private.is_lazy(tensor):
        return None
    try:
        return tuple(map(int, Tensor.size(tensor)))
    except (RuntimeError, TypeError):
        return None


def state_of(tensor: Tensor) -> State:
    """Return what tells whether torch has counted a change."""
    shape = shape_of(tensor) or ()
    return State(torch_private.version_of(tensor), address_of(tensor), shape, prod(shape))


def address_of(tensor: Tensor) -> int:
    """Return where the values lie; 0 where torch does not say."""
    try:
        return torch_private.address_of(tensor)
    except Exception:  # noqa: BLE001 - sparse, opaque and functional tensors each have their own refusal
        return 0


def _written_uncounted(tensor: Tensor) -> bool:
    return bool(attribute(tensor, "requires_grad") and attribute(tensor, "is_leaf"))
