"""Rules of products of matrices, layers and losses."""

from __future__ import annotations

from math import prod
from typing import Final

from tui.kernel.autograd.rule_table import Facts, Formula, Rule, rule

MEAN: Final = 1
"""How autograd keeps ``reduction="mean"``; 0 is none, 2 the sum."""


def _added(facts: Facts) -> str:
    """What is added to a product, and may be broadcast."""
    return "g * beta" if facts.inputs[0] == facts.outputs[0] else "(g * beta).sum_to_size(shape_self)"


def _spatial(facts: Facts) -> int:
    return len(facts.outputs[0]) - 2


def _options(facts: Facts) -> str:
    parts = [repr(facts.numbers(name)) for name in ("stride", "padding", "dilation")]
    return ", ".join([*parts, str(facts.number("groups", 1))])


def _conv_input(facts: Facts) -> str:
    dims = _spatial(facts)
    if not 1 <= dims <= 3:
        return ""
    if facts.constants.get("transposed"):
        return f"F.conv{dims}d(g, weight, None, {_options(facts)})"
    return f"nn.grad.conv{dims}d_input(shape_input, weight, g, {_options(facts)})"


def _conv_weight(facts: Facts) -> str:
    dims = _spatial(facts)
    if not 1 <= dims <= 3:
        return ""
    first, second = ("g", "input") if facts.constants.get("transposed") else ("input", "g")
    return f"nn.grad.conv{dims}d_weight({first}, shape_weight, {second}, {_options(facts)})"


def _conv_bias(facts: Facts) -> str:
    return f"g.sum({(0, *range(2, len(facts.outputs[0])))})"


def _lead(facts: Facts) -> tuple[int, ...]:
    """Return the dimensions that a layer norm does not normalize."""
    return tuple(range(len(facts.outputs[0]) - len(facts.numbers("normalized_shape"))))


def _normalized(facts: Facts) -> tuple[int, ...]:
    return tuple(range(len(_lead(facts)), len(facts.outputs[0])))


def _layer_input(facts: Facts) -> str:
    dims = _normalized(facts)
    return f"result2 * (gw - gw.mean({dims}, keepdim=True) - xhat * (gw * xhat).mean({dims}, keepdim=True))"


def _along_channels(facts: Facts, name: str) -> str:
    return f"{name}.reshape({(1, -1) + (1,) * (len(facts.outputs[0]) - 2)})"


def _batch_dims(facts: Facts) -> tuple[int, ...]:
    return (0, *range(2, len(facts.outputs[0])))


def _batch_xhat(facts: Facts) -> str:
    if facts.constants.get("training"):
        return f"(input - {_along_channels(facts, 'result1')}) * {_along_channels(facts, 'result2')}"
    spread = _along_channels(facts, "(running_var + eps).rsqrt()")
    return f"(input - {_along_channels(facts, 'running_mean')}) * {spread}"


def _batch_input(facts: Facts) -> str:
    weight = f"{_along_channels(facts, 'weight')} * " if facts.has("weight") else ""
    if not facts.constants.get("training"):
        return f"g * {weight}{_along_channels(facts, '(running_var + eps).rsqrt()')}"
    dims = _batch_dims(facts)
    inner = f"g - g.mean({dims}, keepdim=True) - xhat * (g * xhat).mean({dims}, keepdim=True)"
    return f"{weight}{_along_channels(facts, 'result2')} * ({inner})"


def _loss(formula: str) -> Formula:
    """Return the rule of a loss: divided by the number of elements where it is a mean."""

    def text(facts: Facts) -> str:
        count = prod(facts.inputs[0] or facts.inputs[-1] or ())
        return f"{formula} / {count}" if facts.number("reduction") == MEAN else formula

    return text


def _plain_loss(formula: str) -> Formula:
    """Return the rule of a loss that may have weights; with them there is none."""

    def text(facts: Facts) -> str:
        weighted = facts.has("weight") or facts.has("pos_weight")
        inner = _loss(formula)
        return "" if weighted or isinstance(inner, str) else inner(facts)

    return text


def _nll(facts: Facts) -> str:
    if not facts.has("target"):
        return ""
    weight = " * weight" if facts.has("weight") and len(facts.inputs[0] or ()) <= 2 else ""
    if facts.has("weight") and not weight:
        return ""
    share = {0: "g.unsqueeze(1)", MEAN: "g / total_weight"}.get(facts.number("reduction"), "g")
    if len(facts.inputs[0] or ()) == 1 and not facts.number("reduction"):
        share = "g"
    return f"-hot{weight} * {share}"


