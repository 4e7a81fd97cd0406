"""The event writer against TensorBoard's own reader."""

from __future__ import annotations

import errno
import math
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from tui.kernel.training.log.events import EventFile, LogWriteError, crc32c_python, valid_tag


def test_crc32c_of_the_standards_check_value() -> None:
    assert crc32c_python(b"123456789") == 0xE3069283


@given(st.binary(max_size=200))
def test_crc32c_is_the_one_of_the_c_library(data: bytes) -> None:
    library = pytest.importorskip("google_crc32c")
    assert crc32c_python(data) == library.value(data)


def points(folder: Path, tag: str) -> list[tuple[int, float, float]]:
    log = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return [(event.step, event.wall_time, event.value) for event in log.Scalars(tag)]


def test_every_point_comes_back(tmp_path: Path) -> None:
    file = EventFile(tmp_path)
    steps = [0, 1, 127, 128, 300, 2**31, 2**40]
    file.series("train/loss", steps, [1e9 + s for s in steps], [float(s) for s in steps])
    file.scalars(7, [("a", 0.5), ("b/ü ✓", -2.0)], 1e9)
    file.scalar("lr", 9, 1e300, 1e9)
    file.scalar("lr", 10, math.nan, 1e9)
    file.scalar("lr", 11, -math.inf, 1e9)
    file.flush()
    file.close()
    assert points(tmp_path, "train/loss") == [
        (s, 1e9 + s, struct.unpack("f", struct.pack("f", s))[0]) for s in steps
    ]
    assert points(tmp_path, "a") == [(7, 1e9, 0.5)]
    assert points(tmp_path, "b/ü ✓") == [(7, 1e9, -2.0)]
    values = [value for _, _, value in points(tmp_path, "lr")]
    assert values[0] == math.inf
    assert math.isnan(values[1])
    assert values[2] == -math.inf


def test_the_file_says_its_version_first(tmp_path: Path) -> None:
    file = EventFile(tmp_path)
    file.close()
    (first,) = LegacyEventFileLoader(str(file.path)).Load()
    assert first.file_version == "brain.Event:2"


def test_a_resumed_log_supersedes_what_came_after_its_start(tmp_path: Path) -> None:
    first = EventFile(tmp_path)
    first.series("x", [1, 2, 3], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    first.flush()
    first.close()
    second = EventFile(tmp_path, start_step=3)
    second.series("x", [3, 4], [4.0, 5.0], [30.0, 40.0])
    second.flush()
    second.close()
    assert second.path.name > first.path.name
    assert [(step, value) for step, _, value in points(tmp_path, "x")] == [
        (1, 1.0),
        (2, 2.0),
        (3, 30.0),
        (4, 40.0),
    ]


def test_nothing_half_is_left_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = EventFile(tmp_path)
    file.scalar("x", 1, 1.0, 1.0)
    file.flush()
    size = file.path.stat().st_size
    write, left = os.write, [5]

    def full(fd: int, data: bytes) -> int:
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(fd, data[: left[0]])
        left[0] -= written
        return written

    monkeypatch.setattr("tui.kernel.training.log.events.os.write", full)
    file.scalar("x", 2, 2.0, 2.0)
    with pytest.raises(LogWriteError, match="No space left on device") as caught:
        file.flush()
    assert str(tmp_path) in str(caught.value)
    assert file.path.stat().st_size == size
    monkeypatch.undo()
    file.scalar("x", 3, 3.0, 3.0)
    file.flush()
    file.close()
    assert [step for step, _, _ in points(tmp_path, "x")] == [1, 3]


@pytest.mark.parametrize(
    ("name", "tag"), [("a\nb", "a b"), ("", "unnamed"), (3, "3"), ("x" * 500, "x" * 200), ("\ud800", "?")]
)
def test_any_name_becomes_a_tag(name: object, tag: str) -> None:
    assert valid_tag(name) == tag
