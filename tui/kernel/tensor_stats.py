"""Statistics of tensors: few passes, on the tensor's own device, one transfer to the host.

NOTE [Passes]
Values are read in blocks that stay in the cache: `aminmax`, `mean`, then `sum` and `vector_norm` of the
block less its mean. The blocks' moments are combined in float64 on the host (Chan, Golub and LeVeque), so a
mean of 1e6 with a standard deviation of 1 comes out right, and memory is read about once. NaN, Inf, and
values whose squares leave the range of the dtype show in those few numbers: only then are the blocks
concerned read again, with care.

Nothing here changes a tensor, tracks gradients, or draws random numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Final

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.block_numbers import (
    BlockStats,
    DeviceError,
    HostBatch,
    Scratch,
    Ticket,
    block_stats,
    careful_block_stats,
    careful_numbers_of,
    needs_care,
    numbers_of,
)
from tui.kernel.tensor_blocks import NoValuesError, Source, source_of

TABLE_LIMIT: Final = 10_000_000
"""Values past which a table samples a tensor."""
OUT_OF_TIME: Final = "…"
"""Why there are no statistics when the time for a table was spent."""
_BLOCK_CPU: Final = 1 << 19
"""Values of a block on the CPU: 2 MB of float32 stays in the cache."""
_BLOCK_ELSEWHERE: Final = 1 << 24
"""Values of a block elsewhere: an accelerator wants few, large operations."""
_CAREFUL_SPLIT: Final = 16


@dataclass(frozen=True)
class TensorStats:
    """What the values of a tensor are; of their magnitudes where the dtype is complex."""

    stored: int
    """Values of the tensor; of a sparse tensor, those it stores."""
    counted: int
    """Values looked at; fewer than `stored` where they were sampled."""
    minimum: float | None
    """Smallest finite value; None where there is none. An int where the dtype is one; of bool 0 or 1."""
    maximum: float | None
    mean: float | None
    """Of the finite values; None where there is none."""
    std: float | None
    """Standard deviation (with n-1) of the finite values; None for fewer than two of them."""
    nan: int = 0
    """NaN among the counted."""
    posinf: int = 0
    neginf: int = 0
    true: int | None = None
    """Of bool: how many of the counted are True. None for other dtypes."""
    value: complex | None = None
    """The value of a complex tensor of one element."""

    @property
    def sampled(self) -> bool:
        """Whether only some of the values were looked at."""
        return self.counted < self.stored

    @property
    def nonfinite(self) -> int:
        """NaN and infinite values among the counted."""
        return self.nan + self.posinf + self.neginf


@dataclass(frozen=True)
class Unavailable:
    """Why a tensor has no statistics."""

    reason: str
    """In words, one line."""


def tensor_stats(tensor: Tensor, *, limit: int | None = None) -> TensorStats | Unavailable:
    """Return the statistics of one tensor; see `batch_stats`."""
    return batch_stats([tensor], limit=limit)[0]


def batch_stats(
    tensors: Sequence[Tensor], *, limit: int | None = TABLE_LIMIT, deadline_s: float = inf
) -> list[TensorStats | Unavailable]:
    """Return the statistics of tensors of any kind, in their order; never raises for what a tensor is.

    One transfer, hence one synchronization, per device; a second one where values are not finite.

    Args:
        tensors: any shapes, dtypes, layouts and devices.
        limit: a tensor with more values is sampled evenly; None: never.
        deadline_s: on `time.monotonic`; tensors not read by then are `Unavailable`.
    """
    with torch.inference_mode(), torch_private.without_overrides():
        scratch = Scratch()
        jobs = [_Job(tensor, limit, scratch) for tensor in tensors]
        for step in (_Job.read, _Job.read_with_care):
            batches: _Batches = {}
            for job in jobs:
                job.attempt(step, batches, deadline_s)
            for batch in batches.values():
                batch.fetch()
        return [job.result() for job in jobs]


def words_of(error: BaseException) -> str:
    """Return what went wrong on one line; a device that is lost to this process says so."""
    first = (str(error).strip().splitlines() or [""])[0]
    if "CUDA error" in first:
        return f"{first}: restart the kernel"
    return f"{type(error).__name__}: {first}"


_Batches = dict[torch.device, HostBatch]


class _Job:
    """One tensor on its way to statistics."""

    def __init__(self, tensor: Tensor, limit: int | None, scratch: Scratch) -> None:
        self._tensor = tensor
        self._scratch = scratch
        self._limit = limit
        self._failed: Unavailable | None = None
        self._source = Source((), 0, 0, 1)
        self._size = 0
        self._counts: list[int] = []
        self._numbers: list[tuple[Ticket, ...]] = []
        self._careful: dict[int, list[tuple[Ticket, ...]]] = {}
        self._value: tuple[Ticket, ...] = ()

    def attempt(self, step: Callable[[_Job, _Batches], None], batches: _Batches, deadline_s: float) -> None:
        """Carry out a step unless the tensor has failed or the time is up."""
        if self._failed is not None:
            return
        if time.monotonic() > deadline_s and step == _Job.read:
            self._failed = Unavailable(OUT_OF_TIME)
            return
        try:
            step(self, batches)
        except NoValuesError as error:
            self._failed = Unavailable(str(error))
        except DeviceError as error:
            self._failed = Unavailable(_device_words(error))
        except Exception as error:  # noqa: BLE001 - any kind of tensor gets a row, with the error in words
            self._failed = Unavailable(words_of(error))

    def read(self, batches: _Batches) -> None:
        """Read every block once."""
        self._source = source_of(self._tensor, limit=self._limit)
        if not self._source.counted:
            return
        batch = self._batch(batches)
        for block in self._source.blocks(self._size):
            self._counts.append(block.numel())
            self._numbers.append(tuple(batch.put(number) for number in numbers_of(block, self._scratch)))
        if self._source.stored == 1 and block.is_complex():
            number = block.to(torch.complex128).resolve_conj().resolve_neg()[0]
            self._value = (batch.put(number.real), batch.put(number.imag))

    def read_with_care(self, batches: _Batches) -> None:
        """Read those blocks again whose numbers are not finite or out of range."""
        again = {index for index, block in enumerate(self._numbers) if needs_care(block)}
        if not again:
            return
        batch = self._batch(batches)
        for index, block in enumerate(self._source.blocks(self._size)):
            if index in again:  # in smaller pieces, as it takes many float64 temporaries
                self._careful[index] = [
                    tuple(batch.put(number) for number in careful_numbers_of(piece))
                    for piece in torch.split(block, self._size // _CAREFUL_SPLIT)
                ]

    def result(self) -> TensorStats | Unavailable:
        """Return the statistics, or why there are none."""
        if self._failed is not None:
            return self._failed
        try:
            return self._combined()
        except DeviceError as error:
            return Unavailable(_device_words(error))

    def _batch(self, batches: _Batches) -> HostBatch:
        device = self._source.parts[0].device
        self._size = _BLOCK_CPU if device.type == "cpu" else _BLOCK_ELSEWHERE
        return batches.setdefault(device, HostBatch())

    def _combined(self) -> TensorStats:
        source = self._source
        if not self._numbers:
            return TensorStats(source.stored, 0, None, None, None, None)
        if source.parts[0].dtype is torch.bool:
            return _of_bool(source, int(sum(block[0]() for block in self._numbers)))
        blocks: list[BlockStats] = []
        for index, count in enumerate(self._counts):
            if index in self._careful:
                blocks += map(careful_block_stats, self._careful[index])
            else:
                blocks.append(block_stats(count, self._numbers[index]))
        value = complex(*(ticket() for ticket in self._value)) if self._value else None
        return _combined(blocks, source, value)


def _device_words(error: DeviceError) -> str:
    return words_of(error.__cause__ or error)


def _of_bool(source: Source, true: int) -> TensorStats:
    """Return the statistics of a bool tensor, of whose counted values `true` are True."""
    count = source.counted
    mean = true / count
    total = count * source.repeat
    std = sqrt(mean * (1 - mean) * total / (total - 1)) if total > 1 else None
    low, high = int(true == count), int(true > 0)
    return TensorStats(source.stored, total, low, high, mean, std, true=true * source.repeat)


def _combined(blocks: Iterable[BlockStats], source: Source, value: complex | None) -> TensorStats:
    """Return the statistics of the blocks together (Chan's parallel algorithm)."""
    blocks = list(blocks)
    nan, posinf, neginf = (
        source.repeat * sum(getattr(block, kind) for block in blocks) for kind in ("nan", "posinf", "neginf")
    )
    known = [block for block in blocks if block.count]
    counted = source.counted * source.repeat
    if not known:
        return TensorStats(source.stored, counted, None, None, None, None, nan, posinf, neginf, value=value)
    low, high = min(block.low for block in known), max(block.high for block in known)
    # squares of float64 beyond 1e154 overflow: add in units of the largest value where it is far from 1
    largest = float(max(abs(low), abs(high)))
    unit = max(largest, 1e-300) if largest > 1e100 or 0 < largest < 1e-100 else 1.0
    n, mean, squares = 0, 0.0, 0.0
    for block in known:
        scale = block.scale / unit
        step = block.mean * scale - mean
        n += block.count
        mean += step * block.count / n
        squares += (block.norm * scale) ** 2 + step * step * block.count * (n - block.count) / n
    total = n * source.repeat
    std = unit * sqrt(squares * source.repeat / (total - 1)) if total > 1 else None
    return TensorStats(source.stored, counted, low, high, mean * unit, std, nan, posinf, neginf, value=value)
