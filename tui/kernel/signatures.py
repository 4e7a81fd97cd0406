"""What a function, method or class takes, told without running any code of the user's.

A Python function's parameters are read from its code object, those of C functions from the text signature or
the first lines of the documentation, where torch writes its own and its overloads.
`inspect.signature` is not asked: it follows `__signature__` and `__wrapped__` of any object, and the text of a
default value would be its `__repr__`.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
import types
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from tui.kernel.known_classes import (
    Bound,
    Instance,
    Unknown,
    class_attributes,
    mro_of,
    static_attribute,
    torch_classes,
)
from tui.kernel.safe_objects import class_name, is_a, module_of, name_of, plain_text
from tui.protocol.python_text import OPENING, outline

_C_FUNCTIONS: Final = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
)
_DOC_CHARACTERS: Final = 20_000
_DEFAULT_WIDTH: Final = 24
_OVERLOADS: Final = 8
_TORCH_CONSTANTS: Final = frozenset({"dtype", "device", "layout", "memory_format"})
_DIRECTIVE: Final = re.compile(r"^\s*\.\. (?:function|method|py:function):: *", re.MULTILINE)

_RETURNS: Final = re.compile(r"[ \t]*->[ \t]*([^\n]{1,80})[^\n]*")
_ROLE: Final = re.compile(r":\w+:`~?([^`]*)`|`{1,2}([^`]*)`{1,2}")


@dataclass(frozen=True)
class Signature:
    """One form of calling something."""

    parameters: tuple[str, ...]
    """As they are written in a definition."""
    returns: str = ""
    """What follows ``->``; empty where it is not told."""

    def __str__(self) -> str:
        return f"({', '.join(self.parameters)})"


def doc_of(obj: object) -> str:
    """Return the documentation of a function, class or module; empty for any other object."""
    if is_a(obj, Bound):
        obj = obj.function
    if is_a(obj, type):
        doc: object = class_attributes(obj).get("__doc__")
    elif is_a(obj, types.ModuleType):
        doc = types.ModuleType.__getattribute__(obj, "__dict__").get("__doc__")
    elif type(obj) is types.FunctionType or is_a(obj, _C_FUNCTIONS):
        doc = obj.__doc__
    elif _is_ufunc(obj):
        doc = cast("Any", obj).__doc__
    else:
        doc = None
    return doc[:_DOC_CHARACTERS] if type(doc) is str else ""


def first_sentence(obj: object) -> str:
    """Return the first line of the documentation that is no signature."""
    for line in doc_of(obj).strip().splitlines()[:12]:
        text = line.strip()
        if text and not _looks_like_signature(text) and not text.startswith((".. ", "--")):
            return _ROLE.sub(r"\1\2", text)[:160]
    return ""


def _looks_like_signature(line: str) -> bool:
    return re.match(r"[\w.]+\(.*\)? *(->.*)?$", line) is not None and ("->" in line or line.endswith(")"))


def signatures_of(obj: object) -> list[Signature]:
    """Return the forms in which something can be called; empty where it cannot be, or nothing is known.

    An `Instance`, or an object that is no function, is called through its class: a module through `forward`.
    """
    if is_a(obj, Bound):
        return [_without_first(form) for form in _of_function(obj.function, bound=True)]
    if is_a(obj, Instance):
        return _of_instance(obj.cls)
    if is_a(obj, type):
        return _of_class(obj)
    if type(obj) is functools.partial:
        return signatures_of(obj.func)
    if type(obj) is types.MethodType:
        return signatures_of(Bound(obj.__func__))
    if type(obj) is types.FunctionType or is_a(obj, _C_FUNCTIONS) or _is_ufunc(obj):
        return _of_function(obj)
    return _of_instance(type(obj))


def _is_ufunc(obj: object) -> bool:
    """Whether it is one of NumPy's own kinds of functions."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(obj) in (
        vars(numpy).get("ufunc"), type(vars(numpy).get("concatenate")), type(vars(numpy).get("linspace"))
    )  # fmt: skip


def _without_first(form: Signature) -> Signature:
    """Leave out the parameter that the object itself goes to."""
    if form.parameters[:1] and form.parameters[0][:1] != "*":
        rest = form.parameters[1:]
        return replace(form, parameters=rest[1:] if rest[:1] == ("/",) else rest)
    return form


def _of_function(function: object, *, bound: bool = False) -> list[Signature]:
    """Return the forms of a function with its first parameter; documentation leaves that out where it is `self`."""
    if type(function) is types.FunctionType:
        inner = _innermost(function)
        form = _of_code(inner)
        passes_all_on = all(name[0] == "*" for name in form.parameters) and form.parameters
        return (_from_doc(doc_of(function), function.__name__) if passes_all_on else []) or [form]
    in_python = cast("Any", function)._implementation if hasattr(type(function), "_implementation") else None
    if type(in_python) is types.FunctionType and _is_ufunc(function):
        return [_of_code(in_python)]
    name = getattr(function, "__name__", "") if is_a(function, _C_FUNCTIONS) or _is_ufunc(function) else ""
    told = _from_doc(doc_of(function), name)
    if told:
        # documentation of a method begins after the object
        return [replace(form, parameters=("self", *form.parameters)) for form in told] if bound else told
    text = getattr(function, "__text_signature__", None) if is_a(function, _C_FUNCTIONS) else None
    if type(text) is not str:
        return []
    parameters = split_parameters(text.strip()[1:-1])
    if is_a(function, types.BuiltinFunctionType) and parameters[:1] in (("$module",), ("$self",)):
        parameters = parameters[2:] if parameters[1:2] == ("/",) else parameters[1:]
    return [Signature(tuple(part.replace("$", "") for part in parameters))]


