"""The kernel's side of the protocol: takes requests on a subshell's thread, answers, and tells news.

NOTE [Threads of the kernel]
Cells run on the main thread, a training run on a worker thread. Requests come on the thread of a subshell that
the UI created (`create_subshell_request`), so that they are answered while both of those are busy. Handlers
therefore only read the user's objects, and read them defensively.
"""

from __future__ import annotations

import os
import platform
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from tui.kernel import interrupts
from tui.kernel.building_requests import BuildingRequests
from tui.kernel.cell_watch import CellWatch
from tui.kernel.graph_requests import GraphRequests
from tui.kernel.inspection import Inspection
from tui.kernel.output import ThreadOutput
from tui.kernel.refused import Refused
from tui.kernel.run_requests import RunRequests
from tui.kernel.status import TorchImport, cuda_memory, rss_bytes
from tui.kernel.training_requests import TrainingRequests
from tui.protocol.codec import DecodeError, decode, encode
from tui.protocol.messages import (
    EVENT,
    REPLY,
    REQUEST,
    VERSION,
    Event,
    GetStatus,
    KernelStatus,
    Refusal,
    Request,
    Shutdown,
    request_types,
)

if TYPE_CHECKING:
    pass

TERMINATE_S = 20.0
"""How long SIGTERM waits for a run to end its step and keep its state."""


class Kernel(Protocol):
    """What we use of ipykernel's kernel."""

    shell: Any
    session: Any
    iopub_socket: Any
    io_loop: Any
    shell_handlers: dict[str, Callable[..., object]]
    control_handlers: dict[str, Callable[..., object]]


def _working_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:  # it was removed under us
        return ""


