"""The summary of a tensor: ``Tensor (10, 3) float32 cpu n=30 120 B x∈[-2.1, 1.8] μ=0.1 σ=1.0 grad AddmmBackward0``."""

from __future__ import annotations

import re
from itertools import zip_longest

from tui.protocol.values import TensorFacts
from tui.widgets import words
from tui.widgets.drawn.text import Piece
from tui.widgets.foreign import one_line

_WORD = re.compile(r"(?:NaN!|[+-]Inf!)(?: [×≥][\d,]+)?|[^\s\[]*\[(?:[^\[\]]|\[[^\]]*\])*\]|\S+")
_CONSTANT = re.compile(r"^((?:\([\d, ]*\) \w+ )?)x∈\[([^],]+), \2\] μ=\S+ σ=0\.0$")
_LOUD = re.compile(r"NaN!|[+-]Inf!|nan\b|inf\b")
_GRAD = {
    "requires_grad": "requires grad",
    "leaf": "leaf, no .grad yet",
    "leaf+grad": "leaf with .grad",
    "graph": "grad",
}


def statistics_pieces(text: str) -> list[Piece]:
    """Return the words of a line of statistics, NaN and Inf loud; a range and a count stay in one piece.

    Where all values are the same, that is said in place of range, mean and deviation.
    """
    found = _WORD.findall(_CONSTANT.sub(r"\1all \2", one_line(text, 400)))
    return [(word, "nan" if _LOUD.match(word) else "") for word in found]


def summary_pieces(facts: TensorFacts, *, statistics: bool = True) -> list[Piece]:
    """Return what there is to say of a tensor, in pieces that are not to be cut."""
    pieces: list[Piece] = [(one_line(facts.type_name, 40), "strong"), (_shape(facts), "shape")]
    pieces += [(one_line(facts.dtype, 20), ""), (one_line(facts.device, 20), "")]
    if facts.layout != "strided":
        pieces.append((one_line(facts.layout, 20), "accent"))
    if facts.shape:
        pieces.append((f"n={facts.elements:,}", "dim"))
    if facts.size_bytes is not None:
        pieces.append((words.size(facts.size_bytes), "dim"))
    if statistics:
        pieces += statistics_pieces(facts.statistics)
    pieces += _grad(facts)
    return [piece for piece in [*pieces, *_memory(facts)] if piece[0]]


def _shape(facts: TensorFacts) -> str:
    if not any(facts.names):
        return words.shape(facts.shape)
    named = zip_longest(facts.names, facts.shape, fillvalue="")
    return (
        "(" + ", ".join(f"{one_line(name, 12)}={size}" if name else str(size) for name, size in named) + ")"
    )


def _grad(facts: TensorFacts) -> list[Piece]:
    if not facts.grad:
        return []
    words_of = _GRAD.get(facts.grad, facts.grad)
    return [(f"{words_of} {one_line(facts.grad_fn, 40)}".rstrip(), "accent")]


def _memory(facts: TensorFacts) -> list[Piece]:
    """Return what is unusual about how it lies in memory."""
    pieces: list[Piece] = []
    if facts.is_view:
        storage = facts.storage_bytes
        of = f" of {words.size(storage)}" if storage is not None and storage != facts.size_bytes else ""
        pieces.append((f"view{of}", "dim"))
    if not facts.contiguous:
        pieces.append(("not contiguous", "dim"))
        if facts.strides is not None:
            pieces.append((f"strides {words.shape(facts.strides)}", "dim"))
    return pieces
