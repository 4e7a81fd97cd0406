"""What can be chosen on the Training screen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PresetEntry:
    """A preset in the list."""

    path: Path
    name: str
    title: str
    """The first line of its docstring, or what is wrong with it."""
    usable: bool = True


@dataclass(frozen=True)
class RunEntry:
    """A run in the list."""

    folder: Path
    name: str
    status: str
    started: str
    """Local time, e.g. ``11-23 04:45``."""
    summary: str
    """Why it ended, or what the user has noted."""
    took: str = ""
    """How long it has trained."""
    best: str = ""
    """Its first metric at its best."""
    differs: str = ""
    """Its knobs, those in which the runs of the list differ."""
    device: str = ""
    tags: str = ""
    marked: bool = False
    """Whether it is one of those to be compared."""
