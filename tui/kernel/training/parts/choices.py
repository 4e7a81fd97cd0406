"""What can be chosen in place of a preset's loss, optimizer, schedule and model."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping

from torch import nn

from tui.kernel.building.documentation import summary_of
from tui.kernel.module_walk import counts_of
from tui.kernel.safe_objects import class_name, copy_of, is_a
from tui.kernel.training.parts.offered import HOMES, Kind, annotation_of, offered, offered_arguments, short
from tui.protocol.training import Choice, ChoiceArgument, Choices


def list_choices(namespace: Mapping[str, object]) -> Choices:
    """Return torch's losses, optimizers and schedules, then the models of the namespace, each kind by name.

    Runs no code of the user's.
    """
    models = sorted(_models(namespace), key=lambda choice: choice.name.lower())
    return Choices((*_of_torch(), *models))


@functools.cache
def _of_torch() -> tuple[Choice, ...]:
    return tuple(_choice(kind, name, cls) for kind in HOMES for name, cls in offered(kind).items())


def _choice(kind: Kind, name: str, cls: type) -> Choice:
    arguments = tuple(
        ChoiceArgument(p.name, "" if p.default is p.empty else repr(p.default), short(annotation_of(p)))
        for p in offered_arguments(cls)
    )
    return Choice(kind, name, arguments, summary_of(inspect.getdoc(cls) or "").rstrip(":"))


def _models(namespace: Mapping[str, object]) -> Iterator[Choice]:
    for name, value in copy_of(namespace).items():
        if type(name) is str and not name.startswith("_") and is_a(value, nn.Module):
            counts = counts_of(value)
            total = counts.trainable + counts.frozen
            if not total and not counts.uninitialized:
                continue  # a loss, an activation
            frozen = f", {counts.frozen:,} frozen" if counts.frozen else ""
            about = f"{class_name(value)}, {total:,} parameter{'' if total == 1 else 's'}{frozen}"
            if counts.uninitialized:
                about = f"{class_name(value)}, sizes not known yet"
            yield Choice("model", name, (), about)
