"""The list of runs as JSON: what was there stays, the main metric comes with it; epochs are told as the screens do."""

from __future__ import annotations

import io
import json
import math
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from tests.ui.written_runs import INFO, WrittenRun
from tui.listing import run_table, runs_json
from tui.protocol.codec import encode
from tui.protocol.run import told_epoch


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path))
    return tmp_path


def listed() -> dict[str, dict[str, Any]]:
    return {run["id"]: run for run in json.loads(json.dumps(runs_json(), allow_nan=False))}


def test_the_main_metric_is_a_field_more(home: Path) -> None:
    run = WrittenRun(home / "runs")
    run.add("train/loss", [(1, 2.0), (2, 1.0)])
    run.add("val/accuracy", [(25, 0.25), (50, 0.75), (75, 0.5)])
    only = listed()[INFO.id]
    assert only.items() >= json.loads(json.dumps(encode(INFO))).items()
    assert only["metric"] == {"tag": "val/accuracy", "last": 0.5, "best": 0.75, "best_step": 50}


def test_of_a_run_without_numbers(home: Path) -> None:
    bad = WrittenRun(home / "runs", replace(INFO, id="20260101T000000-bad-0002"))
    bad.add("train/loss", [(1, math.nan)])
    WrittenRun(home / "runs", replace(INFO, id="20260101T000000-none-0003"))
    (home / "runs" / "broken").mkdir()
    (home / "runs" / "broken" / "run.json").write_text("{")
    found = listed()
    nothing = {"tag": "train/loss", "last": None, "best": None, "best_step": None}
    assert found["20260101T000000-bad-0002"]["metric"] == nothing
    assert found["20260101T000000-none-0003"]["metric"] is None
    assert found["broken"]["metric"] is None
    assert found["broken"]["status"] == "broken"


def test_a_run_in_progress_is_in_an_epoch_and_one_that_ended_has_so_many(home: Path) -> None:
    here = {
        "pid": os.getpid(),
        "pid_started_at": psutil.Process().create_time(),
        "host": socket.gethostname(),
    }
    WrittenRun(home / "runs", replace(INFO, status="paused", epoch=2, ended_at=None, **here))
    WrittenRun(home / "runs", replace(INFO, id="20260101T000000-digits-0002", status="stopped", epoch=1))
    out = io.StringIO()
    Console(file=out, width=200, highlight=False).print(run_table())
    rows = {line.split()[1]: line for line in out.getvalue().splitlines()}
    assert " 3/4 " in rows["paused"]
    assert " 1/4 " in rows["stopped"]


@pytest.mark.parametrize(
    ("status", "completed", "epochs", "told"),
    [
        ("running", 0, 10, 1), ("running", 9, 10, 10), ("running", 10, 10, 10), ("paused", 2, None, 3),
        ("finished", 10, 10, 10), ("failed", 2, 10, 2), ("running", 15, 10, 15),
    ],
)  # fmt: skip
def test_an_epoch_is_told_one_way(status: str, completed: int, epochs: int | None, told: int) -> None:
    assert told_epoch(status, completed, epochs) == told
