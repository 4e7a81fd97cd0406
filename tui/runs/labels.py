"""Tags and notes that a user puts on a run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tui.protocol.codec import decode, encode
from tui.protocol.run import LABELS_FILE, RunLabels

MAX_BYTES: Final = 1 << 20
_TAG = re.compile(r"[^\s,]{1,40}")


def read_labels(folder: Path) -> RunLabels:
    """Return the labels of a run; none where there is no file, or one that cannot be read."""
    path = folder / LABELS_FILE
    try:
        if path.stat().st_size > MAX_BYTES:
            return RunLabels()
        return decode(RunLabels, json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return RunLabels()


def write_labels(folder: Path, labels: RunLabels) -> None:
    """Replace the labels of a run atomically.

    Raises:
        OSError: they cannot be written.
    """
    path = folder / LABELS_FILE
    new = path.with_name(f".{LABELS_FILE}.{os.getpid()}")
    try:
        new.write_text(json.dumps(encode(labels), indent=1), encoding="utf-8")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def parse_tags(text: str) -> tuple[str, ...]:
    """Return the tags in a text, separated by spaces or commas, each once."""
    return tuple(dict.fromkeys(_TAG.findall(text)))


def tags_text(tags: Iterable[str]) -> str:
    """Return tags as they are typed."""
    return " ".join(tags)
