"""Events per second reading a log, compared with TensorBoard's EventAccumulator."""

from __future__ import annotations

import struct
import sys
import tempfile
import time
from pathlib import Path

import google_crc32c

BUDGET = 8.0
EVENTS = 60_000
TAGS = ("train/loss", "lr", "grad_norm", "time/data_ms", "time/forward_ms", "samples_per_s")


def write_log(folder: Path) -> int:
    """Write a run as a trainer does, one event per value; return the number of events."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    from tui.runs.events import masked

    count = 0
    with (folder / "events.out.tfevents.1.host.1.0").open("wb") as file:
        events = [Event(wall_time=1.0, file_version="brain.Event:2")]
        for step in range(EVENTS // len(TAGS)):
            for tag in TAGS:
                summary = Summary(value=[Summary.Value(tag=tag, simple_value=0.5)])
                events.append(Event(wall_time=step, step=step, summary=summary))
        for event in events:
            payload = event.SerializeToString()
            length = struct.pack("<Q", len(payload))
            file.write(length + struct.pack("<I", masked(google_crc32c.value(length))))
            file.write(payload + struct.pack("<I", masked(google_crc32c.value(payload))))
            count += 1
    return count


def ours(folder: Path) -> tuple[float, int]:
    """Return the seconds we take and the points we got."""
    from tui.runs.reader import RunReader

    start = time.perf_counter()
    reader = RunReader(folder)
    while reader.poll().more:
        pass
    return time.perf_counter() - start, sum(len(series) for series in reader.series.values())


def theirs(folder: Path) -> tuple[float, int]:
    """Return the seconds TensorBoard takes and the points it got."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    start = time.perf_counter()
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    seconds = time.perf_counter() - start
    return seconds, sum(len(accumulator.Scalars(tag)) for tag in accumulator.Tags()["scalars"])


def main() -> int:
    """Print both rates and the ratio; return 1 when it is over budget."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        events = write_log(folder)
        ours(folder)
        our_s, our_points = min(ours(folder) for _ in range(5))
        their_s, their_points = min(theirs(folder) for _ in range(2))
    if our_points != their_points:
        print(f"load: {our_points} points read, TensorBoard has {their_points}")
        return 1
    print(f"torchtui          {events / our_s:>12,.0f} events/s")
    print(f"EventAccumulator  {events / their_s:>12,.0f} events/s")
    ratio = their_s / our_s
    kept = ratio >= BUDGET
    print(f"load  {ratio:.1f}  budget >= {BUDGET:g}  {'ok' if kept else 'OVER'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
