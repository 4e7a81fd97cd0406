"""Records and the index: every run.json, however broken, is a record, and a text finds the run it means."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui.processes import process_is
from tui.protocol.codec import encode
from tui.protocol.run import RECORD_FILE, RunInfo, RunStatus
from tui.runs.index import RunNotFound, find_run, list_runs
from tui.runs.record import read_record, timestamp


def info(
    id: str = "20260101-000000-digits-0a1b",
    status: RunStatus = "finished",
    *,
    name: str = "digits",
    pid: int = 1,
    host: str = "",
    started_at: str = "2026-01-01T00:00:00+00:00",
    pid_started_at: float | None = None,
) -> RunInfo:
    return RunInfo(
        id=id,
        name=name,
        status=status,
        experiment="digits_cnn",
        knobs={"lr": 1e-3},
        device="cpu",
        seed=0,
        started_at=started_at,
        pid=pid,
        host=host or socket.gethostname(),
        pid_started_at=pid_started_at,
    )


def write(root: Path, record: RunInfo) -> Path:
    folder = root / record.id
    folder.mkdir(parents=True)
    (folder / RECORD_FILE).write_text(json.dumps(encode(record)))
    return folder


def unused_pid() -> int:
    return next(pid for pid in range(4_000_000, 1, -1) if not psutil.pid_exists(pid))


def own_start() -> float:
    return float(psutil.Process().create_time())


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = read_record(write(tmp_path, info()))
    assert record.info == info()
    assert (record.status, record.reason, record.name) == ("finished", "", "digits")
    assert record.started_s == timestamp("2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize("status", ["running", "paused"])
def test_a_live_run_whose_process_is_gone_is_lost(tmp_path: Path, status: RunStatus) -> None:
    record = read_record(write(tmp_path, info(status=status, pid=unused_pid())))
    assert record.status == "lost"
    assert record.info is not None
    assert record.info.status == status
    assert "gone" in record.reason


def test_a_live_run_whose_process_lives_is_live(tmp_path: Path) -> None:
    record = read_record(write(tmp_path, info(status="running", pid=os.getpid(), pid_started_at=own_start())))
    assert record.status == "running"
    assert record.live


def test_another_process_of_the_same_number_is_not_the_runs(tmp_path: Path) -> None:
    start = own_start()
    assert not process_is(os.getpid(), start - 3600, None)
    assert process_is(os.getpid(), start + 1, None)
    assert not process_is(os.getpid(), None, start - 3600)
    assert process_is(os.getpid(), None, start + 3600)
    early = info(status="running", pid=os.getpid())  # started in January 2026, long before this process
    assert read_record(write(tmp_path, early)).status == ("lost" if start > 1.7673e9 else "running")


@pytest.mark.parametrize("pid", [0, -1, 1 << 70])
def test_no_pid_makes_the_check_raise(pid: int) -> None:
    assert not process_is(pid, None, None)


def test_a_run_of_another_machine_is_trusted_and_said_to_be_unchecked(tmp_path: Path) -> None:
    record = read_record(write(tmp_path, info(status="running", pid=unused_pid(), host="elsewhere")))
    assert record.status == "running"
    assert "elsewhere" in record.reason


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_content_makes_reading_raise(tmp_path: Path, content: bytes) -> None:
    (tmp_path / RECORD_FILE).write_bytes(content)
    record = read_record(tmp_path)
    assert record.status == "broken"
    assert RECORD_FILE in record.reason
    assert record.info is None


def test_a_field_of_the_wrong_type_is_named(tmp_path: Path) -> None:
    content = encode(info()) | {"seed": "seven"}
    (tmp_path / RECORD_FILE).write_text(json.dumps(content))
    record = read_record(tmp_path)
    assert record.status == "broken"
    assert "seed" in record.reason


def test_fields_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / RECORD_FILE).write_text(json.dumps(encode(info()) | {"schema": 2, "mood": "good"}))
    assert read_record(tmp_path).status == "finished"


def test_a_folder_without_a_record_and_no_folder_at_all(tmp_path: Path) -> None:
    assert read_record(tmp_path).status == "unknown"
    assert read_record(tmp_path / "nothing").status == "unknown"


def test_a_record_that_is_a_folder_is_broken(tmp_path: Path) -> None:
    (tmp_path / RECORD_FILE).mkdir()
    assert read_record(tmp_path).status == "broken"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write(tmp_path, info("20260101-000000-digits-aaaa"))
    write(tmp_path, info("20260102-000000-digits-bbbb", started_at="2026-01-02T00:00:00+00:00"))
    write(
        tmp_path, info("20260103-000000-spiral-cccc", name="spiral", started_at="2026-01-03T00:00:00+00:00")
    )
    (tmp_path / "no run").mkdir()
    (tmp_path / "file").touch()
    return tmp_path


def test_runs_are_listed_newest_first_and_nothing_else_is(runs: Path) -> None:
    assert [record.id[-4:] for record in list_runs(runs)] == ["cccc", "bbbb", "aaaa"]
    assert list_runs(runs / "nowhere") == ()


def test_tensorboard_logs_are_listed_one_by_one_even_where_they_lie_deeper(runs: Path) -> None:
    for name in ("lightning_logs/version_0", "lightning_logs/version_1", "sums", "sums/both_a"):
        (runs / name).mkdir(parents=True)
        (runs / name / "events.out.tfevents.1.host").touch()
    found = [record.name for record in list_runs(runs)]
    assert set(found) == {"digits", "spiral", "lightning_logs/version_0", "lightning_logs/version_1", "sums"}
    assert len(found) == 6
    assert [record.name for record in list_runs(runs / "lightning_logs")] == ["version_1", "version_0"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("20260101-000000-digits-aaaa", "aaaa"),
        ("20260103", "cccc"),
        ("20260102-0", "bbbb"),
        ("digits", "bbbb"),
        ("spiral", "cccc"),
        ("latest", "cccc"),
    ],
)
def test_a_text_finds_the_run_it_means(runs: Path, text: str, wanted: str) -> None:
    assert find_run(runs, text).id.endswith(wanted)


def test_a_path_is_found_wherever_it_is(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = write(tmp_path_factory.mktemp("elsewhere"), info())
    assert find_run(runs, str(folder)).folder == folder


@pytest.mark.parametrize(
    ("text", "part"), [("2026", "3 runs begin"), ("spirul", "'spiral'"), ("", "latest"), ("zzz", "latest")]
)
def test_what_is_not_found_is_told_with_the_nearest(runs: Path, text: str, part: str) -> None:
    with pytest.raises(RunNotFound, match=part):
        find_run(runs, text)


def test_no_runs_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match="there are none"):
        find_run(tmp_path, "latest")