def _hot(facts: Facts) -> str:
    """Which class is the right one; a row of zeros where the target is to be ignored."""
    shape, target = facts.inputs[0] or (), facts.saved.get("target")
    if target is None or not shape:
        return ""
    classes = shape[1] if len(shape) > 1 else shape[0]
    ignored = facts.number("ignore_index", -100)
    along = ".movedim(-1, 1)" if len(shape) > 2 else ""
    if not bool((target == ignored).any()):
        return f"F.one_hot(target, {classes}){along}"
    return f"(F.one_hot(target.clamp(min=0), {classes}) * (target != {ignored}).unsqueeze(-1)){along}"


def _grouped(facts: Facts, name: str) -> str:
    """Return a tensor of the shape of the input, by groups of channels."""
    return f"{name}.reshape({(facts.number('N'), facts.number('group'), -1)})"


def _group_gw(facts: Facts) -> str:
    return _grouped(facts, f"(g * {_along_channels(facts, 'weight')})" if facts.has("weight") else "g")


def _group_weight(facts: Facts) -> str:
    return f"(g * xhat.reshape({facts.outputs[0]})).sum({_batch_dims(facts)})"


def _glu(facts: Facts) -> str:
    return "cat([g * sigmoid(b), g * a * sigmoid(b) * (1 - sigmoid(b))], dim)"


_BATCH_NORM: Final = rule(
    "input weight bias",
    _batch_input,
    lambda facts: f"(g * xhat).sum({_batch_dims(facts)})",
    lambda facts: f"g.sum({_batch_dims(facts)})",
    lets=(("xhat", _batch_xhat),),
)

RULES: Final[dict[str, Rule]] = {
    "AddmmBackward0": rule("self mat1 mat2", _added, "alpha * (g @ mat2.mH)", "alpha * (mat1.mH @ g)"),
    "BaddbmmBackward0": rule(
        "self batch1 batch2", _added, "alpha * (g @ batch2.mH)", "alpha * (batch1.mH @ g)"
    ),
    "BinaryCrossEntropyBackward0": rule(
        "self target", _plain_loss("g * (self - target) / (self * (1 - self))")
    ),
    "BinaryCrossEntropyWithLogitsBackward0": rule(
        "self target", _plain_loss("g * (sigmoid(self) - target)"), _plain_loss("-g * self")
    ),
    "BmmBackward0": rule("self mat2", "g @ mat2.mH", "self.mH @ g"),
    "ConvolutionBackward0": rule("input weight bias", _conv_input, _conv_weight, _conv_bias),
    "DotBackward0": rule("self tensor", "g * tensor.conj()", "g * self.conj()"),
    "GluBackward0": rule("self", _glu, lets=(("a", "self.chunk(2, dim)[0]"), ("b", "self.chunk(2, dim)[1]"))),
    "HuberLossBackward0": rule(
        "self target",
        _loss("g * clamp(self - target, -delta, delta)"),
        _loss("-g * clamp(self - target, -delta, delta)"),
    ),
    "MmBackward0": rule("self mat2", "g @ mat2.mH", "self.mH @ g"),
    "MseLossBackward0": rule(
        "self target", _loss("g * 2 * (self - target)"), _loss("-g * 2 * (self - target)")
    ),
    "MvBackward0": rule("self vec", "outer(g, vec.conj())", "self.mH @ g"),
    "NativeBatchNormBackward0": _BATCH_NORM,
    "NativeDropoutBackward0": rule("input", "g * result1 / (1 - p)"),
    "NativeLayerNormBackward0": rule(
        "input weight bias",
        _layer_input,
        lambda facts: f"(g * xhat).sum({_lead(facts)})" if _lead(facts) else "g * xhat",
        lambda facts: f"g.sum({_lead(facts)})" if _lead(facts) else "g",
        lets=(
            ("xhat", "(input - result1) * result2"),
            ("gw", lambda facts: "g * weight" if facts.has("weight") else "g"),
        ),
    ),
    "NativeGroupNormBackward0": rule(
        "input weight bias",
        "(result2.unsqueeze(-1) * (gw - gw.mean(-1, keepdim=True)"
        " - xhat * (gw * xhat).mean(-1, keepdim=True))).reshape(shape_input)",
        _group_weight,
        lambda facts: f"g.sum({_batch_dims(facts)})",
        lets=(
            ("xhat", lambda f: f"({_grouped(f, 'input')} - result1.unsqueeze(-1)) * result2.unsqueeze(-1)"),
            ("gw", _group_gw),
        ),
    ),
    "NllLossBackward0": rule("self", _nll, lets=(("hot", _hot),)),
    "NllLoss2DBackward0": rule("self", _nll, lets=(("hot", _hot),)),
    "SmoothL1LossBackward0": rule(
        "self target",
        _loss("g * clamp((self - target) / beta, -1, 1)"),
        _loss("-g * clamp((self - target) / beta, -1, 1)"),
    ),
}
