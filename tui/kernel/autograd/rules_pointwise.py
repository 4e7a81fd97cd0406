"""Rules of operations that work element by element."""

from __future__ import annotations

from typing import Final

from tui.kernel.autograd.rule_table import Facts, Rule, rule


def _clamp(facts: Facts) -> str:
    bounds = [
        f"(self {sign} {name})" for name, sign in (("min", ">="), ("max", "<=")) if _is_number(facts, name)
    ]
    return f"g * ({' & '.join(bounds)})" if bounds else ""


def _is_number(facts: Facts, name: str) -> bool:
    return type(facts.constants.get(name)) in (int, float)


def _gelu(facts: Facts) -> str:
    if facts.constants.get("approximate") == "tanh":
        return (
            "g * (0.5 * (1 + t) + 0.5 * self * (1 - t ** 2) * sqrt(2 / pi) * (1 + 3 * 0.044715 * self ** 2))"
        )
    return "g * (0.5 * (1 + erf(self / sqrt(2))) + self * exp(-self ** 2 / 2) / sqrt(2 * pi))"


def _gelu_inner(facts: Facts) -> str:
    tanh = facts.constants.get("approximate") == "tanh"
    return "tanh(sqrt(2 / pi) * (self + 0.044715 * self ** 3))" if tanh else ""


def _pow(facts: Facts) -> str:
    return "g * (exponent * self ** (exponent - 1)).conj()"


_PLAIN: Final = {
    "Abs": "g * self.sgn()",
    "Acos": "-g * (1 - self ** 2).rsqrt()",
    "Asin": "g * (1 - self ** 2).rsqrt()",
    "Atan": "g / (1 + self ** 2)",
    "Cos": "-g * self.sin().conj()",
    "Cosh": "g * self.sinh().conj()",
    "Elu": "g * where(self > 0, scale, alpha * scale * input_scale * exp(self * input_scale))",
    "Erf": "g * 2 / sqrt(pi) * exp(-self ** 2)",
    "Erfc": "-g * 2 / sqrt(pi) * exp(-self ** 2)",
    "Exp": "g * result.conj()",
    "Exp2": "g * result.conj() * log(2)",
    "Expm1": "g * (result + 1).conj()",
    "Hardsigmoid": "g * ((self > -3) & (self < 3)) / 6",
    "Hardswish": "g * where(self <= -3, 0, where(self < 3, self / 3 + 0.5, 1))",
    "Hardtanh": "g * ((self > min_val) & (self < max_val))",
    "LeakyRelu": "g * where(self > 0, 1, negative_slope)",
    "Log": "g / self.conj()",
    "Log10": "g / (self.conj() * log(10))",
    "Log1P": "g / (self + 1).conj()",
    "Log2": "g / (self.conj() * log(2))",
    "LogSigmoid": "g * sigmoid(-self)",
    "Mish": "g * (tanh(softplus(self)) + self * sigmoid(self) * (1 - tanh(softplus(self)) ** 2))",
    "Neg": "-g",
    "Reciprocal": "-g * (result * result).conj()",
    "Relu": "g * (result > 0)",
    "Rsqrt": "-0.5 * g * (result ** 3).conj()",
    "Sigmoid": "g * (result * (1 - result)).conj()",
    "Silu": "g * sigmoid(self) * (1 + self * (1 - sigmoid(self)))",
    "Sin": "g * self.cos().conj()",
    "Sinh": "g * self.cosh().conj()",
    "Softplus": "g * where(self * beta > threshold, 1, sigmoid(self * beta))",
    "Sqrt": "g / (2 * result.conj())",
    "Tan": "g * (1 + result ** 2).conj()",
    "Tanh": "g * (1 - result ** 2).conj()",
    "Threshold": "g * (self > threshold)",
}
_FLAT: Final = ("Ceil", "Floor", "Round", "Sign", "Trunc")

RULES: Final[dict[str, Rule]] = {
    **{f"{name}Backward0": rule("self", formula) for name, formula in _PLAIN.items()},
    **{f"{name}Backward0": rule("self", "g * 0") for name in _FLAT},
    "AddBackward0": rule("self other", "g", "g * alpha", broadcasts=True),
    "AddBackward1": rule("self", "g"),
    "AddcdivBackward0": rule(
        "self tensor1 tensor2",
        "g",
        "g * value / tensor2",
        "-g * value * tensor1 / tensor2 ** 2",
        broadcasts=True,
    ),
    "AddcmulBackward0": rule(
        "self tensor1 tensor2", "g", "g * value * tensor2", "g * value * tensor1", broadcasts=True
    ),
    "Atan2Backward0": rule(
        "self other",
        "g * other / (self ** 2 + other ** 2)",
        "-g * self / (self ** 2 + other ** 2)",
        broadcasts=True,
    ),
    "ClampBackward1": rule("self", _clamp),
    "ClampMinBackward0": rule("self", "g * (self >= min)"),
    "ClampMaxBackward0": rule("self", "g * (self <= max)"),
    "CloneBackward0": rule("self", "g"),
    "DivBackward0": rule(
        "self other", "g / other.conj()", "-g * (self / (other * other)).conj()", broadcasts=True
    ),
    "DivBackward1": rule("self", "g / other"),
    "GeluBackward0": rule("self", _gelu, lets=(("t", _gelu_inner),)),
    "LerpBackward0": rule("self end", "g * (1 - weight)", "g * weight", broadcasts=True),
    "MaskedFillBackward0": rule("self", "g.masked_fill(mask, 0)", broadcasts=True),
    "MaximumBackward0": rule(
        "self other",
        "g * ((self > other) + 0.5 * (self == other))",
        "g * ((other > self) + 0.5 * (self == other))",
        broadcasts=True,
    ),
    "MinimumBackward0": rule(
        "self other",
        "g * ((self < other) + 0.5 * (self == other))",
        "g * ((other < self) + 0.5 * (self == other))",
        broadcasts=True,
    ),
    "MulBackward0": rule("self other", "g * other.conj()", "g * self.conj()", broadcasts=True),
    "MulBackward1": rule("self", "g * other"),
    "PowBackward0": rule("self", _pow),
    "PowBackward1": rule("self exponent", _pow, "g * (result * self.log()).conj()", broadcasts=True),
    "PowBackward2": rule("exponent", "g * (result * log(self)).conj()"),
    "PreluKernelBackward0": rule(
        "self weight", "where(self > 0, g, g * weight)", "where(self > 0, 0, g * self)", broadcasts=True
    ),
    "RemainderBackward0": rule("self", "g"),
    "RsubBackward1": rule("self", "-g * alpha"),
    "SubBackward0": rule("self other", "g", "-g * alpha", broadcasts=True),
    "ToCopyBackward0": rule("self", "g"),
    "SubBackward1": rule("self", "g"),
    "WhereBackward0": rule("self other", "where(condition, g, 0)", "where(condition, 0, g)", broadcasts=True),
}
