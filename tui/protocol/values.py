"""How the kernel describes a value so that the UI can draw it: facts of a tensor, a small picture, a tree.

A result crosses inside Jupyter's own display messages, as one more MIME type beside ``text/plain``: `VALUE_MIME`,
whose data is the JSON text of an encoded `Shown`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tui.protocol.messages import GradState

VALUE_MIME: Final = "application/vnd.torchtui.value+json"

Number = int | float
"""An int of an integer dtype, 0 or 1 of bool, else a float, which may be NaN or infinite."""
Reduction = Literal["", "mean", "sample"]
"""What one drawn number stands for: one value · the mean of a block of neighbours · one value out of a block."""


@dataclass(frozen=True)
class TensorFacts:
    """What there is to say of a tensor of any kind, without its values."""

    type_name: str
    """``Tensor``, ``Parameter``, or the subclass's own name."""
    shape: tuple[int, ...]
    """-1 for a dimension that varies (nested) or is not known."""
    dtype: str
    """Short name, e.g. ``float32``."""
    device: str
    elements: int
    size_bytes: int | None
    """What its elements take: elements times the size of one; None where that means nothing (meta)."""
    storage_bytes: int | None = None
    """Of the whole storage, which a view shares; None where there is none of its own."""
    layout: str = "strided"
    """``strided``, ``sparse_coo``, ``sparse_csr``, ``jagged``, ``nested``, ``quantized``, …"""
    strides: tuple[int, ...] | None = None
    """In elements; None unless strided."""
    contiguous: bool = True
    is_view: bool = False
    """Whether it looks into the storage of another tensor."""
    statistics: str = ""
    """One line: NaN and Inf first, then ``x∈[-2.1, 1.8] μ=0.1 σ=1.0``; or why there is none."""
    minimum: float | None = None
    """Of the finite values (of ``|z|`` for complex); None where there is none."""
    maximum: float | None = None
    nan: int = 0
    posinf: int = 0
    neginf: int = 0
    sampled: bool = False
    """Whether the statistics are of a sample of the values."""
    grad: GradState = ""
    grad_fn: str = ""
    names: tuple[str, ...] = ()
    """Of the dimensions of a named tensor, ``""`` where one has none."""


@dataclass(frozen=True)
class Tile:
    """A matrix of numbers to be drawn."""

    label: str
    """The index of the slice, e.g. ``[0, 2]``; empty for the whole tensor."""
    rows: tuple[tuple[Number, ...], ...]
    """Of equal length; a vector is one row. NaN marks a block that holds a NaN."""
    imaginary: tuple[tuple[Number, ...], ...] = ()
    """Of a complex tensor, beside the real parts in `rows`; else empty."""


@dataclass(frozen=True)
class Picture:
    """A small picture of a tensor, fit for its rank."""

    kind: Literal["scalar", "vector", "matrix", "slices", "none"]
    tiles: tuple[Tile, ...] = ()
    """One, but for `slices`: the first matrices over the last two dimensions."""
    block: tuple[int, int] = (1, 1)
    """Rows and columns that one drawn number stands for."""
    reduction: Reduction = ""
    tiles_omitted: int = 0
    """Matrices of the tensor that are not in `tiles`."""
    reason: str = ""
    """Of `none`: why there is no picture; empty where there is nothing to say (an empty tensor)."""
    image: bool = False
    """Whether the shape is that of an image, (1 or 3, H, W), so that it can be looked at as one."""


@dataclass(frozen=True)
class TreeRow:
    """One line of a container's tree."""

    depth: int
    """0 for the container itself."""
    label: str
    """How it is reached from the row above: ``[0]``, ``['weight']``, ``.bias``; of depth 0 empty."""
    type_name: str
    summary: str
    """One line: shape, dtype and statistics of a tensor; a short value; what a container holds."""
    tensor: TensorFacts | None = None


@dataclass(frozen=True)
class Shown:
    """A value that was displayed."""

    tensor: TensorFacts | None = None
    picture: Picture | None = None
    tree: tuple[TreeRow, ...] = ()
    """Of a container, a module, a dataclass; empty for a tensor."""
    tree_omitted: int = 0
    """Rows left out because there were too many."""
