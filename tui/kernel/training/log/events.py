"""TensorBoard's event format, written in pure Python.

A file is a sequence of records: length (uint64), masked CRC of the length, an `Event` in protobuf's wire
format, masked CRC of the event; all little-endian. Records are appended whole batches at a time with one
`os.write`, so that a killed process leaves whole records behind.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tui.protocol.run import EVENTS_PREFIX

MAX_TAG_CHARS = 200
SESSION_START = 1
"""`SessionLog.START`: readers drop what an earlier file holds from this step on."""


class LogWriteError(OSError):
    """The event log could not be extended; what was in it before is whole."""


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _crc_table()


def crc32c_python(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of `data`, about 40 ns a byte."""
    table, crc = _TABLE, 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _fastest_crc() -> Callable[[bytes], int]:
    """Return google_crc32c's function where that package is there, which it need not be."""
    try:
        from google_crc32c import value
    except ImportError:
        return crc32c_python
    found: Callable[[bytes], int] = value
    return found


crc32c = _fastest_crc()


def masked_crc(data: bytes) -> int:
    """Return the CRC-32C of `data`, rotated and offset as the record format wants it."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


_HEADERS: dict[int, bytes] = {}
"""Length and CRC of the length, by length: few lengths occur."""


def record(data: bytes) -> bytes:
    """Return `data` framed as one record."""
    header = _HEADERS.get(len(data))
    if header is None:
        length = struct.pack("<Q", len(data))
        header = length + struct.pack("<I", masked_crc(length))
        if len(_HEADERS) < 4096:
            _HEADERS[len(data)] = header
    return header + data + masked_crc(data).to_bytes(4, "little")


def valid_tag(name: object) -> str:
    """Return a metric's name as a tag: one line of at most `MAX_TAG_CHARS` characters, never empty."""
    text = " ".join(str(name).split()).encode("utf-8", "replace").decode("utf-8")
    return text[:MAX_TAG_CHARS] or "unnamed"


def _varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF  # a negative int64 is its two's complement
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


_pack_wall_time = struct.Struct("<Bd").pack
_pack_value = struct.Struct("<Bf").pack
_FLOAT32_MAX = 3.4028234663852886e38


def _float32(value: float) -> bytes:
    """Return `simple_value` (field 2); what float32 cannot hold becomes an infinity."""
    if value > _FLOAT32_MAX:
        value = float("inf")
    elif value < -_FLOAT32_MAX:
        value = float("-inf")
    return _pack_value(0x15, value)


class ScalarTag:
    """One tag, its constant bytes made once: the cheap way to write a long series."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        name = _field(1, tag.encode("utf-8"))
        value_head = b"\x0a" + _varint(len(name) + 5) + name
        self._summary_head = b"\x2a" + _varint(len(value_head) + 5) + value_head
        self.value_head = value_head

    def event(self, wall_time_s: float, step: int, value: float) -> bytes:
        """Return the record of one point."""
        return record(
            _pack_wall_time(0x09, wall_time_s)
            + b"\x10"
            + _varint(step)
            + self._summary_head
            + _float32(value)
        )


class EventFile:
    """One append-only event file."""

    def __init__(self, folder: Path, *, start_step: int | None = None) -> None:
        """Create a file in `folder` that sorts after those already there.

        Args:
            folder: the run directory.
            start_step: of a resumed run, the first step still to come: readers drop older files' points from
                there on. None for a new run.

        Raises:
            LogWriteError: the folder cannot be written.
        """
        self._tags: dict[str, ScalarTag] = {}
        self._buffer: list[bytes] = []
        self._size_bytes = 0
        try:
            self.path = _next_path(folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
            self._fd: int | None = os.open(self.path, flags, 0o644)
        except OSError as error:
            raise _write_error(folder, error) from error
        now = time.time()
        self._buffer.append(record(_pack_wall_time(0x09, now) + _field(3, b"brain.Event:2")))
        if start_step is not None:
            session = b"\x08" + _varint(SESSION_START)
            step = b"\x10" + _varint(start_step)
            self._buffer.append(record(_pack_wall_time(0x09, now) + step + _field(7, session)))
        self.flush()

    def scalar(self, tag: str, step: int, value: float, wall_time_s: float) -> None:
        """Add one point."""
        self._buffer.append(self._tag(tag).event(wall_time_s, step, value))

    def series(
        self, tag: str, steps: Iterable[int], wall_times_s: Iterable[float], values: Iterable[float]
    ) -> None:
        """Add many points of one tag, an event each."""
        event = self._tag(tag).event
        self._buffer.extend(map(event, wall_times_s, steps, values))

    def scalars(self, step: int, values: Sequence[tuple[str, float]], wall_time_s: float) -> None:
        """Add one event with several tags, which is smaller and cheaper than an event each."""
        if not values:
            return
        parts = [self._tag(tag).value_head + _float32(value) for tag, value in values]
        summary = _field(5, b"".join(parts))
        self._buffer.append(record(_pack_wall_time(0x09, wall_time_s) + b"\x10" + _varint(step) + summary))

    def flush(self) -> None:
        """Append what has gathered; whole records or none of the batch.

        Raises:
            LogWriteError: the disk is full, gone or read-only. The file is cut back to what it was before.
        """
        if not self._buffer or self._fd is None:
            return
        data = b"".join(self._buffer)
        self._buffer.clear()
        try:
            written = 0
            while written < len(data):
                written += os.write(self._fd, data[written:] if written else data)
        except OSError as error:
            try:
                os.ftruncate(self._fd, self._size_bytes)
            except OSError:
                self.close()  # nothing may follow a torn record
            raise _write_error(self.path.parent, error) from error
        self._size_bytes += len(data)

    def close(self) -> None:
        """Close the file; what has not been flushed is dropped."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _tag(self, tag: str) -> ScalarTag:
        found = self._tags.get(tag)
        if found is None:
            found = self._tags[tag] = ScalarTag(tag)
        return found


def _next_path(folder: Path) -> Path:
    """Return a name that sorts after every event file of the folder, since readers go by name."""
    seconds = int(time.time())
    for name in os.listdir(folder):
        stamp = name.removeprefix(EVENTS_PREFIX).partition(".")[0]
        if name.startswith(EVENTS_PREFIX) and stamp.isdigit():
            seconds = max(seconds, int(stamp) + 1)
    host = os.uname().nodename.partition(".")[0] if hasattr(os, "uname") else "localhost"
    return folder / f"{EVENTS_PREFIX}{seconds:010d}.{host or 'localhost'}.{os.getpid()}.0"


def _write_error(folder: Path, error: OSError) -> LogWriteError:
    return LogWriteError(error.errno, f"cannot write the run's log in {folder}: {error.strerror or error}")
