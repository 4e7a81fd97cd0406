"""A view's file: JSON, replaced atomically."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from tui.kernel.training.keep.rundir import replace_file
from tui.protocol.codec import encode
from tui.protocol.run import VIEWS
from tui.protocol.views import SUFFIX, Boundary, Confusion, Filters, Preview, WorstSamples

View = Confusion | WorstSamples | Boundary | Preview | Filters


def write_view(run_folder: Path, name: str, view: View) -> None:
    """Put a view where readers look for it: they see the old or the new.

    Raises:
        OSError: the disk is full, gone or read-only.
    """
    folder = run_folder / VIEWS
    folder.mkdir(exist_ok=True)
    text = json.dumps(_plain(view), separators=(",", ":"), allow_nan=False)
    replace_file(folder / f"{name}{SUFFIX}", text.encode(), durable=False)


def _plain(value: object) -> Any:
    """Return what the codec would, with numbers by the thousand taken as they are."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        if len(value) > 16 and all(type(item) is float for item in value) and math.isfinite(math.fsum(value)):
            return value
        return [_plain(item) for item in value]
    return encode(value)
