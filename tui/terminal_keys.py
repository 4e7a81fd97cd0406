"""Keys that Textual reads as something else in terminals without the kitty keyboard protocol.

Textual's table of what terminals send is private: where it is not as we know it, the keys stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from textual import _ansi_sequences
from textual.keys import Keys


@dataclass(frozen=True)
class _Named:
    """A key that Textual's own enumeration lacks."""

    value: str


def teach_terminal_keys() -> None:
    """Read alt+enter as ctrl+j, which begins a new line too, and alt with a digit as just that.

    Textual takes ESC CR for Enter, and ESC 1 for the character that Option+1 types on a Mac.
    """
    known = getattr(_ansi_sequences, "ANSI_SEQUENCES_KEYS", None)
    if not isinstance(known, dict):
        return
    table = cast("dict[str, object]", known)
    table["\x1b\r"] = (Keys.ControlJ,)
    for digit in "0123456789":
        table[f"\x1b{digit}"] = (_Named(f"alt+{digit}"),)
