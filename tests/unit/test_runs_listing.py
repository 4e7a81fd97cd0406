"""The table of runs that a command prints: ids whole, the main metric and the knobs that differ where there is room."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.ui.written_runs import INFO, WrittenRun
from tui.listing import run_table

IDS = ("20260101T000000-digits-0001", "20260102T000000-digits-0002")


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path))
    for lr, name in zip((0.1, 0.01), IDS, strict=True):
        run = WrittenRun(tmp_path / "runs", replace(INFO, id=name, knobs={"lr": lr, "epochs": 4}))
        run.add("val/accuracy", [(1, lr), (2, lr * 9)])
    return tmp_path / "runs"


def printed(width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(run_table(width))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 140, 200])
def test_an_id_is_whole_and_the_metric_there_at_every_width(width: int) -> None:
    text = printed(width)
    assert all(name in text for name in IDS)
    assert "val/accuracy 0.9" in text
    assert ("lr=0.01" in text) == (width >= 140)
    assert "epochs" not in text
    assert ("100" in text) == (width >= 100)  # steps


def test_a_log_without_a_record_and_a_broken_record_have_their_row(runs: Path) -> None:
    (runs / "broken").mkdir()
    (runs / "broken" / "run.json").write_text("{")
    (runs / IDS[0] / "run.json").unlink()
    text = printed(100)
    assert "run.json is not JSON" in text
    assert "it has no run.json" in text
    assert "val/accuracy 0.09" in text


def test_metrics_that_were_read_once_are_not_read_again(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed(200)
    monkeypatch.setattr("tui.runs.compare.load_run", lambda *_: pytest.fail("a log was read"))
    assert "val/accuracy 0.9" in printed(200)
