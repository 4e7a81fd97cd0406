"""A loss, an optimizer, a schedule or a model from the text that was chosen for it.

NOTE [What a choice may say]
``SGD(lr=0.1, momentum=0.9)`` is read with `ast` and never run: the name is looked up in its home in torch, and the
arguments are literals. A list given for an argument that takes a tensor becomes one. A model is a path to an object
of the namespace (``nets['small'].body``), found without running any code of the user's.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import torch
from torch import nn

from tui.kernel.safe_objects import class_name, cut, is_a
from tui.kernel.training.parts.offered import (
    HOMES,
    Kind,
    annotation_of,
    fits,
    formals,
    named,
    offered,
    plain,
    wants_tensor,
    why_not,
)
from tui.protocol.preset import nearest

NO_SCHEDULE: Final = "none"
"""In place of a scheduler: there is to be none."""
_PREFIXES: Final = (
    "torch.optim.lr_scheduler.", "optim.lr_scheduler.", "lr_scheduler.", "torch.optim.", "optim.", "torch.nn.", "nn.",
)  # fmt: skip
_NUMBERS: Final = {"inf": math.inf, "nan": math.nan}


class ChoiceError(ValueError):
    """A choice that names nothing, or nothing that can be used; the message is for the user."""


@dataclass(frozen=True)
class Call:
    """A choice as it was written."""

    name: str
    positional: tuple[object, ...] = ()
    named: dict[str, object] = field(default_factory=dict)


def chosen_loss(text: str) -> nn.Module:
    """Return the loss of `torch.nn` that is written, e.g. ``HuberLoss(delta=0.5)``; on the CPU.

    Raises:
        ChoiceError: there is none, or torch refuses its arguments, or it gives more than one number.
    """
    loss = cast("nn.Module", _made("loss", text))
    if getattr(loss, "reduction", "mean") not in ("mean", "sum", "batchmean"):
        words = f"got {loss.reduction!r}: training takes one number per batch, so 'mean' or 'sum'"
        raise ChoiceError(f"reduction of {type(loss).__name__} {words}")
    return loss


def chosen_optimizer(text: str, parameters: Iterable[Any]) -> torch.optim.Optimizer:
    """Return the optimizer of `torch.optim` that is written, e.g. ``SGD(lr=0.1, momentum=0.9)``, of the parameters.

    Raises:
        ChoiceError: there is none, or torch refuses its arguments or the parameters.
    """
    parameters = list(parameters)
    if not parameters:
        raise ChoiceError("the model has no parameters, so there is nothing to optimize")
    return cast("torch.optim.Optimizer", _made("optimizer", text, parameters))


def chosen_scheduler(
    text: str, optimizer: torch.optim.Optimizer
) -> torch.optim.lr_scheduler.LRScheduler | None:
    """Return the schedule of `torch.optim.lr_scheduler` that is written, e.g. ``StepLR(step_size=5)``.

    None for ``none``.

    Raises:
        ChoiceError: there is none, or torch refuses its arguments.
    """
    if text.strip().lower() == NO_SCHEDULE:
        return None
    return cast("torch.optim.lr_scheduler.LRScheduler", _made("scheduler", text, optimizer))


def chosen_model(expression: str, namespace: Mapping[str, object] | None) -> nn.Module:
    """Return the module that an expression of names, attributes and indices leads to; the very object.

    Raises:
        ChoiceError: it leads to none, or to one that is not ready to be trained.
    """
    from tui.kernel.viewing.errors import ViewError

    text = expression.strip()
    try:
        found = _at(_parsed(text), namespace or {})
    except ViewError as error:
        words = str(error).replace("A view runs none of your code", "Choosing a model runs none of your code")
        raise ChoiceError(words.replace("a view takes items of", "one can take items of")) from None
    if is_a(found, type):
        raise ChoiceError(f"{text} is a class; make a model of it in a cell first: model = {text}(…)")
    if not is_a(found, nn.Module):
        raise ChoiceError(f"{text} is {_a(class_name(found))}, not an nn.Module")
    if any(isinstance(parameter, nn.UninitializedParameter) for parameter in found.parameters()):
        raise ChoiceError(
            f"{text} has layers whose sizes are not known yet (lazy ones): run a batch through it in a cell first"
        )
    return found


def read_call(text: str) -> Call:
    """Read ``Name`` or ``Name(…)`` with literals, without running anything.

    Raises:
        ChoiceError: it is something else.
    """
    node = _parsed(text)
    call = node if isinstance(node, ast.Call) else None
    name = _dotted(call.func if call is not None else node)
    if name is None:
        raise ChoiceError(f"{cut(text)} is no name with arguments, such as SGD(lr=0.1)")
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    if call is None:
        return Call(name)
    if any(keyword.arg is None for keyword in call.keywords):
        raise ChoiceError(f"arguments are given one by one, without **: {cut(text)}")
    return Call(
        name,
        tuple(_literal(value) for value in call.args),
        {str(keyword.arg): _literal(keyword.value) for keyword in call.keywords},
    )


def read_literal(text: str) -> object:
    """Read a Python literal, ``inf`` and ``nan`` too, without running anything.

    Raises:
        ChoiceError: it is none.
    """
    return _literal(_parsed(text))


# -- classes of torch --------------------------------------------------------------------------------


def _made(kind: Kind, text: str, *given: object) -> object:
    call = read_call(text)
    cls = _class(kind, call.name)
    arguments = _arguments(cls, call)
    shown = ", ".join(f"{name}={_shown(value)}" for name, value in arguments.items())
    return construct(cast("Callable[..., object]", cls), given, arguments, f"{cls.__name__}({shown})")


def construct(
    cls: Callable[..., object], given: tuple[object, ...], arguments: Mapping[str, object], shown: str
) -> object:
    """Return what a constructor makes, its refusal as a ChoiceError that names `shown`."""
    try:
        return cls(*given, **arguments)
    except Exception as error:  # noqa: BLE001 - whatever torch refuses it with
        words = " ".join(str(error).split())
        raise ChoiceError(f"torch refuses {shown}: {words or type(error).__name__}") from None


def _class(kind: Kind, name: str) -> type:
    cls = named(kind, name)
    if cls is None:
        hint = nearest(name, offered(kind))
        of = {"loss": "loss", "optimizer": "optimizer", "scheduler": "learning-rate schedule"}[kind]
        if name in dir(nn) and kind == "loss":
            raise ChoiceError(f"torch.nn.{name} is no {of}{hint}")
        raise ChoiceError(f"{HOMES[kind]} has no {name!r}{hint}")
    reason = why_not(kind, cls)
    if reason:
        raise ChoiceError(reason)
    return cls


def _arguments(cls: type, call: Call) -> dict[str, object]:
    """Return the arguments by name, each of its type; raises ChoiceError."""
    taken = {parameter.name: parameter for parameter in formals(cls)}
    places = [name for name, parameter in taken.items() if parameter.kind is not parameter.KEYWORD_ONLY]
    if len(call.positional) > len(places):
        raise ChoiceError(f"{cls.__name__} takes at most {len(places)} arguments without a name")
    values = dict(zip(places, call.positional, strict=False))
    for name, value in call.named.items():
        if name not in taken:
            hint = nearest(name, taken) or "."
            raise ChoiceError(
                f"{cls.__name__} has no argument {name!r}{hint} It has {', '.join(taken) or 'none'}"
            )
        if name in values:
            raise ChoiceError(f"{cls.__name__} is given {name} twice")
        values[name] = value
    missing = [name for name, parameter in taken.items() if _is_missing(parameter, values)]
    if missing:
        wanted = ", ".join(f"{name}=…" for name in missing)
        raise ChoiceError(f"{cls.__name__} needs {' and '.join(missing)}: {cls.__name__}({wanted})")
    return {name: _value(cls, taken[name], value) for name, value in values.items()}


def _is_missing(parameter: inspect.Parameter, values: Mapping[str, object]) -> bool:
    return parameter.default is parameter.empty and parameter.name not in values


def _value(cls: type, parameter: inspect.Parameter, value: object) -> object:
    annotation = annotation_of(parameter)
    if wants_tensor(annotation) and isinstance(value, list | tuple | int | float):
        try:
            return torch.tensor(value, dtype=torch.get_default_dtype())
        except (ValueError, TypeError, RuntimeError) as error:
            raise ChoiceError(
                f"{parameter.name} of {cls.__name__} takes a list of numbers: {error}"
            ) from None
    if not fits(annotation, value):
        raise ChoiceError(
            f"{parameter.name} of {cls.__name__} takes {plain(annotation)}, got {_shown(value)}"
        )
    return value


def _shown(value: object) -> str:
    return str(value.tolist()) if isinstance(value, torch.Tensor) else repr(value)


# -- texts -------------------------------------------------------------------------------------------


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ChoiceError(f"{cut(text) or 'an empty text'} cannot be read: {reason}") from None
    except (RecursionError, MemoryError):
        raise ChoiceError("the text is nested too deeply") from None


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    return None


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(_Infinities().visit(node))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ChoiceError(
            f"{cut(ast.unparse(node))} is no plain value: a number, text, True, False, None or a list of such"
        ) from None


class _Infinities(ast.NodeTransformer):
    """Lets ``inf`` and ``nan`` be written as Python shows them."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.copy_location(ast.Constant(_NUMBERS[node.id]), node) if node.id in _NUMBERS else node


def _at(node: ast.expr, namespace: Mapping[str, object]) -> object:
    """Return what a path leads to; raises ViewError and ChoiceError."""
    from tui.kernel.viewing.lookups import attribute_of, item_of

    match node:
        case ast.Name():
            if node.id not in namespace:
                names = [name for name in list(namespace) if not name.startswith("_")]
                raise ChoiceError(f"there is no {node.id!r} in the namespace{nearest(node.id, names)}")
            return namespace[node.id]
        case ast.Attribute():
            return attribute_of(_at(node.value, namespace), node.attr, ast.unparse(node.value))
        case ast.Subscript():
            return item_of(_at(node.value, namespace), _literal(node.slice), ast.unparse(node.value))
    raise ChoiceError(
        f"{cut(ast.unparse(node))} is more than names, attributes and indices: make the model in a cell first"
    )


def _a(name: str) -> str:
    return f"{'an' if name[:1].lower() in tuple('aeiou') else 'a'} {name}"
