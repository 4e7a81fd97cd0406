"""Which fields of an optimizer can be changed between two steps, and to what.

NOTE [What torch itself refuses]
A new value is tried before the run sees it: another optimizer of the same class, over a small parameter of ours, is
made with it, so torch checks it as it does any constructor's argument (``lr=-1``, ``nesterov`` without momentum). Then
that one takes a step with the old value and a step with the new: some optimizers keep state for a feature only from
their first step on (RMSprop's momentum, Adam's ``amsgrad``) and would fail later. An optimizer of somebody
else's is not tried, since that would run its code; there the value must be of the same kind as the one before.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any, Final, cast

import torch
from torch import nn

from tui.kernel.training.parts.offered import annotation_of, fits, plain
from tui.kernel.training.parts.written import ChoiceError, read_literal

FIRST: Final = ("lr", "weight_decay", "momentum", "betas")
"""Fields that are listed before the others."""
_NEVER: Final = frozenset({"params", "foreach", "fused", "capturable", "differentiable", "maximize"})
"""How the update is computed, and its sign: no setting to be changed between two steps."""
_ONLY_AT_FIRST: Final = {
    "Rprop": {"lr": "Rprop uses lr for the first step sizes alone"},
    "Adagrad": {"initial_accumulator_value": "Adagrad uses it at its first step alone"},
    "LBFGS": {"history_size": "LBFGS sizes what it remembers by it at its first step"},
}


class TuneError(ValueError):
    """A field or value that cannot be had; the message is for the user."""


def fields_of(optimizer: torch.optim.Optimizer, group: int) -> list[str]:
    """Return the names of the fields of a parameter group that can be changed: numbers, flags, tuples of numbers."""
    settings = optimizer.param_groups[group]
    left_out = {*_NEVER, *_ONLY_AT_FIRST.get(type(optimizer).__name__, ())}
    known = [
        name
        for name in _settings_of(optimizer)
        if name in settings and name not in left_out and _is_tunable(settings[name])
    ]
    return sorted(known, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))


def plain_value(value: Any) -> Any:
    """Return a value without a tensor: a learning rate may be held in one. A sync point where that is on a device."""
    return value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value


def shown(value: object) -> str:
    """Return a value as Python writes it."""
    return repr(plain_value(value))


def set_field(settings: dict[str, Any], name: str, value: Any) -> None:
    """Set a field of a parameter group, inside its tensor where it is held in one."""
    held = settings[name]
    if isinstance(held, torch.Tensor):
        held.fill_(float(value))
    else:
        settings[name] = value


def checked(optimizer: torch.optim.Optimizer, group: int, name: str, text: str) -> object:
    """Return the value that a text stands for, as the field can have it.

    Raises:
        TuneError: it cannot: see NOTE [What torch itself refuses].
    """
    reason = _ONLY_AT_FIRST.get(type(optimizer).__name__, {}).get(name)
    if reason:
        raise TuneError(f"{name} cannot be changed any more: {reason}")
    if name in _NEVER:
        raise TuneError(f"{name} cannot be changed while it runs")
    value = _read(name, text)
    settings = optimizer.param_groups[group]
    before = plain_value(settings[name])
    if isinstance(before, tuple) and isinstance(value, list):
        value = tuple(value)
    _check_finite(name, value)
    if _is_torchs(optimizer):
        parameter = inspect.signature(type(optimizer)).parameters[name]
        if not fits(annotation_of(parameter), value):
            raise TuneError(f"{name} takes {plain(annotation_of(parameter))}, got {value!r}")
        _try_out(optimizer, settings, name, value)
    elif not _is_alike(before, value):
        raise TuneError(f"{name} is {before!r} and cannot become {value!r}, which is of another kind")
    return value


def checked_clip(text: str) -> float | None:
    """Return the norm that a text stands for; None for no clipping.

    Raises:
        TuneError: it is none.
    """
    value = _read("clip_norm", text)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 < cast("float", value) < math.inf:
        raise TuneError(f"clip_norm is a number above 0, or None for no clipping, got {value!r}")
    return float(cast("float", value))


def _read(name: str, text: str) -> object:
    try:
        return read_literal(text)
    except ChoiceError as error:
        raise TuneError(f"{name}: {error}") from None


def _check_finite(name: str, value: object) -> None:
    numbers = value if isinstance(value, tuple | list) else (value,)
    if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
        raise TuneError(f"{name} must be finite, got {value!r}")


def _is_tunable(value: object) -> bool:
    value = plain_value(value)
    if isinstance(value, tuple):
        return all(item is None or isinstance(item, int | float) for item in value)
    return isinstance(value, bool | int | float)


def _is_alike(before: object, value: object) -> bool:
    if isinstance(before, tuple):
        return isinstance(value, tuple) and len(value) == len(before) and all(map(_is_alike, before, value))
    if isinstance(before, bool) or isinstance(value, bool):
        return type(before) is type(value)
    return (isinstance(before, float) and isinstance(value, int)) or type(before) is type(value)


def _is_torchs(optimizer: torch.optim.Optimizer) -> bool:
    return type(optimizer).__module__.startswith("torch.optim.")


def _settings_of(optimizer: torch.optim.Optimizer) -> list[str]:
    if _is_torchs(optimizer):
        return list(inspect.signature(type(optimizer)).parameters)[1:]
    return list(optimizer.defaults)


def _try_out(optimizer: torch.optim.Optimizer, settings: Mapping[str, Any], name: str, value: object) -> None:
    """Raise TuneError where torch refuses the value, or could not go on with it."""
    cls = type(optimizer)
    now: dict[str, Any] = {
        key: plain_value(settings[key])
        for key in _settings_of(optimizer)
        if key in settings and key not in _NEVER
    }
    try:
        cls([nn.Parameter(torch.zeros(2, 2))], **{**now, name: value})
    except Exception as error:  # noqa: BLE001 - whatever torch refuses it with
        raise TuneError(f"{name} cannot be {value!r}: {_words(error)}") from None
    if not optimizer.state:
        return
    try:
        dummy = cls([nn.Parameter(torch.zeros(2, 2))], **now)
        _step(dummy)
    except Exception:  # noqa: BLE001 - what cannot be tried is believed
        return
    dummy.param_groups[0][name] = value
    try:
        _step(dummy)
    except KeyError as error:
        kept = f"{cls.__name__} has kept no {error.args[0]} since its first step"
        raise TuneError(f"{name} cannot become {value!r} while it runs: {kept}") from None
    except Exception as error:  # noqa: BLE001
        raise TuneError(f"{name} cannot become {value!r} while it runs: {_words(error)}") from None


def _step(optimizer: torch.optim.Optimizer) -> None:
    [parameter] = optimizer.param_groups[0]["params"]

    def closure() -> Any:
        ones = torch.ones(2, 2)
        parameter.grad = ones.to_sparse() if isinstance(optimizer, torch.optim.SparseAdam) else ones
        return torch.ones(())

    optimizer.step(closure)


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
