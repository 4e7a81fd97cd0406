"""Scalars by the thousand: records that differ in wall time, step and value alone are checked and read side by side.

Nearly all of a long log are such records. What is not, and what does not hold together, is left to the one who reads
record by record: here nothing is decided of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Words = NDArray[np.uint32]

LEAST: Final = 64
"""Records that are worth it."""
LOOK: Final = 256
"""Records that are looked at one by one; if they come in turns, what follows is looked at turn by turn."""
_HEADER_BYTES: Final = 12
_FOOTER_BYTES: Final = 4
_BEFORE_KEY: Final = 14
"""Bytes of a payload that hold the wall time, its tag, the step's tag and a step of up to four bytes."""
_POLYNOMIAL: Final = 0x82F63B78  # of CRC-32C, its bits reversed

Known = Mapping[bytes, tuple[str, int, bytes]]
"""By what stands between byte 14 of a payload and its last four: the tag, how many bytes the step has, and what stands
between the step and the last four bytes. See `keys_of`."""
Found = dict[str, tuple[list[int], list[float], list[float]]]
"""By tag: steps, wall times, values, as they were written."""


class Rows(NamedTuple):
    """Records of one kind."""

    key: bytes
    places: NDArray[np.int64]
    """Where their payloads begin, shape (n,)."""
    bytes: Bytes
    """Payloads and checksums, shape (n, size)."""
    alike: bool
    """Whether they are known to differ in wall time, step and value alone."""


def keys_of(tag: str, layout: bytes) -> dict[bytes, tuple[str, int, bytes]]:
    """Return what to know of a tag whose events have these bytes between step and value, for steps of any length."""
    return {layout[4 - length :]: (tag, length, layout) for length in range(1, 5)}


def read_known(data: bytes, at: int, headers: Mapping[bytes, int], known: Known) -> tuple[int, Found | None]:
    """Read records from ``at`` on as long as they are known; return where it ended, and what they say.

    What they say is None where they are too few, or where any is not what it seemed or fails its checksum.

    Args:
        headers: the lengths of payloads, by the headers that have been checked.
    """
    import numpy as np

    stop, places, keys = _scan(data, at, headers, known, LOOK)
    if len(places) < LEAST:
        return stop, None
    buffer = np.frombuffer(data, dtype=np.uint8)
    period = _period(keys) if len(places) == LOOK else 0
    if period:
        stop, rows = _turns(buffer, places[: period + 1], keys[:period], known)
    else:
        stop, more, more_keys = _scan(data, stop, headers, known, len(data))
        rows = _gathered(buffer, places + more, keys + more_keys)
    return stop, _read(rows, known)


def _scan(
    data: bytes, at: int, headers: Mapping[bytes, int], known: Known, most: int
) -> tuple[int, list[int], list[bytes]]:
    """Return where the first record begins that is not known, and payloads and keys of those before it."""
    places: list[int] = []
    keys: list[bytes] = []
    lookup = headers.get
    end = len(data)
    for _ in range(most):
        payload = at + _HEADER_BYTES
        length = lookup(data[at:payload])
        if length is None:
            break
        stop = payload + length
        key = data[payload + _BEFORE_KEY : stop - 4]
        if key not in known or stop + _FOOTER_BYTES > end:
            break
        places.append(payload)
        keys.append(key)
        at = stop + _FOOTER_BYTES
    return at, places, keys


