"""Rewrites a cell so that the operations of its simple statements note their operands and results.

NOTE [Rewriting cells]
``a + f(b)`` becomes ``keep(3, keep(0, a) + keep(2, f(keep(1, b))))``, where `keep` returns its second argument. So
what runs, in which order and how often is the same; a temporary is freed as it would be, since `keep` holds nothing;
and every new node has the position of the one that it stands for, so that tracebacks and their carets are the same.
`keep` is a builtin, under a name nobody else has: so no namespace changes, and `%reset` in a cell cannot remove it.
Rewritten are new nodes: should anything go wrong on the way, the statement runs as it was parsed.

Left alone: loops and definitions, lambdas, comprehensions, f-strings, literals, targets of assignments, statements
nested so deep that the rewritten ones might not compile, and IPython's own calls (`get_ipython()…`).
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from typing import Final, TypeVar

from tui.kernel.operations.ledger import RESULT, Ledger, Site, SiteKind

KEEP: Final = "__torchtui_keep__"
DEPTH: Final = 40
"""Nodes within one another, beyond which a statement is left alone."""
ATTRIBUTES: Final = frozenset({"T", "mT", "H", "mH", "real", "imag", "grad", "data"})

_OPAQUE: Final = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.JoinedStr)
_LITERAL: Final = (*_OPAQUE, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set)
_COMPARISONS: Final = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_COMPOUND: Final = (
    ast.For, ast.AsyncFor, ast.While, ast.If, ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.Match,
)  # fmt: skip

N = TypeVar("N", bound=ast.AST)


class Instrument(ast.NodeTransformer):
    """Transforms the module of a wanted cell: the first one after `arm`, and no other."""

    def __init__(self, ledger: Ledger, parsed: Callable[[ast.Module], object] = id) -> None:
        """`parsed`: gets each cell that is rewritten, as it was parsed, before it runs."""
        self._ledger = ledger
        self._parsed = parsed
        self._armed = False

    def arm(self, wanted: bool) -> None:
        """Say that a cell begins; magics of it that transform code of their own are not for us."""
        self._armed = wanted

    def visit(self, node: ast.AST) -> ast.AST:
        """Return the module rewritten; never raises, since IPython would drop the transformer."""
        if not self._armed or not isinstance(node, ast.Module):
            return node
        self._armed = False
        try:
            self._parsed(node)
            return _module(node, self._ledger)
        except Exception:  # noqa: BLE001
            return node


def _module(module: ast.Module, ledger: Ledger) -> ast.Module:
    body: list[ast.stmt] = []
    number = 0
    for statement in module.body:
        number += 1
        if isinstance(statement, _COMPOUND):
            ledger.explain_from = number + 1
        if isinstance(statement, ast.With) and statement is module.body[-1]:
            ledger.explain_from = number  # a block runs once: `with torch.no_grad():` is told like its body
            number, statement = _block(statement, number, ledger)
        body.append(_statement(statement, number, ledger))
    new = copy.copy(module)
    new.body = body
    return new


def _block(block: ast.With, number: int, ledger: Ledger) -> tuple[int, ast.With]:
    new = copy.copy(block)
    new.body = [_statement(statement, number + i, ledger) for i, statement in enumerate(block.body)]
    return number + len(block.body), new


def _statement(statement: ast.stmt, number: int, ledger: Ledger) -> ast.stmt:
    if not isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign | ast.AugAssign):
        return statement
    if statement.value is None or too_deep(statement):
        return statement
    ledger.statement(number, statement)
    rewriter = _Rewriter(ledger, number)
    new = copy.copy(statement)
    if isinstance(statement, ast.AugAssign) and isinstance(new, ast.AugAssign):
        site = Site("augmented", statement, number)
        new.value = rewriter.noted(site, "right", rewriter.rewrite(statement.value), statement.value)
    else:
        new.value = rewriter.rewrite(statement.value)
    if isinstance(statement, ast.Assign) and isinstance(new, ast.Assign):
        new.targets, new.value = _store(statement, new.value, rewriter, number)
    return new


def _store(
    statement: ast.Assign, value: ast.expr, rewriter: _Rewriter, number: int
) -> tuple[list[ast.expr], ast.expr]:
    """Return targets and value of an assignment; ``x[1:] = y`` notes x and y."""
    target = statement.targets[0]
    if len(statement.targets) > 1 or not isinstance(target, ast.Subscript):
        return statement.targets, value
    if not isinstance(target.value, ast.Name | ast.Attribute):
        return statement.targets, value
    site = Site("store", statement, number)
    new = copy.copy(target)
    new.value = rewriter.noted(site, "receiver", target.value, target.value)
    new.slice = rewriter.index(site, target.slice)
    if not isinstance(statement.value, ast.Constant):
        value = rewriter.noted(site, "right", value, statement.value)
    return [new], value


def too_deep(node: ast.AST) -> bool:
    """Whether nodes lie more than `DEPTH` within one another; iterative, so that none is too deep to be asked."""
    level, depth = [node], 0
    while level:
        depth += 1
        if depth > DEPTH:
            return True
        level = [child for parent in level for child in ast.iter_child_nodes(parent)]
    return False


class _Rewriter:
    """Rewrites the expressions of one statement into new nodes."""

    def __init__(self, ledger: Ledger, statement: int) -> None:
        self._ledger = ledger
        self._statement = statement

    def noted(self, site: Site, slot: str, new: ast.expr, old: ast.expr) -> ast.expr:
        """Return a call that notes the value of `new` and returns it."""
        token = ast.Constant(self._ledger.token(site, slot))
        call = ast.Call(func=ast.Name(KEEP, ast.Load()), args=[token, new], keywords=[])
        for made in (token, call.func, call):
            ast.copy_location(made, old)
        return call

    def kept(self, site: Site, slot: str, node: ast.expr) -> ast.expr:
        """Return an operand, rewritten and noted; a literal only rewritten, since the code itself says what it is."""
        new = self.rewrite(node)
        return new if isinstance(node, _LITERAL) else self.noted(site, slot, new, node)

    def rewrite(self, node: ast.expr) -> ast.expr:
        """Return an expression whose operations note what they do."""
        if isinstance(node, _OPAQUE):
            return node
        if isinstance(node, ast.BinOp) and not _is_literal(node.left, node.right):
            site = self._site("binary", node)
            new = copy.copy(node)
            new.left, new.right = self.kept(site, "left", node.left), self.kept(site, "right", node.right)
            return self.noted(site, RESULT, new, node)
        if (
            isinstance(node, ast.UnaryOp)
            and not isinstance(node.op, ast.Not)
            and not _is_literal(node.operand)
        ):
            site = self._site("unary", node)
            unary = copy.copy(node)
            unary.operand = self.kept(site, "left", node.operand)
            return self.noted(site, RESULT, unary, node)
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], _COMPARISONS):
            site = self._site("compare", node)
            compare = copy.copy(node)
            compare.left = self.kept(site, "left", node.left)
            compare.comparators = [self.kept(site, "right", node.comparators[0])]
            return self.noted(site, RESULT, compare, node)
        if isinstance(node, ast.Subscript) and not _is_literal(node.value):
            site = self._site("subscript", node)
            item = copy.copy(node)
            item.value = self.kept(site, "receiver", node.value)
            item.slice = self.index(site, node.slice)
            return self.noted(site, RESULT, item, node)
        if isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES and not _is_literal(node.value):
            site = self._site("attribute", node)
            attribute = copy.copy(node)
            attribute.value = self.kept(site, "receiver", node.value)
            return self.noted(site, RESULT, attribute, node)
        if isinstance(node, ast.Call):
            return self._call(node)
        return self._children(node)

    def index(self, site: Site, node: ast.expr) -> ast.expr:
        """Return what stands in brackets, its elements noted; slices stay syntax, so that they mean the same."""
        if isinstance(node, ast.Tuple):
            new = copy.copy(node)
            new.elts = [self._element(site, f"[{i}]", item) for i, item in enumerate(node.elts)]
            return new
        return self._element(site, "[0]", node)

    def _element(self, site: Site, slot: str, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Slice | ast.Starred):
            return self._children(node)
        return self.kept(site, slot, node)

    def _call(self, node: ast.Call) -> ast.expr:
        if _is_ipython(node):
            return node
        site = self._site("call", node)
        new = copy.copy(node)
        if isinstance(node.func, ast.Attribute) and not _is_literal(node.func.value):
            func = copy.copy(node.func)
            func.value = self.kept(site, "receiver", node.func.value)
            new.func = func
        else:
            new.func = (
                self.rewrite(node.func) if isinstance(node.func, ast.Call | ast.Subscript) else node.func
            )
        new.args = [self._argument(site, str(i), item) for i, item in enumerate(node.args)]
        new.keywords = []
        for keyword in node.keywords:
            made = copy.copy(keyword)
            made.value = self._argument(site, f"{keyword.arg}=" if keyword.arg else "**", keyword.value)
            new.keywords.append(made)
        return self.noted(site, RESULT, new, node)

    def _argument(self, site: Site, slot: str, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Starred):
            new = copy.copy(node)
            new.value = self._argument(site, f"*{slot}", node.value)
            return new
        if isinstance(node, ast.List | ast.Tuple) and not _is_literal(*node.elts):
            return self.noted(site, slot, self.rewrite(node), node)  # torch.cat([a, b])
        return self.kept(site, slot, node)

    def _children(self, node: N) -> N:
        """Return a node that is no operation itself, with what is in it rewritten."""
        new = copy.copy(node)
        for name, value in ast.iter_fields(node):
            if isinstance(node, ast.NamedExpr) and name == "target":
                continue
            if isinstance(value, ast.expr):
                setattr(new, name, self.rewrite(value))
            elif isinstance(value, list):
                setattr(new, name, [self.rewrite(v) if isinstance(v, ast.expr) else v for v in value])
        return new

    def _site(self, kind: SiteKind, node: ast.AST) -> Site:
        return Site(kind, node, self._statement)


def _is_literal(*nodes: ast.AST) -> bool:
    """Whether all of these are literals, so that no operation of theirs is one of tensors."""
    return all(isinstance(node, _LITERAL) for node in nodes)


def _is_ipython(node: ast.Call) -> bool:
    """Whether the call is what IPython makes of a magic or a shell line."""
    inner = node.func
    while isinstance(inner, ast.Attribute | ast.Call):
        inner = inner.value if isinstance(inner, ast.Attribute) else inner.func
    return isinstance(inner, ast.Name) and inner.id == "get_ipython"
