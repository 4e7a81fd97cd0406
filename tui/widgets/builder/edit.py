"""Edits of designs: from one `Design` to another that shares with it what did not change.

A block is named by its id. New blocks take their ids from an iterator that never gives one twice, so that an id means
the same block for as long as there is the design, through undo and redo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from tui.protocol.building import (
    Argument,
    Block,
    BlockKind,
    Design,
    Fix,
)
from tui.widgets.builder.blocks import (
    CONTAINERS,
    EditRefused,
    Path,
    find,
    ids_of,
    parent_of,
    path_of,
    siblings_of,
    walk,
)

Where = Literal["after", "before", "into"]
Step = Literal["up", "down", "in", "out"]

DEEPEST: Final = 24
"""Blocks inside each other."""
MOST_BLOCKS: Final = 5_000


@dataclass(frozen=True)
class Edit:
    """What an edit gives."""

    design: Design
    cursor: int
    """Id of the block to look at now; 0: there is none."""


def _at(blocks: Sequence[Block], path: Path) -> Block:
    block = blocks[path[0]]
    for index in path[1:]:
        block = block.children[index]
    return block


def _spliced(blocks: tuple[Block, ...], path: Path, put: Sequence[Block], take: int = 1) -> tuple[Block, ...]:
    """Return the blocks with `put` in the place of `take` blocks from a path on."""
    first = path[0]
    if len(path) == 1:
        return (*blocks[:first], *put, *blocks[first + take :])
    below = replace(blocks[first], children=_spliced(blocks[first].children, path[1:], put, take))
    return (*blocks[:first], below, *blocks[first + 1 :])


def _with_body(design: Design, body: tuple[Block, ...]) -> Design:
    """Return the design with another body, which must not be beyond all measure."""
    count = deepest = 0
    for _, depth in walk(body):
        count, deepest = count + 1, max(deepest, depth + 1)
    if deepest > DEEPEST:
        raise EditRefused(f"blocks can be {DEEPEST} deep inside each other")
    if count > MOST_BLOCKS:
        raise EditRefused(f"a design can have {MOST_BLOCKS:,} blocks")
    return replace(design, body=body)


def renumbered(blocks: Sequence[Block], ids: Iterator[int]) -> tuple[Block, ...]:
    """Return the blocks, and all in them, with ids of their own."""
    return tuple(replace(one, id=next(ids), children=renumbered(one.children, ids)) for one in blocks)


# -- adding, taking away, moving ------------------------------------------------------------------------------------


def add(design: Design, at: int, where: Where, blocks: Sequence[Block], ids: Iterator[int]) -> Edit:
    """Add blocks after, before or at the end of the block `at`; 0: at the end of the body.

    They get new ids. Raises EditRefused where `at` cannot hold blocks.
    """
    new = renumbered(blocks, ids)
    if not new:
        raise EditRefused("there is nothing to add")
    return Edit(_put(design, at, where, new), new[-1].id)


def _put(design: Design, at: int, where: Where, blocks: tuple[Block, ...]) -> Design:
    if at == 0:
        return _with_body(design, (*design.body, *blocks))
    path = path_of(design.body, at)
    target = _at(design.body, path)
    if where == "into":
        if target.kind not in CONTAINERS:
            raise EditRefused("only a sequence, residual, parallel or repeat holds blocks: w wraps it in one")
        return _with_body(
            design, _spliced(design.body, path, (replace(target, children=(*target.children, *blocks)),))
        )
    both = (target, *blocks) if where == "after" else (*blocks, target)
    return _with_body(design, _spliced(design.body, path, both))


def put(design: Design, block: int, where: Where, at: int) -> Edit:
    """Take a block away and put it after, before or into another one.

    Raises:
        EditRefused: into itself or what is in it, or into a block that holds none.
    """
    path = path_of(design.body, block)
    moved = _at(design.body, path)
    if at in ids_of((moved,)):
        raise EditRefused("a block cannot be put into itself")
    without = replace(design, body=_spliced(design.body, path, ()))
    return Edit(_put(without, at, where, (moved,)), block)


def remove(design: Design, blocks: Sequence[int]) -> Edit:
    """Take neighbours away; the cursor goes to what comes next."""
    path, count = _run_of(design, blocks)
    beside = siblings_of(design, blocks[0])
    after, before = beside[path[-1] + count :], beside[: path[-1]]
    above = parent_of(design, blocks[0])
    cursor = after[0].id if after else before[-1].id if before else above.id if above else 0
    return Edit(replace(design, body=_spliced(design.body, path, (), count)), cursor)


def duplicate(design: Design, blocks: Sequence[int], ids: Iterator[int]) -> Edit:
    """Put copies of neighbours after them; names that were given are for one block alone, so copies go without."""
    path, count = _run_of(design, blocks)
    run = siblings_of(design, blocks[0])[path[-1] : path[-1] + count]
    copies = renumbered(tuple(map(_nameless, run)), ids)
    return Edit(_with_body(design, _spliced(design.body, path, (*run, *copies), count)), copies[0].id)


def _nameless(block: Block) -> Block:
    return replace(block, name="", output="", children=tuple(map(_nameless, block.children)))


def _run_of(design: Design, blocks: Sequence[int]) -> tuple[Path, int]:
    """Return where neighbours begin, and how many they are; raises EditRefused where they are none."""
    if not blocks:
        raise EditRefused("there is no block here: a adds one")
    paths = sorted(path_of(design.body, block) for block in blocks)
    first = paths[0]
    if any(path != (*first[:-1], first[-1] + offset) for offset, path in enumerate(paths)):
        raise EditRefused("those blocks do not stand side by side")
    return first, len(paths)


def move(design: Design, block: int, step: Step) -> Edit:
    """Move a block past its neighbour, into it, or out of the block that it is in.

    Raises:
        EditRefused: there is nowhere to go.
    """
    path = path_of(design.body, block)
    beside, index = siblings_of(design, block), path[-1]
    above = parent_of(design, block)
    match step:
        case "up" if index > 0:
            return put(design, block, "before", beside[index - 1].id)
        case "down" if index + 1 < len(beside):
            return put(design, block, "after", beside[index + 1].id)
        case "up" if above is not None:
            return put(design, block, "before", above.id)
        case "down" | "out" if above is not None:
            return put(design, block, "after", above.id)
        case "in":
            return _move_in(design, block, beside, index)
    raise EditRefused(
        {"up": "it is the first", "down": "it is the last"}.get(step, "it is in no other block")
    )


def _move_in(design: Design, block: int, beside: Sequence[Block], index: int) -> Edit:
    if index > 0 and beside[index - 1].kind in CONTAINERS:
        return put(design, block, "into", beside[index - 1].id)
    if index + 1 < len(beside) and beside[index + 1].kind in CONTAINERS:
        following = beside[index + 1]
        if following.children:
            return put(design, block, "before", following.children[0].id)
        return put(design, block, "into", following.id)
    raise EditRefused("no block beside it holds others: w wraps it in one")


# -- structure ------------------------------------------------------------------------------------------------------


def wrap(design: Design, blocks: Sequence[int], kind: BlockKind, ids: Iterator[int]) -> Edit:
    """Put a new block of a kind around neighbours."""
    path, count = _run_of(design, blocks)
    run = siblings_of(design, blocks[0])[path[-1] : path[-1] + count]
    around = Block(next(ids), kind, children=run, times=2 if kind == "repeat" else 1)
    return Edit(_with_body(design, _spliced(design.body, path, (around,), count)), around.id)


def unwrap(design: Design, block: int) -> Edit:
    """Put what is in a block in its place; of a block that holds none, the one around it goes."""
    here = find(design, block)
    around = here if here is not None and here.kind in CONTAINERS else parent_of(design, block)
    if around is None:
        raise EditRefused("it is in no block that could be unwrapped")
    path = path_of(design.body, around.id)
    body = _spliced(design.body, path, around.children)
    gone = around.id == block
    cursor = (around.children[0].id if around.children else 0) if gone else block
    return Edit(replace(design, body=body), cursor or (body[0].id if body else 0))


# -- one block ------------------------------------------------------------------------------------------------------


def change(design: Design, block: Block) -> Edit:
    """Put a block in the place of the one that has its id."""
    path = path_of(design.body, block.id)
    return Edit(_with_body(design, _spliced(design.body, path, (block,))), block.id)


def with_argument(block: Block, name: str, text: str, order: Sequence[str] = ()) -> Block:
    """Return the block with an argument given anew, or left out where `text` is empty.

    `order`: the names of the parameters, for arguments that were not there before.
    """
    kept = {one.name: one for one in block.arguments}
    if text:
        kept[name] = Argument(name, text)
    else:
        kept.pop(name, None)
    place = {parameter: index for index, parameter in enumerate(order)}
    arguments = sorted(kept.values(), key=lambda one: place.get(one.name, len(place)))
    return replace(block, arguments=tuple(arguments))


def apply_fix(design: Design, block: int, fix: Fix, ids: Iterator[int]) -> Edit:
    """Put what mends a block in its place; blocks that are new get ids of their own."""
    path = path_of(design.body, block)
    kept = set(ids_of((_at(design.body, path),)))
    new = _numbered(fix.replacement, kept, ids)
    body = _spliced(design.body, path, new)
    cursor = next((one.id for one in new if one.id == block), new[0].id if new else 0)
    return Edit(_with_body(design, body), cursor)


def _numbered(blocks: Sequence[Block], kept: set[int], ids: Iterator[int]) -> tuple[Block, ...]:
    """Give ids to those that are new; each of the `kept` stays with one block."""
    numbered = []
    for one in blocks:
        number = one.id
        if number in kept:
            kept.discard(number)
        else:
            number = next(ids)
        numbered.append(replace(one, id=number, children=_numbered(one.children, kept, ids)))
    return tuple(numbered)
