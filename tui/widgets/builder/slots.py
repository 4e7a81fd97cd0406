"""Which file a terminal keeps its design in: two that are open at once never write the same one."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MOST: Final = 16
"""Terminals with designs of their own; any more keep none."""


@dataclass
class Slot:
    """A file that this terminal alone writes, until `release`."""

    path: Path
    number: int = 1
    """1: the file itself; of others those of terminals that were open at the same time."""
    lock: int = -1
    """File descriptor; -1: nothing is locked."""

    def release(self) -> None:
        """Let another terminal have it."""
        if self.lock >= 0:
            with contextlib.suppress(OSError):
                os.close(self.lock)
            self.lock = -1


def slot_path(path: Path, number: int) -> Path:
    """Return the file of a number: ``design.json``, ``design-2.json``."""
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def claim(path: Path) -> Slot | None:
    """Return the first file that no other terminal writes; None where there are `MOST` of them.

    Where files cannot be locked (some network folders) it is `path` itself.
    """
    for number in range(1, MOST + 1):
        own = slot_path(path, number)
        try:
            lock = _lock(own.with_name(f".{own.name}.lock"))
        except BlockingIOError:
            continue
        except OSError:
            return Slot(path)
        return Slot(own, number, lock)
    return None


def _lock(path: Path) -> int:
    """Return a descriptor that holds a lock; raises BlockingIOError where another process or screen holds it."""
    if sys.platform == "win32":
        raise OSError("files are not locked here")
    import fcntl

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def others(path: Path, own: Path) -> list[Path]:
    """Return the files that other terminals keep or have kept their designs in."""
    found = [slot_path(path, number) for number in range(1, MOST + 1)]
    return [one for one in found if one != own and one.is_file()]
