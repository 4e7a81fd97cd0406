"""Tells whether an object is still the same one, and unchanged, without keeping it alive."""

from __future__ import annotations

import itertools
import threading
import weakref

from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.safe_objects import is_a

_counter = itertools.count(1)
_known: dict[int, tuple[weakref.ref[object], int]] = {}
_lock = threading.RLock()  # a dead object's callback may come while this thread is inside


def serial_of(obj: object) -> int:
    """Return a number that no other object has had in this process; addresses are used again, this is not.

    Raises:
        TypeError: the class of the object knows no weak references.
    """
    address = id(obj)
    with _lock:
        held = _known.get(address)
        if held is not None and held[0]() is obj:
            return held[1]
        serial = next(_counter)

        def forget(_: object) -> None:
            with _lock:
                if _known.get(address, (None, 0))[1] == serial:
                    del _known[address]

        _known[address] = (weakref.ref(obj, forget), serial)
        return serial


def version_of(operand: object) -> int | None:
    """Return how often an object was changed in place; None where nobody counts, as for arrays."""
    return torch_private.version_of(operand) if is_a(operand, Tensor) else None
