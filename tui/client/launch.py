"""Start a kernel's process, and say in words how one ended."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tui import paths
from tui.client.registry import CONNECTION, KERNEL_LOG, SessionInfo, new_session_folder, write_session

BOOT = Path(__file__).parent.parent / "kernel" / "boot.py"
MISSING_PACKAGES = 78
"""The boot file's exit code where its environment lacks ipykernel or torch."""


LOG_TAIL_BYTES = 64 << 10


class LaunchError(RuntimeError):
    """A kernel could not be started; the message says what to do."""


@dataclass
class KernelProcess:
    """A kernel's process: a child of ours, or one that we attached to."""

    info: SessionInfo
    child: subprocess.Popen[bytes] | None
    """None where another program started it: its exit status then cannot be known."""

    def exit_code(self) -> int | None:
        """Return how a child of ours ended: its exit code, minus the signal's number if killed; None: unknown."""
        return self.child.poll() if self.child is not None else None


def launch_kernel(
    python: str, *, title: str, cwd: str | None = None, idle_hours: float = 8.0
) -> KernelProcess:
    """Start a kernel in a session of its own; it may still be importing when this returns.

    Raises:
        LaunchError: the interpreter cannot be run.
        tui.paths.UnsafeFolder: the folder for its sockets is not ours alone.
    """
    return relaunch_kernel(python, new_session_folder(), title=title, cwd=cwd, idle_hours=idle_hours)


def relaunch_kernel(
    python: str, folder: Path, *, title: str, cwd: str | None, idle_hours: float
) -> KernelProcess:
    """Start a kernel in the folder of a session whose kernel has ended; raises as `launch_kernel`."""
    connection = folder / CONNECTION
    _write_connection_file(connection, paths.socket_dir(folder))
    argv = [python, str(BOOT), "--connection", str(connection), "--session", folder.name]
    argv += ["--idle-hours", str(idle_hours)]
    log = os.open(folder / KERNEL_LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        # its own session: it must outlive our terminal, and a ctrl+c there is not meant for it
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd, start_new_session=True,
            env=kernel_environment(),
        )  # fmt: skip
    except OSError as error:
        raise LaunchError(
            f"cannot run {python}: {error.strerror}; --python takes the path of a Python"
        ) from None
    finally:
        os.close(log)
    info = SessionInfo(
        id=folder.name,
        pid=child.pid,
        python=python,
        cwd=cwd or os.getcwd(),
        started_at=time.time(),
        title=title,
        folder=str(folder),
    )
    return KernelProcess(write_session(info), child)


def kernel_environment() -> dict[str, str]:
    """Return the environment of a kernel: ours, with what a process beside a busy terminal program needs.

    OpenMP's threads spin while they wait for one another. Where another process wants a core, which is what a
    terminal program on a small machine does, a spinning thread takes that core from the thread it waits for, and a
    training step that takes 5 ms alone takes 100. Waiting asleep costs a little alone and bears company. Whoever
    sets OMP_WAIT_POLICY has the last word.
    """
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return environment


def _write_connection_file(path: Path, sockets: Path) -> None:
    from jupyter_client.connect import write_connection_file

    if os.name == "nt":
        write_connection_file(str(path), transport="tcp", key=secrets.token_hex(16).encode())
        return
    for stale in sockets.glob("k-*"):
        stale.unlink()
    path.unlink(missing_ok=True)
    # the file holds the key that signs messages: made with its mode, never widened and narrowed
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    write_connection_file(
        str(path), transport="ipc", ip=str(sockets / "k"), key=secrets.token_hex(16).encode()
    )


def default_python() -> str:
    """Return the interpreter that runs us."""
    return sys.executable


def log_tail(path: Path, lines: int = 12) -> tuple[str, ...]:
    """Return the last lines of a kernel's stderr, or the beginning of its crash report; empty where there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LOG_TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    written = [line for line in text.splitlines() if line.strip()]
    crashes = [number for number, line in enumerate(written) if line.startswith("Fatal Python error")]
    if crashes:
        report = written[crashes[-1] :]
        # every thread is in the report; the one that crashed is "Current", its innermost frames first
        current = next((n for n, line in enumerate(report) if line.startswith("Current thread")), 1)
        return (report[0], *report[current : current + lines - 1])
    return tuple(written[-lines:])


def death_in_words(exit_code: int | None) -> str:
    """Say how a process ended, and what usually makes it end so."""
    if exit_code is None:
        return "the kernel's process is gone"
    if exit_code >= 0:
        return f"the kernel ended with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    hints = {
        "SIGKILL": "somebody's kill -9, or the system when memory ran out",
        "SIGSEGV": "a fault in native code",
        "SIGABRT": "native code gave up",
        "SIGBUS": "native code, or shared memory that ran out",
        "SIGTERM": "somebody asked it to end",
    }
    hint = f" ({hints[name]})" if name in hints else ""
    return f"the kernel was killed by {name}{hint}"
