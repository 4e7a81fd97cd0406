"""Which two dimensions of a tensor are on the screen, and where the others stand. Immutable; pure functions."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from tui.protocol.viewing import View


@dataclass(frozen=True)
class Layout:
    """A matrix cut out of a tensor: two dimensions, or fewer, and an index for each of the others."""

    shape: tuple[int, ...]
    """-1 for a dimension whose size is not known."""
    row_dim: int | None
    """Dimension down the screen; None: one row."""
    column_dim: int | None
    """Dimension across the screen; None: one column."""
    index: tuple[int, ...]
    """One for each dimension; those of the two on the screen are 0."""

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> Layout:
        """Return the usual layout: a vector goes down, of more dimensions the last two are shown."""
        dims = len(shape)
        row_dim = None if dims == 0 else max(0, dims - 2)
        return cls(shape, row_dim, dims - 1 if dims >= 2 else None, (0,) * dims)

    # -- what is seen -----------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """Rows of the matrix; -1 where that is not known."""
        return 1 if self.row_dim is None else self.shape[self.row_dim]

    @property
    def columns(self) -> int:
        """Columns of the matrix; -1 where that is not known."""
        return 1 if self.column_dim is None else self.shape[self.column_dim]

    @property
    def sliders(self) -> tuple[int, ...]:
        """The dimensions that are not on the screen."""
        return tuple(dim for dim in range(len(self.shape)) if dim not in (self.row_dim, self.column_dim))

    @property
    def empty(self) -> bool:
        """Whether there is no value at all."""
        return 0 in self.shape

    def cell_index(self, row: int, column: int) -> tuple[int, ...]:
        """Return the tensor's index of a cell of the matrix."""
        index = list(self.index)
        if self.row_dim is not None:
            index[self.row_dim] = row
        if self.column_dim is not None:
            index[self.column_dim] = column
        return tuple(index)

    def place_of(self, index: tuple[int, ...]) -> tuple[int, int]:
        """Return row and column of a tensor's index, whatever the sliders say."""
        return (
            0 if self.row_dim is None else index[self.row_dim],
            0 if self.column_dim is None else index[self.column_dim],
        )

    # -- other layouts ----------------------------------------------------------------------------

    def at(self, index: tuple[int, ...]) -> Layout:
        """Return the layout with its sliders where `index` is."""
        kept = [i if dim in self.sliders else 0 for dim, i in enumerate(index)]
        return replace(self, index=tuple(kept))

    def slid(self, dim: int, step: int) -> Layout:
        """Return the layout with a slider moved, as far as it goes."""
        size = self.shape[dim]
        index = list(self.index)
        index[dim] = (
            max(0, index[dim] + step) if size < 0 else min(max(0, index[dim] + step), max(0, size - 1))
        )
        return replace(self, index=tuple(index))

    def transposed(self) -> Layout:
        """Return the layout with rows and columns exchanged."""
        return replace(self, row_dim=self.column_dim, column_dim=self.row_dim)

    def with_next_row_dim(self, step: int = 1) -> Layout:
        """Return the layout with the next dimension down the screen; of one or two dimensions, transposed."""
        if len(self.shape) <= 2 or self.row_dim is None or self.column_dim is None:
            return self.transposed()
        return self._showing(self._next(self.row_dim, self.column_dim, step), self.column_dim)

    def with_next_column_dim(self, step: int = 1) -> Layout:
        """Return the layout with the next dimension across the screen; of one or two dimensions, transposed."""
        if len(self.shape) <= 2 or self.row_dim is None or self.column_dim is None:
            return self.transposed()
        return self._showing(self.row_dim, self._next(self.column_dim, self.row_dim, step))

    def _next(self, dim: int, taken: int, step: int) -> int:
        free = [other for other in range(len(self.shape)) if other != taken]
        return free[(free.index(dim) + step) % len(free)]

    def _showing(self, row_dim: int, column_dim: int) -> Layout:
        index = tuple(0 if dim in (row_dim, column_dim) else i for dim, i in enumerate(self.index))
        return replace(self, row_dim=row_dim, column_dim=column_dim, index=index)

    def fitted(self, shape: tuple[int, ...]) -> Layout:
        """Return the layout for a tensor of another shape: as similar as may be."""
        if shape == self.shape:
            return self
        if len(shape) != len(self.shape):
            return Layout.of(shape)
        index = tuple(
            i if size < 0 else min(i, max(0, size - 1)) for i, size in zip(self.index, shape, strict=True)
        )
        return replace(self, shape=shape, index=index)


# -- notation ---------------------------------------------------------------------------------------

_PRIMARY = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.Constant, ast.List, ast.Tuple)


def in_brackets(expression: str) -> str:
    """Return the expression so that an index, a method or an operator may stand beside it."""
    try:
        body = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return f"({expression})"
    return expression.strip() if isinstance(body, _PRIMARY) else f"({expression.strip()})"


def arranged(view: View) -> str:
    """Return what a view shows as PyTorch code: ``x.mean(dim=1, keepdim=True)``."""
    if not view.arrangement:
        return view.expression
    base, dim = in_brackets(view.expression), f"dim={view.along}"
    match view.arrangement:
        case "sort ascending":
            return f"{base}.sort({dim}).values"
        case "sort descending":
            return f"{base}.sort({dim}, descending=True).values"
        case "min":
            return f"{base}.amin({dim}, keepdim=True)"
        case "max":
            return f"{base}.amax({dim}, keepdim=True)"
        case other:
            return f"{base}.{other}({dim}, keepdim=True)"


def notation(view: View, layout: Layout) -> str:
    """Return what is on the screen as an index: ``x[3, 0, :, :]``; a matrix or less is the expression itself."""
    if not layout.sliders:
        return arranged(view)
    parts = [str(i) if dim in layout.sliders else ":" for dim, i in enumerate(layout.index)]
    return f"{in_brackets(arranged(view))}[{', '.join(parts)}]"


def cell_notation(view: View, layout: Layout, row: int, column: int) -> str:
    """Return the index notation of one cell: ``x[3, 0, 5, 7]``; of a 0-d tensor the expression."""
    index = layout.cell_index(row, column)
    if not index:
        return arranged(view)
    return f"{in_brackets(arranged(view))}[{', '.join(map(str, index))}]"


def read_notation(text: str, view: View, layout: Layout) -> Layout | None:
    """Return the layout that a typed index means, where it only moves the sliders of what is shown; else None.

    ``x[4, 0, :, :]`` over a view of ``x`` is such an index, ``x[4, ::2]`` and ``y`` are not.
    """
    base = in_brackets(arranged(view))
    rest = text.strip().removeprefix(base) if text.strip().startswith(base) else ""
    if not (rest.startswith("[") and rest.endswith("]")):
        return None
    parts = [part.strip() for part in rest[1:-1].split(",")]
    if len(parts) != len(layout.shape) or not all(part == ":" or part.isdecimal() for part in parts):
        return None
    shown = [dim for dim, part in enumerate(parts) if part == ":"]
    fits = all(
        part == ":" or size < 0 or int(part) < size for part, size in zip(parts, layout.shape, strict=True)
    )
    if len(shown) != 2 or not fits:
        return None
    index = tuple(0 if part == ":" else int(part) for part in parts)
    if {layout.row_dim, layout.column_dim} == set(shown):
        return replace(layout, index=index)
    return Layout(layout.shape, shown[0], shown[1], index)
