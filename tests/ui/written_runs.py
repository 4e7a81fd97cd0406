"""Run directories for tests, written with TensorBoard's own messages."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import google_crc32c
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from tui.protocol.codec import encode
from tui.protocol.run import LOG_FILE, RECORD_FILE, RunInfo

STARTED_S = 1_767_225_600.0
INFO = RunInfo(
    id="20260101T000000-digits-0001", name="digits", status="finished", experiment="digits_cnn", knobs={"lr": 0.001},
    device="cpu", seed=3, started_at="2026-01-01T00:00:00+00:00", ended_at="2026-01-01T00:02:00+00:00", pid=1,
    host="elsewhere", epochs=4, steps_per_epoch=25, epoch=4, step=100, parameters=12_345, train_s=83.0,
)  # fmt: skip


class WrittenRun:
    """A run directory that a test extends as a trainer would."""

    def __init__(self, root: Path, info: RunInfo = INFO, *, name: str = "") -> None:
        self.folder = root / (name or info.id)
        self.folder.mkdir(parents=True)
        self.events = self.folder / "events.out.tfevents.1767225600.here"
        self.info = info
        self.record()

    def record(self, **changes: object) -> None:
        """Replace ``run.json``."""
        self.info = replace(self.info, **changes)  # type: ignore[arg-type]
        fresh = self.folder / "run.json.tmp"
        fresh.write_text(json.dumps(encode(self.info)))
        fresh.replace(self.folder / RECORD_FILE)

    def add(self, tag: str, points: Iterable[tuple[int, float]]) -> None:
        """Append points, a tenth of a second a step."""
        with self.events.open("ab") as file:
            for step, value in points:
                summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
                file.write(_framed(Event(wall_time=STARTED_S + step / 10, step=step, summary=summary)))

    def print(self, text: str) -> None:
        """Append to the log."""
        with (self.folder / LOG_FILE).open("a") as file:
            file.write(text)


def finished_run(root: Path) -> WrittenRun:
    """A run with falling losses, a rising metric, learning rate and gradient norm."""
    run = WrittenRun(root)
    run.add("train/loss", ((step, 2.0 / (1 + step / 10)) for step in range(1, 101)))
    run.add("val/loss", ((step, 2.2 / (1 + step / 10)) for step in range(25, 101, 25)))
    run.add("val/accuracy", ((step, 1 - 1 / (1 + step / 20)) for step in range(25, 101, 25)))
    run.add("lr", ((step, 0.001) for step in range(1, 101)))
    run.add("grad_norm", ((step, 1.0 + 0.01 * (step % 7)) for step in range(1, 101)))
    run.print("epoch 1 of 4\nepoch 2 of 4\nepoch 3 of 4\nepoch 4 of 4\n")
    return run


def _framed(event: Event) -> bytes:
    payload: bytes = event.SerializeToString()
    length = struct.pack("<Q", len(payload))
    return length + _crc(length) + payload + _crc(payload)


def _crc(data: bytes) -> bytes:
    value = google_crc32c.value(data)
    return struct.pack("<I", (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF)
