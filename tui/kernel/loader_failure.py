"""A DataLoader whose worker process died, told from its traceback: the message seldom says so."""

from __future__ import annotations

import errno
import os
import re
import traceback
from multiprocessing import connection
from typing import Final

from torch.utils.data import dataloader
from torch.utils.data._utils import fetch

_LOADER, _FETCH, _PIPES = dataloader.__file__, fetch.__file__, connection.__file__
_LOST: Final = (
    ConnectionResetError,
    ConnectionRefusedError,
    ConnectionAbortedError,
    BrokenPipeError,
    EOFError,
    FileNotFoundError,
    OSError,
)
"""What reading from a process that is gone raises: exactly these classes, so that no code of the user's is run."""
_FULL: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC)
"""What is no sign of a process that is gone."""


def worker_loss(error: BaseException) -> str:
    """Return in a few words how a worker process of a DataLoader was lost; empty where the error is another.

    Either PyTorch says that the worker is gone, or the connection to it broke while a batch was fetched: which of the
    two comes first is a matter of chance. Never raises.
    """
    given: object = BaseException.args.__get__(error)  # type: ignore[attr-defined]
    arguments = given if isinstance(given, tuple) else ()
    if type(error) is RuntimeError:
        text = arguments[0] if len(arguments) == 1 else ""
        return _as_torch_says(text) if type(text) is str else ""
    if type(error) not in _LOST or (arguments and arguments[0] in _FULL):
        return ""
    first = arguments[0] if arguments else ""
    if (
        type(first) is str and "in pin memory thread" in first
    ):  # raised again, without the frames it came through
        return "the connection to it broke"
    if not _was_fetching(error):
        return ""
    reason = os.strerror(first) if type(first) is int else "it sent no more"
    return f"the connection to it broke: {reason}"


def _as_torch_says(text: str) -> str:
    """Return e.g. ``pid 4711 exited unexpectedly with exit code 3``."""
    found = re.search(r"DataLoader worker \((pid(?:\(s\))?[^()]*)\)(.*?)(?:\.\s|\.?$)", text, re.DOTALL)
    return " ".join(f"{found[1]}{found[2]}".split()) if found is not None else ""


def _was_fetching(error: BaseException) -> bool:
    """Return whether it came out of a pipe that a DataLoader reads from, and not from a dataset's own."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    if _LOADER not in files or not files or files[-1] != _PIPES:
        return False
    return _FETCH not in files[files.index(_LOADER) :]
