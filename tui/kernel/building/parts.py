"""A design as it was interpreted: each block with what came in, what came of it, and why it failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from tui.kernel.building.costs import Field
from tui.kernel.building.layers import Outcome
from tui.kernel.building.values import Batch, Value
from tui.kernel.building.words import Remedy, Unfit
from tui.protocol.building import Block, Design


@dataclass(frozen=True)
class Flow:
    """A value on its way through a design."""

    value: Value
    field: Field | None = None
    """What of the input it sees; None where that means nothing."""


@dataclass
class Part:
    """What came of a block in one place; that of a repeat has one for each round that differs."""

    block: Block
    frozen: bool = False
    """Whether the block or one around it is frozen."""
    init: str = ""
    """Initialization of its weights: its own, or that of a block around it."""
    status: Literal["ok", "failed", "not reached"] = "not reached"
    comes_in: tuple[Value, ...] = ()
    whole: Value = None
    """Its output before `take`."""
    goes_out: Flow | None = None
    """What runs on; None where it failed."""
    outcome: Outcome | None = None
    """Of a layer or expression."""
    children: list[Part] = field(default_factory=list)
    """Of a sequence, residual or parallel block; of a repeat those of its first round."""
    rounds: list[Round] = field(default_factory=list)
    """Of a repeat."""
    projection: Outcome | None = None
    """Of a residual whose shapes differ."""
    projected_from: Value = None
    error: str = ""
    note: str = ""
    remedies: tuple[Remedy, ...] = ()

    def fail(self, unfit: Unfit) -> None:
        """Take down why it cannot be."""
        self.status = "failed"
        self.goes_out = None
        self.error, self.remedies = unfit.words, unfit.remedies

    def walk(self) -> Iterator[Part]:
        """Yield it and all below, each place once, first rounds alone."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass
class Round:
    """Rounds of a repeat that are alike."""

    parts: list[Part]
    count: int = 1


@dataclass
class Interpreted:
    """A design with what came of it."""

    design: Design
    batch: Batch
    inputs: dict[str, Value]
    parts: list[Part]
    output: Flow | None
    """None where something on the way failed."""

    def walk(self) -> Iterator[Part]:
        """Yield every part, in the order of the design."""
        for part in self.parts:
            yield from part.walk()
