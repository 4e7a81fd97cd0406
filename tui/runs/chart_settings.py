"""How the charts of an experiment are shown, remembered from one run of it to the next."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tui.paths import state_home
from tui.protocol.codec import DecodeError, decode, encode
from tui.runs.along import XUnit
from tui.runs.smoothing import STRENGTHS

MOST_EXPERIMENTS: Final = 200
_MAX_BYTES: Final = 4 << 20


@dataclass(frozen=True)
class ChartSettings:
    """What was chosen for the charts of one experiment; the defaults are those of a new one."""

    smoothing: float = 0.0
    """One of ``STRENGTHS``."""
    x_unit: XUnit = "step"
    log_x: bool = False
    log_y: bool = False
    outliers: bool = False
    """Whether y axes hold values absurdly far from all others too."""
    order: tuple[str, ...] = ()
    """Titles of charts in the order chosen; others come after them in their own."""
    hidden: tuple[str, ...] = ()
    """Titles of charts that are shown by themselves and shall not be."""
    added: tuple[str, ...] = ()
    """Titles of charts that are not shown by themselves and shall be."""


@dataclass(frozen=True)
class _Kept:
    experiments: dict[str, ChartSettings] = field(default_factory=dict)
    """The last saved comes last."""
    schema: int = 1


def settings_file() -> Path:
    """Return the file that the settings are kept in."""
    return state_home() / "charts.json"


def load(experiment: str, path: Path | None = None) -> ChartSettings:
    """Return an experiment's settings; the defaults where there are none, or none that can be read."""
    found = _read(path or settings_file()).experiments.get(experiment, ChartSettings())
    return found if found.smoothing in STRENGTHS else ChartSettings()


def save(experiment: str, settings: ChartSettings, path: Path | None = None) -> None:
    """Remember an experiment's settings; a full disk or a folder that is gone forgets them without a word."""
    path = path or settings_file()
    experiments = dict(_read(path).experiments)
    experiments.pop(experiment, None)
    if settings != ChartSettings():
        experiments[experiment] = settings
    kept = _Kept(dict(list(experiments.items())[-MOST_EXPERIMENTS:]))
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_text(json.dumps(encode(kept)))
        fresh.replace(path)


def _read(path: Path) -> _Kept:
    try:
        with path.open("rb") as file:
            return decode(_Kept, json.loads(file.read(_MAX_BYTES)))
    except (OSError, ValueError, RecursionError, DecodeError):
        return _Kept()
