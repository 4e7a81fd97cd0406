"""Bindings as one line each: keys, action, label, id, what it does."""

from __future__ import annotations

from textual.binding import Binding


def key(
    keys: str, action: str, label: str, id: str, tooltip: str, *, show: bool = True, first: bool = False
) -> Binding:
    """Return a binding that users can remap by `id` and that the help explains by `tooltip`.

    `show`: whether the footer has it; `first`: whether it goes before what has the focus.
    """
    return Binding(keys, action, label, id=id, tooltip=tooltip, show=show, priority=first)
