"""Adds to what IPython displays how the UI is to draw it: one more MIME type beside the text."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Protocol

from IPython.core.formatters import BaseFormatter, DisplayFormatter

from tui.kernel.drawing.shown import shown_of
from tui.protocol.codec import encode
from tui.protocol.values import VALUE_MIME

log = logging.getLogger(__name__)


class Shell(Protocol):
    """What we use of IPython's shell."""

    display_formatter: DisplayFormatter


def install(shell: Shell, wanted: Callable[[], bool]) -> None:
    """Describe from now on what the shell displays, whether as a cell's result or by `display`.

    Args:
        shell: IPython's; a formatter of ours that it has already is replaced.
        wanted: asked for each value, on the thread that displays it; False: the value gets its text alone.
    """
    formatters = shell.display_formatter.formatters
    formatters[VALUE_MIME] = ValueFormatter(wanted, parent=shell.display_formatter)


class ValueFormatter(BaseFormatter):
    """IPython's formatter for `VALUE_MIME`. Never raises and never prints: a fault of ours must cost no result."""

    format_type = VALUE_MIME

    def __init__(self, wanted: Callable[[], bool], *, parent: DisplayFormatter | None = None) -> None:
        super().__init__(parent=parent)
        self._wanted = wanted

    def __call__(self, value: object) -> str | None:
        """Return the JSON text of an encoded `Shown`; None where the text alone will do."""
        try:
            if not self.enabled or not self._wanted():
                return None
            shown = shown_of(value)
            return (
                None
                if shown is None
                else json.dumps(encode(shown), ensure_ascii=False, separators=(",", ":"))
            )
        except Exception:  # the value's text is there all the same
            log.debug("a result will be shown as text only", exc_info=True)
            return None
