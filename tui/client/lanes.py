"""Requests past the running cell: on subshells of the kernel, one for each lane."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from tui.client.errors import KernelRefused
from tui.client.waiting import within
from tui.protocol.codec import decode, encode
from tui.protocol.messages import REQUEST, Lane, Refusal, Request

if TYPE_CHECKING:
    from tui.client.connection import Connection, Message

R = TypeVar("R")

AT_ONCE: tuple[Lane, ...] = ("steer", "inspect")
"""Lanes that every session needs; the others are opened when they are first asked."""
OPEN_TIMEOUT_S = 20.0


class Lanes:
    """The subshells of one client. A long table on one of them never stands before a pause on the other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._subshells: dict[Lane, asyncio.Future[str]] = {}

    async def open(self) -> None:
        """Have the kernel make the subshells; a kernel without any answers on its main thread."""
        for lane in AT_ONCE:
            await self._subshell(lane)

    async def _subshell(self, lane: Lane) -> str:
        """Return the id of a lane's subshell, which is made when it is first asked for."""
        if lane not in self._subshells:
            self._subshells[lane] = asyncio.ensure_future(self._make())
        try:
            return await asyncio.shield(self._subshells[lane])
        except TimeoutError:
            self._subshells.pop(lane, None)  # to be tried again
            raise

    async def _make(self) -> str:
        reply = await self._connection.request(
            "create_subshell_request", {}, channel="control", timeout_s=OPEN_TIMEOUT_S
        )
        return str(reply.get("subshell_id", ""))

    async def ask(self, request: Request[R], *, timeout_s: float | None) -> R:
        """Ask the kernel's side of torchtui.

        Raises:
            KernelRefused: it could not be carried out.
            tui.client.errors.KernelDied: the kernel ended.
            TimeoutError: no answer within `timeout_s`.
        """
        name = type(request).__name__
        content = {"name": name, "body": encode(request)}
        reply = await self._request(REQUEST, content, request.lane, timeout_s)
        if "error" in reply:
            raise KernelRefused(decode(Refusal, reply["error"]))
        return decode(request.reply_type(), reply.get("ok"))

    async def jupyter(self, kind: str, content: Message, *, timeout_s: float | None) -> dict[str, Any]:
        """Send one of Jupyter's own requests and return the content of its reply."""
        return await self._request(kind, content, "inspect", timeout_s)

    async def _request(self, kind: str, content: Message, lane: Lane, timeout_s: float | None) -> Message:
        subshell = await self._subshell(lane) or None
        return await self._connection.request(kind, content, subshell=subshell, timeout_s=timeout_s)

    async def give_back(self) -> None:
        """Let the kernel end the subshells; one that does not answer at once keeps them."""
        made = [made.result() for made in self._subshells.values() if made.done() and not made.exception()]
        for subshell in filter(None, made):
            content = {"subshell_id": subshell}
            request = self._connection.request("delete_subshell_request", content, channel="control")
            if not await within(0.5, request):
                return
