"""Rules of operations that reduce, and of those that normalize along a dimension."""

from __future__ import annotations

from math import prod
from typing import Final

from tui.kernel.autograd.rule_table import Facts, Rule, rule
from tui.kernel.autograd.rules_shape import gathered


def _dims(facts: Facts) -> tuple[int, ...]:
    """Return the dimensions that were reduced; all of them where none was named."""
    rank = len(facts.inputs[0] or ())
    return tuple(dim % rank for dim in facts.numbers("dim")) if facts.numbers("dim") else tuple(range(rank))


def _kept(facts: Facts, name: str) -> str:
    """Return the text of a reduced value with its dimensions back, as ones."""
    shape = facts.inputs[0] or ()
    if facts.constants.get("keepdim") or len(facts.outputs[0]) == len(shape) or not facts.outputs[0]:
        return name
    return f"{name}.reshape({tuple(1 if dim in _dims(facts) else size for dim, size in enumerate(shape))})"


def _count(facts: Facts) -> int:
    shape = facts.inputs[0] or ()
    return prod(shape[dim] for dim in _dims(facts))


def _sum(facts: Facts) -> str:
    return f"{_kept(facts, 'g')}.expand(shape_self)"


def _mean(facts: Facts) -> str:
    return f"{_kept(facts, 'g')}.expand(shape_self) / {_count(facts)}"


def _centred(facts: Facts) -> str:
    return f"self - self.mean({_dims(facts)}, keepdim=True)"


def _degrees(facts: Facts) -> float:
    correction = facts.constants.get("correction")
    return _count(facts) - (correction if isinstance(correction, int | float) else 1)


def _var(facts: Facts) -> str:
    return f"{_kept(facts, 'g')} * 2 / {_degrees(facts):g} * ({_centred(facts)})" if facts.inputs[0] else ""


def _std(facts: Facts) -> str:
    return (
        f"{_kept(facts, '(g / result)')} / {_degrees(facts):g} * ({_centred(facts)})"
        if facts.inputs[0]
        else ""
    )


def _extreme(facts: Facts) -> str:
    result = _kept(facts, "result")
    ties = f"(self == {result})"
    total = f"{ties}.sum()" if not facts.outputs[0] else f"{ties}.sum({_dims(facts)}, keepdim=True)"
    return f"{_kept(facts, 'g')} * {ties} / {total}"


def _vector_norm(facts: Facts) -> str:
    order = facts.constants.get("ord", facts.constants.get("p"))
    if order == 2:
        return f"self * {_kept(facts, '(g / result)')}"
    if order == 1:
        return f"self.sgn() * {_kept(facts, 'g')}"
    return ""


def _logsumexp(facts: Facts) -> str:
    return f"{_kept(facts, 'g')} * (self - {_kept(facts, 'result')}).exp()"


def _prod(facts: Facts) -> str:
    return f"{_kept(facts, 'g')} * {_kept(facts, 'result')} / self"


def _median(facts: Facts) -> str:
    """The gradient goes to the value in the middle; without a dimension in equal shares to all that equal it."""
    return gathered(facts) if facts.has("indices") else _extreme(facts)


_SOFTMAX: Final = rule("self", "result * (g - (g * result).sum(dim, keepdim=True))")

RULES: Final[dict[str, Rule]] = {
    "AmaxBackward0": rule("self", _extreme),
    "AminBackward0": rule("self", _extreme),
    "LinalgVectorNormBackward0": rule("self", _vector_norm),
    "LogSoftmaxBackward0": rule("self", "g - result.exp() * g.sum(dim, keepdim=True)"),
    "CumprodBackward0": rule("self", "(g * result).flip(dim).cumsum(dim).flip(dim) / self"),
    "LogsumexpBackward0": rule("self", _logsumexp),
    "MaxBackward1": rule("self", _extreme),
    **{
        f"{name}Backward{number}": rule("self", _median)
        for name in ("Median", "Nanmedian")
        for number in (0, 1)
    },
    "MeanBackward0": rule("self", "g.expand(shape_self) / n"),
    "MeanBackward1": rule("self", _mean),
    "MinBackward1": rule("self", _extreme),
    "NormBackward0": rule("self", _vector_norm),
    "ProdBackward0": rule("self", "g * result / self"),
    "ProdBackward1": rule("self", _prod),
    "SafeSoftmaxBackward0": _SOFTMAX,
    "SoftmaxBackward0": _SOFTMAX,
    "StdBackward0": rule("self", _std),
    "SumBackward0": rule("self", "g.expand(shape_self)"),
    "SumBackward1": rule("self", _sum),
    "VarBackward0": rule("self", _var),
}