class Service:
    """Answers the UI's requests inside a kernel."""

    def __init__(self, kernel: Kernel, *, session: str = "", idle_s: float = float("inf")) -> None:
        """`idle_s`: end the kernel after so many seconds with no request and no run; default: never."""
        self.kernel = kernel
        self.idle_s = idle_s
        self.torch = TorchImport(on_end=self._torch_ended)
        self._cell_running = False
        self._wakes = False  # whether a signal wakes the event loop
        self._heard_at = time.monotonic()
        self._cells = CellWatch(kernel)
        inspection = Inspection(
            kernel.shell,
            self._need_torch,
            lambda: self._cell_running,
            lambda: self._graphs.viewable(),  # noqa: PLW0108 - it is made below
        )
        self._graphs = GraphRequests(
            lambda: self._namespace, self._need_torch, lambda: self._cell_running, self._cell_number
        )
        self._training = TrainingRequests(
            lambda: self._namespace,
            self._need_torch,
            lambda: self._runs.trainer,
            inspection.computing,
            lambda: self._runs.sweeps.in_progress,
        )
        self._runs = RunRequests(
            session=session,
            namespace=lambda: self._namespace,
            need_torch=self._need_torch,
            apart_from_dry_run=self._training.apart_from_dry_run,
            before_going_on=self._graphs.close_all,
            tell=self.tell,
        )
        self._handlers: dict[type[Request[Any]], Callable[[Any], object]] = {
            GetStatus: self._status,
            Shutdown: self._shutdown,
            **inspection.handlers(),
            **self._training.handlers(),
            **self._runs.handlers(),
            **self._graphs.handlers(),
            **BuildingRequests(
                lambda: self._namespace, self._need_torch, lambda: self._cell_running
            ).handlers(),
        }

    def install(self) -> None:
        """Take requests from now on, import torch in the background, watch for idleness."""
        self.kernel.torchtui = self  # type: ignore[attr-defined]
        self.kernel.shell_handlers[REQUEST] = self._answer
        ThreadOutput.install()
        interrupts.guard_reply(self.kernel)
        events = self.kernel.shell.events
        events.register("pre_run_cell", self._before_cell)
        events.register("post_run_cell", self._after_cell)
        self.torch.start()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: self.terminate())
        if self.idle_s != float("inf"):
            threading.Thread(target=self._end_when_idle, name="torchtui-idle", daemon=True).start()

    def terminate(self) -> None:
        """End the process, with the run stopped in order first: a cluster or a logout sends SIGTERM.

        From a thread of its own: the main thread may be in the middle of a cell.
        """

        def end() -> None:
            self._runs.end(TERMINATE_S)
            os._exit(128 + signal.SIGTERM)

        threading.Thread(target=end, name="torchtui-terminate", daemon=True).start()

    # -- the wire ---------------------------------------------------------------------------------

    def _answer(self, stream: object, ident: object, parent: dict[str, Any]) -> None:
        self._heard_at = time.monotonic()
        content = parent["content"]
        try:
            body: dict[str, object] = {"ok": encode(self._carry_out(content))}
        except Refused as refusal:
            body = {"error": encode(Refusal(refusal.kind, str(refusal)))}
        except BaseException as error:  # noqa: BLE001
            # a fault of ours or of an object we looked at, be it SystemExit, which would end this thread: told whole
            text = traceback.format_exc()
            body = {"error": encode(Refusal(type(error).__name__, str(error), text))}
        self.kernel.session.send(stream, REPLY, body, parent, ident)

    def _carry_out(self, content: dict[str, Any]) -> object:
        kind = request_types().get(content.get("name", ""))
        if kind is None:
            raise Refused(
                "unknown", f"this kernel knows no request {content.get('name')!r}; is it an older version?"
            )
        try:
            request = decode(kind, content.get("body", {}))
        except DecodeError as error:
            raise Refused("malformed", str(error)) from None
        return self._handlers[kind](request)

    def tell(self, event: Event) -> None:
        """Send news to every UI that listens; safe from any thread, never blocks."""
        session, socket = self.kernel.session, self.kernel.iopub_socket
        session.send(socket, EVENT, encode(event), ident=EVENT.encode())

    # -- cells ------------------------------------------------------------------------------------

    def _before_cell(self, info: Any = None) -> None:
        with interrupts.passed_to_cell(self.kernel.shell):
            self._prepare_cell(info)

    def _prepare_cell(self, info: Any) -> None:
        self._cell_running = True
        self._heard_at = time.monotonic()
        if not self._wakes:
            self._wakes = True
            interrupts.wake_loop()
        if self.torch.state == "importing" and "torch" in str(getattr(info, "raw_cell", "")):
            self.torch.wait()  # the cell's own import would wait as well; here it also finds the names bound
            self._bind_torch()
        if self.torch.state == "ready":
            self._cells.arm(info)
        self._graphs.begin_cell()

    def _after_cell(self, result: object = None) -> None:
        self._cell_running = False
        self._graphs.end_cell()
        try:
            self.tell(Event("namespace"))
        except KeyboardInterrupt:  # the cell is over
            self.tell(Event("namespace"))

    def _torch_ended(self) -> None:
        if self.torch.state == "ready":
            self._bind_torch()
        self.tell(Event("torch", self.torch.state))

    def _bind_torch(self) -> None:
        """Put `torch`, `nn` and `F` where the user finds them, unless the names are taken."""
        import torch
        from torch import nn

        names = {"torch": torch, "nn": nn, "F": nn.functional}
        for name, module in names.items():
            self.kernel.shell.user_ns.setdefault(name, module)

    # -- requests ---------------------------------------------------------------------------------

    def _cell_number(self, filename: str) -> int | None:
        """Return the number of the cell that IPython compiled under a file name; None for any other file."""
        known = getattr(self.kernel.shell.compile, "_filename_map", {})
        number = known.get(filename)
        return number if isinstance(number, int) else None

    @property
    def _namespace(self) -> dict[str, object]:
        namespace: dict[str, object] = self.kernel.shell.user_ns
        return namespace

    def _status(self, request: GetStatus) -> KernelStatus:
        return KernelStatus(
            protocol=VERSION,
            pid=os.getpid(),
            python=platform.python_version(),
            executable=sys.executable,
            cwd=_working_directory(),
            host=socket.gethostname(),
            torch_state=self.torch.state,
            torch=self.torch.version,
            torch_error=self.torch.error,
            device=self.torch.device,
            device_name=self.torch.device_name,
            rss_bytes=rss_bytes(),
            cuda=cuda_memory(),
            cell_running=self._cell_running,
            execution_count=self.kernel.shell.execution_count,
            run=self._runs.state,
        )

    def _need_torch(self) -> None:
        if not self.torch.wait():
            raise Refused("no torch", f"torch cannot be imported by {sys.executable}: {self.torch.error}")

    def _shutdown(self, request: Shutdown) -> KernelStatus:
        self._runs.end(request.timeout_s)
        return self._status(GetStatus())

    # -- idleness ---------------------------------------------------------------------------------

    def _end_when_idle(self) -> None:
        """End the kernel once nobody has asked anything for `idle_s` and nothing runs."""
        while True:
            time.sleep(min(30.0, max(0.2, self.idle_s / 4)))
            busy = self._cell_running or self._runs.in_progress
            if not busy and time.monotonic() - self._heard_at > self.idle_s:
                self.kernel.io_loop.add_callback(self.kernel.io_loop.stop)
                return
