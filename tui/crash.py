"""What is said when the screens fail: one line of why, what lives on and how to come back to it, where the rest is.

Imports what it needs at once: the fault may be that torchtui's own files have changed on the disk.
"""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from tui import paths
from tui.run_names import name_in_id
from tui.widgets.foreign import clean

if TYPE_CHECKING:
    from tui.client.session import KernelSession

IN_PROGRESS = ("running", "paused")


def at_fault(error: BaseException) -> BaseException:
    """Return what failed: what is behind an error that only tells that a worker has failed."""
    inner = getattr(error, "error", None)
    return inner if isinstance(inner, BaseException) else error


def keep_traceback(error: BaseException) -> Path | None:
    """Write the traceback into a file of the state folder, for its owner alone; None where that cannot be done."""
    lines = "".join(traceback.format_exception(at_fault(error)))
    path = paths.state_home() / "crashes" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="replace") as file:
            file.write(lines)
        return path
    return None


def crash_words(error: BaseException, session: KernelSession | None, kept: Path | None) -> str:
    """Return what is printed last: what failed, what lives on, how to come back, where the traceback is."""
    error = at_fault(error)
    message = next(iter(str(error).splitlines()), "")
    kind = type(error).__name__
    lines = [
        f"torchtui: the screens failed: {kind}: {message}"
        if message
        else f"torchtui: the screens failed: {kind}"
    ]
    if isinstance(error, ImportError | SyntaxError | FileNotFoundError):
        lines.append("Its files may have changed since it was opened, as an update does.")
    lines += lives_on(session)
    if kept is not None:
        lines.append(f"Traceback: {kept}")
    return "\n".join(clean(line) for line in lines)


def lives_on(session: KernelSession | None) -> list[str]:
    """Return what is still there of a session whose screens are gone, and the command that comes back to it."""
    info = session.info if session is not None else None
    if session is None or info is None or session.state == "dead" or not info.alive():
        return []
    run = session.status.run if session.status is not None else None
    if run is not None and run.status in IN_PROGRESS:
        told = f"The run {name_in_id(run.id)} ({run.status}, step {run.step:,}) goes on in its kernel."
    else:
        told = "The kernel lives on, with its variables."
    if session.foreign:
        return [f"{told} To come back to it:", f"  torchtui attach {Path(info.folder) / (info.id + '.json')}"]
    return [
        f"{told} To come back to it, or to end it:",
        f"  torchtui attach {info.id}",
        f"  torchtui stop {info.id}",
    ]
