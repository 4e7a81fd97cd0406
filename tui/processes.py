"""Telling whether a process still runs, and is not a later one that was given its number."""

from __future__ import annotations

from typing import Final

import psutil

CLOCK_SLACK_S: Final = 5.0
"""How far two readings of a process's start may lie apart and still be of one process."""


def process_is(pid: int, started_s: float | None, begun_before_s: float | None = None) -> bool:
    """Tell whether process `pid` lives and is the one meant.

    Args:
        pid: The process.
        started_s: When it started, in seconds since 1970; None where that was not recorded.
        begun_before_s: Where `started_s` is None: a time the process is not younger than. None: unknown.
    """
    if pid <= 0:
        return False
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        created_s = process.create_time()
    except psutil.AccessDenied:
        return True
    except (psutil.Error, OverflowError, ValueError):
        return False
    if started_s is not None:
        return bool(abs(created_s - started_s) <= CLOCK_SLACK_S)
    return begun_before_s is None or bool(created_s <= begun_before_s + CLOCK_SLACK_S)
