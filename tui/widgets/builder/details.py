"""Below the tree: what is known of the block under the cursor, and of the whole model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tui.protocol.building import Block, BlockFacts, Totals
from tui.widgets import words
from tui.widgets.builder.label import filled_sign
from tui.widgets.drawn.text import Piece
from tui.widgets.foreign import one_line
from tui.widgets.live_lines import LiveLines, Span

_DOT: Piece = (" · ", "dim")
NARROW: Final = 100
"""Cells below which what stands elsewhere on the screen is left out."""


def block_pieces(block: Block | None, facts: BlockFacts | None) -> list[Piece]:
    """Return what is known of a block, as one line."""
    if block is None:
        return []
    if facts is None:
        return [("not looked at yet", "dim")]
    parts: list[list[Piece]] = [[(one_line(facts.name or block.name or facts.label, 40), "name")]]
    if facts.input_shapes or facts.output_shapes:
        arrow = f"{one_line(facts.input_shapes, 60)} → {one_line(facts.output_shapes, 60) or '?'}"
        parts.append([(arrow, "shape"), (f" {facts.dtype}" if facts.dtype else "", "")])
    if facts.status == "not reached":
        parts.append([("not reached: what comes before it fails", "dim")])
    if facts.filled:
        text = ", ".join(f"{one.name} {filled_sign(one.text)}" for one in facts.filled)
        parts.append([(one_line(text, 80), "filled")])
    for number, what in (
        (facts.trainable, "trainable"),
        (facts.frozen, "frozen"),
        (facts.buffers, "in buffers"),
    ):
        if number:
            parts.append([(f"{number:,} {what}", "")])
    if facts.tied:
        parts.append([("tied to a block before", "")])
    if facts.macs:
        parts.append([(f"{facts.macs:,} MACs", "")])
    if facts.activation_bytes:
        parts.append([(f"activations {words.size(facts.activation_bytes)}", "")])
    if facts.receptive_field is not None:
        parts.append([(f"sees {facts.receptive_field:,} of the input", "")])
    return _joined(parts)


def totals_pieces(totals: Totals | None, output: str, batch: int, optimizer: str, width: int) -> list[Piece]:
    """Return the whole model as one line; memory beside what the device has."""
    if totals is None:
        return []
    everything = totals.trainable + totals.frozen
    narrow = width < NARROW
    counts = f"{everything:,} parameters"
    if totals.frozen:
        counts += f" ({totals.frozen:,} frozen)"
    if totals.buffers:
        counts += f" + {totals.buffers:,} in buffers"
    parts: list[list[Piece]] = [[("total ", "dim"), (counts, "strong")]]
    if totals.training_bytes:
        parts.append(_memory(totals, "" if narrow else f" (batch {batch}, {optimizer})"))
    if totals.macs is not None:
        parts.append([(f"{words.count(totals.macs)} MACs", "")])
    if output:
        parts.append([("→ ", "dim"), (one_line(output, max(width // 3, 10)), "shape")])
    return _joined(parts)


def _memory(totals: Totals, with_what: str) -> list[Piece]:
    needed = f"{words.size(totals.training_bytes)} to train{with_what}"
    if totals.device_bytes is None:
        return [(needed, "")]
    too_much = totals.training_bytes > totals.device_bytes
    return [(f"{needed} of {words.size(totals.device_bytes)}", "warn" if too_much else "")]


def _joined(parts: Sequence[Sequence[Piece]]) -> list[Piece]:
    joined: list[Piece] = []
    for part in parts:
        joined += [*([_DOT] if joined else []), *(piece for piece in part if piece[0])]
    return joined


@dataclass(frozen=True)
class DetailsData:
    """What the two lines are made from."""

    block: Block | None = None
    facts: BlockFacts | None = None
    totals: Totals | None = None
    output: str = ""
    batch: int = 32
    optimizer: str = "Adam"
    stale: bool = False


class Details(LiveLines):
    """The block under the cursor, and the totals."""

    DEFAULT_CSS = """
    Details { height: 2; background: $surface; color: $foreground; }
    Details > .details--dim, Details > .details--filled { color: $foreground 62%; }
    Details > .details--filled { text-style: italic; }
    Details > .details--name { color: $secondary; text-style: bold; }
    Details > .details--shape { color: $secondary; }
    Details > .details--strong { text-style: bold; }
    Details > .details--warn { color: $warning; text-style: bold; }
    """
    STYLES = ("dim", "filled", "name", "shape", "strong", "warn")
    COMPONENT_CLASSES = {f"details--{name}" for name in STYLES}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._data = DetailsData()

    def show(self, data: DetailsData) -> None:
        """Show this."""
        if data != self._data:
            self._data = data
            self.show_lines()

    def lay_out(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        """Return the two lines."""
        data = self._data
        block = block_pieces(data.block, data.facts)
        totals = totals_pieces(data.totals, data.output, data.batch, data.optimizer, width)
        if data.stale:
            block, totals = [(text, "dim") for text, _ in block], [(text, "dim") for text, _ in totals]
        return [[(" ", ""), *block], [(" ", ""), *totals]]
