"""The values that a preset was started with last, in one small JSON file: the texts of the fields that were changed."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Final

from tui.widgets.start.fields import KIND_KEY, Values

FOR_ONCE: Final = frozenset({KIND_KEY, "spec.name", "spec.start_paused"})
"""Fields that are about one run alone."""
MOST_PRESETS: Final = 200
MOST_BYTES: Final = 1_000_000


def remembered(file: Path, preset: str) -> dict[str, str]:
    """Return the values a preset was started with last; empty where there are none, or none that can be read."""
    values = _read(file).get(preset, {})
    return {
        key: value for key, value in values.items() if isinstance(value, str)
    } if isinstance(values, dict) else {}  # fmt: skip


def remember(file: Path, preset: str, values: Values) -> str:
    """Keep the values of a preset; return why that could not be done, empty where it could."""
    known = _read(file)
    known.pop(preset, None)  # the one used last stands last
    if kept_values := {key: text for key, text in values.items() if key not in FOR_ONCE}:
        known[preset] = kept_values
    kept = dict(list(known.items())[-MOST_PRESETS:])
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        os.replace(temporary, file)
    except OSError as error:
        return f"what was filled in is not remembered: {file}: {error.strerror or error}"
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return ""


def _read(file: Path) -> dict[str, object]:
    try:
        if file.stat().st_size > MOST_BYTES:
            return {}
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