def _period(keys: list[bytes]) -> int:
    """Return after how many records the same come again, over and over; 0 where they do not."""
    return next((each for each in range(1, len(keys) // 2 + 1) if keys[each:] == keys[:-each]), 0)


def _turns(buffer: Bytes, places: list[int], keys: list[bytes], known: Known) -> tuple[int, list[Rows]]:
    """Return where turns of these records end, and all of the records.

    `places`: those of one turn and of the first record of the next.
    """
    import numpy as np

    at, turn = places[0] - _HEADER_BYTES, places[-1] - places[0]
    most = (len(buffer) - at) // turn
    turns = buffer[at : at + most * turn].reshape(most, turn)
    varies = np.zeros(turn, dtype=bool)
    spans = []
    for place, key in zip(places[:-1], keys, strict=True):
        first, length, size = place - at, known[key][1], _size(key)
        for begin, end in ((1, 9), (10, 10 + length), (size - 4, size + _FOOTER_BYTES)):
            varies[first + begin : first + end] = True
        spans.append((key, first, first + size + _FOOTER_BYTES))
    alike = ((turns == turns[0]) | varies).all(axis=1)
    count = most if alike.all() else int(alike.argmin())
    starts = at + turn * np.arange(count)
    rows = [Rows(key, starts + first, turns[:count, first:end], True) for key, first, end in spans]
    return at + count * turn, rows


def _gathered(buffer: Bytes, places: list[int], keys: list[bytes]) -> list[Rows]:
    import numpy as np

    groups: dict[bytes, list[int]] = {}
    for place, key in zip(places, keys, strict=True):
        groups.setdefault(key, []).append(place)
    rows = []
    for key, group in groups.items():
        found = np.array(group)
        windows = np.lib.stride_tricks.sliding_window_view(buffer, _size(key) + _FOOTER_BYTES)
        rows.append(Rows(key, found, windows[found], False))
    return rows


def _size(key: bytes) -> int:
    """Return the length of a payload."""
    return _BEFORE_KEY + len(key) + 4


def _read(groups: list[Rows], known: Known) -> Found | None:
    import numpy as np

    parts: dict[str, list[tuple[NDArray[np.int64], ...]]] = {}
    for key, places, rows, alike in groups:
        tag, length, layout = known[key]
        if not _fit(rows[:1] if alike else rows, length, layout):
            return None
        steps = _steps(rows[:, 10 : 10 + length])
        if steps is None or not _whole(rows, length):
            return None
        times, values = _numbers(rows, 1, "<f8"), _numbers(rows, _size(key) - 4, "<f4")
        parts.setdefault(tag, []).append((places, steps, times, values))
    found: Found = {}
    for tag, pieces in parts.items():
        columns = pieces[0][1:]
        if len(pieces) > 1:
            order = np.argsort(np.concatenate([piece[0] for piece in pieces]))
            columns = tuple(
                np.concatenate([piece[column] for piece in pieces])[order] for column in (1, 2, 3)
            )
        found[tag] = columns[0].tolist(), columns[1].tolist(), columns[2].tolist()
    return found


def _fit(rows: Bytes, length: int, layout: bytes) -> bool:
    """Tell whether each is a wall time, a step of so many bytes, and this layout."""
    import numpy as np

    fixed = rows[:, 10 + length : -8] == np.frombuffer(layout, dtype=np.uint8)
    return bool((rows[:, 0] == 0x09).all() and (rows[:, 9] == 0x10).all() and fixed.all())


def _steps(digits: Bytes) -> NDArray[np.int64] | None:
    """Return the numbers that are these varints; None where one of them is shorter or longer."""
    import numpy as np

    found = np.zeros(len(digits), dtype=np.int64)
    last = digits.shape[1] - 1
    for place in range(last + 1):
        column = digits[:, place]
        if ((column > 127) == (place == last)).any():
            return None
        found |= (column & 127).astype(np.int64) << 7 * place
    return found


def _numbers(rows: Bytes, at: int, dtype: str) -> NDArray[np.int64]:
    import numpy as np

    size = np.dtype(dtype).itemsize
    found: NDArray[np.int64] = np.ascontiguousarray(rows[:, at : at + size]).view(dtype).ravel()
    return found


def _whole(rows: Bytes, length: int) -> bool:
    """Tell whether all payloads have the checksum behind them, masked as TFRecord has it.

    A CRC is linear: it is that of the first row, and what each byte of wall time, step and value adds by its place.
    """
    import numpy as np

    size = rows.shape[1] - _FOOTER_BYTES
    added = _tables(size)
    first = rows[0, :size].copy()
    crc = np.full(len(rows), _crc(first.tobytes()), dtype=np.uint32)
    for place in (*range(1, 9), *range(10, 10 + length), *range(size - 4, size)):
        column = rows[:, place]
        if (column != first[place]).any():
            crc ^= (added[place] ^ added[place][first[place]])[column]
    masked = (crc >> 15 | crc << 17) + np.uint32(0xA282EAD8)
    return bool(np.array_equal(masked, _numbers(rows, size, "<u4")))


def _crc(data: bytes) -> int:
    import google_crc32c

    value: int = google_crc32c.value(data)
    return value


_TABLES: dict[int, Words] = {}


def _tables(size: int) -> Words:
    """Return what a byte at each place of `size` bytes adds to their CRC-32C: (size, 256)."""
    import numpy as np

    found = _TABLES.get(size)
    if found is None:
        last = np.arange(256, dtype=np.uint32)
        for _ in range(8):
            last = np.where(last & 1, last >> 1 ^ _POLYNOMIAL, last >> 1).astype(np.uint32)
        rows = [last]
        while len(rows) < size:
            rows.append(last[rows[-1] & 0xFF] ^ rows[-1] >> 8)
        if len(_TABLES) >= 32:
            _TABLES.clear()
        found = _TABLES[size] = np.array(rows[::-1])
    return found
