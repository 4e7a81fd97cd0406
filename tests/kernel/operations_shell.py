"""An IPython shell whose cells are watched, for the tests of explained operations."""

from __future__ import annotations

import atexit
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from tui.kernel.operations.watch import install
from tui.protocol.codec import decode
from tui.protocol.operations import FAILURE_MIME, OPERATIONS_MIME, Explanation, Failure, Step


class Cells:
    """Runs cells and keeps what was told of each."""

    def __init__(self) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "neutral"
        self.shell: Any = InteractiveShell(config=config)  # type: ignore[no-untyped-call]
        self.wanted = True
        self.told: list[dict[str, str]] = []
        self.watch = install(self.shell, lambda: self.wanted, self.told.append)

    def run(self, code: str) -> Any:
        """Run a cell and return IPython's result; what was told is of this cell alone."""
        self.told.clear()
        return self.shell.run_cell(code, store_history=True)

    def explain(self, code: str) -> Explanation | None:
        """Run a cell that must succeed and return what was told of it."""
        result = self.run(code)
        error = result.error_in_exec or result.error_before_exec
        assert error is None, error
        return decode(Explanation, json.loads(self.told[0][OPERATIONS_MIME])) if self.told else None

    def step(self, code: str) -> Step:
        """Return the last step of a cell."""
        explanation = self.explain(code)
        assert explanation is not None, "nothing was told"
        return explanation.steps[-1]

    def fail(self, code: str) -> Failure | None:
        """Run a cell that must fail and return what was told of it."""
        result = self.run(code)
        assert result.error_in_exec is not None
        return decode(Failure, json.loads(self.told[0][FAILURE_MIME])) if self.told else None

    def failure(self, code: str) -> Failure:
        """Return the failure told of a cell."""
        told = self.fail(code)
        assert told is not None, "nothing was told"
        return told


@contextmanager
def cells(setup: str) -> Iterator[Cells]:
    """Give a shell in which `setup` has run; it is put away at the end."""
    made = Cells()
    try:
        assert made.shell.run_cell(setup).success
        yield made
    finally:
        made.watch.remove()
        made.shell.atexit_operations()
        atexit.unregister(made.shell.atexit_operations)
