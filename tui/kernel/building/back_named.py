"""From what the user typed to a module of the namespace, and whether a run is training it right now."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

from torch import nn

from tui.kernel.building.errors import BuildingError
from tui.kernel.module_walk import distinct_modules, parameters_of
from tui.kernel.safe_objects import class_name, copy_of, cut, is_a, name_of
from tui.kernel.training.waiting.handover import RunHandle
from tui.kernel.viewing.errors import ViewError
from tui.kernel.viewing.evaluator import Evaluator

_LONGEST: Final = 2000


def named_module(namespace: Mapping[str, object], expression: str) -> nn.Module:
    """Return the module that a path such as ``model.encoder`` or ``models[0]`` names; runs none of the user's code.

    Raises:
        BuildingError: it names none; the message says what it names instead.
    """
    text = expression.strip()
    if not text:
        raise BuildingError("bad expression", "Type the name of a module, e.g. model or model.encoder.")
    try:
        value = Evaluator(namespace).value(_parsed(text))
    except ViewError as error:
        kind = "gone" if error.kind == "gone" else "bad expression"
        raise BuildingError(kind, str(error)) from None
    if is_a(value, nn.Module):
        return value
    if is_a(value, type):
        if issubclass(value, nn.Module):
            name = name_of(value)
            words = f"{cut(text)} is a class: make a module of it first, e.g. model = {name}(…)."
            raise BuildingError("not a module", words)
        raise BuildingError("not a module", f"{cut(text)} is a class, and none of modules.")
    what = class_name(value)
    article = "an" if what[:1].lower() in tuple("aeiou") else "a"
    raise BuildingError("not a module", f"{cut(text)} is {article} {what}, not a module.")


def _parsed(text: str) -> ast.expr:
    if len(text) > _LONGEST:
        raise BuildingError(
            "bad expression", "The expression is too long; assign the module to a name first."
        )
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise BuildingError("bad expression", f"{cut(text)} is not a Python expression: {reason}.") from None
    except (RecursionError, MemoryError):
        raise BuildingError("bad expression", "The expression is nested too deeply.") from None


def running_runs(namespace: Mapping[str, object]) -> list[RunHandle]:
    """Return the runs of the namespace that train now."""
    runs = [value for value in copy_of(namespace).values() if type(value) is RunHandle]
    return [run for run in runs if run.status == "running"]


def is_in_training(model: nn.Module, runs: list[RunHandle]) -> bool:
    """Whether one of the runs trains the model, a part of it, or what it is a part of."""
    ours = {id(tensor) for module in distinct_modules(model) for _, tensor in parameters_of(module)}
    for run in runs:
        trained = run.model
        if trained is None:
            continue
        if trained is model:
            return True
        if any(
            id(tensor) in ours for module in distinct_modules(trained) for _, tensor in parameters_of(module)
        ):
            return True
    return False
