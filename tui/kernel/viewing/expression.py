"""Evaluates the expression that names a view: paths to the user's objects, indices, arithmetic, pure functions.

NOTE [What an expression may do]
It runs on a thread of the kernel while cells and runs use the same objects, again and again as the user scrolls. So
it must change nothing, draw no random numbers, and call nothing of the user's: attributes and items are looked up
past properties and overrides (`lookups`), functions and methods are those of `allowed`, on tensors whose overrides
are off. A path (`model.fc.weight`, `Out[3]`, `x.grad`) gives the very object; anything else a new tensor, a view of
the user's memory where torch makes one.
"""

from __future__ import annotations

import ast
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final

from torch import Tensor

from tui.kernel.safe_objects import cut, is_a
from tui.kernel.viewing.arrays import is_array, tensor_of
from tui.kernel.viewing.errors import ViewError
from tui.kernel.viewing.evaluator import Evaluator
from tui.kernel.viewing.identity import serial_of, version_of
from tui.kernel.viewing.lookups import what_is

_LONGEST: Final = 2000


@dataclass
class Evaluated:
    """What an expression is, now."""

    text: str
    value: Tensor
    plain_path: bool
    """Whether it is the very object that the user holds."""
    operands: list[object] = field(default_factory=list)
    """The user's tensors and arrays that it was made from, each once."""
    key: Hashable = None
    """Of the value, with the versions of what it was made from: see `memo`."""

    @property
    def identity(self) -> str:
        """What stays the same while the objects do."""
        serials = [str(serial_of(operand)) for operand in self.operands]
        return serials[0] if self.plain_path else "of " + " ".join(serials)

    @property
    def version(self) -> int:
        """The count of in-place changes; -1 where torch does not count."""
        versions = [version_of(operand) for operand in self.operands]
        return -1 if None in versions else sum(version or 0 for version in versions)


def evaluate(expression: str, namespace: Mapping[str, object]) -> Evaluated:
    """Return the tensor that the expression names. To be called within `errors.reading`.

    Raises:
        ViewError: it names none; the message says which part is wrong, and what would be right.
    """
    text = expression.strip()
    tree = _parsed(text)
    evaluator = Evaluator(namespace)
    value = evaluator.value(tree)
    if is_array(value):
        evaluator.reach(value)
        shared = tensor_of(value)
        return Evaluated(text, shared, True, [value], ("array", serial_of(value)))
    if not is_a(value, Tensor):
        raise ViewError("not a tensor", f"{cut(text)} is {what_is(value, text)}")
    for operand in evaluator.operands:
        if operand is value:
            return Evaluated(text, value, True, [value], evaluator.key_of(value))
    return Evaluated(text, value, False, evaluator.operands, evaluator.key_of(value))


def _parsed(text: str) -> ast.expr:
    if not text:
        raise ViewError(
            "bad expression", "Type the name of a tensor, or an expression such as model.fc.weight[0]."
        )
    if len(text) > _LONGEST:
        raise ViewError("bad expression", "The expression is too long for a view; assign it in a cell first.")
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ViewError("bad expression", f"{cut(text)} is not a Python expression: {reason}.") from None
    except (RecursionError, MemoryError):
        raise ViewError("bad expression", "The expression is nested too deeply.") from None
