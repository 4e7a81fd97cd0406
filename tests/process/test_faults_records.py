"""Run directories that are damaged are listed and read as far as they go."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import Home, home_in
from tui.runs.reader import RunReader

BROKEN_RECORDS = {
    "empty": b"",
    "cut": b'{"schema": 1, "id": "x", "na',
    "not a run": b'["a", "list"]',
    "missing fields": b'{"schema": 1}',
    "wrong type": b'{"schema": 1, "id": 5, "knobs": "no"}',
    "binary": bytes(range(256)),
    "deep": b"[" * 100_000,
}


def steps_read(folder: Path) -> int:
    """Return how many steps' losses the dashboard's reader finds in a run."""
    reader = RunReader(folder)
    while reader.poll().more:
        pass
    return len(reader.series["train/loss"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with one good run called ``good``."""
    with home_in(tmp_path_factory.mktemp("records")) as made:
        done = made.run("train", made.preset(), "--headless", "--name", "good")
        assert done.returncode == 0, done.stderr
        yield made


@pytest.fixture
def damaged(home: Home) -> Iterator[Path]:
    """A copy of the good run, to be damaged; removed after the test."""
    (good,) = home.folders()
    folder = home.runs / "20200101-000000-damaged-0000"
    shutil.copytree(good, folder)
    yield folder
    shutil.rmtree(folder)


def test_broken_records_are_listed_as_broken_and_their_logs_still_read(home: Home) -> None:
    (good,) = home.folders()
    broken = {f"20200101-00000{n}-broken-0000": data for n, data in enumerate(BROKEN_RECORDS.values())}
    try:
        for name, data in broken.items():
            shutil.copytree(good, home.runs / name)
            (home.runs / name / "run.json").write_bytes(data)
        table = home.run("runs")
        statuses = {run["name"]: run["status"] for run in home.json("runs")}
        read = {name: steps_read(home.runs / name) for name in broken}
    finally:
        for name in broken:
            shutil.rmtree(home.runs / name)
    assert table.returncode == 0, table.stderr
    assert table.stderr == ""
    assert statuses == {"good": "finished", **dict.fromkeys(broken, "broken")}
    assert read == dict.fromkeys(broken, 80)
    for name in broken:
        (line,) = [line for line in table.stdout.splitlines() if name in line]
        assert "broken" in line
        assert "run.json" in line


@pytest.mark.parametrize("cut_bytes", [1, 9, 700])
def test_a_truncated_log_loses_only_its_tail(home: Home, damaged: Path, cut_bytes: int) -> None:
    (log,) = damaged.glob("events.out.tfevents.*")
    data = log.read_bytes()
    log.write_bytes(data[:-cut_bytes])
    kept = steps_read(damaged)
    assert kept == 80 if cut_bytes < 10 else 60 < kept < 80


def test_a_truncated_log_is_a_run_like_any_other_in_the_list(home: Home, damaged: Path) -> None:
    (log,) = damaged.glob("events.out.tfevents.*")
    log.write_bytes(log.read_bytes()[:-700])
    assert [run["status"] for run in home.json("runs")] == ["finished", "finished"]


def test_a_truncated_run_cannot_confuse_resume(home: Home, damaged: Path) -> None:
    (log,) = damaged.glob("events.out.tfevents.*")
    log.write_bytes(log.read_bytes()[:-700])
    record = json.loads((damaged / "run.json").read_text())
    (damaged / "run.json").write_text(json.dumps({**record, "id": damaged.name, "name": "damaged"}))
    done = home.run("train", "--resume", damaged.name, "--epochs", "5", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["status"], result["epochs"], result["steps"]) == ("finished", 5, 100)


def test_a_broken_record_refuses_to_be_resumed_in_words(home: Home, damaged: Path) -> None:
    (damaged / "run.json").write_bytes(b"{")
    done = home.run("train", "--resume", damaged.name, "--headless")
    assert done.returncode in (1, 2)
    assert "run.json" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2
