"""A rectangle of the values of a view: what is on screen, brought to the host in one transfer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from tui.kernel.viewing import arrange, nested, sparse
from tui.kernel.viewing.errors import ViewError, reading
from tui.kernel.viewing.opened import Opened, opened_view
from tui.kernel.viewing.strided import workable
from tui.protocol.values import Number
from tui.protocol.viewing import ReadWindow, Window

MOST_VALUES: Final = 4096
_BITS: Final = {1: torch.uint8, 2: torch.uint16, 4: torch.uint32, 8: torch.uint64}
Rows = tuple[tuple[Number, ...], ...]


@dataclass(frozen=True)
class Frame:
    """Where in a tensor the window is; sizes are those that fit."""

    row_dim: int | None
    """Counted from the front; None: one row."""
    column_dim: int | None
    index: tuple[int, ...]
    """For each dimension; of the two on screen 0."""
    row: int
    column: int
    rows: int
    columns: int

    def range_of(self, dim: int) -> tuple[int, int]:
        """Return the first index and the length in a dimension."""
        if dim == self.row_dim:
            return self.row, self.rows
        if dim == self.column_dim:
            return self.column, self.columns
        return self.index[dim], 1


def read_window(namespace: Mapping[str, object], request: ReadWindow) -> Window:
    """Return the values of a rectangle, which is moved inside where it reaches out of the tensor.

    One transfer, hence one synchronization; on the device no more than the rectangle is copied.

    Raises:
        ViewError: there is nothing to show; in words.
    """
    with reading(request.view.expression):
        opened = opened_view(namespace, request.view)
        layout = opened.facts.tensor.layout
        bits: tuple[tuple[int, ...], ...] = ()
        if layout in ("nested", "jagged"):
            parts = nested.Parts(opened)
            frame = frame_of(request, opened, parts.shape)
            grid, present = parts.grid(frame)
        elif layout.startswith("sparse"):
            frame = frame_of(request, opened, opened.shape)
            grid, present = sparse.grid(opened, frame)
        else:
            frame = frame_of(request, opened, opened.shape)
            grid, present = _strided_grid(opened, frame), None
        here = _on_host(grid)
        real, imaginary = _numbers(here)
        values: tuple[tuple[Number | None, ...], ...] = real
        if present is not None:
            shown = present.tolist()
            values = tuple(
                tuple(value if there else None for value, there in zip(row, mask, strict=True))
                for row, mask in zip(real, shown, strict=True)
            )
        if request.with_bits and str(here.dtype) == f"torch.{opened.facts.tensor.dtype}":
            bits = _bits(here)
        return Window(opened.facts, frame.row, frame.column, values, imaginary, bits)


def frame_of(request: ReadWindow, opened: Opened, shape: tuple[int, ...]) -> Frame:
    """Return where the window is in a tensor of the shape.

    Raises:
        ViewError: the tensor has no such dimensions or indices, as after a resize.
    """
    name = opened.name
    if request.rows * request.columns > MOST_VALUES:
        raise ViewError("too large", f"A window has at most {MOST_VALUES:,} values.")
    if len(request.index) != len(shape):
        many = f"{len(shape)} dimension{'' if len(shape) == 1 else 's'}"
        raise ViewError("bad index", f"{name} has {many} now, {shape}, and not {len(request.index)}.")
    row_dim, column_dim = (_dimension(dim, shape, name) for dim in (request.row_dim, request.column_dim))
    if row_dim is not None and row_dim == column_dim:
        raise ViewError("bad index", f"Dimension {row_dim} of {name} cannot be down and across at once.")
    index = []
    for dim, (place, size) in enumerate(zip(request.index, shape, strict=True)):
        if dim in (row_dim, column_dim):
            index.append(0)
        elif -size <= place < size:
            index.append(place % size)
        else:
            words = f"it goes from 0 to {size - 1:,}" if size else "it is empty"
            raise ViewError(
                "bad index", f"Dimension {dim} of {name}, {shape}, has no index {place:,}: {words}."
            )
    height, width = (1 if dim is None else shape[dim] for dim in (row_dim, column_dim))
    row, rows = _inside(request.row, request.rows, height)
    column, columns = _inside(request.column, request.columns, width)
    return Frame(row_dim, column_dim, tuple(index), row, column, rows, columns)


def _dimension(dim: int | None, shape: tuple[int, ...], name: str) -> int | None:
    if dim is None:
        return None
    if not -len(shape) <= dim < len(shape):
        raise ViewError("bad index", f"{name} has the shape {shape}: there is no dimension {dim}.")
    return dim % len(shape)


def _inside(start: int, length: int, size: int) -> tuple[int, int]:
    """Return first index and length of a stretch moved inside a dimension."""
    length = max(0, min(length, size))
    return max(0, min(start, size - length)), length


def _strided_grid(opened: Opened, frame: Frame) -> Tensor:
    """Return the values of the window, (rows, columns), on their own device."""
    box = arrange.region(opened, [frame.range_of(dim) for dim in range(len(opened.shape))])
    return as_grid(box, frame)


def as_grid(box: Tensor, frame: Frame) -> Tensor:
    """Return a box of size 1 in every dimension that is not on screen as (rows, columns)."""
    for dim in reversed(range(box.dim())):
        if dim not in (frame.row_dim, frame.column_dim):
            box = box.select(dim, 0)
    if frame.row_dim is not None and frame.column_dim is not None:
        return box if frame.row_dim < frame.column_dim else box.transpose(0, 1)
    if frame.row_dim is None:
        return box.unsqueeze(0) if frame.column_dim is not None else box.reshape(1, 1)
    return box.unsqueeze(1)


def _on_host(grid: Tensor) -> Tensor:
    """Return a copy of a small grid on the host: a sync point for a device."""
    if grid.is_quantized:
        return grid.contiguous().cpu()
    return grid.resolve_conj().resolve_neg().contiguous().cpu().clone()


def _numbers(grid: Tensor) -> tuple[Rows, Rows]:
    """Return real and imaginary parts as numbers of Python's; the latter empty where there are none."""
    values = workable(grid) if grid.dtype is not torch.uint64 else grid
    if values.is_complex():
        return _rows(values.real), _rows(values.imag)
    return _rows(values.to(torch.uint8) if values.dtype is torch.bool else values), ()


def _rows(values: Tensor) -> Rows:
    return tuple(map(tuple, values.tolist()))


def _bits(grid: Tensor) -> tuple[tuple[int, ...], ...]:
    """Return the stored patterns as unsigned ints; nothing for a dtype without one number per value."""
    if grid.is_complex():
        return ()
    patterns = grid.int_repr() if grid.is_quantized else grid
    unsigned: list[list[int]] = patterns.contiguous().view(_BITS[patterns.element_size()]).tolist()
    return tuple(map(tuple, unsigned))
