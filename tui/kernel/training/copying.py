"""A copy of a model that shares nothing with it, without the hooks that watch the original."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from torch import nn

_HOOKS: Final = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_OURS: Final = "tui."


def copy_of_model(model: nn.Module) -> nn.Module:
    """Return a deep copy; the user's hooks are copied with it, those of ours are not.

    Raises:
        Exception: what the model holds cannot be copied, such as a tensor with a graph.
    """
    memo: dict[int, Any] = {}
    for module in model.modules():
        for name in _HOOKS:
            hooks = vars(module).get(name)
            if hooks and any(map(_is_ours, hooks.values())):
                memo[id(hooks)] = copy.deepcopy(_without_ours(hooks))
    return copy.deepcopy(model, memo)


def _without_ours(hooks: Mapping[int, Any]) -> OrderedDict[int, Any]:
    return OrderedDict((key, hook) for key, hook in hooks.items() if not _is_ours(hook))


def _is_ours(hook: object) -> bool:
    inner = getattr(hook, "func", hook)  # of a partial
    return str(getattr(inner, "__module__", type(inner).__module__)).startswith(_OURS)
