"""Requests past the running cell: on subshells of the kernel, one to steer and one to inspect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tui.client.errors import KernelRefused
from tui.client.waiting import within
from tui.protocol.codec import decode, encode
from tui.protocol.messages import REQUEST, Refusal, Request

if TYPE_CHECKING:
    from tui.client.connection import Connection, Message

R = TypeVar("R")

STEER, INSPECT = "steer", "inspect"
OPEN_TIMEOUT_S = 20.0


class Lanes:
    """The subshells of one client. A long table on one of them never stands before a pause on the other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._subshells: dict[str, str] = {}

    async def open(self) -> None:
        """Have the kernel make the subshells; a kernel without any answers on its main thread."""
        for lane in (STEER, INSPECT):
            reply = await self._connection.request(
                "create_subshell_request", {}, channel="control", timeout_s=OPEN_TIMEOUT_S
            )
            self._subshells[lane] = reply.get("subshell_id", "")

    async def ask(self, request: Request[R], *, timeout_s: float | None) -> R:
        """Ask the kernel's side of torchtui.

        Raises:
            KernelRefused: it could not be carried out.
            tui.client.errors.KernelDied: the kernel ended.
            TimeoutError: no answer within `timeout_s`.
        """
        name = type(request).__name__
        lane = INSPECT if name.startswith("List") else STEER
        content = {"name": name, "body": encode(request)}
        reply = await self._request(REQUEST, content, lane, timeout_s)
        if "error" in reply:
            raise KernelRefused(decode(Refusal, reply["error"]))
        return decode(request.reply_type(), reply.get("ok"))

    async def jupyter(self, kind: str, content: Message, *, timeout_s: float | None) -> dict[str, Any]:
        """Send one of Jupyter's own requests and return the content of its reply."""
        return await self._request(kind, content, INSPECT, timeout_s)

    async def _request(self, kind: str, content: Message, lane: str, timeout_s: float | None) -> Message:
        subshell = self._subshells.get(lane) or None
        return await self._connection.request(kind, content, subshell=subshell, timeout_s=timeout_s)

    async def give_back(self) -> None:
        """Let the kernel end the subshells; one that does not answer at once keeps them."""
        for subshell in self._subshells.values():
            content = {"subshell_id": subshell}
            request = self._connection.request("delete_subshell_request", content, channel="control")
            if subshell and not await within(0.5, request):
                return
