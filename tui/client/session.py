"""A kernel session as screens use it: ask, run cells, interrupt, restart, detach, end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tui import paths
from tui.client import launch, registry
from tui.client.deathwatch import wait_for_end
from tui.client.errors import KernelDied, NotAKernel
from tui.client.handshake import adopt, check_subshells, check_version, first_answer
from tui.client.lanes import Lanes
from tui.client.news import EventHeard, KernelEnded, KernelState, News, StateChanged, StatusRead
from tui.client.registry import SessionInfo
from tui.client.waiting import within
from tui.protocol.codec import DecodeError, decode
from tui.protocol.messages import (
    EVENT,
    Event,
    GetStatus,
    KernelStatus,
    Request,
    Shutdown,
)

if TYPE_CHECKING:
    from tui.client.connection import Connection, Message

R = TypeVar("R")

log = logging.getLogger(__name__)

STATUS_TIMEOUT_S = 20.0
TERMINATE_TIMEOUT_S = 25.0


class KernelSession:
    """One kernel and the talk with it.

    Listeners are called on the event loop with every piece of `News`.
    """

    def __init__(
        self, *, python: str | None = None, title: str = "torchtui", idle_hours: float = 8.0
    ) -> None:
        self.python = python or launch.default_python()
        self.title = title
        self.idle_hours = idle_hours
        self.state: KernelState = "starting"
        self.status: KernelStatus | None = None
        self.ended: KernelEnded | None = None
        self.process: launch.KernelProcess | None = None
        self.foreign = False
        self._connection: Connection | None = None
        self._lanes: Lanes | None = None
        self._listeners: list[Callable[[News], None]] = []
        self._watch: asyncio.Task[None] | None = None
        self._ending = False
        self._ready = asyncio.Event()
        self._launching: asyncio.Future[launch.KernelProcess] | None = None
        from tui.client.cells import CellReader

        self.cells = CellReader(self.tell, self._set_busy)

    # -- listeners --------------------------------------------------------------------------------

    def listen(self, listener: Callable[[News], None]) -> Callable[[], None]:
        """Call `listener` with all news from now on; returns the function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def tell(self, news: News) -> None:
        """Hand news to every listener."""
        for listener in tuple(self._listeners):
            try:
                listener(news)
            except Exception:  # one listener's fault must not make the others deaf
                log.exception("a listener failed on %r", news)

    def _set_state(self, state: KernelState) -> None:
        if state != self.state:
            self.state = state
            self.tell(StateChanged(state))

    def _set_busy(self, busy: bool) -> None:
        if self.state in ("idle", "busy"):
            self._set_state("busy" if busy else "idle")

    @property
    def info(self) -> SessionInfo | None:
        """The session's record; None before it is started."""
        return self.process.info if self.process is not None else None

    # -- life -------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start a kernel and wait until it answers.

        Raises:
            tui.client.launch.LaunchError: it cannot be run, or ended before it answered.
            tui.paths.UnsafeFolder: the folder for its sockets is not ours alone.
        """
        await self._launch(
            lambda: launch.launch_kernel(self.python, title=self.title, idle_hours=self.idle_hours)
        )

    async def _launch(self, start: Callable[[], launch.KernelProcess]) -> None:
        """Start a process in a thread. Whoever cancels this leaves it to `shutdown` to end what has been started."""
        self._launching = asyncio.ensure_future(asyncio.to_thread(start))
        try:
            self.process = await asyncio.shield(self._launching)
            await self._connect(self.process.info.connection_file)
        except (launch.LaunchError, paths.UnsafeFolder):
            self._set_state("dead")  # from which a restart is possible
            raise

    async def attach(self, info: SessionInfo) -> None:
        """Connect to a live session; raises as `start`."""
        self.process = launch.KernelProcess(info, None)
        self.python = info.python
        self.title = info.title
        await self._connect(info.connection_file)

    async def attach_foreign(self, connection_file: Path) -> None:
        """Connect to somebody's Jupyter kernel and bring our side into it.

        Raises:
            tui.client.errors.NotAKernel: the file is no connection file, or nobody answers behind it.
            tui.client.launch.LaunchError: our side cannot run in it.
        """
        self.foreign = True
        await self._connect(connection_file)

    async def _connect(self, connection_file: Path) -> None:
        from tui.client.connection import Connection

        self._connection = Connection(
            connection_file, on_iopub=self._heard, on_stdin=self.cells.input_requested
        )
        self.ended = None
        if self.process is not None:
            self._watch = asyncio.create_task(self._watch_process())
        try:
            fresh = self.process is not None and self.process.child is not None
            check_subshells(await first_answer(self._connection, fresh=fresh))
            self._lanes = Lanes(self._connection)
            await self._lanes.open()
            if self.foreign:
                await adopt(self._lanes)
            status = await self.ask(GetStatus(), timeout_s=STATUS_TIMEOUT_S)
        except KernelDied as died:
            raise launch.LaunchError(self._why_not(str(died))) from None
        except TimeoutError:
            if self.foreign:
                raise NotAKernel(f"no kernel answers at {connection_file}") from None
            raise launch.LaunchError(self._why_not("the kernel does not answer")) from None
        check_version(status)
        if self.foreign:
            self._watch_foreign(status, connection_file)
        self._set_state("busy" if status.cell_running else "idle")
        self._ready.set()

    def _watch_foreign(self, status: KernelStatus, connection_file: Path) -> None:
        info = SessionInfo(
            id=connection_file.stem, pid=status.pid, python=status.executable, cwd=status.cwd, started_at=0.0,
            title="foreign kernel", folder=str(connection_file.parent),
        )  # fmt: skip
        if status.host == socket.gethostname():  # elsewhere the same number is another process
            self.process = launch.KernelProcess(info, None)
            self._watch = asyncio.create_task(self._watch_process())

    def _why_not(self, reason: str) -> str:
        tail = launch.log_tail(self.process.info.kernel_log) if self.process is not None else ()
        exit_code = self.process.exit_code() if self.process is not None else None
        if exit_code == launch.MISSING_PACKAGES and tail:
            return tail[-1]
        return "\n".join([f"no kernel came up: {reason}", *tail])

    async def _watch_process(self) -> None:
        """Fail whatever is pending as soon as the process ends."""
        assert self.process is not None
        info = self.process.info
        await wait_for_end(info.pid, info.pid_started_at)
        if self.process.child is not None:
            await asyncio.to_thread(self.process.child.wait)
        reason = launch.death_in_words(self.process.exit_code())
        self.ended = KernelEnded(reason, launch.log_tail(info.kernel_log), expected=self._ending)
        if self._connection is not None:
            self._connection.fail(reason)
        self.cells.kernel_ended()
        self._set_state("dead")
        self.tell(self.ended)

    async def ready(self) -> None:
        """Wait until the kernel answers requests."""
        await self._ready.wait()

    # -- asking -----------------------------------------------------------------------------------

    def _door(self) -> Connection:
        if self._connection is None:
            raise KernelDied("the kernel is starting")
        return self._connection

    def _past_cells(self) -> Lanes:
        if self._lanes is None:
            raise KernelDied("the kernel is starting")
        return self._lanes

    async def ask(self, request: Request[R], *, timeout_s: float | None = None) -> R:
        """Ask the kernel and wait for its answer; works while a cell runs and while a run trains.

        Raises:
            KernelRefused: it could not be carried out.
            tui.client.errors.KernelDied: the kernel ended.
            TimeoutError: no answer within `timeout_s`.
        """
        return await self._past_cells().ask(request, timeout_s=timeout_s)

    async def read_status(self) -> KernelStatus:
        """Ask how the kernel is and tell the listeners."""
        self.status = await self.ask(GetStatus(), timeout_s=STATUS_TIMEOUT_S)
        self.tell(StatusRead(self.status))
        return self.status

    async def jupyter(self, kind: str, content: Message, *, timeout_s: float | None = 5.0) -> dict[str, Any]:
        """Send a Jupyter request (completion, inspection, is-complete) past the running cell; returns the content."""
        return await self._past_cells().jupyter(kind, content, timeout_s=timeout_s)

    # -- cells ------------------------------------------------------------------------------------

    def run_cell(self, code: str, cell: str | None = None) -> str:
        """Send a cell to the main thread, after those before it; returns its id. News tell the rest."""
        cell = cell or uuid.uuid4().hex
        self.cells.run(self._door(), code, cell)
        return cell

    def answer_input(self, text: str) -> None:
        """Answer the cell that waits in `input()`."""
        self._door().answer_input(text)

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the running cell.

        Only the main process gets the signal: Jupyter's own interrupt signals the whole process group and would
        end the DataLoader workers of a training run.
        """
        if self.state == "dead":
            return
        if self.foreign:
            self._door().send("interrupt_request", {}, channel="control")
        elif self.process is not None:
            self._signal(signal.SIGINT)

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to the kernel's process, unless it has ended: its number may be another's by now."""
        if self.process is None or (self._watch is not None and self._watch.done()):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self.process.info.pid, number)

    # -- the end ----------------------------------------------------------------------------------

    async def shutdown(self, *, timeout_s: float = 30.0) -> None:
        """End the kernel: stop its run in an orderly way, ask it to end, terminate, kill."""
        self._ending = True
        if self._launching is not None:
            with contextlib.suppress(launch.LaunchError, paths.UnsafeFolder, OSError):
                self.process = await self._launching
        if self.process is None:
            await self.close()
            return
        if self._watch is None:
            self._watch = asyncio.create_task(self._watch_process())
        asked = self._connection is not None and self._lanes is not None and self.state != "dead"
        if asked and self._connection is not None:
            await within(timeout_s + 1, self.ask(Shutdown(timeout_s)))
            await within(
                2, self._connection.request("shutdown_request", {"restart": False}, channel="control")
            )
        for step in (None, signal.SIGTERM, signal.SIGKILL):
            if step is None and not asked:
                continue
            if step is not None:
                self._signal(step)
            # a kernel that is told to terminate ends its run first: see `Service.terminate`
            wait_s = TERMINATE_TIMEOUT_S if step is signal.SIGTERM and asked else 3.0
            done, _ = await asyncio.wait({self._watch}, timeout=wait_s)
            if done:
                break
        await self.close()
        if not self.foreign:
            registry.forget_session(self.process.info)

    async def kill(self) -> None:
        """Kill the kernel's process at once: the last step of the ladder."""
        if self.process is not None and self._watch is not None:
            self._signal(signal.SIGKILL)
            await asyncio.wait({self._watch}, timeout=5.0)

    async def restart(self) -> None:
        """End the kernel and start a fresh one in the same session: all variables are lost; raises as `start`."""
        if self.process is None:
            self._set_state("starting")
            await self.start()
            return
        old = self.process.info
        if self.state != "dead":
            self._ending = True
            await self.kill()
        await self._disconnect()
        self._ending = False
        self._ready.clear()
        self._set_state("starting")
        folder = Path(old.folder)
        await self._launch(
            lambda: launch.relaunch_kernel(
                self.python, folder, title=self.title, cwd=old.cwd, idle_hours=self.idle_hours
            )
        )

    async def close(self) -> None:
        """Let go of the kernel; it lives on, with its variables and its run."""
        self._listeners.clear()
        await self._disconnect()

    async def _disconnect(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        if self._connection is not None:
            if self._lanes is not None and self.state != "dead":
                await self._lanes.give_back()
            await self._connection.close()
        self._connection = self._lanes = None

    # -- iopub ------------------------------------------------------------------------------------

    def _heard(self, message: Message) -> None:
        if message["header"]["msg_type"] != EVENT:
            self.cells.heard(message)
            return
        with contextlib.suppress(DecodeError):
            self.tell(EventHeard(decode(Event, message["content"])))
