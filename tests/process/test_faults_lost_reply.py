"""A reply that comes at a bad moment still comes."""

from __future__ import annotations

import asyncio
import time

from tui.client.session import KernelSession


async def test_a_reply_that_comes_just_before_another_request_is_sent_is_read(session: KernelSession) -> None:
    await session.read_status()
    pending = asyncio.create_task(session.read_status())
    await asyncio.sleep(0)  # the request is sent
    time.sleep(1)  # noqa: ASYNC251 - the reply arrives while the loop is busy with something else
    session.run_cell("1 + 1")
    async with asyncio.timeout(10):
        await pending
        await session.read_status()
