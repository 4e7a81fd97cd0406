"""What a step keeps in memory, by kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tui.kernel.training.batches import tensors_in


class Activations:
    """Sizes of what is saved for the backward pass, each storage once, parameters and buffers apart."""

    def __init__(self, model: nn.Module) -> None:
        self._known = {_key(tensor) for tensor in (*model.parameters(), *model.buffers())}
        self.size_bytes = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what is saved inside the block."""
        with torch.autograd.graph.saved_tensors_hooks(self._pack, _unpack):
            yield

    def _pack(self, tensor: torch.Tensor) -> torch.Tensor:
        key = _key(tensor)
        if key not in self._known:
            self._known.add(key)
            self.size_bytes += _size(tensor)
        # not the tensor itself: an output that its own node holds would be freed by nobody
        return tensor.detach()


def _unpack(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def memory_of(
    model: nn.Module, optimizer: torch.optim.Optimizer, activations_bytes: int, device: torch.device
) -> tuple[tuple[str, int], ...]:
    """Return what and bytes, after a step; what is not known is left out."""
    parameters = list(model.parameters())
    gradients = [p.grad for p in parameters if p.grad is not None]
    state = [tensor for held in optimizer.state.values() for tensor in tensors_in(held)]
    found = [
        ("parameters", _total(parameters)),
        ("gradients", _total(gradients)),
        ("optimizer state", _total(state)),
        ("activations", activations_bytes),
    ]
    free = free_bytes(device)
    return tuple(found) if free is None else (*found, (f"free on {device}", free))


def free_bytes(device: torch.device) -> int | None:
    """Return what is free for everybody on a device; None where that cannot be told."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _total(tensors: Iterable[torch.Tensor]) -> int:
    sizes: dict[Any, int] = {_key(tensor): _size(tensor) for tensor in tensors}
    return sum(sizes.values())


def _key(tensor: torch.Tensor) -> Any:
    try:
        return tensor.untyped_storage().data_ptr() or id(tensor)
    except (RuntimeError, NotImplementedError):  # sparse, opaque
        return id(tensor)


def _size(tensor: torch.Tensor) -> int:
    try:
        return int(tensor.untyped_storage().nbytes())
    except (RuntimeError, NotImplementedError):
        return int(tensor.numel() * tensor.element_size())
