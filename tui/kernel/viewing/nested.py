"""Windows of nested tensors, whose parts have sizes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.drawing.plain_values import refuse_valueless
from tui.kernel.safe_objects import class_name, module_of
from tui.kernel.tensor_blocks import NoValuesError

if TYPE_CHECKING:
    from tui.kernel.viewing.opened import Opened
    from tui.kernel.viewing.window import Frame


class Parts:
    """The tensors of a nested tensor, as views; dimension 0 counts them."""

    def __init__(self, opened: Opened) -> None:
        self.parts = nested_parts(opened.tensor)
        rank = len(opened.shape)
        sizes = [[part.size(dim) for part in self.parts] for dim in range(rank - 1)]
        self.shape = (len(self.parts), *(max(size, default=0) for size in sizes))
        """The smallest box that all parts fit into, counted with them."""

    def grid(self, frame: Frame) -> tuple[Tensor, Tensor]:
        """Return the values of a window, (rows, columns), and where there are any, as a mask on the host."""
        first, count = frame.range_of(0)
        like = self.parts[0] if self.parts else torch.zeros(())
        values = torch.zeros((frame.rows, frame.columns), dtype=like.dtype, device=like.device)
        present = torch.zeros((frame.rows, frame.columns), dtype=torch.bool)
        for place in range(count):
            box = self._box(self.parts[first + place], frame)
            if box is None:
                continue
            for dim in reversed(range(box.dim())):
                if dim + 1 not in (frame.row_dim, frame.column_dim):
                    box = box.select(dim, 0)
            rows, columns = slice(None), slice(None)
            if frame.row_dim == 0:
                rows = slice(place, place + 1)
            elif frame.column_dim == 0:
                columns = slice(place, place + 1)
            elif box.dim() == 2 and _transposed(frame):
                box = box.transpose(0, 1)
            flat = box.dim() < 2
            height = 1 if frame.row_dim in (None, 0) else box.numel() if flat else box.size(0)
            width = box.numel() // height if height else (0 if flat else box.size(1))
            box = box.reshape(height, width)
            target = (
                rows if frame.row_dim == 0 else slice(height),
                columns if frame.column_dim == 0 else slice(width),
            )
            values[target] = box
            present[target] = True
        return values, present

    @staticmethod
    def _box(part: Tensor, frame: Frame) -> Tensor | None:
        """Return what of a part is in the window; None where the fixed indices are beyond its end."""
        for dim in range(part.dim()):
            start, length = frame.range_of(dim + 1)
            length = min(length, part.size(dim) - start)
            if length <= 0:
                return None
            part = part.narrow(dim, start, length)
        return part


def _transposed(frame: Frame) -> bool:
    return frame.row_dim is not None and frame.column_dim is not None and frame.row_dim > frame.column_dim


def nested_parts(tensor: Tensor) -> list[Tensor]:
    """Return the tensors that a nested tensor consists of, as plain views of its memory.

    Raises:
        NoValuesError: it is a subclass whose operations are not torch's own.
    """
    refuse_valueless(tensor)
    if torch_private.dispatches_in_python(tensor) and not module_of(type(tensor)).startswith("torch.nested."):
        raise NoValuesError(f"values are behind {class_name(tensor)}")
    return [part.detach() for part in Tensor.unbind(tensor)]
