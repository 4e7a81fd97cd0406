"""Notice within a second that a process ended, child of ours or not."""

from __future__ import annotations

import asyncio
import os

from tui.processes import process_is

POLL_S = 0.5


async def wait_for_end(pid: int, started_at: float | None) -> None:
    """Return once the process `pid` that began at `started_at` has ended.

    Linux tells at once through a pidfd; elsewhere it is asked twice a second.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        while process_is(pid, started_at):
            await asyncio.sleep(POLL_S)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    try:
        if not process_is(pid, started_at):
            return  # the pid has gone to another process before we opened it
        loop.add_reader(descriptor, ended.set)
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
