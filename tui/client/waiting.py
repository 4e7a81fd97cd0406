"""Waiting for the kernel, but not forever."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from tui.client.errors import KernelDied, KernelRefused


async def within(timeout_s: float, action: Coroutine[Any, Any, Any]) -> bool:
    """Run `action` for at most `timeout_s`; return whether it ended by itself and without an error."""
    try:
        await asyncio.wait_for(action, timeout_s)
    except (TimeoutError, KernelDied, KernelRefused):
        return False
    return True
