"""One completion with its details: what kind of thing a name is, its signature, shape or value."""

from __future__ import annotations

import types
from typing import Any

from tui.kernel.completion_members import Argument, Mark, Member
from tui.kernel.known_classes import FUNCTIONS, Bound, torch_classes
from tui.kernel.safe_objects import class_name, cut, describe, is_a
from tui.kernel.signatures import first_sentence, signatures_of
from tui.protocol.completing import CompletionItem, CompletionKind

DETAIL_WIDTH = 120


def detailed(name: str, value: object) -> CompletionItem:
    """Return the completion for a name and what is stored under it."""
    if is_a(value, Mark):
        kind: CompletionKind = "keyword" if value.what == "keyword" else "name"
        return CompletionItem(name, kind)
    if is_a(value, Argument):
        return CompletionItem(name, "argument", value.default)
    if is_a(value, Member):
        return _member(name, value)
    return _object(name, value)


def _member(name: str, member: Member) -> CompletionItem:
    stored = member.stored
    if type(stored) is staticmethod:
        return _callable(name, "function", stored.__func__)
    if type(stored) is classmethod:
        return _callable(name, "method", Bound(stored.__func__))
    if type(stored) in FUNCTIONS:
        return _callable(name, "method", stored if member.on_class else Bound(stored))
    if is_a(stored, property):
        doc = first_sentence(stored.fget) if type(stored.fget) is types.FunctionType else ""
        return CompletionItem(name, "attribute", doc=doc)
    if type(stored) in (types.GetSetDescriptorType, types.MemberDescriptorType):
        return CompletionItem(name, "attribute", doc=_first_line(stored.__doc__))
    return _object(name, stored)


def _first_line(doc: object) -> str:
    lines = doc.strip().splitlines() if type(doc) is str else []
    return lines[0].strip()[:160] if lines else ""


def _object(name: str, value: object) -> CompletionItem:
    if torch_classes.is_tensor(value):
        return _tensor(name, value)
    if is_a(value, types.ModuleType):
        return CompletionItem(name, "module", doc=first_sentence(value))
    if is_a(value, type):
        return _callable(name, "class", value)
    if type(value) in FUNCTIONS or type(value) is types.MethodType or class_name(value) == "ufunc":
        return _callable(name, "function", value)
    if torch_classes.is_module(value):
        return CompletionItem(name, "value", class_name(value), first_sentence(type(value)))
    return CompletionItem(name, "value", cut(describe(value), DETAIL_WIDTH))


def _callable(name: str, kind: CompletionKind, value: object) -> CompletionItem:
    forms = signatures_of(value)
    detail = str(forms[0]) if forms else ""
    if len(forms) > 1:
        detail += f"  +{len(forms) - 1}"
    return CompletionItem(name, kind, cut(detail, DETAIL_WIDTH), first_sentence(value))


def _tensor(name: str, value: object) -> CompletionItem:
    """Return ``(10, 3) float32 cuda:0``; its values are not read, so nothing waits for a device."""
    import torch

    from tui.kernel.torch_private import without_overrides

    asked: Any = torch.Tensor  # its own descriptors, past a subclass that says otherwise
    kind: CompletionKind = "parameter" if issubclass(type(value), torch.nn.Parameter) else "tensor"
    with without_overrides():
        try:
            dtype = str(asked.dtype.__get__(value)).removeprefix("torch.")
            device = str(asked.device.__get__(value))
            shape = tuple(asked.shape.__get__(value))
        except Exception:  # noqa: BLE001 - a nested tensor has no shape, one of a transform has anything
            return CompletionItem(name, kind, class_name(value))
    return CompletionItem(name, kind, f"{shape} {dtype}" + ("" if device == "cpu" else f" {device}"))
