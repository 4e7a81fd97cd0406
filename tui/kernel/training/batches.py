"""Batches as loaders give them: nested containers of tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

_SEQUENCES = (list, tuple)


def _same(batch: Any) -> Any:
    return batch


def mover(device: torch.device) -> Callable[[Any], Any]:
    """Return a function that moves a batch to `device`; on the CPU one that does nothing.

    Copies to CUDA do not wait (`non_blocking`): the loop's later kernels come after them in the stream.
    """
    if device.type == "cpu":
        return _same

    def move(batch: Any) -> Any:
        if isinstance(batch, torch.Tensor):
            return batch.to(device, non_blocking=True)
        if isinstance(batch, tuple) and hasattr(batch, "_fields"):
            return type(batch)(*map(move, batch))
        if isinstance(batch, list | tuple):
            return type(batch)(map(move, batch))
        if isinstance(batch, Mapping):
            return type(batch)({key: move(value) for key, value in batch.items()})  # type: ignore[call-arg]
        if callable(getattr(batch, "to", None)):
            return batch.to(device)  # PackedSequence, graph batches
        return batch

    return move


def tensors_in(batch: object) -> Iterator[torch.Tensor]:
    """Yield every tensor of a batch, in order."""
    if isinstance(batch, torch.Tensor):
        yield batch
    elif isinstance(batch, Mapping):
        for value in batch.values():
            yield from tensors_in(value)
    elif isinstance(batch, list | tuple):
        for value in batch:
            yield from tensors_in(value)


def batch_size(batch: object) -> int:
    """Return the length of the first tensor with a dimension; 1 where there is none."""
    if type(batch) is list or type(batch) is tuple:
        first = batch[0] if batch else None
        if isinstance(first, torch.Tensor) and first.dim():
            return first.size(0)
    return next((tensor.size(0) for tensor in tensors_in(batch) if tensor.dim()), 1)


def is_pair(batch: object) -> bool:
    """Return whether a batch is (input, target)."""
    return isinstance(batch, _SEQUENCES) and len(batch) == 2


def describe(value: object) -> str:
    """Return the shapes of a batch or output in a few words, e.g. ``float32 (32, 10)``."""
    tensors = list(tensors_in(value))
    if not tensors:
        return type(value).__name__
    words = [f"{str(t.dtype).removeprefix('torch.')} {tuple(t.shape)}" for t in tensors[:4]]
    return ", ".join(words) + (", …" if len(tensors) > 4 else "")
