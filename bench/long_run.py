"""A run of very many steps, written in seconds: what a trainer would have written in hours."""

from __future__ import annotations

import struct
from pathlib import Path

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from tui.runs.decode import layout_of, varint
from tui.runs.events import masked

Bytes = NDArray[np.uint8]
_POLYNOMIAL = 0x82F63B78  # of CRC-32C, its bits reversed
_CHUNK = 1 << 17
START_S, STEP_S = 1.7e9, 1e-3


def write_long_run(folder: Path, steps: int, tag: str = "train/loss") -> None:
    """Write an event file with a noisy, falling value at every step from 0 on."""
    generator = np.random.default_rng(0)
    layout, table = np.frombuffer(layout_of(tag), dtype=np.uint8), _table()
    with (folder / "events.out.tfevents.1.host.1.0").open("wb") as file:
        first = 0
        while first < steps:
            length = len(varint(first))
            last = min(steps, first + _CHUNK, 1 << 7 * length)  # whose varints are equally long
            at = np.arange(first, last)
            values = np.exp(-at / steps * 4) + generator.normal(0, 0.05, len(at))
            file.write(_records(at, values.astype("<f4"), length, layout, table).tobytes())
            first = last


def _records(
    steps: NDArray[np.int64],
    values: NDArray[np.float32],
    length: int,
    layout: Bytes,
    table: NDArray[np.uint32],
) -> Bytes:
    """Return the records of events whose steps are `length` bytes long, one in each row."""
    count = len(steps)
    shifts = np.arange(length, dtype=np.int64) * 7
    digits = (steps[:, None] >> shifts & 127).astype(np.uint8)
    digits[:, :-1] |= 128
    payload = np.concatenate(
        (
            np.full((count, 1), 0x09, dtype=np.uint8),
            (START_S + steps * STEP_S).astype("<f8").view(np.uint8).reshape(count, 8),
            np.full((count, 1), 0x10, dtype=np.uint8),
            digits,
            np.broadcast_to(layout, (count, len(layout))),
            values.view(np.uint8).reshape(count, 4),
        ),
        axis=1,
    )
    head = struct.pack("<Q", payload.shape[1])
    head += struct.pack("<I", masked(google_crc32c.value(head)))
    header = np.broadcast_to(np.frombuffer(head, dtype=np.uint8), (count, len(head)))
    footer = _checksums(payload, table).astype("<u4").view(np.uint8).reshape(count, 4)
    return np.concatenate((header, payload, footer), axis=1)


def _checksums(rows: Bytes, table: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the CRC-32C of each row, masked as TFRecord has it."""
    crc: NDArray[np.uint32] = np.full(len(rows), 0xFFFFFFFF, dtype=np.uint32)
    for column in rows.T:
        fresh: NDArray[np.uint32] = table[(crc ^ column) & 0xFF] ^ crc >> 8
        crc = fresh
    crc = np.invert(crc).astype(np.uint32)
    return ((crc >> 15 | crc << 17) + np.uint32(0xA282EAD8)).astype(np.uint32)


def _table() -> NDArray[np.uint32]:
    """Return what a byte adds to a checksum, by byte."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ _POLYNOMIAL, table >> 1).astype(np.uint32)
    return table
