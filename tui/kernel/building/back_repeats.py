"""Blocks that are alike, one after the other, as one that stands so many times."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import replace

from tui.protocol.building import Block


def alike(one: Block, other: Block) -> bool:
    """Whether two blocks do the same: everything but their ids and the name of the outermost."""
    return _plain(one, top=True) == _plain(other, top=True)


def _plain(block: Block, *, top: bool = False) -> Block:
    children = tuple(_plain(child) for child in block.children)
    return replace(block, id=0, name="" if top else block.name, children=children)


def repeats_joined(
    blocks: tuple[Block, ...], lists: Mapping[str, int], ids: Iterator[int]
) -> tuple[Block, ...]:
    """Return the blocks with those of a list of modules in one: a repeat where they are alike, else a sequence.

    Args:
        blocks: those of the items are named ``layers_0``, ``layers_1``…
        lists: names of lists of modules with their lengths.
        ids: for new blocks.
    """
    made: list[Block] = []
    place = 0
    while place < len(blocks):
        name = _list_of(blocks[place], lists)
        length = lists.get(name, 0)
        items = blocks[place : place + length]
        whole = [f"{name}_{n}" for n in range(length)] == [item.name for item in items]
        plain = all(not item.inputs for item in items) and all(not item.output for item in items[:-1])
        if not length or not whole or not plain:
            made.append(replace(blocks[place], children=repeats_joined(blocks[place].children, lists, ids)))
            place += 1
            continue
        last = items[-1].output
        unnamed = tuple(replace(item, name="", output="") for item in items)
        if length > 1 and all(alike(item, unnamed[0]) for item in unnamed):
            first = unnamed[0]
            made.append(Block(next(ids), "repeat", name, children=_round(first), times=length, output=last))
        else:
            made.append(Block(next(ids), "sequence", name, children=unnamed, output=last))
        place += length
    return tuple(made)


def _list_of(block: Block, lists: Mapping[str, int]) -> str:
    found = re.fullmatch(r"(\w+)_0", block.name)
    return found[1] if found is not None and found[1] in lists else ""


def folded(block: Block) -> Block:
    """Return the one block that a sequence holds, under the sequence's name."""
    only = block.children[0] if len(block.children) == 1 else None
    if only is not None and only.kind != "expression" and not only.output and not only.inputs:
        return replace(only, name=block.name)
    return block


def as_repeat(block: Block, *, written_so: bool | None) -> Block:
    """Return a sequence of blocks that are alike as a repeat.

    Args:
        block: the sequence.
        written_so: whether its source says that it is one; None: there is none, and blocks of several layers are one.
    """
    first = block.children[0] if block.children else None
    if first is None or written_so is False or not all(alike(child, first) for child in block.children):
        return block
    if written_so is None and (len(block.children) < 2 or first.kind in ("layer", "expression")):
        return block
    return replace(block, kind="repeat", children=_round(first), times=len(block.children))


def _round(item: Block) -> tuple[Block, ...]:
    """Return what a repeat repeats, from the item that stands so many times."""
    line = item.kind == "sequence" and not item.take and not item.frozen and len(item.children) > 1
    return item.children if line else (item,)


def frozen_together(block: Block, trained: Container[int]) -> Block:
    """Return a block all of whose layers with parameters are frozen as frozen itself.

    Args:
        block: with layers that are frozen one by one.
        trained: ids of layers with parameters that are trained.
    """
    layers = [one for child in block.children for one in blocks_in(child) if one.kind == "layer"]
    if sum(layer.frozen for layer in layers) < 2 or any(layer.id in trained for layer in layers):
        return block
    return as_frozen(block)


def as_frozen(block: Block) -> Block:
    """Return a block frozen as a whole."""
    return replace(_thawed(block), frozen=True)


def blocks_in(block: Block) -> Iterator[Block]:
    """Yield a block and all that is in it."""
    yield block
    for child in block.children:
        yield from blocks_in(child)


def _thawed(block: Block) -> Block:
    return replace(block, frozen=False, children=tuple(map(_thawed, block.children)))
