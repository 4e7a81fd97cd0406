"""The rows of the tree: which blocks are shown, how deep they are, and the rails between them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tui.protocol.building import Block
from tui.widgets.builder.blocks import CONTAINERS, walk


@dataclass(frozen=True)
class TreeRow:
    """A block on the screen."""

    block: Block
    rails: str
    """The lines that lead to it, two cells for each level."""
    parent: int
    """Id of the block it is in; 0: of none."""
    folded: bool = False
    hidden: int = 0
    """Blocks in it that a fold hides."""

    @property
    def holds(self) -> bool:
        """Whether it holds others."""
        return self.block.kind in CONTAINERS


def tree_rows(body: Sequence[Block], folded: Collection[int] = ()) -> list[TreeRow]:
    """Return the rows of a design, those in folded blocks left out."""
    rows: list[TreeRow] = []

    def below(blocks: Sequence[Block], rails: str, parent: int) -> None:
        for index, block in enumerate(blocks):
            last = index == len(blocks) - 1
            own = rails + ("" if parent == 0 else "└ " if last else "├ ")
            hides = block.id in folded and block.kind in CONTAINERS
            hidden = sum(1 for _ in walk(block.children)) if hides else 0
            rows.append(TreeRow(block, own, parent, hides, hidden))
            if not hides:
                below(block.children, rails + ("" if parent == 0 else "  " if last else "│ "), block.id)

    below(body, "", 0)
    return rows
