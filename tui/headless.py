"""Training without the app: plain progress, a table or a JSON object at the end; in the background; stopping."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tui.client.errors import KernelDied, KernelRefused
from tui.client.launch import LaunchError
from tui.client.registry import SessionInfo
from tui.client.session import KernelSession
from tui.config import read_config
from tui.protocol.messages import ControlRun, StartRun
from tui.protocol.run import RunSpec

POLL_S = 0.2
ENDED = ("finished", "stopped", "failed", "lost", "broken", "unknown")


class NotStarted(RuntimeError):
    """The run could not be started; the message is the kernel's."""


def train_headless(spec: RunSpec, *, python: str | None, as_json: bool) -> int:
    """Train to the end, showing progress; ctrl+c stops and saves. Returns the exit status."""
    return asyncio.run(_train_headless(spec, python, as_json))


async def _train_headless(spec: RunSpec, python: str | None, as_json: bool) -> int:
    from tui.progress import show_progress, summary, summary_table
    from tui.runs.reader import RunReader

    session = _session(spec, python)
    interrupts = 0
    stopping: asyncio.Task[None] | None = None

    def interrupted() -> None:
        nonlocal interrupts, stopping
        interrupts += 1
        if interrupts == 1:
            print("stopping after this step; ctrl+c again ends at once", file=sys.stderr)
            stopping = asyncio.create_task(_stop_run(session))
        elif session.info is not None:
            stopping = asyncio.create_task(session.kill())

    with _on_interrupt(interrupted):
        try:
            try:
                folder = await _start(session, spec, lambda: interrupts > 0)
            except (NotStarted, LaunchError):
                if interrupts:
                    return 130  # before there was anything to save
                raise
            reader = RunReader(folder)
            with show_progress(reader, as_json=as_json) as progress:
                while True:
                    more = reader.poll().more
                    progress.update()
                    if not more and (reader.record.status in ENDED or session.state == "dead"):
                        break
                    await asyncio.sleep(POLL_S)
            while reader.poll().more:
                pass
        finally:
            if stopping is not None:
                await stopping
            await session.shutdown()
    result = summary(reader)
    if as_json:
        print(json.dumps(result))
    else:
        summary_table(reader, result)
    if interrupts:
        return 130
    return 0 if result["status"] in ("finished", "stopped") else 1


def _session(spec: RunSpec, python: str | None) -> KernelSession:
    config = read_config()
    return KernelSession(
        python=python or config.python or None,
        title=f"train {Path(spec.preset).stem}",
        idle_hours=config.idle_hours,
    )


async def _start(
    session: KernelSession, spec: RunSpec, cancelled: Callable[[], bool] = lambda: False
) -> Path:
    try:
        await session.start()
        if cancelled():
            raise NotStarted("interrupted before the run began")
        state = await session.ask(StartRun(spec))
    except (KernelRefused, KernelDied) as error:
        raise NotStarted(str(error)) from None
    return Path(state.folder)


async def _stop_run(session: KernelSession) -> None:
    try:
        await session.ask(ControlRun("stop"))
    except (KernelRefused, KernelDied):
        await session.kill()  # there is nothing to stop in an orderly way


@contextlib.contextmanager
def _on_interrupt(action: object) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, action)  # type: ignore[arg-type]
    loop.add_signal_handler(signal.SIGTERM, action)  # type: ignore[arg-type]
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)


@dataclass(frozen=True)
class Detached:
    """What is told of a run that was started in the background."""

    session: str
    run: str
    folder: str


def train_detached(spec: RunSpec, *, python: str | None, as_json: bool) -> int:
    """Start training in the background and print the session's id. Returns the exit status."""
    started = asyncio.run(_train_detached(spec, python))
    if as_json:
        print(json.dumps({"session": started.session, "run": started.run, "folder": started.folder}))
    else:
        print(started.session)
        print(f"training {started.run}; `torchtui attach {started.session}` shows it", file=sys.stderr)
    return 0


async def _train_detached(spec: RunSpec, python: str | None) -> Detached:
    session = _session(spec, python)
    try:
        folder = await _start(session, spec)
    except BaseException:
        await session.shutdown()
        raise
    assert session.info is not None
    started = Detached(session.info.id, folder.name, str(folder))
    await session.close()
    return started


def stop_session(info: SessionInfo) -> None:
    """End a session: its run saves a checkpoint first."""

    async def stop() -> None:
        session = KernelSession(python=info.python)
        try:
            await session.attach(info)
        finally:
            await session.shutdown()

    asyncio.run(stop())
