"""Metrics of runs kept on disk: a list of a thousand runs need not read a thousand logs each time it is opened."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tui.paths import state_home

MOST_RUNS: Final = 10_000
MAX_BYTES: Final = 64 << 20
SCHEMA: Final = 1

Sizes = tuple[tuple[str, int], ...]
"""Names and lengths of a run's event files: another log has others, since logs are only appended to."""


@dataclass(frozen=True)
class Metric:
    """A metric of a run."""

    last: float
    best: float
    """By `tui.protocol.metrics.larger_is_better`; NaN where no value is finite."""
    best_step: int = 0


def cache_file() -> Path:
    """Return the file that the metrics are kept in."""
    return state_home() / "metrics.json"


class MetricCache:
    """What was read of logs, by their folders. A file that cannot be read or written is as none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, tuple[Sizes, dict[str, Metric]]] | None = None
        self._changed = False

    def get(self, folder: Path, sizes: Sizes) -> Mapping[str, Metric] | None:
        """Return the metrics of a run whose logs are as they were when they were read; None where they are not."""
        known = self._load().get(str(folder))
        return known[1] if known is not None and known[0] == sizes else None

    def put(self, folder: Path, sizes: Sizes, metrics: Mapping[str, Metric]) -> None:
        """Note what was read."""
        known = self._load()
        known.pop(str(folder), None)  # the newest come last
        known[str(folder)] = sizes, dict(metrics)
        self._changed = True

    def save(self) -> None:
        """Replace the file, where there is something new."""
        if not self._changed:
            return
        self._changed = False
        runs = [
            [folder, sizes, [[tag, each.last, each.best, each.best_step] for tag, each in metrics.items()]]
            for folder, (sizes, metrics) in list(self._load().items())[-MOST_RUNS:]
        ]
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                fresh.write_text(json.dumps({"schema": SCHEMA, "runs": runs}), encoding="utf-8")
                fresh.replace(self._path)
            finally:
                fresh.unlink(missing_ok=True)

    def _load(self) -> dict[str, tuple[Sizes, dict[str, Metric]]]:
        if self._known is None:
            self._known = {}
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
                if self._path.stat().st_size <= MAX_BYTES:
                    self._known = _decoded(json.loads(self._path.read_bytes()))
        return self._known


def _decoded(content: object) -> dict[str, tuple[Sizes, dict[str, Metric]]]:
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        return {}
    return {
        str(folder): (
            tuple((str(name), int(size)) for name, size in sizes),
            {str(tag): Metric(float(last), float(best), int(step)) for tag, last, best, step in metrics},
        )
        for folder, sizes, metrics in content["runs"]
    }
