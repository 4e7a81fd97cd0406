"""What a block is refused with, and the edits that would mend it, before they have ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tui.kernel.building.values import Batch
from tui.protocol.building import Argument, Block, Fix

_WIDTH: Final = 300


@dataclass(frozen=True)
class Insert:
    """A block to come before the one that failed."""

    layer: str
    """Of an expression its text."""
    arguments: tuple[Argument, ...] = ()
    expression: bool = False


@dataclass(frozen=True)
class Remedy:
    """An edit that would mend a block, wherever it stands."""

    label: str
    arguments: tuple[Argument, ...] = ()
    """To be set; those of the same name are replaced."""
    dropped: tuple[str, ...] = ()
    """Names of arguments to be left out."""
    before: tuple[Insert, ...] = ()
    layer: str = ""
    """The class in place of its own; empty: its own."""
    inputs: tuple[str, ...] = ()
    take: str = ""
    project: bool = False
    """Whether a residual is to project its input."""
    concatenate: int | None = None
    """Dimension that a parallel block is to concatenate along."""

    def on(self, block: Block) -> Fix:
        """Return the edit of a certain block."""
        named = {argument.name: argument for argument in self.arguments}
        kept = [
            named.pop(argument.name, argument)
            for argument in block.arguments
            if argument.name not in self.dropped
        ]
        mended = replace(
            block,
            arguments=(*kept, *named.values()),
            layer=self.layer or block.layer,
            inputs=self.inputs or block.inputs,
            take=self.take or block.take,
            project=block.project or self.project,
        )
        if self.concatenate is not None:
            mended = replace(mended, join="concatenate", dim=self.concatenate)
        inserted = [
            Block(
                id=-place,
                kind="expression" if insert.expression else "layer",
                layer=insert.layer,
                arguments=insert.arguments,
            )
            for place, insert in enumerate(self.before)
        ]
        return Fix(self.label, (*inserted, mended))


class Unfit(Exception):
    """A block that cannot be built or run, in plain words."""

    def __init__(self, words: str, remedies: Sequence[Remedy] = ()) -> None:
        super().__init__(words)
        self.words = words
        self.remedies = tuple(remedies)


def set_to(name: str, old: object, new: object) -> Remedy:
    """Return the edit that gives an argument another value."""
    was = f"{old} → " if old is not None else "= "
    return Remedy(f"{name} {was}{new}", arguments=(Argument(name, repr(new)),))


def flatten_first(label: str = "insert Flatten before it", *arguments: Argument) -> Remedy:
    """Return the edit that puts a Flatten before the block."""
    return Remedy(label, arguments=arguments, before=(Insert("nn.Flatten"),))


def expression_first(text: str, why: str = "") -> Remedy:
    """Return the edit that puts an expression before the block."""
    return Remedy(f"insert {text}" + (f": {why}" if why else ""), before=(Insert(text, expression=True),))


def own_words(error: BaseException, batch: Batch) -> str:
    """Return the first paragraph of an exception's message on one line, the batch written as N."""
    text = " ".join(str(error).strip().split("\n\n")[0].split())
    text = re.sub(r" (?:Exception raised from|Dispatcher frame:|CUDA kernel errors might).*", "", text)
    text = batch.words(text or "no message")
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
