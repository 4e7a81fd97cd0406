"""Following a folder: several files and writers, a run that is resumed, its record and its log."""

from __future__ import annotations

import json
import math
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import google_crc32c
import psutil
import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary

from tui.protocol.codec import encode
from tui.protocol.metrics import larger_is_better
from tui.protocol.run import LOG_FILE, LOSS, RECORD_FILE, SAMPLES_PER_S, STEP_MS, RunInfo
from tui.runs.events import masked
from tui.runs.logtail import MAX_LINE, READ_BYTES, LogTail
from tui.runs.pace import pace
from tui.runs.reader import RunChanges, RunReader
from tui.runs.record import RunRecord
from tui.runs.series import Series
from tui.runs.summary import best, eta_s, latest, progress, steps_per_s


def framed(event: Event) -> bytes:
    payload: bytes = event.SerializeToString()
    length = struct.pack("<Q", len(payload))
    header = length + struct.pack("<I", masked(google_crc32c.value(length)))
    return header + payload + struct.pack("<I", masked(google_crc32c.value(payload)))


def add(path: Path, *points: tuple[int, float], tag: str = "loss") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        for step, value in points:
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            file.write(framed(Event(wall_time=step, step=step, summary=summary)))


def add_restart(path: Path, step: int) -> None:
    with path.open("ab") as file:
        file.write(framed(Event(step=step, session_log=SessionLog(status=SessionLog.START))))


def drain(reader: RunReader, max_bytes: int = 1 << 20) -> frozenset[str]:
    tags: frozenset[str] = frozenset()
    while True:
        changes = reader.poll(max_bytes)
        tags |= changes.tags
        if not changes.more:
            return tags


INFO = RunInfo(
    id="run",
    name="run",
    status="running",
    experiment="x",
    knobs={},
    device="cpu",
    seed=0,
    started_at="2020-01-01T00:00:00+00:00",
    pid=os.getpid(),
    host=socket.gethostname(),
    pid_started_at=psutil.Process().create_time(),
    epochs=4,
    steps_per_epoch=25,
)


def write_record(folder: Path, info: RunInfo) -> None:
    new = folder / "new.json"
    new.write_text(json.dumps(encode(info)))
    new.replace(folder / RECORD_FILE)


def test_a_growing_run_is_followed_and_quiet_polls_say_nothing(tmp_path: Path) -> None:
    events = tmp_path / "events.out.tfevents.1.host"
    add(events, (1, 1.0), (2, 2.0))
    reader = RunReader(tmp_path)
    assert reader.poll().tags == {"loss"}
    assert not reader.poll()
    add(events, (3, 3.0))
    add(events, (3, 0.1), tag="lr")
    assert reader.poll() == RunChanges(tags=frozenset({"loss", "lr"}))
    assert reader.series["loss"].steps.tolist() == [1, 2, 3]
    assert reader.events == 4


def test_a_poll_is_bounded_and_says_that_there_is_more(tmp_path: Path) -> None:
    for number in range(3):
        add(tmp_path / f"events.out.tfevents.{number}.host", *((number * 100 + i, 1.0) for i in range(100)))
    reader = RunReader(tmp_path)
    assert reader.poll(1000).more
    assert 0 < reader.events < 40
    drain(reader, 1000)
    assert reader.events == 300
    assert reader.series["loss"].steps.tolist() == list(range(300))


@pytest.mark.parametrize("max_bytes", [100, 1 << 20])
def test_a_resumed_run_replaces_what_came_after_its_checkpoint(tmp_path: Path, max_bytes: int) -> None:
    first, second = (tmp_path / f"events.out.tfevents.{number}.host" for number in (1, 2))
    add(first, *((step, 1.0) for step in range(10)))
    reader = RunReader(tmp_path)
    drain(reader, max_bytes)
    second.touch()
    add_restart(second, 6)
    assert drain(reader, max_bytes) == {"loss"}
    assert reader.series["loss"].steps.tolist() == list(range(6))
    add(second, (6, 2.0), (7, 2.0))
    drain(reader, max_bytes)
    fresh = RunReader(tmp_path)
    drain(fresh, max_bytes)
    for each in (reader, fresh):
        assert each.series["loss"].values.tolist() == [1.0] * 6 + [2.0] * 2


