"""Failures of attention: heads that do not divide the width, inputs that are missing, another width."""

from __future__ import annotations

import re
from typing import Final

from tui.kernel.building.failed import Failed, Rule, nearest_divisor
from tui.kernel.building.words import Remedy, Unfit, set_to

_ATTENTION: Final = re.compile(r"(MultiheadAttention|Transformer\w*)$")


def _names(failed: Failed) -> tuple[str, str] | None:
    """Return what the width and the heads are called; None where it is no attention."""
    if not (failed.of_torch and _ATTENTION.match(failed.kind)):
        return None
    return ("embed_dim", "num_heads") if failed.kind == "MultiheadAttention" else ("d_model", "nhead")


def heads(failed: Failed) -> Unfit | None:
    """Explain heads that do not divide the width."""
    names = _names(failed)
    if names is None or failed.module is not None:
        return None
    width, count = (failed.number(name) for name in names)
    if not width or not count or width % count == 0:
        return None
    fits = nearest_divisor(width, count)
    words = f"{failed.name} splits {width} features among its heads, and {count} heads do not divide {width}."
    return Unfit(words, [set_to(names[1], count, fits)])


def inputs(failed: Failed) -> Unfit | None:
    """Explain attention that is called with one value alone."""
    if (
        _names(failed) is None
        or "required positional argument" not in str(failed.error)
        or failed.module is None
    ):
        return None
    if failed.kind == "MultiheadAttention":
        words = (
            "MultiheadAttention takes query, key and value, and gives a tuple: the output and the weights."
        )
        return Unfit(words, [Remedy("attend to itself: (x, x, x)[0]", inputs=("x", "x", "x"), take="[0]")])
    what = (
        "a target and the memory that it attends to" if "Decoder" in failed.kind else "a source and a target"
    )
    remedies = [] if "Decoder" in failed.kind else [Remedy("source and target are both x", inputs=("x", "x"))]
    return Unfit(f"{failed.name} takes two values, {what}: name them in its inputs.", remedies)


def width(failed: Failed) -> Unfit | None:
    """Explain an input of another width, or that is no sequence."""
    names = _names(failed)
    if names is None or failed.module is None or not failed.shape:
        return None
    wants = failed.number(names[0])
    if len(failed.shape) not in (2, 3):
        return Unfit(
            f"{failed.name} takes (N, time, features) with batch_first, and its input is {failed.shape_text}."
        )
    if wants is None or failed.shape[-1] == wants:
        return None
    words = (
        f"{failed.name} takes {wants} features in the last dimension, and its input is {failed.shape_text}."
    )
    return Unfit(words, [set_to(names[0], wants, failed.shape[-1])])


RULES: Final[tuple[Rule, ...]] = (heads, inputs, width)
