"""A kernel that dies, in any way, is noticed within a second, and says how."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.support import Ear
from tui.client import registry
from tui.client.errors import KernelDied
from tui.client.news import KernelEnded
from tui.client.session import KernelSession
from tui.protocol.messages import ListVariables

DEATHS = {
    "os._exit": ("import os; os._exit(3)", "exit code 3"),
    "segmentation fault": ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    "abort": ("import os; os.abort()", "SIGABRT"),
    "kill -9": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    "memory": (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"
        "import os, mmap\n"
        "try:\n    mmap.mmap(-1, 2**33)\nexcept OSError:\n    os.kill(os.getpid(), 9)",
        "memory ran out",
    ),
}


@pytest.mark.parametrize("death", DEATHS)
async def test_every_death_is_noticed_and_told(session: KernelSession, death: str) -> None:
    code, told = DEATHS[death]
    ear = Ear(session)
    pending = asyncio.create_task(
        session.jupyter("execute_request", {"code": "import time; time.sleep(600)"}, timeout_s=60)
    )
    await asyncio.sleep(0)
    session.run_cell(code)
    ended = await ear.kind(KernelEnded)
    assert told in ended.reason
    assert not ended.expected
    assert session.state == "dead"
    with pytest.raises(KernelDied, match=told):
        await pending


async def test_death_is_noticed_within_a_second(session: KernelSession) -> None:
    ear = Ear(session)
    assert session.info is not None
    import os
    import signal

    killed_at = time.monotonic()
    os.kill(session.info.pid, signal.SIGKILL)
    await ear.kind(KernelEnded)
    assert time.monotonic() - killed_at < 1.0


async def test_asking_the_dead_again_and_again_piles_nothing_up(session: KernelSession) -> None:
    await session.kill()
    depths = []
    for _ in range(3):
        with pytest.raises(KernelDied) as died:
            await session.ask(ListVariables())
        depths.append(len(died.traceback))
    assert depths[0] == depths[-1]


async def test_the_last_words_of_a_crash_are_kept(session: KernelSession) -> None:
    ear = Ear(session)
    session.run_cell("import ctypes\ndef innermost(): ctypes.string_at(0)\ninnermost()")
    ended = await ear.kind(KernelEnded)
    assert ended.log_tail[0].startswith("Fatal Python error: Segmentation fault")
    assert any("innermost" in line for line in ended.log_tail)


async def test_a_kernel_somebody_else_started_is_watched_too(session: KernelSession) -> None:
    assert session.info is not None
    other = KernelSession()
    await other.attach(registry.find_session(session.info.id))
    ear = Ear(other)
    await session.kill()
    ended = await ear.kind(KernelEnded)
    assert "process is gone" in ended.reason
    with pytest.raises(KernelDied):
        await other.ask(ListVariables())
    await other.close()


async def test_after_a_death_the_session_starts_again(session: KernelSession) -> None:
    ear = Ear(session)
    session.run_cell("import os; os._exit(1)")
    await ear.kind(KernelEnded)
    await session.restart()
    assert session.state == "idle"
    assert (await session.ask(ListVariables())).rows == ()
