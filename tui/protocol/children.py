"""What is below a name of the namespace: the parts of modules, containers, optimizers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tui.protocol.messages import Lane, Request, Variable


@dataclass(frozen=True)
class ChildTable:
    """What one object holds."""

    rows: tuple[Variable, ...]
    """Each named as the user would type it, e.g. ``model.fc.weight``, ``batch[0]``."""
    omitted: int = 0
    """Children left out because there were too many."""
    reason: str = ""
    """Why there are no rows, e.g. that the name is gone; empty where there is nothing to say."""


@dataclass(frozen=True)
class ListChildren(Request[ChildTable]):
    """Ask for what is directly below an object."""

    lane: ClassVar[Lane] = "inspect"
    path: str
    """How the user would type it, e.g. ``model.fc``."""
    limit: int = 500
