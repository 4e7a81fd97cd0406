"""The few numbers that describe a block of values, computed on its device and brought over together."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, sqrt
from typing import Final

import torch
from torch import Tensor

_WORKABLE: Final = frozenset(
    {torch.float32, torch.float64, torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64}
)
_ROW: Final = 4096


class DeviceError(Exception):
    """The numbers of a device did not come over; the message is what the device said."""


@dataclass(frozen=True)
class Ticket:
    """A number on its way to the host."""

    batch: HostBatch
    dtype: torch.dtype
    index: int

    def __call__(self) -> float:
        """Return the number once it was fetched; raise `DeviceError` where that failed."""
        return self.batch.get(self)


class HostBatch:
    """Single numbers on one device, that come to the host in one transfer."""

    def __init__(self) -> None:
        self._waiting: dict[torch.dtype, list[Tensor]] = {}
        self._values: dict[torch.dtype, list[float]] = {}
        self._error: Exception | None = None

    def put(self, number: Tensor) -> Ticket:
        """Take a 0-d tensor of float32, float64 or int64."""
        waiting = self._waiting.setdefault(number.dtype, [])
        waiting.append(number)
        return Ticket(self, number.dtype, len(waiting) - 1)

    def fetch(self) -> None:
        """Bring all numbers to the host: one transfer, a sync point."""
        dtypes = list(self._waiting)
        try:
            # int64 travels as the bits of float64, so that large ones stay exact
            columns = [
                column.view(torch.float64) if column.dtype is torch.int64 else column.double()
                for column in (torch.stack(self._waiting[dtype]) for dtype in dtypes)
            ]
            sizes = [column.numel() for column in columns]
            arrived = torch.split(torch.cat(columns).cpu(), sizes) if columns else ()
            for dtype, column in zip(dtypes, arrived, strict=True):
                self._values[dtype] = (column.view(torch.int64) if dtype is torch.int64 else column).tolist()
        except Exception as error:  # noqa: BLE001 - whatever the device says is for the user to read
            self._error = error
        self._waiting.clear()

    def get(self, ticket: Ticket) -> float:
        """Return a number put before `fetch`."""
        if self._error is not None:
            raise DeviceError(str(self._error)) from self._error
        return self._values[ticket.dtype][ticket.index]


@dataclass
class BlockStats:
    """A block of values in numbers, on the host."""

    count: int
    """Finite values."""
    low: float
    """Smallest finite value; +Inf where there is none."""
    high: float
    """Largest finite value; -Inf where there is none."""
    mean: float
    """Of the finite values over `scale`."""
    norm: float
    """2-norm of the finite values less their mean, over `scale`."""
    scale: float = 1.0
    nan: int = 0
    posinf: int = 0
    neginf: int = 0


class Scratch:
    """Memory for one block, used over and over: fresh memory costs as much as reading the values."""

    def __init__(self) -> None:
        self._buffer: Tensor | None = None

    def like(self, values: Tensor) -> Tensor:
        """Return a 1-D tensor of the same length, dtype and device, its values unset."""
        held = self._buffer
        fits = held is not None and (held.dtype, held.device) == (values.dtype, values.device)
        if held is None or not fits or len(held) < len(values):
            self._buffer = held = torch.empty_like(values)
        return held[: len(values)]


def numbers_of(block: Tensor, scratch: Scratch) -> tuple[Tensor, ...]:
    """Return, for a 1-D block of bool, the count of True; else low, high, pivot, sum and 2-norm less pivot.

    NaN and Inf carry through to all but the count. Allocates at most one block beside `scratch`.
    """
    if block.dtype is torch.bool:
        return (torch.count_nonzero(block),)
    values = _workable(block)
    low, high = torch.aminmax(values)
    if not values.is_floating_point():
        low, high, values = low.long(), high.long(), values.double()
    pivot = values.mean()
    rest = torch.sub(values, pivot, out=scratch.like(values))
    return low, high, pivot, rest.sum(), _norm(rest)


def careful_numbers_of(block: Tensor) -> tuple[Tensor, ...]:
    """Return low, high, scale, mean, 2-norm less mean, and counts of finite, NaN, +Inf, -Inf.

    In float64, of the finite values alone, divided by the largest magnitude so that no square overflows.
    """
    values = _workable(block).double()
    magnitude = values.abs()
    finite = magnitude < inf
    counts = [finite, values != values, values == inf, values == -inf]  # only NaN differs from itself
    scale = torch.where(finite, magnitude, 0.0).amax()
    scale = torch.where(scale > 0, scale, 1.0)
    scaled = torch.where(finite, values, 0.0) / scale
    count = torch.count_nonzero(finite)
    mean = scaled.sum() / count.clamp(min=1)
    rest = torch.where(finite, scaled - mean, 0.0)
    return (
        torch.where(finite, values, inf).amin(),
        torch.where(finite, values, -inf).amax(),
        scale,
        mean,
        torch.linalg.vector_norm(rest),
        *(torch.count_nonzero(mask) for mask in counts),
    )


def _norm(values: Tensor) -> Tensor:
    """Return the 2-norm of a 1-D tensor by way of short rows.

    One float32 sum over a million squares would lose their last digits, and loses by 1e-3 where the values
    are few different ones; along rows torch is no slower.
    """
    whole = len(values) // _ROW * _ROW
    if whole > _ROW:
        rows: Tensor = torch.linalg.vector_norm(values[:whole].view(-1, _ROW), dim=1)
        values = torch.cat((rows, values[whole:]))
    norm: Tensor = torch.linalg.vector_norm(values)
    return norm


def needs_care(block: tuple[Ticket, ...]) -> bool:
    """Whether the numbers of a block show NaN or Inf, or squares outside the range of its dtype."""
    if len(block) == 1:  # bool
        return False
    low, high, *moments = (ticket() for ticket in block)
    if not (isfinite(low) and isfinite(high) and all(map(isfinite, moments))):
        return True
    smallest, largest = (1e-140, 1e140) if block[-1].dtype is torch.float64 else (1e-15, 1e15)
    return 0 < high - low < smallest or high - low > largest


def block_stats(count: int, numbers: tuple[Ticket, ...]) -> BlockStats:
    """Return what `numbers_of` a block of `count` values say."""
    low, high, pivot, rest, norm = (ticket() for ticket in numbers)
    # `rest` is what the mean in the dtype of the block missed by rounding
    squares = max(0.0, norm * norm - rest * rest / count)
    return BlockStats(count, low, high, pivot + rest / count, sqrt(squares))


def careful_block_stats(numbers: tuple[Ticket, ...]) -> BlockStats:
    """Return what `careful_numbers_of` a block say."""
    low, high, scale, mean, norm, *counts = (ticket() for ticket in numbers)
    finite, nan, posinf, neginf = (int(count) for count in counts)
    return BlockStats(finite, low, high, mean, norm, scale, nan, posinf, neginf)


def _workable(block: Tensor) -> Tensor:
    """Return the block in a dtype in which torch can do sums: its magnitudes where it is complex."""
    if block.is_quantized:
        return block.dequantize()
    if block.is_complex():
        return (block.to(torch.complex64) if block.dtype is torch.complex32 else block).abs()
    if block.dtype in _WORKABLE:
        return block
    if block.dtype is torch.uint64:  # reaches past int64
        return block.double()
    return block.float() if block.is_floating_point() else block.long()
