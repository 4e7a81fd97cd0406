"""Looking at the blocks of a design: which there are, and where each is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tui.protocol.building import Block, BlockKind, Design

CONTAINERS: Final[frozenset[BlockKind]] = frozenset(("sequence", "residual", "parallel", "repeat"))
"""Kinds of blocks that hold others."""

Path = tuple[int, ...]
"""Indices from the body down to a block."""


class EditRefused(ValueError):
    """An edit that cannot be made; the message is for the user."""


def walk(blocks: Sequence[Block], depth: int = 0) -> Iterator[tuple[Block, int]]:
    """Yield each block and its depth, those inside a block after it."""
    for block in blocks:
        yield block, depth
        yield from walk(block.children, depth + 1)


def ids_of(blocks: Sequence[Block]) -> list[int]:
    """Return the ids of the blocks and of all that is in them."""
    return [block.id for block, _ in walk(blocks)]


def find(design: Design, block: int) -> Block | None:
    """Return the block of an id; None where there is none."""
    return next((one for one, _ in walk(design.body) if one.id == block), None)


def parent_of(design: Design, block: int) -> Block | None:
    """Return the block that a block is in; None where it is in the body."""
    return next((one for one, _ in walk(design.body) if any(c.id == block for c in one.children)), None)


def path_of(blocks: Sequence[Block], block: int) -> Path:
    """Return where a block is.

    Raises:
        EditRefused: there is no such block.
    """
    found = _path_in(blocks, block)
    if found is None:
        raise EditRefused("that block is no longer there")
    return found


def _path_in(blocks: Sequence[Block], block: int) -> Path | None:
    for index, one in enumerate(blocks):
        if one.id == block:
            return (index,)
        below = _path_in(one.children, block)
        if below is not None:
            return (index, *below)
    return None


def siblings_of(design: Design, block: int) -> tuple[Block, ...]:
    """Return the blocks beside a block, with it."""
    above = parent_of(design, block)
    return above.children if above is not None else design.body
