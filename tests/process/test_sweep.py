"""A sweep through the wire: it goes on without the terminal that asked for it, and can be ended."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.terminal import Home
from tests.support import status_when
from tui.client.errors import KernelRefused
from tui.client.session import KernelSession
from tui.protocol.messages import ControlRun, Request, StartRun
from tui.protocol.run import RunSpec
from tui.protocol.training import EndSweep, ReadSweep, StartSweep, SweepState
from tui.runs.sweeps import newest_sweep, session_of


def specs(tmp_path: Path, *epochs: int) -> tuple[RunSpec, ...]:
    preset = Home(tmp_path / "files").preset()
    return tuple(
        RunSpec(preset, str(tmp_path / "runs"), knobs={"epochs": each}, device="cpu") for each in epochs
    )


async def sweep_when(session: KernelSession, fits: Callable[[SweepState], bool]) -> SweepState:
    """Ask until the sweep is as wanted."""
    end_s = time.monotonic() + 60
    while not fits(state := await session.ask(ReadSweep())):
        assert time.monotonic() < end_s, state
        await asyncio.sleep(0.05)
    return state


async def test_a_sweep_goes_on_without_whoever_asked_for_it(session: KernelSession, tmp_path: Path) -> None:
    assert await session.ask(ReadSweep()) == SweepState()
    started = await session.ask(StartSweep("epochs", specs(tmp_path, 1, 2, 3)))
    assert [run.knobs for run in started.runs] == [{"epochs": 1}, {"epochs": 2}, {"epochs": 3}]
    info = session.info
    assert info is not None
    await session.close()
    again = KernelSession(title="test")
    await again.attach(info)
    try:
        state = await sweep_when(again, lambda state: all(run.status == "finished" for run in state.runs))
        assert len({run.folder for run in state.runs}) == 3
    finally:
        await again.shutdown(timeout_s=5)


async def test_beside_a_sweep_nothing_else_is_started_and_its_end_frees_the_kernel(
    session: KernelSession, tmp_path: Path
) -> None:
    wanted = specs(tmp_path, 100_000, 100_000)
    await session.ask(StartSweep("long", wanted))
    await status_when(session, lambda now: now.run is not None and now.run.status == "running")
    refused: tuple[Request[Any], ...] = (StartRun(wanted[0]), StartSweep("another", wanted))
    for request in refused:
        with pytest.raises(KernelRefused, match="a sweep is in progress"):
            await session.ask(request)
    ended = await session.ask(EndSweep())
    assert [run.status for run in ended.runs] == ["running", "stopped"]
    await session.ask(ControlRun("stop"))
    state = await sweep_when(session, lambda state: state.runs[0].status == "stopped")
    assert state.runs[1].folder == ""
    with pytest.raises(KernelRefused, match="at least one run"):
        await session.ask(StartSweep("none", ()))


async def test_what_never_began_is_known_after_the_kernel_was_killed(
    session: KernelSession, tmp_path: Path
) -> None:
    wanted = specs(tmp_path, 1, 100_000, 2, 3)
    await session.ask(StartSweep("epochs", wanted))
    await sweep_when(session, lambda state: state.runs[1].folder != "")
    sweep = newest_sweep(tmp_path / "runs")
    assert sweep is not None
    assert session.info is not None
    assert (sweep.standing, sweep.record.pid) == ("running", session.info.pid)
    assert session_of(sweep) == session.info.id
    os.kill(session.info.pid, signal.SIGKILL)
    end_s = time.monotonic() + 30
    while (sweep := newest_sweep(tmp_path / "runs")) is None or sweep.standing == "running":
        assert time.monotonic() < end_s
        await asyncio.sleep(0.05)
    assert sweep.line == "1 of 4 done · its kernel is gone: 2 never began, 1 was cut off"
    assert sweep.unbegun == wanted[1:]
