"""What forward and loss are computed in, and the scaler that float16 needs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import torch

from tui.kernel.training.trouble.refusals import SettingsError
from tui.protocol.run import Precision

Cast = Callable[[], AbstractContextManager[object]]
"""Makes the context in which forward and loss are computed."""

_DTYPES: Final = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def as_written() -> AbstractContextManager[object]:
    """Return a context that changes nothing."""
    return nullcontext()


def casting(precision: Precision, device: torch.device) -> Cast:
    """Return what makes the context of a precision.

    Raises:
        SettingsError: the device cannot compute in it.
    """
    if precision == "float32":
        return as_written
    dtype = _DTYPES[precision]
    if device.type == "cuda" and precision == "bfloat16" and not torch.cuda.is_bf16_supported():
        raise SettingsError(f"{device} cannot compute in bfloat16; float16 is the other half precision")

    def cast() -> AbstractContextManager[object]:
        return torch.autocast(device.type, dtype=dtype)

    try:
        with warnings.catch_warnings(), cast():
            warnings.simplefilter("error")  # torch warns, and goes on in float32
            probe = torch.ones(2, 2, device=device) @ torch.ones(2, 2, device=device)
            works = probe.dtype == dtype
    except (RuntimeError, UserWarning):
        works = False
    if not works:
        raise SettingsError(f"this version of torch has no {precision} autocast on {device.type}")
    return cast


def scaler_of(precision: Precision, device: torch.device) -> torch.amp.GradScaler | None:
    """Return a new scaler where the precision needs one: float16, whose small gradients would become zero.

    Raises:
        SettingsError: torch has none for the device.
    """
    if precision != "float16":
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _try_scaler(device)
        return torch.amp.GradScaler(device.type)
    except (RuntimeError, NotImplementedError, UserWarning, AssertionError) as error:
        raise SettingsError(
            f"this version of torch cannot scale gradients on {device.type}, which float16 needs"
        ) from error


def _try_scaler(device: torch.device) -> None:
    """Take a step with a scaler on one number; raises what torch raises where it cannot."""
    parameter = torch.ones(1, device=device, requires_grad=True)
    optimizer = torch.optim.SGD([parameter], 0.1)
    scaler = torch.amp.GradScaler(device.type)
    scaler.scale(parameter.sum()).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
