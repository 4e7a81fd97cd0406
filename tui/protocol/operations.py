"""How the kernel describes what an operation did to tensors, and why one failed.

Both cross inside Jupyter's display messages, as the only MIME type of one: `OPERATIONS_MIME` (the JSON text of an
encoded `Explanation`) and `FAILURE_MIME` (of a `Failure`). They come after the result or the error of their cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

OPERATIONS_MIME: Final = "application/vnd.torchtui.operations+json"
FAILURE_MIME: Final = "application/vnd.torchtui.failure+json"

Storage = Literal["", "new", "view", "same", "shared"]
"""Of a result: nothing to say · a new storage · a view of an operand · the operand itself, changed in place ·
memory shared with something that is no tensor (a NumPy array)."""
DimRole = Literal["", "stretched", "added", "summed", "batch", "kept", "removed", "met", "new"]
"""What became of one dimension: nothing special · of size 1, repeated to fit · absent, so taken as 1 · added up
or reduced away · one that both have, handled alike · kept · gone (indexed by a number, squeezed) · met another one
and vanished (matmul) · made by the operation."""


@dataclass(frozen=True)
class Operand:
    """A tensor (or number) that went into an operation or came out of it."""

    text: str
    """As the user typed it, e.g. ``x`` or ``model.fc.weight``, cut; empty for the result."""
    shape: tuple[int, ...] | None
    """None for a plain number and for what is no tensor."""
    dtype: str = ""
    device: str = ""
    roles: tuple[DimRole, ...] = ()
    """One for each dimension, or empty."""
    strides: tuple[int, ...] | None = None
    contiguous: bool = True
    requires_grad: bool = False


@dataclass(frozen=True)
class Step:
    """One operation of an expression."""

    operation: str
    """In the user's words: ``+``, ``@``, ``sum``, ``view``, ``[ ]``, ``einsum``."""
    text: str
    """The part of the code, cut."""
    kind: Literal["elementwise", "matmul", "reduction", "reshape", "index", "convert", "module", "other"]
    inputs: tuple[Operand, ...]
    output: Operand
    aligned: bool = False
    """Whether the shapes are to be drawn right-aligned under one another, because they were broadcast."""
    notes: tuple[str, ...] = ()
    """Sentences: which dimensions met, what was promoted, why this is a copy."""
    storage: Storage = ""


@dataclass(frozen=True)
class Explanation:
    """What the last statement of a cell did, operation by operation, in the order in which they ran."""

    steps: tuple[Step, ...]
    omitted: int = 0
    """Operations before those in `steps`."""
    target: str = ""
    """The name the result was given, where the statement is an assignment."""


@dataclass(frozen=True)
class Failure:
    """An operation on tensors that failed, in plain words."""

    where: str
    """The part of the code that failed, cut; empty where it is not known."""
    line: str
    """``In [3], line 2`` or ``net.py:12 in forward``."""
    operation: str
    words: str
    """What was wrong, one or two sentences."""
    operands: tuple[Operand, ...] = ()
    """Those that are known."""
    cures: tuple[str, ...] = ()
    """What would make it fit, as code or a sentence; the best first."""
