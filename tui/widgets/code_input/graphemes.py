"""What a reader takes for one character: a letter with its accents, an emoji with what modifies it."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"


def _continues(text: str, index: int) -> bool:
    """Whether the code point belongs to the character before it."""
    character = text[index]
    if character < "\u0300":
        return False
    return (
        unicodedata.category(character) in ("Mn", "Me", "Mc")
        or character == _JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or (index > 0 and text[index - 1] == _JOINER)
    )


def before(line: str, column: int) -> int:
    """Return where the character that ends at `column` begins."""
    column = max(column - 1, 0)
    while column > 0 and _continues(line, column):
        column -= 1
    return column


def after(line: str, column: int) -> int:
    """Return where the character that begins at `column` ends."""
    column = min(column + 1, len(line))
    while column < len(line) and _continues(line, column):
        column += 1
    return column
