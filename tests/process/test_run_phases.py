"""A run paused inside a batch, seen through the wire: its graph, its gradients, and nothing of it afterwards."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.terminal import Home
from tests.support import status_when
from tui.client.session import KernelSession
from tui.protocol.autograd import OpenGraph, RunBackward
from tui.protocol.messages import ControlRun, ListVariables, RunPhase, RunState, StartRun
from tui.protocol.run import LOG_FILE, RunSpec


async def test_the_graph_of_the_very_batch_is_here_and_leaves_nothing(
    session: KernelSession, tmp_path: Path
) -> None:
    async def at(phase: RunPhase) -> RunState:
        status = await status_when(
            session, lambda now: now.run is not None and now.run.status == "paused" and now.run.phase == phase
        )
        assert status.run is not None
        return status.run

    async def names() -> set[str]:
        return {row.name for row in (await session.ask(ListVariables())).rows}

    preset = Home(tmp_path / "files").preset()
    spec = RunSpec(preset, str(tmp_path / "runs"), knobs={"epochs": 100_000}, device="cpu", start_paused=True)
    started = await session.ask(StartRun(spec))
    await at("")
    await session.ask(ControlRun("phase"))
    await at("forward")
    assert "loss" not in await names()
    await session.ask(ControlRun("phase"))
    assert (await at("loss")).batch == 1
    graph = await session.ask(OpenGraph("loss"))
    assert not graph.spent
    await session.ask(RunBackward(graph.graph, "peek"))
    await session.ask(RunBackward(graph.graph, "backward"))
    await session.ask(ControlRun("phase"))
    await at("backward")
    assert (await session.ask(OpenGraph("loss"))).spent
    await session.ask(ControlRun("step"))
    assert (await at("")).step == 1
    await session.ask(ControlRun("resume"))
    await status_when(session, lambda now: now.run is not None and now.run.status == "running")
    assert {"loss", "output", "batch"}.isdisjoint(await names())
    assert "the step takes the gradients that were in .grad" in (Path(started.folder) / LOG_FILE).read_text()
