"""What torch offers in place of a preset's loss, optimizer or schedule, found by inspection: classes and arguments."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Iterable
from typing import Final, Literal

import torch
from torch import nn
from torch.optim import lr_scheduler

Kind = Literal["loss", "optimizer", "scheduler"]

HOMES: Final[dict[Kind, str]] = {
    "loss": "torch.nn",
    "optimizer": "torch.optim",
    "scheduler": "torch.optim.lr_scheduler",
}
"""Where the names are looked up."""
_NO_LITERAL: Final = ("Callable", "LRScheduler", "Options")
"""In the annotation of an argument that nobody can type as a literal."""
_NOT_OFFERED: Final = frozenset({"last_epoch", "size_average", "reduce", "device", "dtype"})
"""Arguments that are deprecated, or the trainer's own affair."""

_WORDS: Final = {"float": "a number", "int": "a whole number", "bool": "True or False", "str": "a text"}
_ITEMS: Final = {"float": "numbers", "int": "whole numbers", "str": "texts"}


@functools.cache
def offered(kind: Kind) -> dict[str, type]:
    """Return the classes that can be chosen, by name; those whose arguments cannot be typed are left out."""
    found = {name: cls for name, cls in _public(kind).items() if why_not(kind, cls) == ""}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def named(kind: Kind, name: str) -> type | None:
    """Return the class of that name that is a loss, an optimizer or a schedule, offered or not."""
    return _public(kind).get(name)


def why_not(kind: Kind, cls: type) -> str:
    """Return why a class cannot be chosen by text; empty where it can."""
    typed = [p for p in formals(cls) if p.default is p.empty]
    odd = [p.name for p in typed if not can_be_typed(p)]
    if odd:
        return f"{cls.__name__} needs {' and '.join(odd)}, which no text can give: write it in the preset"
    if kind == "loss":
        if typed:
            return f"{cls.__name__} has parameters of its own, which no optimizer would get: write it in the preset"
        forward = list(inspect.signature(cls.forward).parameters.values())[1:]  # type: ignore[attr-defined]
        needed = [p.name for p in forward if p.default is p.empty]
        if len(needed) != 2:
            return f"{cls.__name__} compares {', '.join(needed)}, not (output, target): write step() in the preset"
    return ""


@functools.cache
def formals(cls: type) -> tuple[inspect.Parameter, ...]:
    """Return what a constructor takes, without what the trainer gives: parameters, the optimizer."""
    all_of_them = list(inspect.signature(cls).parameters.values())
    first = all_of_them[0].name if all_of_them else ""
    return tuple(all_of_them[1:] if first in ("params", "optimizer") else all_of_them)


def offered_arguments(cls: type) -> tuple[inspect.Parameter, ...]:
    """Return what of `formals` a form should show."""
    return tuple(p for p in formals(cls) if p.name not in _NOT_OFFERED and can_be_typed(p))


def annotation_of(parameter: inspect.Parameter) -> str:
    """Return an annotation as it is written; empty where there is none."""
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def short(annotation: str) -> str:
    """Return an annotation without the modules that its names come from."""
    return re.sub(r"\b(?:torch|collections\.abc|typing)\.", "", annotation)


def plain(annotation: str) -> str:
    """Return an annotation in words: ``'min' or 'max'``, ``a number or a list of numbers``; else as it is written."""
    words = re.sub(r"Literal\[(.*?)\]", lambda found: found[1].replace(", ", " or "), short(annotation))
    parts = [part.strip() for part in words.replace("float | Tensor", "float").split(" | ")]
    return " or ".join(_in_words(part) for part in parts)


def _in_words(part: str) -> str:
    sequence = re.fullmatch(r"(tuple|list|Iterable|Sequence)\[(.*)\]", part, re.IGNORECASE)
    if sequence is None:
        return _WORDS.get(part, part)
    kind = "a tuple" if sequence[1].lower() == "tuple" else "a list"
    items = [item.strip() for item in sequence[2].split(",") if item.strip() != "..."]
    if any(item not in _ITEMS for item in items):
        return part
    count = f"{len(items)} " if kind == "a tuple" and "..." not in part and len(items) > 1 else ""
    return f"{kind} of {count}{_ITEMS[items[0]]}"


def can_be_typed(parameter: inspect.Parameter) -> bool:
    """Return whether some literal can stand for the argument."""
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return False
    return not any(word in annotation_of(parameter) for word in _NO_LITERAL)


def wants_tensor(annotation: str) -> bool:
    """Return whether a list or a number is to become a tensor: ``Tensor | None``, not ``float | Tensor``."""
    return "Tensor" in annotation and "float" not in annotation and "Iterable" not in annotation


def fits(annotation: str, value: object) -> bool:
    """Return whether a value is of an annotation; what is not understood fits."""
    if not annotation:
        return True
    try:
        return _fits(ast.parse(annotation, mode="eval").body, value)
    except SyntaxError:
        return True


def _fits(node: ast.expr, value: object) -> bool:
    match node:
        case ast.BinOp(op=ast.BitOr()):
            return _fits(node.left, value) or _fits(node.right, value)
        case ast.Constant(value=None):
            return value is None
        case ast.Constant(value=str()):
            return fits(str(node.value), value)
        case ast.Subscript():
            return _fits_generic(_last_name(node.value), node.slice, value)
        case ast.Name() | ast.Attribute():
            return _fits_name(_last_name(node), value)
    return True


def _fits_name(name: str, value: object) -> bool:
    kinds: dict[str, tuple[type, ...]] = {
        "int": (int,), "float": (float, int), "str": (str,), "bool": (bool,), "Tensor": (torch.Tensor,),
    }  # fmt: skip
    if name not in kinds:
        return True
    return isinstance(value, kinds[name]) and (name == "bool" or not isinstance(value, bool))


def _fits_generic(name: str, inner: ast.expr, value: object) -> bool:
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name == "Literal":
        return any(isinstance(part, ast.Constant) and part.value == value for part in parts)
    if name in ("Optional", "Union"):
        return (name == "Optional" and value is None) or any(_fits(part, value) for part in parts)
    if name not in ("tuple", "Tuple", "list", "List", "Iterable", "Sequence"):
        return True
    if not isinstance(value, list | tuple):
        return False
    open_ended = name not in ("tuple", "Tuple") or isinstance(parts[-1], ast.Constant)
    if open_ended:
        return all(_fits(parts[0], item) for item in value)
    return len(parts) == len(value) and all(map(_fits, parts, value))


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@functools.cache
def _public(kind: Kind) -> dict[str, type]:
    """Return all classes of a kind but the abstract bases, by the names they have in their home."""
    if kind == "loss":
        return dict(_subclasses(vars(nn).items(), nn.Module, "torch.nn.modules.loss"))
    if kind == "optimizer":
        return dict(_subclasses(vars(torch.optim).items(), torch.optim.Optimizer, "torch.optim"))
    return dict(_subclasses(vars(lr_scheduler).items(), lr_scheduler.LRScheduler, "torch.optim.lr_scheduler"))


def _subclasses(items: Iterable[tuple[str, object]], base: type, home: str) -> Iterable[tuple[str, type]]:
    for name, cls in list(items):
        if not (isinstance(cls, type) and issubclass(cls, base)) or cls is base or name.startswith("_"):
            continue
        if cls.__module__.startswith(home) and not _takes_anything(cls):
            yield name, cls


def _takes_anything(cls: type) -> bool:
    """Return whether it is an older name for another class, as ``NLLLoss2d`` is."""
    return any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(cls).parameters.values())
