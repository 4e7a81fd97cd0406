"""What the source of a class tells beside its objects: names of variables, initializations, comprehensions."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from torch import nn

from tui.kernel.module_walk import children_of

EACH: Final = "*"
"""A step of a path to all children of a module."""
_SHAPE: Final = re.compile(r"^\s*- (\w+): ``\(N((?:, \d+)*),?\)``(?:, (\w+))?\s*$", re.MULTILINE)

Path = tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """What was found."""

    variables: Mapping[int, list[str]] = field(default_factory=dict)
    """For a line of `forward` the names that its value gets there, and by a plain assignment in a line after it."""
    inits: tuple[tuple[Path, str], ...] = ()
    """Paths of layers with how their weights are initialized, e.g. ``kaiming_normal_``."""
    frozen: tuple[Path, ...] = ()
    """Paths of modules whose parameters are frozen together."""
    kept: frozenset[int] = frozenset()
    """Lines of `forward` that give a value two names at once, as in ``x = skip = self.conv(x)``."""
    used: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """For a line of `forward` the variables that are read there."""
    constructors: Mapping[str, ast.expr] = field(default_factory=dict)
    """For an attribute how its module is made."""
    shapes: Mapping[str, tuple[tuple[int, ...], str]] = field(default_factory=dict)
    """Of the inputs without the batch, with dtypes, where the documentation says so; of the only one as ``Input``."""


def source_of(cls: type) -> Source:
    """Return what the source of a class tells; nothing where there is none, as for code from a string."""
    forward = _tree(vars(cls).get("forward"))
    constructor = _tree(vars(cls).get("__init__"))
    documentation = vars(cls).get("__doc__")
    return Source(
        variables={} if forward is None else _variables(*forward),
        inits=() if constructor is None else tuple(_inits(constructor[0].body, {})),
        frozen=() if constructor is None else tuple(_frozen(constructor[0].body, {})),
        kept=frozenset() if forward is None else _kept(*forward),
        used={} if forward is None else _used(*forward),
        constructors={} if constructor is None else _constructors(constructor[0]),
        shapes=_shapes(documentation) if isinstance(documentation, str) else {},
    )


def at_path(module: nn.Module, path: Path) -> list[nn.Module]:
    """Return the modules that a path leads to."""
    found = [module]
    for step in path:
        found = [child for one in found for name, child in children_of(one) if step in (name, EACH)]
    return found


def is_comprehension(node: ast.expr | None) -> bool | None:
    """Whether a `Sequential` was written as so many of one; None where the source does not tell."""
    if not isinstance(node, ast.Call):
        return None
    if len(node.args) == 1 and isinstance(node.args[0], ast.Starred):
        return True if isinstance(node.args[0].value, ast.ListComp) else None
    return None if any(isinstance(arg, ast.Starred) for arg in node.args) else False


def items_of(node: ast.expr | None) -> dict[str, ast.expr]:
    """Return how the children of a `Sequential` are made, by name, where the source tells."""
    if not isinstance(node, ast.Call):
        return {}
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Call) and ast.unparse(first.func).endswith("OrderedDict") and first.args:
        pairs = first.args[0].elts if isinstance(first.args[0], ast.List) else []
        return {
            str(pair.elts[0].value): pair.elts[1]
            for pair in pairs
            if isinstance(pair, ast.Tuple) and len(pair.elts) == 2 and isinstance(pair.elts[0], ast.Constant)
        }
    if isinstance(first, ast.List):
        return {str(place): item for place, item in enumerate(first.elts)}
    if isinstance(first, ast.Starred | ast.ListComp):
        inside = first.value if isinstance(first, ast.Starred) else first
        return {EACH: inside.elt} if isinstance(inside, ast.ListComp) and len(node.args) == 1 else {}
    return {str(place): arg for place, arg in enumerate(node.args)}


def written_arguments(node: ast.expr | None, cls: str, names: Sequence[str]) -> dict[str, str]:
    """Return what a constructor of a class was given, as it was written, by the names of its parameters."""
    if not isinstance(node, ast.Call) or ast.unparse(node.func).rpartition(".")[2] != cls:
        return {}
    placed = [] if any(isinstance(arg, ast.Starred) for arg in node.args) else node.args
    found = {name: ast.unparse(arg) for name, arg in zip(names, placed, strict=False)}
    return found | {
        option.arg: ast.unparse(option.value) for option in node.keywords if option.arg is not None
    }


def _tree(function: object) -> tuple[ast.FunctionDef, int] | None:
    """Return a function's syntax tree, and what to add to its line numbers."""
    if not inspect.isfunction(function):
        return None
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    except (OSError, TypeError, SyntaxError, ValueError, IndexError):
        return None
    return (tree, first - 1) if isinstance(tree, ast.FunctionDef) else None


