"""Interrupts that fall into what we do around a cell.

IPython takes an interrupt of its hooks for a fault of theirs: it prints a traceback of the hook and runs the cell all
the same. And one that falls between a cell and its reply leaves the client waiting for that reply.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

Reply = dict[str, object]


@contextlib.contextmanager
def passed_to_cell(shell: Any) -> Iterator[None]:
    """Have an interrupt that comes inside end the cell that is about to run."""
    try:
        yield
    except KeyboardInterrupt:
        shell.ast_transformers.insert(0, _Interrupt(shell))


class _Interrupt:
    """Raises an interrupt in the place of the next cell; IPython asks its AST transformers once it runs no hooks."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._cell = shell.execution_count

    def visit(self, node: ast.AST) -> ast.AST:
        """Raise it, once; a cell that was no Python is not asked, and the next one must not pay for it."""
        __tracebackhide__ = True
        self._shell.ast_transformers.remove(self)
        if self._shell.execution_count == self._cell:
            raise KeyboardInterrupt
        return node


def guard_reply(kernel: Any) -> None:
    """Have every cell answered: past an interrupt that comes after it has run, and past what breaks IPython itself."""
    run: Callable[..., Awaitable[Reply]] = kernel.do_execute
    streams = {name: getattr(sys, name) for name in ("stdout", "stderr")}

    async def do_execute(*args: Any, **options: Any) -> Reply:
        for name, stream in streams.items():
            if not hasattr(getattr(sys, name, None), "write"):  # IPython runs nothing without
                setattr(sys, name, stream)
        try:
            reply = await run(*args, **options)
            _ignore()
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever it is, the client waits for a reply
            _ignore()
            reply = _failed(kernel, error)
        return reply

    kernel.do_execute = do_execute


def _failed(kernel: Any, error: BaseException) -> Reply:
    """Tell of an error that IPython did not catch, and return the reply of its cell."""
    content: Reply = {
        "ename": type(error).__name__,
        "evalue": str(error),
        "traceback": traceback.format_exception(error),
    }
    if not isinstance(error, KeyboardInterrupt):
        kernel.send_response(kernel.iopub_socket, "error", content)
    count = kernel.shell.execution_count - 1
    return {"status": "error", **content, "execution_count": count, "user_expressions": {}, "payload": []}


def _ignore() -> None:
    """Ignore SIGINT until ipykernel sets its handler again, which it does before the next message."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def wake_loop() -> None:
    """Have a signal wake the running event loop, or a cell that awaits hears of an interrupt when something else does.

    The handler that ipykernel sets then calls back on the loop, from the loop's own thread: that alone wakes nobody.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    before = signal.set_wakeup_fd(far.fileno(), warn_on_full_buffer=False)
    if before != -1:  # somebody's who wakes a loop as well
        signal.set_wakeup_fd(before)
        near.close()
        far.close()
        return

    def drain() -> None:
        with contextlib.suppress(BlockingIOError):
            near.recv(4096)

    _WAKING.append(far)
    asyncio.get_running_loop().add_reader(near, drain)


_WAKING: Final[list[socket.socket]] = []
"""Kept, as a socket that nobody holds is closed."""
