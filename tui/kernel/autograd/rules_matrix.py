"""Rules of attention and of linear algebra: inverses, determinants, eigenvalues."""

from __future__ import annotations

from typing import Final

from tui.kernel.autograd.rule_table import Facts, Formula, Rule, rule

# -- attention --------------------------------------------------------------------------------------


def _scale(facts: Facts) -> str:
    scale, query = facts.constants.get("scale"), facts.saved.get("query")
    if isinstance(scale, int | float):
        return f" * {scale!r}"
    return f" / sqrt({query.shape[-1]})" if query is not None else ""


def _probabilities(facts: Facts) -> str:
    query, key = facts.saved.get("query"), facts.saved.get("key")
    if query is None or key is None or facts.constants.get("dropout_p") or query.shape[:-2] != key.shape[:-2]:
        return ""
    scores = f"query @ key.mT{_scale(facts)}"
    if facts.constants.get("is_causal"):
        later = f"g.new_ones({(query.shape[-2], key.shape[-2])}).triu(1) > 0"
        scores = f"({scores}).masked_fill({later}, -inf)"
    for name in ("attn_mask", "attn_bias"):
        mask = facts.saved.get(name)
        if mask is not None:
            told = str(mask.dtype).removeprefix("torch.")
            scores = f"({scores}).masked_fill(~{name}, -inf)" if told == "bool" else f"{scores} + {name}"
    return f"({scores}).softmax(-1)"


def _of_scores(facts: Facts) -> str:
    return "p * (g @ value.mT - (p * (g @ value.mT)).sum(-1, keepdim=True))" if _probabilities(facts) else ""


def _if_known(formula: str, *, scaled: bool) -> Formula:
    return lambda facts: f"{formula}{_scale(facts) if scaled else ''}" if _probabilities(facts) else ""


_ATTENTION: Final = rule(
    "query key value",
    _if_known("gs @ key", scaled=True),
    _if_known("gs.mT @ query", scaled=True),
    _if_known("p.mT @ g", scaled=False),
    lets=(("p", _probabilities), ("gs", _of_scores)),
)

# -- linear algebra ---------------------------------------------------------------------------------


def _unsqueezed(name: str, dims: tuple[int, ...]) -> str:
    """Return a tensor with dimensions of one put in at these places of the result."""
    return name + "".join(f".unsqueeze({dim})" for dim in sorted(dims))


def _trilinear(place: int) -> Formula:
    """Return the rule of a product of three that is summed, as bilinear layers are made of."""

    def text(facts: Facts) -> str:
        others = [f"i{i + 1}" for i in range(3) if i != place]
        if not all(facts.has(name) for name in others):
            return ""
        factors = [_unsqueezed("g", facts.numbers("sumdim"))]
        factors += [_unsqueezed(name, facts.numbers(f"expand{name[1]}")) for name in others]
        own = facts.numbers(f"expand{place + 1}")
        return f"({' * '.join(factors)})" + (f".sum({own})" if own else "")

    return text


def _gaps(facts: Facts) -> str:
    """Return the differences between eigenvalues; infinite between one and itself."""
    values = facts.saved.get("eigenvalues")
    if values is None or facts.is_complex:
        return ""
    size = values.shape[-1]
    same = f"g0.new_ones({(size, size)}).tril().triu() > 0"
    return f"(eigenvalues.unsqueeze(-2) - eigenvalues.unsqueeze(-1)).masked_fill({same}, inf)"


def _eigh(facts: Facts) -> str:
    inner = "g0.diag_embed() + (turn - turn.mT) / 2 / gaps"
    return f"eigenvectors @ ({inner}) @ eigenvectors.mT" if _gaps(facts) else ""


def _turn(facts: Facts) -> str:
    """Return what the gradient of the eigenvectors says, in their own coordinates."""
    return "eigenvectors.mT @ g1" if _gaps(facts) else ""


def _det(facts: Facts) -> str:
    factor = "(g * result)" + ("[..., None, None]" if facts.outputs[0] else "")
    return f"torch.linalg.inv(A).mH * {factor}"


def _of_solution(formula: str) -> Formula:
    def text(facts: Facts) -> str:
        solution, matrix = facts.saved.get("result"), facts.saved.get("A")
        plain = solution is not None and matrix is not None and solution.dim() == matrix.dim()
        return formula if plain and facts.constants.get("left") else ""

    return text


RULES: Final[dict[str, Rule]] = {
    "AddmvBackward0": rule(
        "self mat vec",
        "(g * beta).sum_to_size(shape_self)",
        "alpha * outer(g, vec.conj())",
        "alpha * (mat.mH @ g)",
    ),
    "LinalgDetBackward0": rule("A", _det),
    "LinalgEighBackward0": rule("A", _eigh, lets=(("gaps", _gaps), ("turn", _turn))),
    "LinalgInvExBackward0": rule("A", "-(inverse.mH @ g @ inverse.mH)"),
    "LinalgSolveExBackward0": rule(
        "A B",
        _of_solution("-(torch.linalg.solve(A.mH, g) @ result.mH)"),
        _of_solution("torch.linalg.solve(A.mH, g)"),
    ),
    **{
        f"ScaledDotProduct{kind}AttentionBackward0": _ATTENTION
        for kind in ("Flash", "Efficient", "Cudnn", "FusedOverrideable")
    },
    "ScaledDotProductFlashAttentionForCpuBackward0": _ATTENTION,
    "TrilinearBackward0": rule("i1 i2 i3", _trilinear(0), _trilinear(1), _trilinear(2)),
    "ViewAsComplexBackward0": rule("self", "torch.view_as_real(g)"),
    "ViewAsRealBackward0": rule("self", "torch.view_as_complex(g.contiguous())"),
}
