"""Remembers the last results that took time to compute, so that scrolling through them does not compute them again.

NOTE [What a view remembers]
A result is used again while its operands are the same objects of the same versions, and a probe of their values
reads as before: `.data`, NumPy and fused optimizers write without torch's counting it. As a probe sees few values,
a result also ages: the cheaper it is, the sooner it is computed again. Results that share memory with the user's
tensors, or are larger than `LIMIT_BYTES`, are not kept at all; one whose operand is deleted is dropped with it; one
that nobody has asked for in `UNUSED_S` is dropped. So nothing of the user's is kept alive, and what is kept is small.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.variables import storages_of
from tui.kernel.viewing.arrays import tensor_of
from tui.kernel.viewing.memory import room_bytes

LIMIT_BYTES: Final = 1 << 30
"""Of all that is kept, together."""
UNUSED_S: Final = 30.0
_CHEAP_S: Final = 0.002
"""What takes less is not kept, and so is always fresh."""
_YOUNGEST_S: Final = 1.0
_OLDEST_S: Final = 30.0
_AGE_PER_COST: Final = 20.0
"""A result is used for so many times what it cost to compute, within those two bounds."""
_SHARE: Final = 0.25
"""Of the memory that a view may use, for one result at most."""
_PROBED: Final = 64
"""Values of each operand that a probe reads."""


@dataclass
class _Entry:
    value: tuple[Tensor, ...] | Tensor
    operands: tuple[weakref.ref[object], ...]
    probe: tuple[bytes, ...]
    cost_s: float
    computed_s: float
    """On `time.monotonic`."""
    used_s: float
    size_bytes: int


class Memo:
    """Results by key; a key names the operation and its operands with their versions. Safe from any thread."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry] = {}
        self._lock = threading.RLock()  # a dead operand's callback may come while this thread is inside
        self._timer: threading.Timer | None = None

    def result(self, key: Hashable, operands: Sequence[object], compute: Callable[[], object]) -> object:
        """Return what `compute` returns, from memory where that is still right.

        Args:
            key: of the operation and its operands.
            operands: the user's own tensors and arrays that the result depends on.
            compute: called outside the lock; returns a tensor or anything else, which is not kept.
        """
        entry = self._fresh(key)
        if entry is not None:
            return entry.value
        probe = tuple(map(probe_of, operands))
        start_s = time.monotonic()
        value = compute()
        now_s = time.monotonic()
        parts = _own_tensors(value, operands)
        # elsewhere than on the CPU the call returns before the work is done: what that costs is not known
        if parts and (now_s - start_s >= _CHEAP_S or parts[0].device.type != "cpu"):
            size_bytes = sum(sum(storages_of(part).values()) for part in parts)
            references = tuple(weakref.ref(operand, lambda _: self._forget(key)) for operand in operands)
            kept = value if isinstance(value, Tensor) else tuple(parts)
            if size_bytes <= min(LIMIT_BYTES, _SHARE * room_bytes(parts[0].device)):
                self._keep(key, _Entry(kept, references, probe, now_s - start_s, now_s, now_s, size_bytes))
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        """Return how many results are kept."""
        return len(self._entries)

    def _fresh(self, key: Hashable) -> _Entry | None:
        now_s = time.monotonic()
        with self._lock:
            entry = self._entries.get(key)
        if entry is None:
            return None
        operands = [reference() for reference in entry.operands]
        allowed_s = min(max(_YOUNGEST_S, _AGE_PER_COST * entry.cost_s), _OLDEST_S)
        known = [operand for operand in operands if operand is not None]
        if len(known) < len(operands) or now_s - entry.computed_s > allowed_s:
            return None
        if tuple(map(probe_of, known)) != entry.probe:
            return None
        entry.used_s = now_s
        return entry

    def _keep(self, key: Hashable, entry: _Entry) -> None:
        with self._lock:
            self._entries.pop(key, None)
            self._entries[key] = entry
            # over copies: a tensor may die at any line, and its callback takes entries away
            kept_now = list(self._entries.items())
            by_use = sorted(kept_now, key=lambda item: item[1].used_s)
            excess = sum(kept.size_bytes for _, kept in by_use) - LIMIT_BYTES
            for oldest, kept in by_use:
                if excess <= 0:
                    break
                self._entries.pop(oldest, None)
                excess -= kept.size_bytes
            self._watch()

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            self._entries.pop(key, None)

    def _watch(self) -> None:
        """Have what is not used dropped; a thread that waits exists only while something is kept."""
        if self._timer is None and self._entries:
            self._timer = threading.Timer(UNUSED_S / 2, self.drop_unused)
            self._timer.daemon = True
            self._timer.start()

    def drop_unused(self) -> None:
        """Drop what nobody has asked for in a while."""
        with self._lock:
            limit_s = time.monotonic() - UNUSED_S
            for key, entry in list(self._entries.items()):
                if entry.used_s < limit_s:
                    self._entries.pop(key, None)
            self._timer = None
            self._watch()


def _own_tensors(value: object, operands: Sequence[object]) -> list[Tensor]:
    """Return the tensors of a result where all have memory of their own; nothing where one has not."""
    parts = [value] if isinstance(value, Tensor) else list(value) if isinstance(value, tuple) else []
    tensors = [part for part in parts if isinstance(part, Tensor)]
    theirs = {storage for operand in operands for storage in storages_of(tensor_of(operand))}
    found = [set(storages_of(tensor)) for tensor in tensors]
    own = all(storages and not storages & theirs for storages in found)
    return tensors if own and len(tensors) == len(parts) else []


def probe_of(operand: object) -> bytes:
    """Return a few values of a strided tensor from all over it, as bytes; empty for other kinds. A sync point."""
    tensor = tensor_of(operand)
    if torch_private.dispatches_in_python(tensor) or torch_private.is_lazy(tensor):
        return b""
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested or not tensor.numel():
        return b""
    if tensor.device.type == "meta":
        return b""
    places = torch.linspace(0, tensor.numel() - 1, _PROBED, dtype=torch.float64).long()
    index: list[Tensor] = []
    for size in reversed(tensor.shape):  # `torch.unravel_index` would import SymPy
        index.insert(0, (places % size).to(tensor.device))
        places = places // size
    values = tensor.detach()[tuple(index)]
    values = values.resolve_conj().resolve_neg().contiguous().cpu()
    return bytes(values.reshape(-1).view(torch.uint8).tolist())


MEMO: Final = Memo()
"""That of this kernel."""
