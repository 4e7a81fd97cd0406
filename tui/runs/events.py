"""Following one event file: records that were appended, checked and parsed; what is damaged is counted."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from tui.runs.bulk import read_known
from tui.runs.decode import Batch, Decoder

_MASK_DELTA = 0xA282EAD8
_U32 = 0xFFFFFFFF
_unpack_u32 = struct.Struct("<I").unpack_from

HEADER_BYTES = 12
MAX_HEADERS = 4096
FOOTER_BYTES = 4
MAX_RECORD_BYTES = 64 << 20
"""A longer record (a picture, a graph: no scalar is that long) is skipped without being read."""


@dataclass(frozen=True)
class Damage:
    """What of an event file could not be read."""

    records: int = 0
    """Records whose content fails its checksum or cannot be parsed; each costs only itself."""
    unreadable_from: int | None = None
    """Offset of a record header that fails its checksum: the rest is out of reach. None: none does."""
    waiting_bytes: int = 0
    """Bytes at the end that are the beginning of a record still being written, or one cut off for good."""

    def __bool__(self) -> bool:
        return bool(self.records) or self.unreadable_from is not None


class EventFile:
    """Reads one event file as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._size_seen = 0
        self._looked_to = 0
        self._bad_records = 0
        self._unreadable_from: int | None = None
        self._headers: dict[bytes, int] = {}
        self._decoder = Decoder()

    @property
    def damage(self) -> Damage:
        """What could not be read, as of the last poll."""
        waiting = 0 if self._unreadable_from is not None else max(0, self._size_seen - self._offset)
        return Damage(self._bad_records, self._unreadable_from, waiting)

    def poll(self, batch: Batch, max_bytes: int) -> bool:
        """Parse what was appended since the last poll into ``batch``; return whether there is more.

        Reads ``max_bytes``, or one record where that is longer. A record that is not whole yet is left for a
        later poll. Never raises: a file that cannot be opened has nothing new.
        """
        try:
            size = self.path.stat().st_size
            if size == self._size_seen and self._looked_to >= size:
                return False
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read(max(max_bytes, HEADER_BYTES))
                start, needed = self._offset, self._parse(data, batch)
                if self._offset == start and len(data) < needed <= size - start:
                    data = self._long_record(file, data, needed, batch)
        except OSError:
            return False
        self._size_seen = size
        stuck = self._offset == start  # at a record still being written: nothing to do until the file grows
        self._looked_to = size if stuck else max(start + len(data), self._offset)
        batch.read_bytes += len(data)
        return self._looked_to < size and self._unreadable_from is None

    def _long_record(self, file: BinaryIO, data: bytes, needed: int, batch: Batch) -> bytes:
        """Read on to the end of a record longer than ``data``, or step over one beyond all measure."""
        if needed > MAX_RECORD_BYTES:
            self._offset += needed
            return data
        data += file.read(needed - len(data))
        self._parse(data, batch)
        return data

    def _parse(self, data: bytes, batch: Batch) -> int:
        """Take the whole records at the front of ``data``; return the size of one that is cut off, or 0."""
        at, end, needed = 0, len(data), 0
        headers, take, crc32c = self._headers, self._decoder.take, google_crc32c.value
        self._unreadable_from = None
        alone_to = 0
        while end - at >= HEADER_BYTES:
            if at >= alone_to:
                at, alone_to = self._take_many(data, at, batch)
                continue
            header = data[at : at + HEADER_BYTES]
            length = headers.get(header)
            if length is None:
                length = _checked_length(header)
                if length is None:
                    self._unreadable_from = self._offset + at
                    break
                if len(headers) < MAX_HEADERS:
                    headers[header] = length
            stop = at + HEADER_BYTES + length
            if stop + FOOTER_BYTES > end:
                needed = HEADER_BYTES + length + FOOTER_BYTES
                break
            payload = data[at + HEADER_BYTES : stop]
            at = stop + FOOTER_BYTES
            crc = crc32c(payload)
            whole = ((crc >> 15 | crc << 17) + _MASK_DELTA) & _U32 == _unpack_u32(data, stop)[0]
            if not (whole and take(payload, batch)):
                self._bad_records += 1
        self._offset += at
        return needed

    def _take_many(self, data: bytes, at: int, batch: Batch) -> tuple[int, int]:
        """Take the records from ``at`` on as far as they are all of a known kind and whole.

        Returns where the others begin, and how far to go record by record before it is tried again.
        """
        stop, found = read_known(data, at, self._headers, self._decoder.known)
        if found is None:
            return at, stop + 1
        batch.take(found)
        return stop, stop


def _checked_length(header: bytes) -> int | None:
    """Return the length that a record's header gives; None where its checksum does not hold."""
    length: int = int.from_bytes(header[:8], "little")
    return length if masked(google_crc32c.value(header[:8])) == _unpack_u32(header, 8)[0] else None


def masked(crc: int) -> int:
    """Return a CRC32C as TFRecord stores it."""
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & _U32
