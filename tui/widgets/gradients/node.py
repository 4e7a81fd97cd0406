"""Everything there is to say of one node of a graph, where no backward has run through it."""

from __future__ import annotations

from tui.protocol.autograd import Node
from tui.widgets import words
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, one, pieces_line, sentence
from tui.widgets.foreign import one_line
from tui.widgets.gradients.item_lines import Block
from tui.widgets.gradients.norms import norm_text
from tui.widgets.gradients.step import LEAVES, title_lines

_LABEL_CELLS = 9
_KINDS = {
    "operation": "an operation of torch",
    "parameter": "a leaf: parameter",
    "input": "a leaf: your tensor, requires grad",
    "custom": "your own autograd.Function",
    "checkpoint": "checkpointed: runs forward again in backward",
}


def node_blocks(node: Node, *, ran: bool, width: int) -> list[Block]:
    """Return the lines; `ran`: whether a backward has run through the graph."""
    lines = [*title_lines(node, width), one("")]
    if node.kind not in LEAVES:
        lines += _field("autograd", f"{node.cpp_name}, {_KINDS[node.kind]}", width)
    shapes = ", ".join(words.shape(shape) for shape in node.shapes[:8])
    lines += _field("shape", f"{shapes} {node.dtype}".strip(), width)
    if node.traits:
        lines += _field("is", " · ".join(node.traits), width)
    if node.saved:
        size = f" · {words.size(node.saved_bytes)}" if node.saved_bytes else ""
        lines += _field("keeps", f"for backward{size}", width)
        for text in node.saved:
            pad = Pen().pad(_LABEL_CELLS + 2)
            lines.append(pad.draw(pieces_line([(one_line(text, 80), "code")], width - pad.cells)).line())
    lines += _field("gradient", _gradient(node, ran), width)
    return [Block(tuple(lines))]


def _gradient(node: Node, ran: bool) -> str:
    if node.gradient_nonfinite:
        return f"{node.gradient_nonfinite:,} values are NaN or infinite"
    if node.gradient_norm is not None:
        return f"norm {norm_text(node.gradient_norm)} at the last backward"
    return "none came here at the last backward" if ran else "none yet: b runs backward, p only looks"


def _field(label: str, text: str, width: int) -> list[StyledLine]:
    return sentence(text, width, lead=(f" {label.ljust(_LABEL_CELLS)} ", "dim"), indent=_LABEL_CELLS + 2)
