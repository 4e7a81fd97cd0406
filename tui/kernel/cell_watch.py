"""What cells typed in our REPL get beyond Jupyter's own: results described for drawing, operations explained.

A cell asks for it in its message's metadata (`CELL_METADATA`). Cells of other clients, such as a notebook whose
kernel we are attached to, run and show exactly as without us.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from tui.protocol.messages import CELL_METADATA

log = logging.getLogger(__name__)


class CellWatch:
    """Brings the formatters and the explainer into a shell, once torch is there."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._armed = False

    def wanted(self) -> bool:
        """Return whether the running cell asked for it."""
        parent = self._kernel.get_parent("shell")
        metadata = parent.get("metadata") if isinstance(parent, dict) else None
        return isinstance(metadata, dict) and metadata.get(CELL_METADATA) is True

    def arm(self, info: object) -> None:
        """Prepare for a cell that is about to run; until torch is imported there is nothing to draw."""
        if self._armed or "torch" not in sys.modules or not self.wanted():
            return
        self._armed = True
        try:
            from tui.kernel import cell_warnings, drawing
            from tui.kernel.operations.watch import install

            shell = self._kernel.shell
            drawing.install(shell, self.wanted)
            cell_warnings.install(shell, self.wanted)
            watch = install(shell, self.wanted, self._publish)
            watch.before(info)  # IPython does not call what is registered while it calls
        except Exception:  # a fault of ours must not keep the user's cell from running
            log.exception("results will be shown as text only")

    def _publish(self, data: dict[str, str]) -> None:
        self._kernel.shell.display_pub.publish(data, metadata={})
