"""Which variables see a change in place: those that share the memory of the tensor that was changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.operations.seen import TensorSeen, see_tensor
from tui.kernel.operations.words import listed
from tui.kernel.safe_objects import is_a, user_variables
from tui.protocol.operations import Step

LOOKED_AT: Final = 500
"""Tensors of the namespace that are looked at."""
_NAMED: Final = 4


def with_sharers(step: Step, changed: TensorSeen | None, namespace: Mapping[str, object]) -> Step:
    """Return a step that changed a tensor in place with a note that names the other variables that changed with it.

    Reads no values. Views and bases alike are named, also where they show other elements of the same memory.
    """
    if changed is None or not changed.storage:
        return step
    own = step.inputs[0].text if step.inputs else ""
    names = sharers(changed, namespace, own)
    if not names:
        return step
    shown = [*names[:_NAMED], f"{len(names) - _NAMED} more"] if len(names) > _NAMED else names
    look = "looks" if len(names) == 1 else "look"
    told = f"{listed(shown)} {look} into the same memory: what is shared changed there too"
    return replace(step, notes=(*step.notes, told))


def sharers(changed: TensorSeen, namespace: Mapping[str, object], own: str) -> list[str]:
    """Return the names of the other variables whose memory is that of a tensor, in the order of their making."""
    tensors = [(name, value) for name, value in user_variables(namespace, ()) if is_a(value, Tensor)][
        -LOOKED_AT:
    ]
    with torch.inference_mode(), torch_private.without_overrides():
        return [
            name for name, value in tensors if name != own and see_tensor(value).storage == changed.storage
        ]
