"""A tensor in words: the one-line grammar of the variable table.

`x∈[-2.1, 1.8] μ=0.1 σ=1.0`; NaN and Inf first and loud; the value itself of a tensor of one element.
Of a sample, `≈` and `sampled 1/16` say so.
"""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.safe_objects import cut
from tui.kernel.tensor_stats import TensorStats, Unavailable

_REASON_WIDTH = 100


def number(value: float, digits: int = 3) -> str:
    """Return a number in few characters: an int whole up to 10 digits, a float to so many digits."""
    if isinstance(value, int) and abs(value) < 10**10:
        return str(value)
    text = f"{float(value):.{digits}g}"
    return text if not isfinite(value) or any(mark in text for mark in ".e") else f"{text}.0"


def summarize(tensor: Tensor, stats: TensorStats | Unavailable) -> str:
    """Return one line on the values of a tensor of any kind; never raises for what it is."""
    with torch_private.without_overrides():
        prefix = _layout(tensor)
        complex_values = tensor.dtype.is_complex
    if isinstance(stats, Unavailable):
        return prefix + cut(stats.reason, _REASON_WIDTH)
    return prefix + statistics_text(stats, "|z|" if complex_values else "x")


def statistics_text(stats: TensorStats, name: str = "x") -> str:
    """Return the statistics on one line; `name` stands for a value."""
    if stats.stored == 0:
        return "empty"
    if stats.stored == 1:
        return _single(stats)
    if stats.true is not None:
        if stats.sampled:
            return f"true ≈{100 * stats.true / stats.counted:.3g}% {_sample(stats)}"
        return f"true {stats.true:,}/{stats.counted:,}"
    parts = _shouts(stats)
    if stats.minimum is not None and stats.maximum is not None:
        parts += ["≈"] if stats.sampled else []
        parts.append(f"{name}∈[{number(stats.minimum)}, {number(stats.maximum)}]")
        parts += [f"μ={number(stats.mean)}"] if stats.mean is not None else []
        parts += [f"σ={number(stats.std)}"] if stats.std is not None else []
    if stats.sampled:
        parts.append(_sample(stats))
    return " ".join(parts)


def _single(stats: TensorStats) -> str:
    """Return the value of a tensor of one element."""
    if stats.value is not None:
        return f"{number(stats.value.real, 6)}{stats.value.imag:+.6g}j"
    if stats.true is not None:
        return str(bool(stats.true))
    if stats.minimum is not None:
        return number(stats.minimum, 6)
    return " ".join(_shouts(replace(stats, nan=bool(stats.nan)), counts=False))


def _shouts(stats: TensorStats, *, counts: bool = True) -> list[str]:
    """Return `NaN! ×3` and the like; of a sample, the count is the least there are."""
    times = "≥" if stats.sampled else "×"
    found = (("NaN!", stats.nan), ("+Inf!", stats.posinf), ("-Inf!", stats.neginf))
    return [f"{word} {times}{count:,}" if counts else word for word, count in found if count]


def _sample(stats: TensorStats) -> str:
    return f"sampled 1/{max(2, round(stats.stored / stats.counted))}"


def _layout(tensor: Tensor) -> str:
    """Return what to know of a tensor that does not lie in memory value by value; empty for one that does."""
    try:
        if torch.Tensor.is_nested.__get__(tensor):  # type: ignore[attr-defined]
            return f"nested ×{tensor.size(0)} "
        if torch_private.dispatches_in_python(tensor):
            return ""
        if tensor.layout in _SPARSE:
            return f"nnz={torch_private.sparse_parts(tensor)[-1].size(0):,}/{tensor.numel():,} "
        if tensor.is_quantized:
            if tensor.qscheme() is torch.per_tensor_affine:
                return f"quantized scale={number(tensor.q_scale())} zero={tensor.q_zero_point()} "
            return "quantized per channel "
    except (RuntimeError, NotImplementedError, AttributeError):
        return ""
    return ""


_SPARSE = (torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)
