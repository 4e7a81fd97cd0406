"""Windows of sparse tensors, from the stored entries that fall into them; the whole is never laid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.drawing.plain_values import refuse_valueless
from tui.kernel.safe_objects import class_name
from tui.kernel.tensor_blocks import NoValuesError
from tui.kernel.viewing.memo import MEMO
from tui.kernel.viewing.strided import workable

if TYPE_CHECKING:
    from tui.kernel.viewing.opened import Opened
    from tui.kernel.viewing.window import Frame


@dataclass(frozen=True)
class Entries:
    """Stored entries: their places in the sparse dimensions, which come first, and their values."""

    places: Tensor
    """int64, (sparse dimensions, entries)."""
    values: Tensor
    """(entries, *dense dimensions)."""

    def within(self, dim: int, start: int, length: int) -> Entries:
        """Return the entries whose place in a sparse dimension is in a range."""
        place = self.places[dim]
        keep = (place >= start) & (place < start + length)
        return Entries(self.places[:, keep], self.values[keep])


def grid(opened: Opened, frame: Frame) -> tuple[Tensor, Tensor]:
    """Return the values of a window, (rows, columns), and where any is stored, as a mask on the host.

    Several entries of one place add up, as torch has it.
    """
    entries = _near(opened, frame)
    sparse_dims = len(entries.places)
    for dim in range(sparse_dims):
        entries = entries.within(dim, *frame.range_of(dim))
    count, height, width = entries.places.size(1), frame.rows, frame.columns
    values = _dense_part(workable(entries.values), frame, sparse_dims)
    rows = _places(entries, frame.row_dim, frame.row, height)
    columns = _places(entries, frame.column_dim, frame.column, width)
    spots = (rows.unsqueeze(2) * width + columns.unsqueeze(1)).expand(values.shape).reshape(-1)
    out = torch.zeros(height * width, dtype=values.dtype, device=values.device)
    present = torch.zeros(height * width, dtype=torch.bool, device=values.device)
    if count:
        if values.dtype is torch.bool:  # which does not add up
            out[spots] = values.reshape(-1)
        else:
            out.index_add_(0, spots, values.reshape(-1))
        present[spots] = True
    return out.reshape(height, width), present.reshape(height, width).cpu()


def _dense_part(values: Tensor, frame: Frame, sparse_dims: int) -> Tensor:
    """Return what of each entry is in the window, (entries, rows, columns); 1 row or column unless those are dense."""
    for dim in reversed(range(1, values.dim())):
        shown = sparse_dims + dim - 1
        values = values.narrow(dim, *frame.range_of(shown))
        if shown not in (frame.row_dim, frame.column_dim):
            values = values.select(dim, 0)
    down = frame.row_dim is not None and frame.row_dim >= sparse_dims
    across = frame.column_dim is not None and frame.column_dim >= sparse_dims
    if down and across and (frame.row_dim or 0) > (frame.column_dim or 0):
        values = values.transpose(1, 2)
    return values.reshape(len(values), frame.rows if down else 1, frame.columns if across else 1)


def _places(entries: Entries, dim: int | None, start: int, length: int) -> Tensor:
    """Return the rows (or columns) of the window that entries fill, (entries or 1, 1 or all of a dense dimension)."""
    device = entries.places.device
    if dim is None:
        return torch.zeros((1, 1), dtype=torch.int64, device=device)
    if dim < len(entries.places):
        return (entries.places[dim] - start).unsqueeze(1)
    return torch.arange(length, device=device).unsqueeze(0)


def _near(opened: Opened, frame: Frame) -> Entries:
    """Return the entries among which those of the window are: as few as can be found without reading all."""
    tensor = opened.tensor
    refuse_valueless(tensor)
    if torch_private.dispatches_in_python(tensor):
        raise NoValuesError(f"values are behind {class_name(tensor)}")
    tensor = tensor.detach()
    start, length = frame.range_of(0)
    if tensor.layout is torch.sparse_csr and tensor.dim() == 2:
        return _compressed(torch_private.sparse_parts(tensor), (start, length), 0)
    if tensor.layout is torch.sparse_csc and tensor.dim() == 2:
        return _compressed(torch_private.sparse_parts(tensor), frame.range_of(1), 1)
    if tensor.layout is not torch.sparse_coo:
        return entries_of(opened)
    places, values = torch_private.sparse_parts(tensor)
    if tensor.is_coalesced() and len(places):  # sorted by the first dimension
        bounds = torch.tensor([start, start + length], device=places.device)
        first, last = torch.searchsorted(places[0].contiguous(), bounds).tolist()
        places, values = places[:, first:last], values[first:last]
    return Entries(places, values)


def _compressed(parts: Sequence[Tensor], shown: tuple[int, int], dim: int) -> Entries:
    """Return the entries of the rows (of CSR; `dim` 0) or columns (of CSC; 1) in a range."""
    pointers, others, values = parts
    start, length = shown
    pointers = pointers[start : start + length + 1].long()
    if not length:
        return Entries(pointers.new_zeros((2, 0)), values[:0])
    first, last = int(pointers[0]), int(pointers[-1])
    own = torch.repeat_interleave(
        torch.arange(start, start + length, device=pointers.device), pointers.diff(), output_size=last - first
    )
    there = others[first:last].long()
    return Entries(torch.stack((own, there) if dim == 0 else (there, own)), values[first:last])


def entries_of(opened: Opened) -> Entries:
    """Return all entries of a sparse tensor of any layout, one for each place, in row-major order; remembered."""
    tensor = opened.tensor.detach()

    def compute() -> object:
        coordinate = tensor if tensor.layout is torch.sparse_coo else tensor.to_sparse_coo()
        whole = coordinate.coalesce()
        return whole.indices(), whole.values()

    found = MEMO.result(("entries", opened.key), opened.evaluated.operands, compute)
    assert isinstance(found, tuple)
    return Entries(*found)
