"""The ipykernel application of a torchtui kernel: what is set differently from Jupyter's, and why."""

from __future__ import annotations

import faulthandler
import os

from ipykernel.kernelapp import IPKernelApp

from tui.kernel.forgetful import ForgetfulOutputs
from tui.kernel.service import Service


def run_kernel(connection_file: str, *, session: str, idle_s: float) -> None:
    """Serve the connection until shut down; blocks."""
    # the file our stderr was given: ipykernel puts a pipe in its place, and a crash must still be told
    crash_log = os.fdopen(os.dup(2), "w")

    app = IPKernelApp.instance()
    app.initialize(
        [
            f"--IPKernelApp.connection_file={connection_file}",
            # the UI keeps the history; ours must not write into the user's ~/.ipython
            "--HistoryManager.hist_file=:memory:",
            "--InteractiveShell.colors=neutral",
            # evaluation against the live namespace is quick and exact; jedi takes seconds beside a busy cell
            "--IPCompleter.use_jedi=False",
            # CRITICAL is how ipykernel leaves out its greeting on stderr, which is our crash log
            "--IPKernelApp.log_level=CRITICAL",
        ]
    )
    assert app.shell is not None
    app.shell.history_manager.outputs = ForgetfulOutputs()
    faulthandler.enable(file=crash_log)
    Service(app.kernel, session=session, idle_s=idle_s).install()
    app.start()
