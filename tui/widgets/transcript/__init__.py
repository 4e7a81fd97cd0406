"""The transcript of a session: cells with what they printed, showed and raised.

`terminal` turns streams into lines, `lines` wraps them, `blocks`, `cells` and `model` hold them with their
caps, `view` is the widget.
"""

from __future__ import annotations

from tui.widgets.transcript.cells import CellStatus, Severity
from tui.widgets.transcript.view import Transcript

__all__ = ["CellStatus", "Severity", "Transcript"]
