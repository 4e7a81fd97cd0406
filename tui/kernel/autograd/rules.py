"""The local rule of an operation in symbols: what it makes of the gradient that comes in.

NOTE [Rules]
A rule is a Python expression for each input of the operation, as one would type it: ``g * other`` is what `mul` sends
to `self`. In it stand `g`, the gradient that came in (`g0`, `g1`… where the operation has several outputs), what the
node saved by its name, the numbers that it was called with, and ``shape_X`` for the shape of input X. `read_rule`
puts the numbers in and drops what says nothing here (a factor of 1, `conj` of real numbers). `apply_rule` computes
it, so that a rule can be held against what autograd does.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from tui.kernel.autograd import (
    rules_layers,
    rules_matrix,
    rules_pointwise,
    rules_reduce,
    rules_shape,
    rules_windows,
)
from tui.kernel.autograd.measures import Gradients
from tui.kernel.autograd.node_private import GraphNode, constants_of, leaf_of, output_shapes
from tui.kernel.autograd.rule_table import Facts, Rule
from tui.kernel.autograd.walk import Walk
from tui.kernel.autograd.words import VIEWS, cpp_name, operation_of

RULES: Final[dict[str, Rule]] = {
    **rules_pointwise.RULES,
    **rules_shape.RULES,
    **rules_reduce.RULES,
    **rules_layers.RULES,
    **rules_matrix.RULES,
    **rules_windows.RULES,
}
_OF_TORCH: Final = ("cat", "clamp", "erf", "exp", "outer", "sigmoid", "stack", "tanh", "where", "zeros")
_VOCABULARY: Final[dict[str, object]] = {
    **{name: getattr(torch, name) for name in _OF_TORCH},
    "inf": math.inf,
    "log": math.log,
    "pi": math.pi,
    "sqrt": math.sqrt,
    "softplus": torch.nn.functional.softplus,
    "nn": torch.nn,
    "F": torch.nn.functional,
    "range": range,
    "torch": torch,
}


@dataclass(frozen=True)
class ReadRule:
    """The rule of one node."""

    inputs: tuple[str, ...]
    """Names of the inputs of the operation, one for each edge."""
    lets: tuple[tuple[str, str], ...] = ()
    """What the formulas are told with: a name and what it stands for."""
    formulas: tuple[str, ...] = ()
    """For each edge an expression; empty where none goes, or we know none."""
    used: tuple[str, ...] = ()
    """Names of what the formulas are about, `g` first."""


def facts_of(graph: Walk, node: int) -> Facts:
    """Return what the rule of a node may ask about it."""
    one = graph.nodes[node]
    edges = graph.edges(node)
    shapes = []
    for target, slot in edges:
        made = output_shapes(graph.nodes[target]) if target >= 0 else []
        shapes.append(made[slot][0] if slot < len(made) else None)
    outputs = output_shapes(one)
    saved: dict[str, Tensor | None] = {}
    for kept in graph.saved(node):
        if kept.state in ("here", "changed"):
            saved[kept.name] = kept.tensor
        elif kept.state == "absent":
            saved[kept.name] = None
    return Facts(
        name=cpp_name(one),
        constants=constants_of(one),
        saved=saved,
        inputs=tuple(shapes),
        outputs=tuple(shape for shape, _, _ in outputs),
        contiguous=tuple(target >= 0 and _is_contiguous(graph.nodes[target]) for target, _ in edges),
        is_complex=any("complex" in dtype for _, dtype, _ in outputs)
        or any(tensor is not None and tensor.is_complex() for tensor in saved.values()),
    )


def _is_contiguous(made_by: GraphNode) -> bool:
    """Whether what a node made lies in memory in its order: known of leaves, and of small results that are no views."""
    leaf = leaf_of(made_by)
    if leaf is not None:
        return leaf.layout is torch.strided and leaf.is_contiguous() and not leaf.storage_offset()
    outputs = output_shapes(made_by)
    return operation_of(made_by) not in VIEWS and len(outputs) == 1 and len(outputs[0][0]) <= 2


def input_names(graph: Walk, node: int) -> tuple[str, ...]:
    """Return what the inputs of an operation are called, one for each edge."""
    count = len(graph.edges(node))
    rule = RULES.get(cpp_name(graph.nodes[node]))
    if rule is None:
        return ("self",) if count == 1 else tuple(f"input {i}" for i in range(count))
    if rule.inputs and rule.inputs[0].endswith("[]"):
        stem = rule.inputs[0].removesuffix("[]")
        return tuple(f"{stem}[{i}]" for i in range(count))
    return tuple(rule.inputs[i] if i < len(rule.inputs) else f"input {i}" for i in range(count))


def read_rule(graph: Walk, node: int) -> ReadRule:
    """Return the rule of a node with its numbers put in; without formulas where we know none."""
    names = input_names(graph, node)
    rule = RULES.get(cpp_name(graph.nodes[node]))
    if rule is None:
        return ReadRule(names)
    facts = facts_of(graph, node)
    lets = tuple((name, _simplified(text, facts, names)) for name, text in rule.lets_of(facts))
    formulas = []
    for place, name in enumerate(names):
        shape = facts.inputs[place] if place < len(facts.inputs) else None
        text = rule.formula(place, facts) if shape is not None else ""
        if text and rule.broadcasts and shape is not None and facts.outputs and shape != facts.outputs[0]:
            text = f"({text}).sum_to_size(shape_{name})"
        formulas.append(_simplified(text, facts, names) if text else "")
    used = _names_in([*(text for _, text in lets if any(formulas)), *formulas])
    known = ["g", *(f"g{i}" for i in range(len(facts.outputs))), *(_stem(name) for name in facts.saved)]
    return ReadRule(
        names,
        lets if any(formulas) else (),
        tuple(formulas),
        tuple(n for n in dict.fromkeys(known) if n in used),
    )


def apply_rule(graph: Walk, node: int, incoming: Gradients) -> list[Tensor | None]:
    """Return what the rule of a node makes of the gradients that came in; None where it has no formula.

    Changes nothing. Costs what the formula costs; a gradient that did not come counts as zeros.
    """
    rule = read_rule(graph, node)
    facts = facts_of(graph, node)
    scope: dict[str, object] = dict(_VOCABULARY)
    lists: dict[str, list[Tensor | None]] = {}
    for name, tensor in facts.saved.items():
        if "[" in name:
            lists.setdefault(_stem(name), []).append(tensor)
        else:
            scope[name] = tensor
    scope.update(lists)
    like = next((one for one in incoming if one is not None), None)
    for place, shape in enumerate(facts.outputs):
        one = incoming[place] if place < len(incoming) else None
        dtype = None if like is None else like.dtype
        scope[f"g{place}"] = torch.zeros(shape, dtype=dtype) if one is None else one
    scope["g"] = scope.get("g0")
    if like is not None:
        scope["zeros"] = lambda *shape: torch.zeros(*shape, dtype=like.dtype, device=like.device)
    found: list[Tensor | None] = []
    with torch.no_grad():
        for name, text in rule.lets:
            scope[name] = _computed(text, scope)
        for text in rule.formulas:
            value = _computed(text, scope) if text else None
            found.append(value if isinstance(value, Tensor) else None)
    return found


def _computed(text: str, scope: Mapping[str, object]) -> object:
    return eval(compile(text, "<rule>", "eval"), {"__builtins__": {}}, dict(scope))  # our own formula


def rule_lines(graph: Walk, node: int) -> tuple[str, ...]:
    """Return the rule of a node in lines: what it sends to each input, and the shapes of what it is about."""
    rule = read_rule(graph, node)
    if not any(rule.formulas):
        return ()
    facts = facts_of(graph, node)
    lines = [f"{name} = {text}" for name, text in rule.lets]
    for name, shape, text in zip(rule.inputs, facts.inputs, rule.formulas, strict=True):
        if text:
            lines.append(f"d {name} {_shape(shape)} = {text}")
    shapes = []
    for name in rule.used:
        if name == "g" or (name[0] == "g" and name[1:].isdigit()):
            place = int(name[1:] or 0)
            shapes.append(f"{name} {_shape(facts.outputs[place])}")
        elif isinstance(tensor := facts.saved.get(name), Tensor):
            shapes.append(f"{name} {_shape(tuple(tensor.shape))}")
    return (*lines, "where " + ", ".join(shapes)) if shapes else tuple(lines)


def _shape(shape: tuple[int, ...] | None) -> str:
    if shape is None:
        return ""
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _stem(name: str) -> str:
    return name.partition("[")[0]


def _names_in(texts: list[str]) -> set[str]:
    return {
        part.id
        for text in texts
        if text
        for part in ast.walk(ast.parse(text, mode="eval"))
        if isinstance(part, ast.Name)
    }


def _simplified(text: str, facts: Facts, names: tuple[str, ...]) -> str:
    values = dict(facts.constants)
    values |= {
        f"shape_{name}": shape for name, shape in zip(names, facts.inputs, strict=False) if shape is not None
    }
    values |= {
        name: tensor.item()
        for name, tensor in facts.saved.items()
        if type(tensor) is Tensor and not tensor.shape and tensor.device.type == "cpu" and name in _NUMBERS
    }
    values |= {"n": math.prod(facts.inputs[0])} if facts.inputs and facts.inputs[0] is not None else {}
    tree = _Simplifier(values, facts.is_complex).visit(ast.parse(text, mode="eval").body)
    return ast.unparse(ast.fix_missing_locations(tree))


_NUMBERS: Final = ("other", "exponent", "self")
"""What torch saves as a tensor where the user wrote a number."""


class _Simplifier(ast.NodeTransformer):
    """Puts numbers in, and drops what says nothing."""

    def __init__(self, values: Mapping[str, object], is_complex: bool) -> None:
        self._values = values
        self._complex = is_complex

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Return a name, or the number it stands for."""
        value = self._values.get(node.id)
        if isinstance(value, bool | int | float | tuple | list | str) and _is_plain(value):
            value = int(value) if isinstance(value, float) and value.is_integer() else value
            made: ast.expr = ast.parse(repr(value), mode="eval").body
            return made
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Return a call; of real numbers without `conj`."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute):
            if node.func.attr == "conj" and (not self._complex or isinstance(node.func.value, ast.Constant)):
                return node.func.value
            if node.func.attr == "sgn" and not self._complex:
                node.func.attr = "sign"
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Return an attribute; of real numbers the plain transpose."""
        self.generic_visit(node)
        if node.attr == "mH" and not self._complex:
            node.attr = "mT"
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Return an operation without a factor or exponent of 1, two numbers already computed."""
        self.generic_visit(node)
        left, right = _number(node.left), _number(node.right)
        if isinstance(node.op, ast.Mult) and left == 1:
            return node.right
        if isinstance(node.op, ast.Mult | ast.Pow | ast.Div) and right == 1:
            return node.left
        if left is not None and right is not None and isinstance(node.op, ast.Sub | ast.Mult | ast.Add):
            value = left - right if isinstance(node.op, ast.Sub) else left + right
            return ast.Constant(left * right if isinstance(node.op, ast.Mult) else value)
        return node


def _number(node: ast.expr) -> int | float | None:
    return node.value if isinstance(node, ast.Constant) and type(node.value) in (int, float) else None  # type: ignore[return-value]


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(_is_plain(item) for item in value)
    return type(value) in (bool, int, float, str) and not (
        isinstance(value, float) and not math.isfinite(value)
    )


def describes(node: GraphNode) -> bool:
    """Whether a rule for this kind of node is known."""
    return cpp_name(node) in RULES
