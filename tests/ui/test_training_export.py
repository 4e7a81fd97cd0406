"""A run's curves, a chart and its model are written where the user says, and nothing is replaced unasked."""

from __future__ import annotations

import csv
import errno
import json
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from screens.training_export import suggested
from tests.ui.fake_session import FakeSession, NotedApp, make_app, opened, screen_text, until
from tests.ui.written_runs import finished_run
from tui.protocol.training import Exported, ExportModel
from tui.widgets.chart import Chart
from tui.widgets.file_prompt import FilePrompt


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


async def asked(pilot: Pilot[int], path: str) -> None:
    """Ask for an export to a path."""
    if not isinstance(pilot.app.screen, FilePrompt):
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilePrompt) and pilot.app.screen.query(Input))
    pilot.app.screen.query_one(Input).value = path
    await pilot.press("enter")


async def drawn(pilot: Pilot[int]) -> None:
    """Wait for the run's curves."""
    await until(pilot, lambda: any(chart.data.curves for chart in pilot.app.screen.query(Chart)))


def said(pilot: Pilot[int]) -> str:
    assert isinstance(pilot.app, NotedApp)
    return "\n".join(notice.message for notice in pilot.app.said)


async def test_curves_and_charts_are_written_by_the_ending_of_the_name(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "runs")
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await drawn(pilot)
        await asked(pilot, "curves.csv")
        await until(pilot, lambda: "points, every one as it was logged" in said(pilot))
        rows = list(csv.DictReader((tmp_path / "curves.csv").open()))
        assert {row["tag"] for row in rows} >= {"train/loss", "val/loss", "lr"}
        assert sum(row["tag"] == "train/loss" for row in rows) == 100
        await asked(pilot, "curves.json")
        await until(pilot, (tmp_path / "curves.json").exists)
        assert len(json.loads((tmp_path / "curves.json").read_text())["curves"]["train/loss"]["steps"]) == 100
        await asked(pilot, "chart.svg")
        await until(pilot, (tmp_path / "chart.svg").exists)
        assert (tmp_path / "chart.svg").read_text().startswith("<svg")


async def test_what_cannot_be_written_is_said_in_the_prompt(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "runs")
    (tmp_path / "there.csv").write_text("mine")
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await drawn(pilot)
        for path, words in (
            ("curves.txt", "the ending says what"), ("model.pt", "exported by a kernel"),
            ("nowhere/curves.csv", "there is no folder"), ("there.csv", "is there already"),
        ):  # fmt: skip
            await asked(pilot, path)
            await until(pilot, lambda words=words: words in screen_text(pilot.app))  # type: ignore[misc]
        assert (tmp_path / "there.csv").read_text() == "mine"
        await pilot.press("enter")
        await until(pilot, lambda: (tmp_path / "there.csv").read_text() != "mine")


async def test_a_model_is_asked_of_the_kernel(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "runs")
    session = FakeSession()
    session.answers[ExportModel] = Exported(str(tmp_path / "model.pt2"), 2048, "its last checkpoint")
    async with opened(make_app(session, first="training", folder=run.folder)) as pilot:
        await drawn(pilot)
        await asked(pilot, "model.pt2")
        await until(pilot, lambda: "model.pt2" in said(pilot))
        assert "its last checkpoint" in said(pilot)
        (request,) = session.of(ExportModel)
        assert request == ExportModel("torch_export", str(tmp_path / "model.pt2"), str(run.folder), "last")


async def test_where_it_was_written_is_said_and_a_folder_is_refused(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "runs")
    (tmp_path / "folder.csv").mkdir()
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await drawn(pilot)
        await asked(pilot, "folder.csv")
        await until(pilot, lambda: "is a folder: add a name" in screen_text(pilot.app))
        assert str(run.folder)[:40] in screen_text(pilot.app).replace("\n", "")  # what TensorBoard opens
        await asked(pilot, "curves.csv")
        await until(pilot, lambda: f"{tmp_path / 'curves.csv'}: " in said(pilot))


async def test_what_the_system_refuses_is_said_with_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished_run(tmp_path / "runs")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tui.runs.export.write_csv", full)
    async with opened(make_app(None, first="training", folder=run.folder)) as pilot:
        await drawn(pilot)
        await asked(pilot, "curves.csv")
        await until(pilot, lambda: f"cannot write {tmp_path / 'curves.csv'}: No space left" in said(pilot))


@pytest.mark.parametrize(
    ("name", "file"),
    [("digits", "digits"), ("logs/version_0", "logs-version_0"), ("../../x", "x"), ("a\x1b[31m b", "a-31m-b"),
     ("…", "run")],
)  # fmt: skip
def test_the_name_of_a_run_becomes_that_of_a_file(name: str, file: str) -> None:
    assert suggested(name) == file


async def test_what_is_written_is_chosen_with_the_arrow_keys(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "runs")
    session = FakeSession()
    session.answers[ExportModel] = Exported(str(tmp_path / "tiny.best.pt"), 2048)
    async with opened(make_app(session, first="training", folder=run.folder)) as pilot:
        await drawn(pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, FilePrompt) and pilot.app.screen.query(Input))
        field = pilot.app.screen.query_one(Input)
        first = field.value
        assert first == str(tmp_path / f"{run.info.name}.pt")
        await until(pilot, lambda: "▸ .pt " in screen_text(pilot.app))
        await pilot.press("up")
        await until(pilot, lambda: field.value == first.removesuffix(".pt") + ".svg")
        await pilot.press("down", "down")
        await until(pilot, lambda: "▸ .best.pt" in screen_text(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: session.of(ExportModel))
        (request,) = session.of(ExportModel)
        path = first.removesuffix(".pt") + ".best.pt"
        assert request == ExportModel("state_dict", path, str(run.folder), "best")
