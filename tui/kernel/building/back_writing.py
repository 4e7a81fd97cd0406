"""Writes operations of a traced graph as Python, with marks for the values that have no names yet."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import torch
from torch import fx
from torch.nn import functional

from tui.kernel.building.back_trace import NotTraced

_INFIX: Final = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.floordiv: "//",
    operator.matmul: "@", operator.pow: "**", operator.mod: "%", operator.iadd: "+", operator.isub: "-",
    operator.imul: "*", operator.itruediv: "/", operator.and_: "&", operator.or_: "|", operator.xor: "^",
    operator.eq: "==", operator.ne: "!=", operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=",
}  # fmt: skip
_PREFIX: Final = {operator.neg: "-", operator.invert: "~", operator.pos: "+"}
_LEFT_OUT: Final = ("inplace", "training", "_stacklevel")
_TRACED_ON: Final = torch.device("meta")
"""Where tensors are made while a `forward` is followed."""
_OPERANDS: Final = "\0{}\0"
"""How a value stands in a text until it has a name."""


def mark(node: fx.Node) -> str:
    """Return how a value stands in the text of an expression."""
    return _OPERANDS.format(node.name)


def flat_inputs(node: fx.Node) -> Iterator[fx.Node]:
    """Yield the nodes among the arguments, each as often as it stands there."""
    yield from _nodes_in((node.args, node.kwargs))


def _nodes_in(value: object) -> Iterator[fx.Node]:
    if isinstance(value, fx.Node):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _nodes_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _nodes_in(item)
    elif isinstance(value, slice):
        yield from _nodes_in((value.start, value.stop, value.step))


def operands_of(value: object, inlined: set[fx.Node]) -> Iterator[fx.Node]:
    """Yield the values that an expression needs, each once."""
    seen: set[fx.Node] = set()
    for node in _nodes_in(value):
        for one in operands_of((node.args, node.kwargs), inlined) if node in inlined else (node,):
            if one not in seen:
                seen.add(one)
                yield one


def text_of(value: object, inlined: set[fx.Node]) -> str:
    """Return a value as Python, with marks for what has no name yet."""
    if isinstance(value, fx.Node):
        return written(value, inlined) if value in inlined else mark(value)
    if isinstance(value, tuple | list):
        inner = ", ".join(text_of(item, inlined) for item in value)
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {text_of(item, inlined)}" for key, item in value.items()) + "}"
    if isinstance(value, slice):
        bounds = [text_of(part, inlined) if part is not None else "" for part in (value.start, value.stop)]
        return ":".join(bounds) + (f":{text_of(value.step, inlined)}" if value.step is not None else "")
    if value is ...:
        return "..."
    if isinstance(value, torch.dtype) or value is None or type(value) in (bool, int, float, complex, str):
        return repr(value)
    raise NotTraced(f"it computes with {value!r}")


def written(node: fx.Node, inlined: set[fx.Node]) -> str:
    """Return the operation of a node as Python."""

    def operand(value: object) -> str:
        text = text_of(value, inlined)
        compound = isinstance(value, fx.Node) and value in inlined and value.target in {*_INFIX, *_PREFIX}
        return f"({text})" if compound else text

    options = _options(node)
    if node.op == "call_method":
        owner, *args = node.args
        name = str(node.target)
        name = name[:-1] if name.endswith("_") and not name.startswith("_") else name
        return f"{operand(owner)}.{name}({_arguments(args, options, inlined)})"
    target: Any = node.target
    if target is getattr:
        return f"{operand(node.args[0])}.{node.args[1]}"
    if target is operator.getitem:
        index = node.args[1]
        text = text_of(index, inlined)
        if isinstance(index, tuple) and index:
            text = text[1:-1]
        return f"{operand(node.args[0])}[{text}]"
    if target in _INFIX:
        left, right = node.args
        return f"{operand(left)} {_INFIX[target]} {operand(right)}"
    if target in _PREFIX:
        return f"{_PREFIX[target]}{operand(node.args[0])}"
    return f"{_function_name(target)}({_arguments(node.args, options, inlined)})"


def _options(node: fx.Node) -> dict[str, Any]:
    """Return the named arguments of a function, those that are as they would be anyway left out."""
    defaults: dict[str, object] = {}
    name = str(getattr(node.target, "__name__", ""))
    for function in (node.target, vars(functional).get(f"_{name}")):
        if node.op == "call_function" and inspect.isfunction(function):
            for parameter in inspect.signature(function).parameters.values():
                defaults.setdefault(parameter.name, parameter.default)
    missing = object()
    return {
        name: value
        for name, value in node.kwargs.items()
        if name not in _LEFT_OUT
        and value != _TRACED_ON
        and (isinstance(value, fx.Node) or defaults.get(name, missing) != value)
    }


def _arguments(args: Iterable[object], options: dict[str, Any], inlined: set[fx.Node]) -> str:
    texts = [text_of(arg, inlined) for arg in args]
    texts += [f"{name}={text_of(value, inlined)}" for name, value in options.items()]
    return ", ".join(texts)


def _function_name(function: Callable[..., object]) -> str:
    """Return ``torch.cat``, ``F.relu``, ``abs``."""
    name = str(getattr(function, "__name__", "")).lstrip("_")
    for prefix, owner in (
        ("F", functional),
        ("torch", torch),
        ("torch.linalg", torch.linalg),
        ("torch.fft", torch.fft),
    ):
        if name and vars(owner).get(name) is function:
            return f"{prefix}.{name}"
    if function in (abs, len, int, float) or function is operator.abs:
        return name
    raise NotTraced(f"it calls {getattr(function, '__qualname__', None) or function!r}")
