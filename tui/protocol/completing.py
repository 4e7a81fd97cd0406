"""What is asked while code is typed: what could stand at the cursor, and what the call around it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from tui.protocol.messages import Lane, Request

CompletionKind = Literal[
    "function", "method", "class", "module", "tensor", "parameter", "value", "attribute", "argument",
    "keyword", "magic", "path", "key", "name",
]  # fmt: skip
"""`parameter`: an `nn.Parameter` · `argument`: of the call around the cursor, ends with ``=`` · `attribute`: a
property, whose value is not asked for · `key`: of a dictionary · `name`: nothing else is known of it."""


@dataclass(frozen=True)
class CompletionItem:
    """One text that could stand at the cursor."""

    text: str
    """Replaces the code from `CompletionList.start` to `CompletionList.end`."""
    kind: CompletionKind = "name"
    detail: str = ""
    """A signature (``(input, dim=None)``), a tensor's shape, dtype and device, or a plain value."""
    doc: str = ""
    """First line of its documentation."""


@dataclass(frozen=True)
class CompletionList:
    """What could stand at the cursor, the likeliest first."""

    start: int
    """Index into the code where the texts begin."""
    end: int
    """Index into the code up to which a text replaces it."""
    items: tuple[CompletionItem, ...] = ()
    """The first ones, with their details."""
    more: tuple[str, ...] = ()
    """Texts that come after `items`, of which no details were looked up."""


@dataclass(frozen=True)
class ListCompletions(Request[CompletionList]):
    """Ask what could stand at the cursor. None of the user's code is run for names, attributes and arguments."""

    lane: ClassVar[Lane] = "inspect"
    code: str
    cursor: int
    """Index into the code."""
    detailed: int = 60
    """How many of the first texts get their details."""


@dataclass(frozen=True)
class SignatureTip:
    """What the call around the cursor takes; with an empty name: there is none, or nothing is known of it."""

    name: str = ""
    """As it is typed, e.g. ``torch.zeros``."""
    parameters: tuple[str, ...] = ()
    """As they are written in a definition, e.g. ``dim=None``, ``*``, ``**kwargs``."""
    active: int | None = None
    """Index of the parameter at the cursor; None where no parameter takes what is typed."""
    returns: str = ""
    """What follows ``->``; empty where it is not known."""
    doc: str = ""
    """First line of its documentation."""
    overload: int = 1
    """Which of its forms this is, counted from 1."""
    overloads: int = 1
    start: int = 0
    """Index into the code of the call's opening bracket."""


@dataclass(frozen=True)
class ReadSignature(Request[SignatureTip]):
    """Ask what the innermost call around the cursor takes; none of the user's code is run."""

    lane: ClassVar[Lane] = "inspect"
    code: str
    cursor: int
    """Index into the code."""
