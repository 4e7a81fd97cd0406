"""Failures of class ids: targets of losses, indices of embeddings."""

from __future__ import annotations

import re
from typing import Final

from tui.kernel.operations.failure_types import dtype_word
from tui.kernel.operations.fault import Fault, Rule, Told, called, code, named


def class_target(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain class ids that are no int64."""
    got = dtype_word(found.groups()[-1]) if found.groups() else ""
    op = fault.op
    target = op.argument(1, "target") if op is not None else None
    name = target.text if target is not None else "the target"
    words = f"The loss takes class ids as int64{f', and {name} is {got}' if got else ''}."
    cures = []
    if op is not None and target is not None and code(target) and len(op.arguments) > 1:
        cures = [called(op, code(op.arguments[0]), f"{code(target)}.long()")]
    return Told(words, cures)


def probabilities(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a target of the shape of the scores that is no float."""
    op = fault.op
    target = op.argument(1, "target") if op is not None else None
    name = named(target) if target is not None else "The target"
    words = f"{name} has the shape of the scores, so it is taken as probabilities of classes, and these are floats."
    cures = []
    if op is not None and target is not None and code(target) and len(op.arguments) > 1:
        cures = [called(op, code(op.arguments[0]), f"{code(target)}.float()")]
    return Told(words, [*cures, "ids of classes have one dimension less"])


def index_table(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an embedding of floats."""
    op = fault.op
    cures = []
    if op is not None and op.arguments and code(op.arguments[0]):
        cures = [called(op, f"{code(op.arguments[0])}.long()")]
    got = found[1].removeprefix("torch.").removesuffix("Tensor")
    return Told(f"An embedding is indexed by integers, and got {dtype_word(got)}.", cures)


def one_hot(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain one_hot of what is no int64."""
    given, op = fault.first, fault.op
    cures = (
        [called(op, f"{code(given)}.long()")] if given is not None and op is not None and code(given) else []
    )
    return Told("one_hot takes class ids as int64.", cures)


RULES: Final[tuple[Rule, ...]] = (
    (r"expected target dtype to be Long or Byte, but got (\w+)", class_target),
    (r"expected scalar type Long but found (\w+)", class_target),
    (r"Expected floating point type for target with class probabilities, got (\w+)", probabilities),
    (r"have one of the following scalar types: Long, Int; but got ([\w.]+)", index_table),
    (r"one_hot is only applicable to index tensor", one_hot),
)
"""To be asked before those of dtypes, whose patterns take in these."""
