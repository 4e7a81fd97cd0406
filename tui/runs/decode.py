"""From the bytes of an event record to points."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError

from tui.runs.bulk import Found, keys_of
from tui.runs.proto import EVENT, SESSION_START, Event
from tui.runs.tensors import scalar

MAX_LAYOUTS: Final = 4096

_WALL_TIME: Final = 0x09  # field 1, 8 bytes
_STEP: Final = 0x10  # field 2, a varint
_HEAD_BYTES: Final = 10  # the wall time and the step's tag
_unpack_double = struct.Struct("<d").unpack_from
_unpack_float = struct.Struct("<f").unpack_from


@dataclass(slots=True)
class Points:
    """Scalars of one tag, in the order they were written; three lists of one length."""

    steps: list[int] = field(default_factory=list)
    wall_times: list[float] = field(default_factory=list)
    """Seconds since 1970."""
    values: list[float] = field(default_factory=list)

    def drop_from(self, step: int) -> None:
        """Remove the points at ``step`` or later, in place."""
        keep = [index for index, at in enumerate(self.steps) if at < step]
        self.steps[:] = [self.steps[index] for index in keep]
        self.wall_times[:] = [self.wall_times[index] for index in keep]
        self.values[:] = [self.values[index] for index in keep]


@dataclass(slots=True)
class Batch:
    """What was read in one poll."""

    points: dict[str, Points] = field(default_factory=dict)
    """New points by tag; those that a restart in this batch replaced are not in it."""
    purge_from: int | None = None
    """A run was resumed: drop what was read before at this step or later. None: no restart in this batch."""
    events: int = 0
    """How many events were parsed, scalars or not."""
    read_bytes: int = 0

    def restart(self, step: int) -> None:
        """Note that the writer went back to ``step``: as TensorBoard does, drop what it recorded after."""
        for points in self.points.values():
            points.drop_from(step)
        self.purge_from = step if self.purge_from is None else min(self.purge_from, step)

    def take(self, found: Found) -> None:
        """Add what was read of many events, each of one value."""
        for tag, (steps, wall_times, values) in found.items():
            points = self.of(tag)
            points.steps += steps
            points.wall_times += wall_times
            points.values += values
            self.events += len(steps)

    def of(self, tag: str) -> Points:
        """Return the points of a tag, empty ones if it is new."""
        points = self.points.get(tag)
        if points is None:
            points = self.points[tag] = Points()
        return points


class Decoder:
    """Turns payloads into points, those of one event file.

    Nearly every event of a log is one ``simple_value``, and of those all bytes but the wall time, the step
    and the value are the same for a tag. The parser sees the first event of each such layout; the rest are
    recognized by these bytes and read in place.
    """

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[str, int, bytes]] = {}
        """The layouts that have been learned, for `tui.runs.bulk`."""
        self._layouts: dict[bytes, str] = {}

    def take(self, payload: bytes, batch: Batch) -> bool:
        """Add an event's scalars, or its restart, to ``batch``; return False when it is no event."""
        found = _split(payload)
        if found is not None:
            step, layout = found
            tag = self._layouts.get(layout)
            if tag is not None:
                points = batch.points.get(tag) or batch.of(tag)
                points.steps.append(step)
                points.wall_times.append(_unpack_double(payload, 1)[0])
                points.values.append(_unpack_float(payload, len(payload) - 4)[0])
                batch.events += 1
                return True
        try:
            event = EVENT.FromString(payload)
        except DecodeError:
            return False
        if found is not None and len(self._layouts) < MAX_LAYOUTS:
            self._learn(found[1], event)
        take_event(event, batch)
        return True

    def _learn(self, layout: bytes, event: Event) -> None:
        """Remember a layout, if it is exactly that of one ``simple_value`` and nothing else."""
        values = event.summary.value
        if len(values) == 1 and layout == layout_of(values[0].tag):
            self._layouts[layout] = values[0].tag
            for key, each in keys_of(values[0].tag, layout).items():
                self.known.setdefault(key, each)


def take_event(event: Event, batch: Batch) -> None:
    """Add a parsed event's scalars, or its restart, to ``batch``."""
    batch.events += 1
    step, wall_time = event.step, event.wall_time
    for value in event.summary.value:
        number = value.simple_value if value.HasField("simple_value") else scalar(value)
        if number is None:
            continue
        points = batch.of(value.tag)
        points.steps.append(step)
        points.wall_times.append(wall_time)
        points.values.append(number)
    if event.session_log.status == SESSION_START:
        batch.restart(step)


def _split(payload: bytes) -> tuple[int, bytes] | None:
    """Return the step and the bytes between it and the last four; None unless wall time and step lead."""
    if len(payload) < _HEAD_BYTES + 6 or payload[0] != _WALL_TIME or payload[9] != _STEP:
        return None
    step, at = payload[10], 11
    if step > 127:
        step &= 127
        shift = 7
        while True:
            byte = payload[at]
            at += 1
            step |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 56 or at >= len(payload):  # negative, or no varint: the parser's business
                return None
    return step, payload[at:-4]


def layout_of(tag: str) -> bytes:
    """Return the bytes between step and value of an event whose summary is one ``simple_value``."""
    name = tag.encode()
    value = b"\x0a" + varint(len(name)) + name + b"\x15"
    summary = b"\x0a" + varint(len(value) + 4) + value
    return b"\x2a" + varint(len(summary) + 4) + summary


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
