"""The modules of the namespace as trees, with counts that are right: see `module_walk`."""

from __future__ import annotations

from collections.abc import Container, Mapping

import torch
from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.module_walk import Counts, Visit, children_of, counts_of, parameters_of, walk
from tui.kernel.safe_objects import class_name, cut, instance_attributes, is_a, user_variables
from tui.protocol.messages import ModuleRow, ModuleTree

_SETTINGS_WIDTH = 200


def list_modules(namespace: Mapping[str, object], *, hidden: Container[str], limit: int = 5000) -> ModuleTree:
    """Return every module variable with what is below it.

    A module met again (shared, or inside itself) has one row that names the first; what is below is there.

    Args:
        namespace: the user's; only read, may be written to meanwhile.
        hidden: names to leave out.
        limit: rows beyond it are left out, and counted in `omitted`.
    """
    trees: list[list[Visit]] = []
    roots: dict[int, str] = {}
    with torch_private.without_overrides():
        for name, value in user_variables(namespace, hidden):
            if not is_a(value, nn.Module):
                continue
            first = roots.setdefault(id(value), name)
            trees.append(walk(name, value) if first == name else [Visit(name, value, 0, -1, first)])
        tied = _tied_parameters(trees)
        rows: list[ModuleRow] = []
        total = 0
        for tree in trees:
            total += len(tree)
            if len(rows) < limit:
                rows += _rows(tree, tied, limit - len(rows))
    return ModuleTree(rows=tuple(rows), omitted=total - len(rows))


def _rows(tree: list[Visit], tied: set[int], limit: int) -> list[ModuleRow]:
    """Return the first rows of a tree; counts are of everything below, listed or not."""
    rows: list[ModuleRow] = []
    subtrees: list[Counts | None] = [None] * len(tree)
    for index in reversed(range(len(tree))):  # children before parents
        visit = tree[index]
        if visit.first:
            counts = counts_of(visit.module)
        else:
            counts = subtrees[index] or Counts()
            counts.add(visit.module)
        if index < limit:
            rows.append(_row(visit, counts, tied))
        if visit.parent >= 0:
            held = subtrees[visit.parent]
            subtrees[visit.parent] = counts if held is None else held.merged(counts)
        subtrees[index] = None
    return rows[::-1]


def _row(visit: Visit, counts: Counts, tied: set[int]) -> ModuleRow:
    parameters = parameters_of(visit.module)
    training = instance_attributes(visit.module).get("training", True)
    return ModuleRow(
        path=visit.path,
        class_name=class_name(visit.module),
        depth=visit.depth,
        settings=f"same module as {visit.first}" if visit.first else settings_of(visit.module),
        parameters=tuple(f"{name} {shape_text(tensor)}" for name, tensor in parameters),
        trainable=counts.trainable,
        frozen=counts.frozen,
        buffers=counts.buffers,
        tied=tuple(name for name, tensor in parameters if id(tensor) in tied),
        training=training is True,
    )


def _tied_parameters(trees: list[list[Visit]]) -> set[int]:
    """Return the ids of parameters that stand in several places, those of one shared module apart."""
    places: dict[int, set[tuple[int, str]]] = {}
    for tree in trees:
        for visit in tree:
            for name, parameter in () if visit.first else parameters_of(visit.module):
                places.setdefault(id(parameter), set()).add((id(visit.module), name))
    return {parameter for parameter, where in places.items() if len(where) > 1}


def shape_text(tensor: Tensor) -> str:
    """Return the shape as the user would write it; `(?)` where it is not known yet."""
    if torch_private.is_lazy(tensor):
        return "(?)"
    return str(tuple(torch.Tensor.size(tensor)))


def settings_of(module: nn.Module) -> str:
    """Return the module's `extra_repr` on one line, where that is torch's own code; else nothing.

    A class of the user's that overrides it, or attribute access, would run code that may do anything.
    """
    classes = type(module).__mro__
    for name in ("__getattr__", "__getattribute__"):
        if _definer(classes, name) not in (nn.Module, object):
            return ""
    definer = _definer(classes, "extra_repr")
    if definer is None or not str(definer.__module__).startswith("torch."):
        return ""
    if "extra_repr" in instance_attributes(module):
        return ""
    try:
        text = definer.__dict__["extra_repr"](module)
    except Exception:  # noqa: BLE001 - attributes that torch's code expects may be gone
        return ""
    return cut(" ".join(text.split()), _SETTINGS_WIDTH) if isinstance(text, str) else ""


def _definer(classes: tuple[type, ...], name: str) -> type | None:
    return next((cls for cls in classes if name in cls.__dict__), None)


def module_summary(module: nn.Module, *, children: bool = True) -> str:
    """Return e.g. `Linear→ReLU→Linear 12,345 parameters (10 frozen)`: children unless not wanted, then counts."""
    names = [class_name(child) for _, child in children_of(module)] if children else []
    joint = "→" if is_a(module, nn.Sequential) else ", "
    inside = joint.join(names[:4]) + ("…" if len(names) > 4 else "")
    counts = counts_of(module)
    total = counts.trainable + counts.frozen
    text = f"{total:,} parameter{'' if total == 1 else 's'}"
    notes = [f"{counts.frozen:,} frozen"] if counts.frozen else []
    notes += [f"{counts.uninitialized} uninitialized"] if counts.uninitialized else []
    if not total and not notes and "_parameters" not in instance_attributes(module):
        return "not initialized: super().__init__() was not called"
    return " ".join(filter(None, (inside, text, f"({', '.join(notes)})" if notes else "")))
