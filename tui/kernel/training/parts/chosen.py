"""A loss, an optimizer, a schedule or a model from the text that was chosen for it.

NOTE [What a choice may say]
``SGD(lr=0.1, momentum=0.9)`` is read with `ast` and never run: the name is looked up in its home in torch, and the
arguments are literals. A list given for an argument that takes a tensor becomes one. A model is a path to an object
of the namespace (``nets['small'].body``), found without running any code of the user's.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from tui.kernel.training.parts.written import Call, ChoiceError, literal_of, parsed, read_call
from tui.protocol.preset import nearest

__all__ = [
    "ChoiceError",
    "check_optimizer",
    "check_scheduler",
    "chosen_loss",
    "chosen_model",
    "chosen_optimizer",
    "chosen_scheduler",
    "construct",
]

NO_SCHEDULE: Final = "none"
"""In place of a scheduler: there is to be none."""


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


def chosen_optimizer(
    text: str, parameters: Iterable[Any], names: Sequence[str] = ()
) -> torch.optim.Optimizer:
    """Return the optimizer of `torch.optim` that is written, e.g. ``SGD(lr=0.1, momentum=0.9)``, of the parameters.

    Args:
        text: as it was written.
        parameters: of the model.
        names: theirs, in the same order; empty where they have none worth telling.

    Raises:
        ChoiceError: there is none, or torch refuses its arguments or the parameters.
    """
    parameters = list(parameters)
    if not parameters:
        raise ChoiceError("the model has no parameters, so there is nothing to optimize")
    try:
        return cast("torch.optim.Optimizer", _made("optimizer", text, parameters))
    except ChoiceError:
        words = _misfits(text, parameters, names)
        if words:
            raise ChoiceError(words) from None
        raise


def check_optimizer(text: str) -> torch.optim.Optimizer:
    """Return the optimizer that is written, of parameters of ours, as far as it can be checked without a model.

    Some take matrices alone (Muon): whether the model has others is told when it is there.

    Raises:
        ChoiceError: there is none, or torch refuses its arguments.
    """
    matrix, vector = nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(2))
    try:
        return cast("torch.optim.Optimizer", _made("optimizer", text, [matrix, vector]))
    except ChoiceError:
        return cast("torch.optim.Optimizer", _made("optimizer", text, [matrix]))


def _misfits(text: str, parameters: Sequence[Any], names: Sequence[str]) -> str:
    """Return which parameters an optimizer does not take for their number of dimensions; empty where it is not that."""
    counts = sorted({parameter.dim() for parameter in parameters})
    taken = [count for count in {*counts, 2} if _takes(text, count)]
    odd = [place for place, parameter in enumerate(parameters) if parameter.dim() not in taken]
    if not taken or not odd:
        return ""
    first = odd[0]
    name = f"{names[first]} " if first < len(names) else "one "
    others = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
    kind = "matrices (2 dimensions)" if taken == [2] else f"parameters of {_listed(taken)} dimensions"
    verb = "are" if others else "is"
    return (
        f"{read_call(text).name} takes {kind} alone; {name}{tuple(parameters[first].shape)}{others} of this model"
        f" {verb} none: choose another optimizer, or a model without such parameters"
    )


def _takes(text: str, dimensions: int) -> bool:
    try:
        _made("optimizer", text, [nn.Parameter(torch.zeros((2,) * dimensions))])
    except ChoiceError:
        return False
    return True


def _listed(numbers: Iterable[int]) -> str:
    return " or ".join(map(str, sorted(numbers)))


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


def check_scheduler(text: str) -> None:
    """Check the name and the arguments of a schedule, as far as that can be done without the optimizer.

    Raises:
        ChoiceError: there is none of that name, or it takes no such arguments.
    """
    if text.strip().lower() != NO_SCHEDULE:
        call = read_call(text)
        _arguments(_class("scheduler", call.name), call)


def chosen_model(expression: str, namespace: Mapping[str, object] | None) -> nn.Module:
    """Return the module that an expression of names, attributes and indices leads to; the very object.

    Raises:
        ChoiceError: it leads to none, or to one that is not ready to be trained.
    """
    from tui.kernel.viewing.errors import ViewError

    text = expression.strip()
    try:
        found = _at(parsed(text), namespace or {})
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


# -- paths -------------------------------------------------------------------------------------------


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
            return item_of(_at(node.value, namespace), literal_of(node.slice), ast.unparse(node.value))
    raise ChoiceError(
        f"{cut(ast.unparse(node))} is more than names, attributes and indices: make the model in a cell first"
    )


def _a(name: str) -> str:
    return f"{'an' if name[:1].lower() in tuple('aeiou') else 'a'} {name}"
