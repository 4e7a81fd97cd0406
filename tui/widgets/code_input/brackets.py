"""Which brackets to mark: the pair at the cursor, and what closes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tui.protocol.python_text import OPENING, outline


@dataclass(frozen=True)
class Marks:
    """Indices into the text."""

    pair: tuple[int, ...] = ()
    """The bracket at the cursor and its partner; empty where the cursor is at none."""
    wrong: tuple[int, ...] = ()
    """Closing brackets that close nothing."""


@lru_cache(maxsize=4)
def marks(text: str, cursor: int) -> Marks:
    """Return what to mark; the bracket under the cursor comes before the one to its left."""
    seen = outline(text)
    partners = seen.pairs | {closing: opening for opening, closing in seen.pairs.items()}
    for index in (cursor, cursor - 1):
        if index in partners:
            return Marks((index, partners[index]), seen.unmatched)
    return Marks((), seen.unmatched)


def closing_for(character: str, after: str) -> str:
    """Return the bracket to put behind an opening one; empty where something follows that it would enclose."""
    closing = OPENING.get(character, "")
    return closing if not after or after[0].isspace() or after[0] in ")]}" else ""
