"""What a run is called, as far as the name of its folder tells."""

from __future__ import annotations

import re


def name_in_id(run_id: str) -> str:
    """Return the name in a run's id: ``<UTC time>-<name>-<4 hex>``; the id where it has none."""
    parts = re.fullmatch(r"\d{8}-\d{6}-(.+)-[0-9a-f]{4}", run_id)
    return parts[1] if parts is not None else run_id
