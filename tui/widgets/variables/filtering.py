"""Which variables a typed filter leaves."""

from __future__ import annotations

from functools import lru_cache

from tui.protocol.messages import Variable


def matches(row: Variable, query: str) -> bool:
    """Return whether each word of the query is somewhere in the row.

    Looked at: name, kind, class, dtype, device, the shape both as ``3x4`` and as ``(3, 4)``, the state of the
    gradient. Upper and lower case are the same.
    """
    words = query.lower().split()
    return not words or all(word in _haystack(row) for word in words)


def _haystack(row: Variable) -> str:
    return _text(row.name, row.kind, row.type_name, row.shape, row.dtype, row.device, row.grad, row.grad_fn)


@lru_cache(maxsize=8192)
def _text(name: str, kind: str, type_name: str, shape: tuple[int, ...] | None, *more: str) -> str:
    shapes = [] if shape is None else ["x".join(map(str, shape)), str(shape)]
    return "\n".join([name, kind, type_name, *shapes, *more]).lower()
