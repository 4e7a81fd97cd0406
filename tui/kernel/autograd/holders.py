"""Which variable holds a tensor that autograd has saved.

Autograd hands out a saved tensor as a new object over the same memory, so it is found again by where it lies. One that
is still alive since the graph was opened cannot lie where a variable of that time lay, unless it is that variable's.
"""

from __future__ import annotations

from torch import Tensor, strided

from tui.kernel import torch_private

Holders = dict[tuple[object, ...], str]
"""Names by the place of their tensor in memory."""


def note_holder(holders: Holders, name: str, tensor: Tensor) -> None:
    """Note that a variable holds a tensor; the first name stays."""
    place = _place_of(tensor)
    if place is not None:
        holders.setdefault(place, name)


def holder_of(holders: Holders, tensor: Tensor | None) -> str:
    """Return the name of the variable that holds a saved tensor; empty where none is known to."""
    place = _place_of(tensor) if tensor is not None else None
    return holders.get(place, "") if place is not None else ""


def _place_of(tensor: Tensor) -> tuple[object, ...] | None:
    with torch_private.without_overrides():
        try:
            if (
                tensor.layout is not strided
                or not tensor.numel()
                or torch_private.dispatches_in_python(tensor)
            ):
                return None
            address = tensor.data_ptr()
            if not address:  # of the meta device
                return None
            return (address, tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor.device)
        except (RuntimeError, NotImplementedError):
            return None
