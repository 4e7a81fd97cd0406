"""The life of a cell, read from Jupyter's messages: started, printed, showed, failed, ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

from tui.client.errors import KernelDied
from tui.client.news import (
    CellEnded,
    CellFailed,
    CellPrinted,
    CellShowed,
    CellStarted,
    InputWanted,
    News,
    OutputCleared,
)
from tui.protocol.messages import CELL_METADATA

if TYPE_CHECKING:
    from tui.client.connection import Connection, Message

REPLY_S: Final = 1.0
"""After the idle of a cell, how long its reply may take before we look whether it is lost."""


def adoption_code(boot_path: str) -> str:
    """Return the cell that loads our side into a foreign kernel."""
    return (
        "import importlib.util as _tt_util\n"
        f"_tt_spec = _tt_util.spec_from_file_location('torchtui_boot', {boot_path!r})\n"
        "_tt_boot = _tt_util.module_from_spec(_tt_spec)\n"
        "_tt_spec.loader.exec_module(_tt_boot)\n"
        "_tt_boot.adopt()\n"
        "del _tt_util, _tt_spec, _tt_boot\n"
    )


class CellReader:
    """Sends cells and turns what the kernel says of them into news.

    A cell is through when its reply is here *and* iopub says idle: they come on two sockets, in either order, and
    what the cell printed comes before the second. An interrupt that falls between a cell and its reply can cost a
    kernel that reply; then what comes after it on the same socket tells.
    """

    def __init__(self, tell: Callable[[News], None], set_busy: Callable[[bool], None]) -> None:
        self._tell = tell
        self._set_busy = set_busy
        self._ours: set[str] = set()  # sent and not through
        self._running: set[str] = set()
        self._replies: dict[str, Message] = {}
        self._quiet: set[str] = set()  # of ours, idle before the reply came
        self._doors: dict[str, Connection] = {}  # that our cells went through
        self._looking: set[asyncio.Task[None]] = set()

    def run(self, connection: Connection, code: str, cell: str) -> None:
        """Send a cell under the id `cell`."""
        content = {
            "code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True,
            # each cell was typed for itself: one that fails must not take those behind it along
            "stop_on_error": False,
        }  # fmt: skip
        self._ours.add(cell)
        self._doors[cell] = connection
        connection.send("execute_request", content, message_id=cell, metadata={CELL_METADATA: True})
        connection.expect(cell).add_done_callback(lambda future: self._replied(cell, future))
        self._tell_busy()  # not only when the kernel says so: a cell that holds the interpreter keeps it from that

    def _replied(self, cell: str, future: asyncio.Future[Message]) -> None:
        if future.cancelled() or future.exception() is not None:
            self._end(cell, {"status": "aborted"})
            self._tell_busy()
        elif cell in self._quiet:
            self._end(cell, future.result()["content"])
            self._tell_busy()
        else:
            self._replies[cell] = future.result()["content"]

    def _end(self, cell: str, content: Message) -> None:
        self._ours.discard(cell)
        self._doors.pop(cell, None)
        self._quiet.discard(cell)
        self._replies.pop(cell, None)
        status = content.get("status", "ok")
        payload = content.get("payload") or ()
        pages = tuple(
            str(item.get("data", {}).get("text/plain", ""))
            for item in payload
            if item.get("source") == "page"
        )
        inputs = [str(item.get("text", "")) for item in payload if item.get("source") == "set_next_input"]
        ended: Literal["ok", "error", "aborted"] = status if status in ("ok", "error") else "aborted"
        self._tell(CellEnded(cell, ended, pages, inputs[-1] if inputs else ""))

    def kernel_ended(self) -> None:
        """Forget what ran: it will not end by itself."""
        self._running.clear()
        self._replies.clear()
        self._quiet.clear()

    def input_requested(self, message: Message) -> None:
        """A cell asked for a line of input."""
        content = message["content"]
        cell = message["parent_header"].get("msg_id", "")
        self._tell(InputWanted(cell, str(content.get("prompt", "")), bool(content.get("password"))))

    def heard(self, message: Message) -> None:
        """Take a message of the iopub channel."""
        parent = message["parent_header"]
        if parent.get("msg_type") != "execute_request":
            return
        cell: str = parent.get("msg_id", "")
        news = self._read(cell, message["header"]["msg_type"], message["content"])
        if news is not None:
            self._tell(news)

    def _read(self, cell: str, kind: str, content: dict[str, Any]) -> News | None:
        if kind == "status":
            self._note_status(cell, str(content.get("execution_state")))
        elif kind == "execute_input":
            return CellStarted(
                cell, str(content["code"]), int(content["execution_count"]), cell in self._ours
            )
        elif kind == "stream":
            name = "stderr" if content.get("name") == "stderr" else "stdout"
            return CellPrinted(cell, name, str(content.get("text", "")))  # type: ignore[arg-type]
        elif kind in ("execute_result", "display_data", "update_display_data"):
            data = {str(mime): str(text) for mime, text in content.get("data", {}).items()}
            return CellShowed(
                cell, data, content.get("execution_count") if kind == "execute_result" else None
            )
        elif kind == "error":
            lines = tuple(str(line) for line in content.get("traceback", ()))
            return CellFailed(cell, str(content.get("ename", "")), str(content.get("evalue", "")), lines)
        elif kind == "clear_output":
            return OutputCleared(cell, bool(content.get("wait")))
        return None

    def _note_status(self, cell: str, state: str) -> None:
        if state == "busy":
            self._running.add(cell)
        elif state == "idle":
            self._running.discard(cell)
        if state != "idle":
            self._tell_busy()
            return
        if cell in self._replies:
            self._end(cell, self._replies[cell])
        elif cell in self._ours:
            self._quiet.add(cell)
            asyncio.get_running_loop().call_later(REPLY_S, self._look_for_reply, cell)
        else:
            self._end(cell, {"status": "ok"})  # of another terminal, whose reply is not ours to hear
        self._tell_busy()

    def _look_for_reply(self, cell: str) -> None:
        if cell in self._quiet:
            task = asyncio.create_task(self._end_without_reply(cell))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def _end_without_reply(self, cell: str) -> None:
        """End a cell whose reply did not come before that to a later question on the same socket."""
        with contextlib.suppress(KernelDied):
            await self._doors[cell].request("kernel_info_request", {})
            if cell in self._quiet:
                self._end(cell, {"status": "aborted"})
                self._tell_busy()

    def _tell_busy(self) -> None:
        self._set_busy(bool(self._running or self._ours))
