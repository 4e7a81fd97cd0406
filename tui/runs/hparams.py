"""Hyperparameters that others leave beside their logs: Lightning's ``hparams.yaml``, as far as it is flat."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tui.protocol.run import KnobValue

FILE: Final = "hparams.yaml"
MAX_BYTES: Final = 64 << 10
MOST: Final = 100
_LINE = re.compile(r"([A-Za-z_][\w./-]*):[ \t]+(\S.*?)[ \t]*")
_WORDS: Final[dict[str, bool]] = {"true": True, "false": False}
_NO_PLAIN_VALUE: Final = tuple("[{&*!|>%@`#")


def read_hparams(folder: Path) -> dict[str, KnobValue]:
    """Return the numbers, words and truth values at the top of a folder's ``hparams.yaml``; none where it has none.

    What is nested or no plain value is passed over: only YAML's simplest form is read.
    """
    try:
        with (folder / FILE).open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return {}
    found: dict[str, KnobValue] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line.partition(" #")[0].rstrip())
        if match is None or match[2].startswith(_NO_PLAIN_VALUE) or match[2] in ("null", "~"):
            continue
        if len(found) < MOST:
            found[match[1]] = _value(match[2])
    return found


def _value(text: str) -> KnobValue:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
