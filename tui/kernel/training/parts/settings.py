"""The settings of a run: checked before anything is made, and taken on by a run that is resumed."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, get_args

from tui.kernel.training.parts.chosen import (
    check_optimizer,
    check_scheduler,
    chosen_loss,
    chosen_scheduler,
)
from tui.kernel.training.trouble.refusals import SettingsError
from tui.protocol.run import Precision, RunInfo, RunKind, RunSettings

LEAST: dict[str, int] = {"accumulate": 1, "loader_workers": 0, "max_steps": 1, "eval_every": 1}


def check_settings(settings: RunSettings) -> None:
    """Check all that can be checked without the preset's objects.

    Raises:
        SettingsError: a value is none that the setting can have, or names nothing of torch's.
        ChoiceError: the same, of a loss, an optimizer or a schedule.
    """
    for name, kind in (("precision", Precision), ("kind", RunKind)):
        if getattr(settings, name) not in get_args(kind):
            choices = ", ".join(get_args(kind))
            raise SettingsError(f"{name} is one of {choices}, got {getattr(settings, name)!r}")
    for name, least in LEAST.items():
        value = getattr(settings, name)
        if value is not None and (type(value) is not int or value < least):
            raise SettingsError(f"{name} takes a whole number of at least {least}, got {value!r}")
    for name in ("clip_norm", "max_minutes"):
        value = getattr(settings, name)
        if value is not None and not (is_number(value) and value > 0):
            raise SettingsError(f"{name} takes a number above 0, got {value!r}")
    _check_choices(settings)


def is_number(value: object) -> bool:
    """Return whether a value is an int or a float, finite, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_choices(settings: RunSettings) -> None:
    """Make what the settings name, of nothing that is kept: a mistake is told before anything runs."""
    if settings.loss:
        chosen_loss(settings.loss)
    if settings.optimizer:
        optimizer = check_optimizer(settings.optimizer)
        if settings.scheduler:
            chosen_scheduler(settings.scheduler, optimizer)
    elif settings.scheduler:
        check_scheduler(settings.scheduler)


def taken_on(wanted: RunSettings, earlier: RunInfo | None) -> RunSettings:
    """Return the settings of a run: a resumed one goes on with its own unless it is given others."""
    if earlier is not None and wanted == RunSettings():
        return earlier.settings
    return wanted


def differences(before: RunSettings, now: RunSettings) -> dict[str, tuple[Any, Any]]:
    """Return the settings that differ, by name: before and now."""
    return {
        field.name: (getattr(before, field.name), getattr(now, field.name))
        for field in fields(RunSettings)
        if getattr(before, field.name) != getattr(now, field.name)
    }
