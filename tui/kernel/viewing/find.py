"""Finds a place in a view: the smallest or largest value, or the next of a kind, in row-major order.

In a sparse or nested tensor, among the values that it stores.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from tui.kernel.viewing.arrange import arranged_whole
from tui.kernel.viewing.blocks import block_size, blocks_in_order, index_of, place_of
from tui.kernel.viewing.errors import ViewError, check, reading
from tui.kernel.viewing.nested import nested_parts
from tui.kernel.viewing.opened import Opened, opened_view
from tui.kernel.viewing.sparse import Entries, entries_of
from tui.kernel.viewing.strided import magnitudes, workable
from tui.kernel.viewing.texts import value_text
from tui.protocol.viewing import FindPlace, Found, Place

Index = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """Some of the values of a tensor, in row-major order."""

    values: Tensor
    """Strided or quantized."""
    index: Callable[[int], Index]
    """The index in the tensor of a place in `values`."""
    after: Callable[[Index], int]
    """The first place in `values` behind an index in the tensor; 0 or their number where all or none are."""


def find_place(namespace: Mapping[str, object], request: FindPlace, cancel: threading.Event) -> Found:
    """Return where the value is and what it is; an index of None where there is none.

    In blocks on the tensor's own device, with a look at `cancel` and a synchronization for each.

    Raises:
        ViewError: there are no values, no order among them, or it was cancelled.
    """
    with reading(request.view.expression):
        opened = opened_view(namespace, request.view)
        parts = _parts(opened)
        if request.place in ("min", "max"):
            if opened.tensor.dtype.is_complex:
                words = f"Complex values have no order: look at {opened.name}.abs() instead."
                raise ViewError("bad expression", words)
            found = _extreme(parts, request.place, cancel)
        else:
            rank = len(opened.shape)
            if request.after is not None and len(request.after) != rank:
                raise ViewError(
                    "bad index", f"{opened.name} has {rank} dimensions now: there is no {request.after}."
                )
            found = _next(parts, request.place, request.after, cancel)
        if found is None:
            return Found(None)
        part, place = found
        index = part.index(place)
        return Found(index, value_text(_at(part.values, place)))


def _at(values: Tensor, place: int) -> Tensor:
    return values[index_of(place, tuple(values.shape))] if values.dim() else values


# -- the parts of any kind of tensor ------------------------------------------------------------------


def _parts(opened: Opened) -> list[Part]:
    layout = opened.facts.tensor.layout
    if layout in ("nested", "jagged"):
        return [_nested_part(place, part) for place, part in enumerate(nested_parts(opened.tensor))]
    if layout.startswith("sparse"):
        return [_sparse_part(entries_of(opened), opened.shape)]
    values = arranged_whole(opened)
    shape = tuple(values.shape)
    return [Part(values, lambda place: index_of(place, shape), lambda index: _behind(index, shape))]


def _behind(index: Index, shape: Index) -> int:
    """Return the first place behind an index, which may be out of the shape after a resize."""
    size = torch.Size(shape).numel()
    return min(size, max(0, place_of(index, shape) + 1))


def _nested_part(number: int, part: Tensor) -> Part:
    shape = tuple(part.shape)

    def behind(index: Index) -> int:
        if index[0] != number:
            return 0 if index[0] < number else part.numel()
        # an index beyond this part's end in some dimension is behind what it has there
        inside = tuple(min(here, size - 1) for here, size in zip(index[1:], shape, strict=True))
        return _behind(inside, shape)

    return Part(part, lambda place: (number, *index_of(place, shape)), behind)


def _sparse_part(entries: Entries, shape: Index) -> Part:
    sparse_dims = len(entries.places)
    own = tuple(entries.values.shape)

    def index(place: int) -> Index:
        entry, *inner = index_of(place, own)
        return (*entries.places[:, entry].tolist(), *inner)

    def behind(wanted: Index) -> int:
        weights = [1]
        for size in reversed(shape[1:sparse_dims]):
            weights.insert(0, weights[0] * size)
        rows = entries.places * torch.tensor(weights, device=entries.places.device).unsqueeze(1)
        key = sum(here * weight for here, weight in zip(wanted, weights, strict=False))
        keys = rows.sum(0)
        first = int(torch.searchsorted(keys, key))
        inner = entries.values[:1].numel() if len(keys) else 1
        if first < len(keys) and int(keys[first]) == key:
            return first * inner + _behind(wanted[sparse_dims:], own[1:])
        return first * inner

    return Part(entries.values, index, behind)


# -- searching --------------------------------------------------------------------------------------


def _blocks(part: Part, cancel: threading.Event, start: int = 0) -> Iterator[tuple[int, Tensor]]:
    for place, block in blocks_in_order(part.values, block_size(part.values.device), start=start):
        check(cancel)
        yield place, block


def _extreme(parts: list[Part], kind: Place, cancel: threading.Event) -> tuple[Part, int] | None:
    """Return the first place of the smallest or largest value that is not NaN."""
    best: tuple[float, Part, int] | None = None
    for part in parts:
        folded = _folded(part)
        for place, block in _blocks(folded, cancel):
            values = magnitudes(block)
            lowest, there = values, None
            if values.is_floating_point():
                there = ~values.isnan()
                lowest = torch.where(there, values, float("inf") if kind == "min" else float("-inf"))
            value = lowest.amin() if kind == "min" else lowest.amax()
            mask = values == value
            first, any_there = torch.stack((mask.to(torch.uint8).argmax(), mask.any().long())).tolist()
            number = value.item()
            better = best is None or (number < best[0] if kind == "min" else number > best[0])
            if any_there and better:
                best = (number, folded, place + first)
    return None if best is None else (best[1], best[2])


def _folded(part: Part) -> Part:
    """Return the part without the repetitions of expanded dimensions: the first of each is the first place."""
    values = part.values
    shape = tuple(values.shape)
    for dim in range(values.dim()):
        if values.layout is torch.strided and values.stride(dim) == 0 and values.size(dim) > 1:
            values = values.narrow(dim, 0, 1)
    small = tuple(values.shape)
    if small == shape:
        return part
    return Part(values, lambda place: part.index(place_of(index_of(place, small), shape)), part.after)


_KINDS: Final[dict[Place, Callable[[Tensor], Tensor]]] = {
    "nan": torch.isnan,
    "inf": torch.isinf,
    "nonzero": lambda values: values != 0,
}


def _next(
    parts: list[Part], kind: Place, after: Index | None, cancel: threading.Event
) -> tuple[Part, int] | None:
    """Return the first place of a kind behind an index, then from the beginning on to that index."""
    if all(
        _first(_folded(part), kind, cancel, 0, None) is None for part in parts if _is_folded(part)
    ) and all(map(_is_folded, parts)):
        return None
    starts = [0 if after is None else part.after(after) for part in parts]
    for wrapped in (False, True) if after is not None else (False,):
        for part, start in zip(parts, starts, strict=True):
            place = _first(part, kind, cancel, 0 if wrapped else start, start if wrapped else None)
            if place is not None:
                return part, place
    return None


def _is_folded(part: Part) -> bool:
    return _folded(part) is not part


def _first(part: Part, kind: Place, cancel: threading.Event, start: int, end: int | None) -> int | None:
    """Return the first place of a kind in a range; None where there is none."""
    values = part.values
    if kind != "nonzero" and not (values.is_floating_point() or values.is_complex() or values.is_quantized):
        return None
    for place, block in _blocks(part, cancel, start):
        if end is not None and place >= end:
            return None
        mask = _KINDS[kind](workable(block))
        first, found = torch.stack((mask.to(torch.uint8).argmax(), mask.any().long())).tolist()
        if found:
            return None if end is not None and place + first >= end else place + int(first)
    return None
