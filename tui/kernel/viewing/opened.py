"""Opens a view: the tensor that its expression names, with the facts that the user sees above the values."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from torch import Tensor, nn

from tui.kernel.drawing.facts import tensor_facts
from tui.kernel.safe_objects import is_a, user_variables
from tui.kernel.viewing import arrange
from tui.kernel.viewing.errors import reading
from tui.kernel.viewing.expression import Evaluated, evaluate
from tui.kernel.viewing.lookups import parameter_paths
from tui.protocol.viewing import OpenView, View, ViewFacts

_MOST_NAMES: Final = 256


@dataclass(frozen=True)
class Opened:
    """A view, ready to be read. Holds the user's tensor: to be dropped with the request."""

    view: View
    evaluated: Evaluated
    facts: ViewFacts

    @property
    def name(self) -> str:
        """How the user calls it."""
        return self.evaluated.text

    @property
    def tensor(self) -> Tensor:
        """What the expression is; not yet arranged."""
        return self.evaluated.value

    @property
    def key(self) -> Hashable:
        """Of the tensor with the versions of what it was made from."""
        return self.evaluated.key

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the view, arranged; -1 for a dimension that varies."""
        return self.facts.tensor.shape


def open_view(namespace: Mapping[str, object], request: OpenView) -> ViewFacts:
    """Return what a view shows, without reading a value.

    Raises:
        ViewError: it shows nothing; in words.
    """
    with reading(request.view.expression):
        opened = opened_view(namespace, request.view)
        if not opened.evaluated.plain_path or not opened.facts.leaf_name:
            return opened.facts
        # the user may have given it another name since it was first seen
        return replace(opened.facts, leaf_name=_NAMES.find(opened.evaluated, namespace, anew=True))


def opened_view(namespace: Mapping[str, object], view: View) -> Opened:
    """Return the view, ready to be read. To be called within `errors.reading`."""
    evaluated = evaluate(view.expression, namespace)
    facts = tensor_facts(evaluated.value)
    if view.arrangement:
        facts = arrange.arranged_facts(facts, view, evaluated.value)
    leaf_name = ""
    if facts.grad in ("leaf", "leaf+grad") and evaluated.plain_path and not view.arrangement:
        leaf_name = _NAMES.find(evaluated, namespace)
    return Opened(view, evaluated, ViewFacts(facts, evaluated.identity, evaluated.version, leaf_name))


class _Names:
    """The names that Autograd gives to leaves, kept so that scrolling does not walk the modules again."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._lock = threading.Lock()

    def find(self, evaluated: Evaluated, namespace: Mapping[str, object], *, anew: bool = False) -> str:
        """Return the first name under which the namespace reaches a tensor; empty where it reaches it by none."""
        with self._lock:
            known = None if anew else self._found.get(evaluated.identity)
        if known is not None:
            return known
        name = _first_name(evaluated.value, namespace)
        with self._lock:
            if len(self._found) >= _MOST_NAMES:
                self._found.clear()
            self._found[evaluated.identity] = name
        return name


_NAMES: Final = _Names()


def _first_name(tensor: Tensor, namespace: Mapping[str, object]) -> str:
    """Return how the table of leaves calls the tensor."""
    for name, value in user_variables(namespace, ()):
        if value is tensor:
            return name
        if is_a(value, nn.Module):
            for path, parameter in parameter_paths(value, name):
                if parameter is tensor:
                    return path
    return ""
