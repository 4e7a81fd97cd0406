"""Joins the explanations to IPython: what a cell's last statement did, or why it failed, after the cell."""

from __future__ import annotations

import ast
import builtins
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from tui.kernel.interrupts import passed_to_cell
from tui.kernel.operations.failure import Frames, failure_of
from tui.kernel.operations.gradients_filled import Marks, calls_backward, filled, gradient_marks
from tui.kernel.operations.instrument import KEEP, Instrument
from tui.kernel.operations.ledger import Ledger
from tui.kernel.operations.lessons import Lessons
from tui.kernel.operations.steps import explanation_of
from tui.protocol.codec import encode
from tui.protocol.operations import FAILURE_MIME, OPERATIONS_MIME, Explanation

Publish = Callable[[dict[str, str]], None]
LIMIT_BYTES: Final = 200_000
"""A message larger than that is not sent."""


class Watch:
    """Watches the cells of one shell."""

    def __init__(self, shell: Any, wanted: Callable[[], bool], publish: Publish) -> None:
        self._shell = shell
        self._wanted = wanted
        self._publish = publish
        self._ledger = Ledger()
        self._instrument = Instrument(self._ledger, self._look_at)
        self._lessons = Lessons()
        self._armed = False
        self._marks: Marks | None = None  # of the gradients before a cell that calls backward

    def install(self) -> None:
        """Begin to watch."""
        setattr(builtins, KEEP, self._ledger.keep)
        self._shell.events.register("pre_run_cell", self.before)
        self._shell.events.register("post_run_cell", self._after)
        self._shell.ast_transformers.append(self._instrument)

    def remove(self) -> None:
        """Stop watching, as if it had never begun."""
        self._shell.events.unregister("pre_run_cell", self.before)
        self._shell.events.unregister("post_run_cell", self._after)
        if self._instrument in self._shell.ast_transformers:
            self._shell.ast_transformers.remove(self._instrument)
        if getattr(builtins, KEEP, None) == self._ledger.keep:
            delattr(builtins, KEEP)

    def before(self, info: object = None) -> None:
        """Get ready for a cell."""
        with passed_to_cell(self._shell):
            self._prepare()

    def _prepare(self) -> None:
        self._armed = False
        try:
            self._armed = bool(self._wanted()) and self._reaches_keep()
            self._ledger.begin(self._shell.user_ns)
            if self._instrument not in self._shell.ast_transformers:
                self._shell.ast_transformers.append(self._instrument)
        except Exception:  # noqa: BLE001 - a fault of ours must not disturb the user's cell
            self._armed = False
        self._instrument.arm(self._armed)

    def _reaches_keep(self) -> bool:
        """Put `keep` among the builtins again should it be gone; return whether cells have those builtins."""
        setattr(builtins, KEEP, self._ledger.keep)
        used = self._shell.user_global_ns.get("__builtins__", builtins)
        return used is builtins or used is builtins.__dict__

    def _after(self, result: Any = None) -> None:
        armed, self._armed = self._armed, False
        self._instrument.arm(False)
        try:
            if armed:
                self._tell(result)
        except (Exception, KeyboardInterrupt):  # noqa: BLE001 - the cell is over: there is nothing left to interrupt
            return
        finally:
            self._ledger.begin({})
            self._marks = None

    def _look_at(self, module: ast.Module) -> None:
        self._marks = None
        if calls_backward(module):
            self._marks = gradient_marks(self._shell.user_ns, self._shell.user_ns_hidden)

    def _tell(self, result: Any) -> None:
        error: BaseException | None = getattr(result, "error_in_exec", None)
        if error is not None:
            failure = failure_of(
                error, Frames(self._shell.user_ns, self._cell_name), self._ledger.all_records()
            )
            if failure is not None:
                self._send(FAILURE_MIME, failure)
            return
        if getattr(result, "error_before_exec", None) is not None:
            return
        self._ledger.close_targets()
        explanation = explanation_of(self._ledger)
        if self._marks is not None:
            step = filled(self._shell.user_ns, self._shell.user_ns_hidden, self._marks)
            if step is not None:
                known = explanation or Explanation(())
                explanation = replace(known, steps=(*known.steps, step))
        if explanation is not None:
            explanation = self._lessons.trimmed(explanation)
        if explanation is not None:
            self._send(OPERATIONS_MIME, explanation)

    def _send(self, mime: str, message: object) -> None:
        text = json.dumps(encode(message))
        if len(text) <= LIMIT_BYTES:
            self._publish({mime: text})

    def _cell_name(self, filename: str) -> str:
        """Return `In [3]` for the file name under which IPython compiled a cell; empty for any other."""
        known = getattr(self._shell.compile, "_filename_map", {})
        return f"In [{known[filename]}]" if filename in known else ""


def install(shell: Any, wanted: Callable[[], bool], publish: Publish) -> Watch:
    """Watch the cells of an IPython shell.

    Args:
        shell: an `InteractiveShell`.
        wanted: asked before each cell, on its thread: whether the cell is to be explained.
        publish: sends display data, by MIME type; called on the thread of the cells, after a cell.
    """
    watch = Watch(shell, wanted, publish)
    watch.install()
    return watch