def _innermost(function: types.FunctionType) -> types.FunctionType:
    """Follow what `functools.wraps` left, through functions alone."""
    for _ in range(10):
        wrapped = function.__dict__.get("__wrapped__")
        if type(wrapped) is not types.FunctionType:
            break
        function = wrapped
    return function


def _of_code(function: types.FunctionType) -> Signature:
    code = function.__code__
    names = code.co_varnames
    positional = code.co_argcount
    defaults = function.__defaults__ or ()
    parts = [
        names[i]
        + (
            f"={_default(defaults[i - positional + len(defaults)])}"
            if i >= positional - len(defaults)
            else ""
        )
        for i in range(positional)
    ]
    if code.co_posonlyargcount:
        parts.insert(code.co_posonlyargcount, "/")
    end = positional + code.co_kwonlyargcount
    if code.co_flags & inspect.CO_VARARGS:
        parts.append(f"*{names[end]}")
        end += 1
    elif code.co_kwonlyargcount:
        parts.append("*")
    given = function.__kwdefaults__ or {}
    for name in names[positional : positional + code.co_kwonlyargcount]:
        parts.append(f"{name}={_default(given[name])}" if name in given else name)
    if code.co_flags & inspect.CO_VARKEYWORDS:
        parts.append(f"**{names[end]}")
    returns = function.__annotations__.get("return")
    told = name_of(returns) if is_a(returns, type) else str(returns) if type(returns) is str else ""
    short = told.rpartition(".")[2] if told.replace(".", "").isidentifier() else told
    return Signature(tuple(parts), short[:40])


def _default(value: object) -> str:
    """Return a default value in a few characters."""
    text = plain_text(value)
    if text is None and module_of(type(value)) == "torch" and class_name(value) in _TORCH_CONSTANTS:
        text = repr(value)
    if text is None and type(value) is types.FunctionType:
        text = value.__name__
    if text is None and is_a(value, type):
        text = name_of(value)
    if text is None and type(value) in (tuple, list, dict, set) and not value:
        text = repr(value)
    if text is None and type(value) is tuple and is_a(value, tuple) and len(value) <= 3:
        parts = [plain_text(item) or "…" for item in value]
        text = f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    text = text if text is not None else "…"
    return text if len(text) <= _DEFAULT_WIDTH else "…"


def _of_class(cls: type) -> list[Signature]:
    for base in mro_of(cls):
        attributes = class_attributes(base)
        for name in ("__init__", "__new__"):
            maker = attributes.get(name)
            maker = maker.__func__ if type(maker) is staticmethod else maker
            if type(maker) is types.FunctionType:
                return [replace(_without_first(form), returns=name_of(cls)) for form in _of_function(maker)]
        if "__init__" in attributes or "__new__" in attributes:
            return _from_doc(doc_of(base), name_of(base)) if base is not object else [Signature(())]
    return []


def _of_instance(cls: type) -> list[Signature]:
    is_module = torch_classes.loaded and issubclass(cls, torch_classes.module)
    try:
        called = static_attribute(cls, "forward" if is_module else "__call__")
    except Unknown:
        return []
    called = called.__func__ if type(called) is staticmethod else called
    return signatures_of(Bound(called)) if type(called) is types.FunctionType else []


# -- documentation --------------------------------------------------------------------------------


def _from_doc(doc: str, name: str) -> list[Signature]:
    """Return the signatures at the start of the documentation and those that Sphinx directives add."""
    found: dict[Signature, None] = {}
    for start in (0, *(match.end() for match in _DIRECTIVE.finditer(doc))):
        position = start
        while name and len(found) < _OVERLOADS:
            opening = doc.find("(", position, position + 120)
            if opening < 0 or doc[position:opening].strip().rpartition(".")[2] != name:
                break
            form, position = _one_form(doc, opening)
            if form is None:
                break
            found[form] = None
    return list(found)


def _one_form(doc: str, opening: int) -> tuple[Signature | None, int]:
    """Read ``(a, b=1) -> Tensor`` at `opening`; return it and where it ends."""
    text = doc[opening : opening + 2_000]
    closing = outline(text).pairs.get(0)
    if closing is None:
        return None, opening
    inside = " ".join(text[1:closing].split())
    rest = _RETURNS.match(text, closing + 1)
    returns = rest.group(1).strip() if rest is not None else ""
    told = returns if len(returns) <= 40 and len(returns.split()) <= 4 else ""
    return Signature(split_parameters(inside), told), opening + (rest.end() if rest else closing + 1)


def split_parameters(text: str) -> tuple[str, ...]:
    """Split at the commas that stand in no bracket: ``a, b=(1, 2)[, c]`` gives ``a``, ``b=(1, 2)``, ``c``."""
    depth, start = 0, 0
    parts: list[str] = []
    for position, character in enumerate(text):
        if character in OPENING and character != "[":
            depth += 1
        elif character in ")}":
            depth -= 1
        elif character == "," and depth <= 0 and not _within_list(text, start, position):
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    cleaned = (_without_optional_marks(part) for part in parts)
    return tuple(part for part in cleaned if part)


def _within_list(text: str, start: int, position: int) -> bool:
    """Whether a square bracket that holds a default value is open there: ``dims=[0, 1]``."""
    opened = text.rfind("[", start, position)
    return opened > 0 and text[opened - 1] == "=" and "]" not in text[opened:position]


def _without_optional_marks(part: str) -> str:
    """Take off the square brackets of ``[, c]``, but not those of ``x=[0, 1]``."""
    text = part.strip()
    while text.count("[") > text.count("]") and text.endswith("["):
        text = text[:-1].strip()
    while text.count("]") > text.count("[") and text.endswith("]"):
        text = text[:-1].strip()
    if text.startswith("[") and text.count("[") > text.count("]"):
        text = text[1:].strip()
    return text
