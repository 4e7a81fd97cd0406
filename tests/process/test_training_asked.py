"""What the Training screen asks of a real kernel beside start and stop, each through the wire."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.terminal import Home
from tests.support import Ear, status_when
from tui.client.errors import KernelRefused
from tui.client.news import CellEnded, CellPrinted
from tui.client.session import KernelSession
from tui.protocol.messages import ControlRun, ListVariables, StartRun
from tui.protocol.run import RECORD_FILE, RunSettings, RunSpec
from tui.protocol.training import (
    DryRun,
    ExportModel,
    Freeze,
    ListChoices,
    PlanSchedule,
    ReadTuning,
    Tune,
)
from tui.protocol.viewing import CancelCompute


def spec_of(tmp_path: Path, **more: object) -> RunSpec:
    preset = Home(tmp_path / "files").preset()
    return RunSpec(preset, str(tmp_path / "runs"), device="cpu", **more)  # type: ignore[arg-type]


async def run(session: KernelSession, code: str) -> None:
    """Run a cell to its end."""
    ear = Ear(session)
    cell = session.run_cell(code)
    await ear.kind(CellEnded, lambda news: news.cell == cell)


async def test_before_a_run(session: KernelSession, tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    await run(session, "net = nn.Linear(2, 2)\n_ = torch.manual_seed(4)\nstate = torch.get_rng_state()")
    choices = (await session.ask(ListChoices())).items
    assert {"loss", "optimizer", "scheduler", "model"} == {choice.kind for choice in choices}
    assert [choice.name for choice in choices if choice.kind == "model"] == ["net"]
    plan = await session.ask(PlanSchedule(spec))
    assert plan.problem == ""
    assert plan.lrs
    report = await session.ask(DryRun(spec))
    assert report.ok, report.problem
    assert report.loss is not None
    assert not (tmp_path / "runs").exists()
    wrong = await session.ask(DryRun(replace(spec, settings=RunSettings(loss="MSE"))))
    assert "did you mean 'MSELoss'" in wrong.problem
    await run(session, "same = torch.equal(state, torch.get_rng_state())")
    rows = {row.name: row.summary for row in (await session.ask(ListVariables())).rows}
    assert rows["same"] == "True"


async def test_while_it_runs_and_afterwards(session: KernelSession, tmp_path: Path) -> None:
    with pytest.raises(KernelRefused, match="no run in progress"):
        await session.ask(ReadTuning())
    with pytest.raises(KernelRefused, match="no run in this kernel"):
        await session.ask(ExportModel("state_dict", str(tmp_path / "none.pt")))
    spec = spec_of(tmp_path, knobs={"epochs": 100_000})
    started = await session.ask(StartRun(spec))
    await status_when(session, lambda now: now.run is not None and now.run.step > 0)
    table = await session.ask(ReadTuning())
    assert any(field.name == "lr" for field in table.fields)
    tuned = await session.ask(Tune("lr", "0.0125"))
    assert [field.text for field in tuned.fields if field.name == "lr"] == ["0.0125"]
    with pytest.raises(KernelRefused, match="Invalid learning rate"):
        await session.ask(Tune("lr", "-1"))
    with pytest.raises(KernelRefused, match="no layer"):
        await session.ask(Freeze("nothing", frozen=True))
    with pytest.raises(KernelRefused, match="in progress"):
        await session.ask(DryRun(spec))
    assert (await session.ask(PlanSchedule(spec))).problem == ""
    exported = await session.ask(ExportModel("state_dict", str(tmp_path / "now.pt")))
    assert Path(exported.path).stat().st_size == exported.size_bytes
    await session.ask(ControlRun("stop"))
    await status_when(session, lambda now: now.run is not None and now.run.status == "stopped")
    record = json.loads((Path(started.folder) / RECORD_FILE).read_text())
    assert [change["name"] for change in record["changes"]] == ["lr"]
    with pytest.raises(KernelRefused, match="no run in progress"):
        await session.ask(Tune("lr", "0.1"))
    program = await session.ask(ExportModel("torch_export", str(tmp_path / "ended.pt2")), timeout_s=120)
    assert program.size_bytes > 0
    with pytest.raises(KernelRefused, match="is there already"):
        await session.ask(ExportModel("torch_export", str(tmp_path / "ended.pt2")))


async def test_a_dry_run_is_cancelled_and_holds_off_a_run(session: KernelSession, tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    go, began = tmp_path / "go", tmp_path / "began"
    slow = tmp_path / "slow.py"
    waiting = f"""
import pathlib as _paths
import time as _time

_model = model


def model():
    print("from a dry run")
    _paths.Path({str(began)!r}).touch()
    while not _paths.Path({str(go)!r}).exists():
        _time.sleep(0.01)
    return _model()
"""
    slow.write_text(Path(spec.preset).read_text() + waiting)
    held = RunSpec(str(slow), str(tmp_path / "runs"), device="cpu")
    ear = Ear(session)
    asked = asyncio.ensure_future(session.ask(DryRun(held), timeout_s=60))
    async with asyncio.timeout(60):
        while not began.exists():
            await asyncio.sleep(0.02)
    with pytest.raises(KernelRefused, match="under way"):
        await session.ask(StartRun(spec))
    assert (await session.ask(CancelCompute())).was_running
    go.touch()
    with pytest.raises(KernelRefused, match="Cancelled"):
        await asked
    assert not [news for news in ear.heard if isinstance(news, CellPrinted)]
    await session.ask(StartRun(spec))
    await status_when(session, lambda now: now.run is not None and now.run.status == "finished")


async def test_a_dry_run_whose_loader_hangs_is_ended_and_a_run_begins(
    session: KernelSession, tmp_path: Path
) -> None:
    spec = spec_of(tmp_path)
    began = tmp_path / "began"
    hung = tmp_path / "hung.py"
    hanging = f"""
import pathlib as _paths
import time as _time
from torch.utils.data import Dataset as _Dataset, DataLoader as _DataLoader


class _Rows(_Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        _paths.Path({str(began)!r}).touch()
        _time.sleep(600)


def data():
    return {{"train": _DataLoader(_Rows(), 2)}}
"""
    hung.write_text(Path(spec.preset).read_text() + hanging)
    held = RunSpec(str(hung), str(tmp_path / "runs"), device="cpu")
    asked = asyncio.ensure_future(session.ask(DryRun(held), timeout_s=60))
    async with asyncio.timeout(60):
        while not began.exists():
            await asyncio.sleep(0.02)
    assert (await session.ask(CancelCompute())).was_running
    # the hung thread is left behind and stands in nobody's way
    await session.ask(StartRun(spec), timeout_s=30)
    with pytest.raises(KernelRefused, match=r"Cancelled; it was in data, at hung.py:\d+ in __getitem__"):
        await asked
    await status_when(session, lambda now: now.run is not None and now.run.status == "finished")
    assert (await session.ask(DryRun(spec), timeout_s=60)).ok
