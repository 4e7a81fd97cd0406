"""Why an operation on tensors failed: finds the expression and what went into it, and asks the rules for words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tui.kernel.explain import explain
from tui.kernel.loader_failure import worker_loss
from tui.kernel.operations import (
    failure_autograd,
    failure_devices,
    failure_indexing,
    failure_layers,
    failure_products,
    failure_shapes,
    failure_targets,
    failure_types,
    failure_values,
)
from tui.kernel.operations.culprit import Culprit, Frames, culprit_of
from tui.kernel.operations.fault import Fault, Rule, Told, first_sentence
from tui.kernel.operations.ledger import Record
from tui.kernel.operations.operation import typed
from tui.kernel.operations.seen import PlainSeen
from tui.kernel.operations.words import operand
from tui.kernel.safe_objects import class_name, is_a
from tui.protocol.operations import Failure, Operand

__all__ = ["Frames", "failure_of"]

_RULES: Final[tuple[Rule, ...]] = (
    *failure_layers.RULES,  # first: a layer says more than the product inside it
    *failure_products.RULES,
    *failure_shapes.RULES,
    *failure_values.RULES,
    *failure_indexing.RULES,
    *failure_devices.RULES,
    *failure_targets.RULES,
    *failure_types.RULES,
    *failure_autograd.RULES,
)
_ERRORS: Final = (RuntimeError, IndexError, ValueError, TypeError, AssertionError)
_NEVER: Final = (RecursionError, UnicodeError)
_OPERANDS: Final = 6


def failure_of(error: BaseException, frames: Frames, records: Sequence[Record] = ()) -> Failure | None:
    """Return in plain words why an operation on tensors failed; None for an error that is about something else.

    A data loader that lost a worker process is told as well.

    Args:
        error: as it was raised, with its traceback.
        frames: tells the user's code apart from that of libraries.
        records: operations of the cell's statement that failed, as far as they were noted.
    """
    if worker_loss(error):
        words = explain(error)
        return Failure("", "", "", words[0].upper() + words[1:] + ".")
    if not is_a(error, _ERRORS) or is_a(error, _NEVER):
        return None
    culprit = culprit_of(error, frames, records)
    fault = Fault(_message(error), class_name(error), culprit)
    told = _told(fault)
    if told is None or (culprit is None and not told.sure):
        return None
    return Failure(
        where=typed(culprit.node) if culprit is not None and culprit.node is not None else "",
        line=culprit.line if culprit is not None else "",
        operation=_operation(culprit),
        words=told.words,
        operands=tuple(told.operands if told.operands is not None else _operands(culprit))[:_OPERANDS],
        cures=tuple(dict.fromkeys(cure for cure in told.cures if cure)),
    )


def _message(error: BaseException) -> str:
    """Return the message of an error as torch raises it; empty where to tell it would run code of the user's."""
    given: tuple[object, ...] = BaseException.args.__get__(error)  # type: ignore[attr-defined]
    message = given[0] if len(given) == 1 else ""
    return message if type(message) is str else ""


def _told(fault: Fault) -> Told | None:
    for pattern, rule in _RULES:
        found = re.search(pattern, fault.message, re.DOTALL)
        if found is not None:
            told = rule(fault, found)
            if told is not None:
                return told
    culprit = fault.culprit
    if culprit is None or culprit.op is None or not culprit.from_torch:
        return None
    if not culprit.op.tensors and culprit.layer is None:
        return None
    return Told(first_sentence(fault.message))


def _operation(culprit: Culprit | None) -> str:
    if culprit is None:
        return ""
    if culprit.layer is not None:
        return culprit.layer.seen.type_name
    if culprit.op is not None:
        return culprit.op.symbol
    return ""


def _operands(culprit: Culprit | None) -> list[Operand]:
    if culprit is None:
        return []
    if culprit.layer is not None:
        return culprit.layer.operands()
    if culprit.op is None:
        return [operand(culprit.value)] if culprit.value is not None and culprit.value.tensor else []
    numbers = [
        argument
        for argument in culprit.op.arguments
        if isinstance(argument.seen, PlainSeen) and type(argument.seen.value) in (int, float, complex, bool)
    ]
    known = list(culprit.op.tensors) + (
        numbers if culprit.op.kind in ("binary", "compare", "augmented") else []
    )
    order = {id(argument.node): place for place, argument in enumerate(culprit.op.arguments)}
    if not culprit.op.tensors:
        return []  # a number alone tells nothing
    known.sort(key=lambda argument: order.get(id(argument.node), 0))
    return [operand(argument) for argument in known]
