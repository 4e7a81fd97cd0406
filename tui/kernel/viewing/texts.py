"""A single value in words, with all its digits and no more."""

from __future__ import annotations

from math import isfinite
from typing import Final

import torch
from torch import Tensor

from tui.kernel.viewing.strided import workable

_MOST_DIGITS: Final = 10
"""That a float32 needs, and one more."""


def value_text(value: Tensor) -> str:
    """Return the shortest text that is this value in its dtype; of a tensor of one element. A sync point."""
    value = value.detach().reshape(()).cpu()
    if value.dtype is torch.bool:
        return str(bool(value))
    if value.is_quantized:
        value = value.dequantize()
    if value.is_complex():
        whole = workable(value)
        return f"{_float_text(whole.real)}{_signed(_float_text(whole.imag))}j"
    if not value.is_floating_point():
        return str(value.tolist())
    return _float_text(value)


def _signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"


def _float_text(value: Tensor) -> str:
    """Return e.g. `0.1` of a float32 that is 0.10000000149011612 in full; of narrower dtypes the value in full."""
    number = float(value.double())
    if value.dtype is torch.float32 and isfinite(number):
        for digits in range(1, _MOST_DIGITS):
            near = float(f"{number:.{digits}g}")
            if float(torch.tensor(near, dtype=torch.float64).float()) == number:
                return repr(near)
    return repr(number)
