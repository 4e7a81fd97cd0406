"""Interrupts that fall into what we do around a cell.

IPython takes an interrupt of its hooks for a fault of theirs: it prints a traceback of the hook and runs the cell all
the same. And one that falls between a cell and its reply leaves the client waiting for that reply.
"""

from __future__ import annotations

import ast
import contextlib
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

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
    """Have an interrupt that comes after a cell has run, and before its reply is sent, do nothing."""
    run: Callable[..., Awaitable[Reply]] = kernel.do_execute

    async def do_execute(*args: Any, **options: Any) -> Reply:
        try:
            reply = await run(*args, **options)
            _ignore()
        except KeyboardInterrupt:
            _ignore()
            reply = {
                "status": "error",
                "ename": "KeyboardInterrupt",
                "evalue": "",
                "traceback": [],
                "execution_count": kernel.shell.execution_count - 1,
                "user_expressions": {},
                "payload": [],
            }
        return reply

    kernel.do_execute = do_execute


def _ignore() -> None:
    """Ignore SIGINT until ipykernel sets its handler again, which it does before the next message."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