def _variables(function: ast.FunctionDef, offset: int) -> dict[int, list[str]]:
    names: dict[int, list[str]] = {}
    made_at: dict[str, int] = {}
    for statement in ast.walk(function):
        if not isinstance(statement, ast.Assign):
            continue
        line = statement.lineno + offset
        targets = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        if isinstance(statement.value, ast.Name):  # another name of what is there already
            line = made_at.get(statement.value.id, line)
        for name in targets:
            made_at[name] = line
            names.setdefault(line, []).append(name)
    return names


def _kept(function: ast.FunctionDef, offset: int) -> frozenset[int]:
    statements = [one for one in ast.walk(function) if isinstance(one, ast.Assign)]
    return frozenset(one.lineno + offset for one in statements if len(one.targets) > 1)


def _used(function: ast.FunctionDef, offset: int) -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.setdefault(node.lineno + offset, set()).add(node.id)
    return {line: frozenset(names) for line, names in found.items()}


def _constructors(function: ast.FunctionDef) -> dict[str, ast.expr]:
    return {
        target.attr: statement.value
        for statement in ast.walk(function)
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
    }


def _shapes(documentation: str) -> dict[str, tuple[tuple[int, ...], str]]:
    return {
        name: (tuple(int(size) for size in re.findall(r"\d+", sizes)), dtype or "float32")
        for name, sizes, dtype in _SHAPE.findall(documentation)
        if name != "Output"
    }


def _calls(
    statements: list[ast.stmt], variables: dict[str, Path]
) -> Iterator[tuple[ast.Call, dict[str, Path]]]:
    """Yield the calls that are statements, with what the variables of the loops around them stand for."""
    for statement in statements:
        if isinstance(statement, ast.If):
            yield from _calls([*statement.body, *statement.orelse], variables)
        elif isinstance(statement, ast.For) and isinstance(statement.target, ast.Name):
            over = _path(statement.iter, variables)
            if over is not None:
                yield from _calls(statement.body, {**variables, statement.target.id: (*over, EACH)})
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            yield statement.value, variables


def _inits(statements: list[ast.stmt], variables: dict[str, Path]) -> Iterator[tuple[Path, str]]:
    """Yield what ``nn.init.kaiming_normal_(self.conv1.weight)`` says about ``conv1``."""
    for call, known in _calls(statements, variables):
        owner, _, name = ast.unparse(call.func).rpartition(".")
        weight = call.args[0] if len(call.args) == 1 else None
        if owner.rpartition(".")[2] != "init" or not isinstance(weight, ast.Attribute):
            continue
        path = _path(weight.value, known)
        if path is not None:
            options = ", ".join(f"{option.arg}={ast.unparse(option.value)}" for option in call.keywords)
            yield path, f"{name}({options})" if options else name


def _frozen(statements: list[ast.stmt], variables: dict[str, Path]) -> Iterator[Path]:
    """Yield ``("conv1",)`` for ``self.conv1.requires_grad_(False)``."""
    for call, known in _calls(statements, variables):
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr == "requires_grad_":
            given = call.args[0] if call.args else None
            path = _path(function.value, known)
            if path and isinstance(given, ast.Constant) and given.value is False:
                yield path


def _path(node: ast.expr, variables: dict[str, Path]) -> Path | None:
    """Return the path of a module below `self`: ``("layers", "0")`` for ``self.layers[0]``."""
    if isinstance(node, ast.Name):
        return () if node.id == "self" else variables.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _path(node.value, variables)
        return None if owner is None else (*owner, node.attr)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        owner = _path(node.value, variables)
        return None if owner is None else (*owner, str(node.slice.value))
    return None
