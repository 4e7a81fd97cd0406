"""Compares two tensors value by value, in blocks: neither is copied whole, to another device or dtype."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite, nan

import torch
from torch import Tensor

from tui.kernel.drawing.facts import tensor_facts
from tui.kernel.tensor_blocks import NoValuesError
from tui.kernel.viewing.blocks import block_size, blocks_in_order, index_of
from tui.kernel.viewing.errors import ViewError, check, reading
from tui.kernel.viewing.opened import Opened, opened_view
from tui.kernel.viewing.strided import strided_of, workable
from tui.kernel.viewing.texts import value_text
from tui.protocol.viewing import CompareViews, Comparison, View


@dataclass(frozen=True)
class _Pair:
    """Two tensors of one shape, ready to be compared."""

    left: Tensor
    right: Tensor
    device: torch.device
    """Where blocks are compared."""
    dtype: torch.dtype
    """In which they are."""
    notes: tuple[str, ...]
    """What was done to make them comparable."""


class _NotComparableError(Exception):
    """Two tensors that cannot be compared; the message says why."""


def compare_views(
    namespace: Mapping[str, object], request: CompareViews, cancel: threading.Event
) -> Comparison:
    """Return how two tensors differ, as `torch.allclose` sees it.

    In blocks, in row-major order, with a look at `cancel` and a synchronization for each; of tensors on two devices,
    blocks of the one on the CPU are moved.

    Raises:
        ViewError: one of the two is none, or it was cancelled.
    """
    with reading(f"{request.left} or {request.right}"):
        if not (request.rtol >= 0 and request.atol >= 0):
            raise ViewError("bad expression", "The tolerances of a comparison are numbers of 0 or more.")
        left, right = (opened_view(namespace, View(text)) for text in (request.left, request.right))
        base = Comparison(tensor_facts(left.tensor), tensor_facts(right.tensor), comparable=False)
        try:
            pair = _pair(left, right)
        except _NotComparableError as error:
            return replace(base, reason=str(error))
        except NoValuesError as error:
            return replace(base, reason=f"No values to compare: {error}.")
        same_shape = left.shape == right.shape
        base = replace(base, comparable=True, reason="; ".join(pair.notes))
        return _compared(pair, base, request, cancel, same_shape=same_shape)


def _pair(left: Opened, right: Opened) -> _Pair:
    for side in (left, right):
        if side.facts.tensor.layout in ("nested", "jagged"):
            raise _NotComparableError(f"{side.name} is nested: compare its parts, such as {side.name}[0].")
    notes = []
    try:
        shape = torch.broadcast_shapes(left.shape, right.shape)
    except RuntimeError:
        raise _NotComparableError(_mismatch(left.shape, right.shape)) from None
    one, other = strided_of(left), strided_of(right)
    for side in (left, right):
        if side.shape != tuple(shape):
            notes.append(f"{side.name} {side.shape} broadcast to {tuple(shape)}")
    dtypes = [workable(torch.empty(0, dtype=_dense_dtype(tensor))).dtype for tensor in (one, other)]
    dtype = torch.promote_types(*dtypes)
    if one.dtype != other.dtype:
        notes.append(f"compared as {_short(dtype)}: {_short(one.dtype)} and {_short(other.dtype)}")
    device = one.device if one.device.type != "cpu" else other.device
    if one.device != other.device:
        notes.append(f"compared on {device}: {one.device} and {other.device}")
    return _Pair(_spread(one, shape), _spread(other, shape), device, dtype, tuple(notes))


def _spread(tensor: Tensor, shape: torch.Size) -> Tensor:
    if tensor.shape == shape:
        return tensor
    return (tensor.dequantize() if tensor.is_quantized else tensor).expand(shape)


def _dense_dtype(tensor: Tensor) -> torch.dtype:
    return torch.float32 if tensor.is_quantized else tensor.dtype


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _mismatch(left: tuple[int, ...], right: tuple[int, ...]) -> str:
    """Return which dimensions stand against each other."""
    for dim in range(1, min(len(left), len(right)) + 1):
        if left[-dim] != right[-dim] and 1 not in (left[-dim], right[-dim]):
            words = f"dimension {-dim} has {left[-dim]:,} against {right[-dim]:,}"
            return f"The shapes {left} and {right} do not broadcast: {words}."
    return f"The shapes {left} and {right} do not broadcast."


@dataclass
class _Tally:
    """What the blocks came to so far."""

    mismatched: int = 0
    unequal: int = 0
    compared: int = 0
    max_abs: float = nan
    max_abs_place: int = -1
    max_rel: float = nan
    total_abs: float = 0.0
    finite: int = 0
    first: int = -1

    def add(self, place: int, numbers: list[float], count: int) -> None:
        """Take in the numbers that `_numbers` gave for a block of `count` values that begins at a place."""
        mismatched, unequal, first, finite, total, widest, widest_at, relative = numbers
        self.compared += count
        self.mismatched += int(mismatched)
        self.unequal += int(unequal)
        if mismatched and self.first < 0:
            self.first = place + int(first)
        self.finite += int(finite)
        self.total_abs += total
        if widest >= 0 and not widest <= self.max_abs:
            self.max_abs, self.max_abs_place = widest, place + int(widest_at)
        if relative >= 0 and not relative <= self.max_rel:
            self.max_rel = relative


def _compared(
    pair: _Pair, base: Comparison, request: CompareViews, cancel: threading.Event, *, same_shape: bool
) -> Comparison:
    tally = _Tally()
    size = block_size(pair.device)
    blocks = zip(blocks_in_order(pair.left, size), blocks_in_order(pair.right, size), strict=True)
    for (place, left), (_, right) in blocks:
        check(cancel)
        one, other = (workable(block.to(pair.device)).to(pair.dtype) for block in (left, right))
        tally.add(place, _numbers(one, other, request), left.numel())
    shape = tuple(pair.left.shape)

    def text(tensor: Tensor) -> str:
        return value_text(tensor[index_of(tally.first, shape)]) if tally.first >= 0 else ""

    return replace(
        base,
        allclose=tally.mismatched == 0,
        equal=tally.unequal == 0 and same_shape,
        mismatched=tally.mismatched,
        compared=tally.compared,
        max_abs=None if tally.max_abs_place < 0 else tally.max_abs,
        max_abs_index=None if tally.max_abs_place < 0 else index_of(tally.max_abs_place, shape),
        max_rel=None if tally.max_abs_place < 0 else tally.max_rel,
        mean_abs=tally.total_abs / tally.finite if tally.finite and isfinite(tally.total_abs) else None,
        first_index=None if tally.first < 0 else index_of(tally.first, shape),
        first_left=text(pair.left),
        first_right=text(pair.right),
    )


def _numbers(left: Tensor, right: Tensor, request: CompareViews) -> list[float]:
    """Return, for two 1-D blocks, the counts and extremes that `_Tally.add` takes; one transfer.

    Differences of NaN count as mismatches and in no extreme; of equal infinities they are 0.
    """
    if left.dtype is torch.bool:
        left, right = left.to(torch.uint8), right.to(torch.uint8)
    apart = ~torch.isclose(left, right, rtol=request.rtol, atol=request.atol, equal_nan=request.equal_nan)
    unequal = left != right
    wide = _wide(left.dtype, left.device)
    difference = torch.where(unequal, _difference(left, right, wide), 0.0)  # else Inf less Inf
    known = ~difference.isnan()
    relative = torch.where(difference > 0, difference / right.to(wide).abs(), 0.0)
    relative = torch.where(relative.isnan(), 0.0, relative)  # Inf over Inf, and NaN
    sized = torch.where(known, difference, -1.0)
    finite = sized.isfinite() & known
    numbers = (
        torch.count_nonzero(apart),
        torch.count_nonzero(unequal),
        apart.to(torch.uint8).argmax(),
        torch.count_nonzero(finite),
        torch.where(finite, sized, 0.0).sum(),
        sized.amax(),
        sized.argmax(),
        relative.amax(),
    )
    result: list[float] = torch.stack([number.to(sized.dtype) for number in numbers]).tolist()
    return result


def _difference(left: Tensor, right: Tensor, wide: torch.dtype) -> Tensor:
    """Return |left - right| in real floats; of integers, which may need more digits than those have, exactly."""
    difference = (left.to(wide) - right.to(wide)).abs()
    if left.is_floating_point() or left.is_complex():
        return difference
    exact = (left.long() - right.long()).abs().to(wide)
    return torch.where(difference < 2.0**62, exact, difference)  # past it the subtraction may overflow


def _wide(dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """Return the dtype for differences: float64 where the device has it."""
    narrow = device.type == "mps"
    if dtype.is_complex:
        return torch.complex64 if narrow else torch.complex128
    return torch.float32 if narrow else torch.float64
