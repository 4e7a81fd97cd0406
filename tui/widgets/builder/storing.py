"""The design on disk: written after every edit, so that nothing is lost with the terminal."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Final, Literal

from tui.protocol.building import Design
from tui.protocol.codec import DecodeError, decode, encode
from tui.widgets.builder.blocks import ids_of, walk
from tui.widgets.builder.edit import DEEPEST, MOST_BLOCKS, renumbered

SCHEMA: Final = 1
MOST_BYTES: Final = 4_000_000

OptimizerName = Literal["SGD", "SGD momentum", "Adam"]


@dataclass(frozen=True)
class Kept:
    """What is kept of the Builder."""

    design: Design = field(default_factory=Design)
    batch: int = 32
    optimizer: OptimizerName = "Adam"
    recent: tuple[str, ...] = ()
    """Layers that were placed last, the newest first."""
    schema: int = SCHEMA


class StoreRefused(ValueError):
    """A file of a design cannot be read or written; the message is for the user."""


def to_text(kept: Kept) -> str:
    """Return it as JSON."""
    return json.dumps(encode(kept), separators=(",", ":"))


def from_text(text: str) -> Kept:
    """Read it back.

    Raises:
        StoreRefused: it is no design of this version, or one beyond all measure.
    """
    try:
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise StoreRefused("it holds no design that this version reads")
        kept = decode(Kept, data)
        depths = [depth for _, depth in walk(kept.design.body)]
    except (DecodeError, RecursionError, ValueError) as error:
        raise StoreRefused(f"it holds no design: {error}") from None
    if len(depths) > MOST_BLOCKS or max(depths, default=0) >= DEEPEST:
        raise StoreRefused("its design is larger than any that can be edited")
    ids = ids_of(kept.design.body)
    if len(set(ids)) != len(ids) or min(ids, default=1) < 1:
        return replace(kept, design=replace(kept.design, body=renumbered(kept.design.body, count(1))))
    return kept


def save(path: Path, kept: Kept) -> None:
    """Write it, whole or not at all; raises StoreRefused where that cannot be done."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.write_text(to_text(kept), encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise StoreRefused(f"the design is not saved: {path}: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def read(path: Path) -> Kept:
    """Read a file that a design was kept in; raises StoreRefused where it holds none, or cannot be read."""
    try:
        return _read(path)
    except OSError as error:
        raise StoreRefused(f"{path}: {error.strerror or error}") from None
    except (StoreRefused, UnicodeDecodeError) as error:
        raise StoreRefused(f"{path}: {error}") from None


def _read(path: Path) -> Kept:
    if path.stat().st_size > MOST_BYTES:
        raise StoreRefused("it is too large for a design")
    return from_text(path.read_text(encoding="utf-8"))


def load(path: Path) -> Kept | None:
    """Read what was kept; None where there is nothing.

    Raises:
        StoreRefused: it cannot be read; the file is put aside, so that it is not written over.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreRefused(f"{path}: {error.strerror or error}") from None
    except (StoreRefused, UnicodeDecodeError) as error:
        aside = path.with_suffix(".broken")
        with contextlib.suppress(OSError):
            os.replace(path, aside)
        raise StoreRefused(f"{path}: {error}; it is kept as {aside.name}") from None
