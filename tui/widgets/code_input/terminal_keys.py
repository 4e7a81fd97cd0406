"""One key that Textual cannot tell in terminals without the kitty keyboard protocol."""

from __future__ import annotations

from typing import cast

from textual import _ansi_sequences
from textual.keys import Keys


def teach_alt_enter() -> None:
    """Read alt+enter (ESC, CR) as ctrl+j, which begins a new line too; Textual takes it for Enter."""
    table = getattr(_ansi_sequences, "ANSI_SEQUENCES_KEYS", None)
    if isinstance(table, dict):
        cast("dict[str, tuple[Keys, ...]]", table).setdefault("\x1b\r", (Keys.ControlJ,))
