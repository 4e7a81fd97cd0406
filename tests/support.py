"""What tests of several kinds use: a session's news, and waits that are conditions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from tui.client.news import News
from tui.client.session import KernelSession
from tui.protocol.messages import KernelStatus

N = TypeVar("N")

PATIENCE_S = 60.0
"""How long a test waits for what must come; only a failing test waits so long."""


class Ear:
    """Collects a session's news and waits for the one that matters."""

    def __init__(self, session: KernelSession) -> None:
        self.heard: list[News] = []
        self._came = asyncio.Event()
        session.listen(self._hear)

    def _hear(self, news: News) -> None:
        self.heard.append(news)
        self._came.set()

    async def until(self, fits: Callable[[News], bool], *, timeout_s: float = PATIENCE_S) -> News:
        """Return the first piece of news, heard already or yet to come, that fits."""
        async with asyncio.timeout(timeout_s):
            seen = 0
            while True:
                for news in self.heard[seen:]:
                    if fits(news):
                        return news
                seen = len(self.heard)
                self._came.clear()
                await self._came.wait()

    async def kind(self, kind: type[N], fits: Callable[[N], bool] = lambda news: True) -> N:
        """Return the first news of a kind that fits."""
        found = await self.until(lambda news: isinstance(news, kind) and fits(news))
        assert isinstance(found, kind)
        return found


async def status_when(
    session: KernelSession, fits: Callable[[KernelStatus], bool], *, timeout_s: float = PATIENCE_S
) -> KernelStatus:
    """Ask for the status until it fits."""
    async with asyncio.timeout(timeout_s):
        while True:
            status = await session.read_status()
            if fits(status):
                return status
            await asyncio.sleep(0.02)
