"""The values of any tensor as small one-dimensional blocks, with no copy of the whole.

Views wherever the strides allow; a block that must be copied is never larger than `size` elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Final

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.safe_objects import class_name

_SAMPLE_RUN: Final = 4096
"""Neighbouring values that a sample takes together at most, so that it reads whole cache lines."""
_SAMPLE_PLACES: Final = 1024
"""Places all over a tensor that a sample is taken from at least, where that is possible."""
_PARTS: Final = 4096
"""Tensors of a nested tensor that are looked at."""


class NoValuesError(Exception):
    """A tensor whose values cannot be read here; the message says why, in words."""


@dataclass(frozen=True)
class Source:
    """The stored values of one tensor, ready to be read block by block."""

    parts: tuple[Tensor, ...]
    """Plain strided tensors on one device, without gradient tracking; several for a nested tensor."""
    stored: int
    """Values there are; fewer than the tensor's elements where it is sparse."""
    counted: int
    """Values in the parts; fewer than `stored` where they are a sample."""
    repeat: int
    """How often each counted value stands in the tensor: more than 1 where it is expanded."""

    def blocks(self, size: int) -> Iterator[Tensor]:
        """Yield the values as 1-D tensors of 1 to `size` elements, always in the same order."""
        for part in self.parts:
            yield from _blocks(part, size)


def source_of(tensor: Tensor, *, limit: int | None) -> Source:
    """Return where the values of a tensor of any kind can be read.

    Args:
        tensor: of any layout, dtype and device.
        limit: sample evenly where it has more values than this; None for all of them.

    Raises:
        NoValuesError: it has no values here, as on the meta device.
    """
    parts = [_folded(part) for part in _strided_parts(tensor, limit)]
    stored = sum(part.numel() * repeat for part, repeat in parts)
    repeat = parts[0][1] if len(parts) == 1 else 1
    tensors = [part if len(parts) == 1 or times == 1 else part.contiguous() for part, times in parts]
    distinct = sum(part.numel() for part in tensors)
    if limit is not None and distinct > limit:
        tensors = [_sampled(part, ceil(distinct / limit)) for part in tensors]
    if tensors and tensors[0].device.type == "mps":  # knows no float64
        tensors = [part.cpu() for part in tensors]
    return Source(tuple(tensors), stored, sum(part.numel() for part in tensors), repeat)


def _strided_parts(tensor: Tensor, limit: int | None) -> list[Tensor]:
    """Return plain strided tensors that hold the values of a tensor of any kind."""
    if torch_private.is_transformed(tensor):
        raise NoValuesError("inside a torch.func transform, no values of its own")
    if torch_private.is_lazy(tensor):
        raise NoValuesError("uninitialized: gets its shape from the first input")
    if tensor.device.type == "meta":
        raise NoValuesError("meta: no values")
    if torch.Tensor.is_nested.__get__(tensor):  # type: ignore[attr-defined]
        if tensor.layout is torch.jagged:
            return [torch_private.stored_values(tensor).detach()]
        return [part.detach() for part in torch.Tensor.unbind(tensor)[:_PARTS]]
    if torch_private.dispatches_in_python(tensor):
        raise NoValuesError(f"values are behind {class_name(tensor)}")
    plain = tensor.detach()  # of the plain class: overrides are off here
    if plain.layout is torch.strided:
        refuse_freed(plain)
    if plain.is_quantized:
        if plain.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
            return [plain]
        if limit is not None and plain.numel() > limit:
            raise NoValuesError("quantized per channel, too large to look at")
        return [plain.dequantize()]
    if plain.layout is torch.strided:
        return [plain]
    if torch_private.is_mkldnn(plain):
        return [plain.to_dense()]
    values = torch_private.stored_values(plain)
    refuse_freed(values)
    return [values]


def refuse_freed(tensor: Tensor) -> None:
    """Raise `NoValuesError` where a strided tensor's memory was given back: to read it would end the process."""
    if not Tensor.numel(tensor):
        return
    reach = sum(
        (size - 1) * stride for size, stride in zip(Tensor.size(tensor), Tensor.stride(tensor), strict=True)
    )
    needed = (Tensor.storage_offset(tensor) + reach + 1) * Tensor.element_size(tensor)
    if Tensor.untyped_storage(tensor).nbytes() < needed:
        raise NoValuesError("its memory was freed")


def _folded(tensor: Tensor) -> tuple[Tensor, int]:
    """Return the tensor with its dimensions in memory order, and how often expansion repeats each value."""
    repeat = 1
    for dim in reversed(range(tensor.dim())):
        if tensor.stride(dim) == 0 and tensor.size(dim) > 1:
            repeat *= tensor.size(dim)
            tensor = tensor.select(dim, 0)
    order = sorted(range(tensor.dim()), key=tensor.stride, reverse=True)
    tensor = tensor.permute(order)
    return (tensor.view(-1) if tensor.is_contiguous() else tensor), repeat


def _sampled(tensor: Tensor, every: int) -> Tensor:
    """Return a view of about 1 in `every` values, taken evenly all over the tensor."""
    run = min(_SAMPLE_RUN, max(1, tensor.numel() // (every * _SAMPLE_PLACES)))
    period = every * run
    if tensor.dim() == 1 and tensor.is_contiguous() and tensor.numel() >= period:
        whole = tensor.numel() // period
        return tensor[: whole * period].view(whole, period).narrow(1, (period - run) // 2, run)
    for places in (_SAMPLE_PLACES // 16, 1):  # thin all dimensions out before one is left with few places
        for dim in range(tensor.dim()):
            step = max(1, min(every, tensor.size(dim) // places))
            tensor = tensor[(slice(None),) * dim + (slice(step // 2, None, step),)]
            every = ceil(every / step)
    return tensor


def _blocks(tensor: Tensor, size: int) -> Iterator[Tensor]:
    """Yield the values as 1-D tensors of at most `size` elements; iterative, for any depth of dimensions."""
    waiting = [tensor]
    while waiting:
        here = waiting.pop()
        count = here.numel()
        if count == 0:
            continue
        if here.dim() == 1 and count <= size:
            yield here
        elif here.dim() <= 1:
            yield from torch.split(here.reshape(-1), size)
        elif count <= size:
            yield here.reshape(-1)  # copies, unless the strides allow a view
        else:
            rows = max(1, size // (count // here.size(0)))
            pieces = torch.split(here, rows) if rows > 1 else here.unbind(0)
            waiting.extend(reversed(pieces))
