"""A kernel trains one run at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.terminal import Home, losses
from tests.support import status_when
from tui.client.errors import KernelRefused
from tui.client.session import KernelSession
from tui.protocol.messages import ControlRun, StartRun
from tui.protocol.run import RunSpec


async def test_a_second_training_is_refused_and_the_first_goes_on(
    session: KernelSession, tmp_path: Path
) -> None:
    preset = Home(tmp_path / "files").preset()
    runs = tmp_path / "runs"
    spec = RunSpec(preset=preset, runs_dir=str(runs), knobs={"epochs": 100_000}, device="cpu")
    first = await session.ask(StartRun(spec))
    with pytest.raises(KernelRefused, match=f"run {first.id} is still running") as refused:
        await session.ask(StartRun(spec))
    assert "stop it first" in str(refused.value)
    assert [folder.name for folder in runs.iterdir()] == [first.id], "nothing was made for the second"

    def later(step: int) -> object:
        return status_when(session, lambda now: now.run is not None and now.run.step > step)

    await status_when(session, lambda now: now.run is not None and now.run.step > 200)

    await session.ask(ControlRun("pause"))
    await status_when(session, lambda now: now.run is not None and now.run.status == "paused")
    with pytest.raises(KernelRefused, match=f"run {first.id} is still paused"):
        await session.ask(StartRun(spec))

    await session.ask(ControlRun("stop"))
    await status_when(session, lambda now: now.run is not None and now.run.status == "stopped")
    steps = sorted(losses(Path(first.folder)))
    assert steps == list(range(1, len(steps) + 1))
    again = await session.ask(StartRun(RunSpec(preset=preset, runs_dir=str(runs), device="cpu")))
    ended = await status_when(session, lambda now: now.run is not None and now.run.status == "finished")
    assert ended.run is not None
    assert ended.run.id == again.id != first.id


async def test_a_run_that_is_being_trained_cannot_be_resumed_beside_itself(
    session: KernelSession, tmp_path: Path
) -> None:
    home = Home(tmp_path / "files")
    spec = RunSpec(preset=home.preset(), runs_dir=str(home.runs), knobs={"epochs": 100_000}, device="cpu")
    first = await session.ask(StartRun(spec))
    done = home.run("train", "--resume", first.id, "--headless")
    assert done.returncode != 0
    assert first.id in done.stderr
    assert "Traceback" not in done.stderr
    status = await session.read_status()
    assert status.run is not None
    assert status.run.status == "running"
