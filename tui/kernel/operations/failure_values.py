"""Failures of values: text where numbers are wanted, integers divided by zero."""

from __future__ import annotations

import re
from typing import Final

from tui.kernel.operations.fault import Fault, Rule, Told, called, code

_MADE_OF_NUMBERS: Final = frozenset({"tensor", "as_tensor", "asarray", "Tensor", "full"})


def text(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a tensor made of text; None for text as an index."""
    op = fault.op
    if op is None or op.name not in _MADE_OF_NUMBERS:
        return None
    return Told(
        "A tensor holds numbers and bools, no text: give each word or character an integer id.", operands=[]
    )


def no_array(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain from_numpy of what is no array."""
    op = fault.op
    if op is None or not op.arguments:
        return None
    words = (
        f"from_numpy takes NumPy arrays alone, and got a {found[1]}; torch.tensor takes lists and numbers."
    )
    return Told(
        words,
        [f"torch.tensor({op.arguments[0].text})" if "…" not in op.arguments[0].text else ""],
        operands=[],
    )


def zero_division(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an integer division by zero."""
    op, given = fault.op, fault.first
    words = "Integers have no infinity and no NaN, so they cannot be divided by 0; floating point can."
    if (
        op is None
        or given is None
        or op.arguments[:1] != (given,)
        or not code(given)
        or len(op.arguments) != 2
    ):
        return Told(words)
    cure = called(op, f"{code(given)}.float()", code(op.arguments[1]))
    return Told(words, [f"{cure}  # ±inf, NaN for 0 by 0" if cure else ""])


RULES: Final[tuple[Rule, ...]] = (
    (r"new\(\): invalid data type 'str'", text),
    (r"expected np\.ndarray \(got (\w+)\)", no_array),
    (r"^ZeroDivisionError$", zero_division),
)
