"""Arrays as text: base64 of little-endian numbers."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Iterable

from tui.protocol.autograd import Packed


def packed(kind: str, numbers: Iterable[int] | Iterable[float]) -> Packed:
    """Return the numbers packed; `kind` is the type code of `array`: ``i`` int32, ``B`` uint8, ``d`` float64."""
    data = numbers if isinstance(numbers, array) else array(kind, numbers)
    if sys.byteorder == "big":
        data = array(kind, data)
        data.byteswap()
    return base64.b64encode(data.tobytes()).decode("ascii")


def unpacked(kind: str, text: Packed) -> array[int] | array[float]:
    """Return the numbers of `packed`."""
    data: array[int] | array[float] = array(kind)
    data.frombytes(base64.b64decode(text))
    if sys.byteorder == "big":
        data.byteswap()
    return data