def test_writers_in_subfolders_keep_their_tags_apart(tmp_path: Path) -> None:
    for version in (0, 1):
        add(tmp_path / f"version_{version}" / "events.out.tfevents.1.host", (1, float(version)))
    add(tmp_path / "events.out.tfevents.1.host", (5, 5.0))
    reader = RunReader(tmp_path)
    drain(reader)
    assert set(reader.series) == {"loss", "version_0/loss", "version_1/loss"}
    add_restart(tmp_path / "version_1" / "events.out.tfevents.1.host", 0)
    assert drain(reader) == {"version_1/loss"}
    assert [len(reader.series[tag]) for tag in ("loss", "version_0/loss", "version_1/loss")] == [1, 1, 0]


def test_damage_is_reported_and_costs_the_other_files_nothing(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1.host").write_bytes(b"no event file at all, but long enough")
    good = tmp_path / "events.out.tfevents.2.host"
    add(good, (1, 1.0))
    with good.open("ab") as file:
        file.write(b"\x10\x00")
    reader = RunReader(tmp_path)
    drain(reader)
    assert len(reader.series["loss"]) == 1
    assert [path.name[-6:] for path in reader.damage] == ["1.host"]
    unreadable, cut_off = reader.problems
    assert "unreadable from byte 0" in unreadable
    assert "last 2 bytes are cut off" in cut_off


def test_the_tail_of_a_live_run_is_no_problem(tmp_path: Path) -> None:
    write_record(tmp_path, INFO)
    (tmp_path / "events.out.tfevents.1.host").write_bytes(b"\x10\x00")
    reader = RunReader(tmp_path)
    drain(reader)
    assert reader.problems == ()


def test_the_record_is_read_again_when_it_is_replaced(tmp_path: Path) -> None:
    write_record(tmp_path, INFO)
    reader = RunReader(tmp_path)
    seen = [reader.record.status]
    assert not reader.poll().record
    write_record(tmp_path, replace(INFO, status="finished", step=100))
    assert reader.poll().record
    seen.append(reader.record.status)
    (tmp_path / RECORD_FILE).unlink()
    assert reader.poll().record
    seen.append(reader.record.status)
    assert seen == ["running", "finished", "unknown"]


def test_a_folder_that_vanishes_is_survived(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    add(folder / "events.out.tfevents.1.host", (1, 1.0))
    reader = RunReader(folder)
    drain(reader)
    (folder / "events.out.tfevents.1.host").unlink()
    folder.rmdir()
    assert not reader.poll().tags
    assert len(reader.series["loss"]) == 1


def test_the_log_is_followed_line_by_line(tmp_path: Path) -> None:
    log = tmp_path / LOG_FILE
    reader = RunReader(tmp_path)
    assert not reader.poll().log
    log.write_bytes("epoch 1\nhalf \xe9 ".encode()[:-2])
    assert reader.poll().log
    assert reader.log.lines[0] == "epoch 1"
    with log.open("ab") as file:
        file.write(b"\xa9\x1b[31m\r\nend")
    assert reader.poll().log
    assert reader.log.lines[1:] == ["half é\x1b[31m", "end"]
    assert not reader.poll().log


def test_the_log_keeps_the_last_lines_of_a_huge_file_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"".join(b"line %07d\n" % number for number in range(READ_BYTES // 4)))
    tail = LogTail(path, max_lines=50)
    assert tail.poll()
    assert tail.lines == [f"line {number:07d}" for number in range(READ_BYTES // 4 - 50, READ_BYTES // 4)]
    assert tail.skipped


def test_a_line_without_end_is_bounded_and_a_log_begun_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("x" * (3 * MAX_LINE) + "now")
    tail = LogTail(path)
    tail.poll()
    assert len(tail.lines[0]) == MAX_LINE
    assert tail.lines[0].endswith("xnow")
    path.write_text("again\n")
    tail.poll()
    assert tail.lines == ["again"]


def test_progress_rate_and_time_left() -> None:
    record = RunRecord(Path("run"), "running", INFO)
    losses = Series.of(range(60), [1.0] * 60, [step * 0.5 for step in range(60)])
    found = progress(record, {LOSS: losses})
    assert (found.step, found.total_steps, found.epoch, found.epochs) == (59, 100, 2, 4)
    assert found.fraction == pytest.approx(0.59)
    assert found.steps_per_s == pytest.approx(2.0)
    assert found.remaining_s == pytest.approx(41 / 2)
    assert progress(replace(record, status="paused"), {LOSS: losses}).remaining_s is None
    unknown = progress(RunRecord(Path("log"), "unknown"), {})
    assert (unknown.step, unknown.fraction, unknown.remaining_s) == (0, None, None)


def rates(points: Sequence[tuple[int, float]], batch: int = 4) -> dict[str, Series]:
    """Return what is logged with steps of so many milliseconds up to each of some steps."""
    steps, step_ms = [step for step, _ in points], [ms for _, ms in points]
    return {
        STEP_MS: Series.of(steps, step_ms),
        SAMPLES_PER_S: Series.of(steps, [batch * 1e3 / ms for ms in step_ms]),
    }


def test_rates_and_time_left_agree_whatever_lies_between_the_steps() -> None:
    record = RunRecord(Path("run"), "running", INFO)
    times = [float(step) + 1000.0 * (step > 70) for step in range(78)]  # a pause of a quarter of an hour
    series = {
        LOSS: Series.of(range(78), [1.0] * 78, times),
        **rates([(step, 1000.0) for step in range(1, 78)]),
    }
    found = progress(record, series)
    assert found.steps_per_s == pytest.approx(1.0)
    assert found.samples_per_s == pytest.approx(4.0)
    assert found.remaining_s == pytest.approx(23.0)


def test_the_pace_is_the_mean_of_the_last_seconds_trained() -> None:
    slow = [(step, 2000.0) for step in range(1, 30)]
    fast = [(29 + 500 * window, 1.0) for window in range(1, 11)]  # half a second each
    found = pace(rates(slow + fast), window_s=5.0)
    assert found is not None
    assert (found.steps_per_s, found.samples_per_s) == pytest.approx((1000.0, 4000.0))
    mixed = pace(rates([*slow, *fast[:2]]), window_s=3.0)  # 1 s with 1,000 steps, 2 s with one
    assert mixed is not None
    assert (mixed.steps_per_s, mixed.samples_per_s) == pytest.approx((1001 / 3, 4004 / 3))


def test_a_pace_of_what_is_there() -> None:
    assert pace({}) is None
    assert pace({STEP_MS: Series.of([5], [math.nan])}) is None
    first = pace(rates([(500, 10.0)]))  # a resumed run whose older log does not tell
    assert first is not None
    assert first.steps_per_s == pytest.approx(100.0)
    alone = rates([(1, 10.0), (51, 10.0)])
    del alone[SAMPLES_PER_S]
    found = pace(alone)
    assert found is not None
    assert found.samples_per_s is None
    many = rates([(step, 1.0) for step in range(1, 5000)])
    assert pace(many, window_s=1e9) is not None


def test_the_rate_is_that_of_the_last_seconds() -> None:
    times = [*range(100), *(100 + index / 10 for index in range(1000))]
    series = Series.of(range(1100), [0.0] * 1100, times)
    assert steps_per_s(series, window_s=20) == pytest.approx(10)
    assert steps_per_s(Series.of([1], [1])) is None
    assert steps_per_s(Series.of([1, 2], [1, 1])) is None
    assert eta_s(5, None, 1.0) is None
    assert eta_s(5, 3, 1.0) == 0


@pytest.mark.parametrize(
    ("tag", "larger"),
    [
        ("val/loss", False),
        ("val/accuracy", True),
        ("test/error", False),
        ("val/rmse", False),
        ("asr/wer", False),
        ("val/reconstruction", False),
        ("val/kl", False),
        ("map_error", False),
        ("val/mAP", True),
        ("val/f1", True),
        ("val/perplexity", False),
    ],
)
def test_whether_more_is_better(tag: str, larger: bool) -> None:
    assert larger_is_better(tag) is larger


def test_latest_and_best_values() -> None:
    series = {
        "val/loss": Series.of([1, 2, 3], [3.0, 1.0, 2.0]),
        "val/accuracy": Series.of([1, 2], [0.5, 0.75]),
    }
    assert latest(series) == {"val/loss": 2.0, "val/accuracy": 0.75}
    loss, accuracy = best("val/loss", series), best("val/accuracy", series)
    assert loss is not None
    assert accuracy is not None
    assert (loss.step, accuracy.step) == (2, 2)
    assert best("none", series) is None
