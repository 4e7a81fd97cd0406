"""One connection to a Jupyter kernel: requests with their replies, and everything it says unasked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.connect import KernelConnectionInfo

from tui.client.errors import KernelDied, NotAKernel

Message = dict[str, Any]
Channel = Literal["shell", "control"]


log = logging.getLogger(__name__)

NEEDED = ("transport", "ip", "key", "shell_port", "iopub_port", "stdin_port", "control_port")


def read_connection_file(path: Path) -> KernelConnectionInfo:
    """Read a Jupyter connection file.

    Raises:
        NotAKernel: it is not there, or is no connection file.
    """
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotAKernel(f"{path} is no Jupyter connection file: {error}") from None
    missing = [key for key in NEEDED if key not in info] if isinstance(info, dict) else list(NEEDED)
    if missing:
        raise NotAKernel(f"{path} is no Jupyter connection file: it has no {', '.join(missing)}")
    return cast(KernelConnectionInfo, info)


class Connection:
    """Messages to and from a kernel, on asyncio. Every pending request fails at once when the kernel dies."""

    def __init__(
        self,
        connection_file: Path,
        *,
        on_iopub: Callable[[Message], None],
        on_stdin: Callable[[Message], None],
    ) -> None:
        """Open the sockets.

        Raises:
            NotAKernel: the file is not there or is no connection file.
        """
        self._client = AsyncKernelClient()
        self._client.load_connection_info(read_connection_file(connection_file))
        self._client.start_channels(hb=False)
        self._on_iopub = on_iopub
        self._on_stdin = on_stdin
        self._pending: dict[str, asyncio.Future[Message]] = {}
        self._dead: str | None = None
        """Why the kernel is gone; None while it lives."""
        self._readers = [
            asyncio.create_task(self._read(self._client.shell_channel, self._reply)),
            asyncio.create_task(self._read(self._client.control_channel, self._reply)),
            asyncio.create_task(self._read(self._client.iopub_channel, self._heard)),
            asyncio.create_task(self._read(self._client.stdin_channel, self._on_stdin)),
        ]

    # -- out --------------------------------------------------------------------------------------

    def send(
        self,
        kind: str,
        content: Message,
        *,
        channel: Channel = "shell",
        subshell: str | None = None,
        message_id: str | None = None,
        metadata: Message | None = None,
    ) -> str:
        """Send a message and return its id, ours where we give one; its reply is `expect`'s business."""
        if self._dead is not None:
            raise KernelDied(self._dead)
        message = self._client.session.msg(kind, content, metadata=metadata)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        if message_id is not None:
            message["header"]["msg_id"] = message["msg_id"] = message_id
        self._post(
            self._client.shell_channel if channel == "shell" else self._client.control_channel, message
        )
        ident: str = message["header"]["msg_id"]
        return ident

    def expect(self, message_id: str) -> asyncio.Future[Message]:
        """Return the future of the reply to a message just sent."""
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._pending[message_id] = future
        return future

    async def request(
        self,
        kind: str,
        content: Message,
        *,
        channel: Channel = "shell",
        subshell: str | None = None,
        timeout_s: float | None = None,
    ) -> Message:
        """Send a message and wait for the content of its reply.

        Raises:
            KernelDied: the kernel ended before it answered.
            TimeoutError: it did not answer within `timeout_s`.
        """
        message_id = self.send(kind, content, channel=channel, subshell=subshell)
        future = self.expect(message_id)
        try:
            async with asyncio.timeout(timeout_s):
                reply = await future
        finally:
            self._pending.pop(message_id, None)
        content_back: Message = reply["content"]
        return content_back

    def answer_input(self, text: str) -> None:
        """Answer the `input()` that the kernel waits in."""
        reply = self._client.session.msg("input_reply", {"value": text})
        self._post(self._client.stdin_channel, reply)

    def _post(self, channel: Any, message: Message) -> None:
        """Send through the asyncio socket itself.

        jupyter_client's own `send` goes past it, to the plain socket below. ZeroMQ tells of an arrived message once,
        and a send takes that notice along: a reply that came just before it would never be read, nor any after it.
        """
        channel.socket.send_multipart(self._client.session.serialize(message))

    # -- in ---------------------------------------------------------------------------------------

    async def _read(self, channel: Any, deliver: Callable[[Message], None]) -> None:
        session = self._client.session
        while True:
            try:
                frames = await channel.socket.recv_multipart()
                message = session.deserialize(session.feed_identities(frames)[1])
            except ValueError:
                continue  # a message that is not signed with our key, or no message at all
            try:
                deliver(message)
            except Exception:  # one odd message must not make us deaf to all that come after it
                log.exception("cannot take %s", message.get("header"))

    def _reply(self, message: Message) -> None:
        future = self._pending.pop(message["parent_header"].get("msg_id", ""), None)
        if future is not None and not future.done():
            future.set_result(message)

    def _heard(self, message: Message) -> None:
        self._on_iopub(message)

    # -- the end ----------------------------------------------------------------------------------

    def fail(self, reason: str) -> None:
        """The kernel is gone: every pending request and every later one fails with `reason`."""
        self._dead = reason
        pending, self._pending = self._pending, {}
        for future in pending.values():
            if not future.done():
                future.set_exception(KernelDied(reason))
                future.exception()  # it is told by whoever awaits it; a reply nobody awaits is no news

    async def close(self) -> None:
        """Close the sockets; the kernel lives on."""
        for reader in self._readers:
            reader.cancel()
        for reader in self._readers:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await reader
        self.fail("the connection was closed")
        self._client.stop_channels()
        self._client.context.destroy(linger=200)
