"""One operation as the rules read it: its name, its arguments in the order of its signature, its result."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tui.kernel.operations.ledger import Record, SiteKind
from tui.kernel.operations.seen import (
    ArraySeen,
    ModuleSeen,
    OtherSeen,
    PlainSeen,
    Seen,
    SequenceSeen,
    TensorSeen,
    see,
)
from tui.kernel.safe_objects import cut

TEXT_WIDTH: Final = 60
OPERAND_WIDTH: Final = 32

OPERATORS: Final[Mapping[type[ast.AST], tuple[str, str]]] = {
    ast.Add: ("add", "+"),
    ast.Sub: ("sub", "-"),
    ast.Mult: ("mul", "*"),
    ast.Div: ("div", "/"),
    ast.FloorDiv: ("floor_divide", "//"),
    ast.Mod: ("remainder", "%"),
    ast.Pow: ("pow", "**"),
    ast.MatMult: ("matmul", "@"),
    ast.BitAnd: ("bitwise_and", "&"),
    ast.BitOr: ("bitwise_or", "|"),
    ast.BitXor: ("bitwise_xor", "^"),
    ast.LShift: ("bitwise_left_shift", "<<"),
    ast.RShift: ("bitwise_right_shift", ">>"),
    ast.Eq: ("eq", "=="),
    ast.NotEq: ("ne", "!="),
    ast.Lt: ("lt", "<"),
    ast.LtE: ("le", "<="),
    ast.Gt: ("gt", ">"),
    ast.GtE: ("ge", ">="),
    ast.USub: ("neg", "-"),
    ast.UAdd: ("positive", "+"),
    ast.Invert: ("bitwise_not", "~"),
}
_SENTINEL: Final = object()


@dataclass(frozen=True)
class Argument:
    """One argument of an operation."""

    text: str
    """As typed, cut."""
    seen: Seen
    node: ast.expr

    @property
    def tensor(self) -> TensorSeen | None:
        """The tensor it is, if it is one."""
        return self.seen if isinstance(self.seen, TensorSeen) else None


@dataclass(frozen=True)
class Operation:
    """An operation that ended, or failed."""

    kind: SiteKind
    name: str
    """Of the function that does it, e.g. ``add`` for ``+`` and for `torch.add`; of a module call its class."""
    symbol: str
    """What the user wrote: ``+``, ``sum``, ``[ ]``."""
    text: str
    arguments: tuple[Argument, ...]
    """Positional; of a method the tensor itself first."""
    keywords: Mapping[str, Argument]
    result: Seen | None
    is_torch: bool
    """Whether it is known to be an operation of torch and not something of the user's of the same name."""
    module: ModuleSeen | None = None
    """Of the call of an `nn.Module`."""
    node: ast.AST | None = None

    @property
    def tensors(self) -> tuple[Argument, ...]:
        """The arguments that are tensors or arrays, those in lists included."""
        return tuple(_tensors([*self.arguments, *self.keywords.values()]))

    @property
    def output(self) -> TensorSeen | None:
        """The result if it is a tensor, or the first of several."""
        if isinstance(self.result, SequenceSeen) and self.result.items:
            first = self.result.items[0]
            return first if isinstance(first, TensorSeen) else None
        return self.result if isinstance(self.result, TensorSeen) else None

    @property
    def in_place(self) -> bool:
        """Whether it changes its first argument."""
        method = self.name.endswith("_") and not self.name.endswith("__")
        return self.kind in ("augmented", "store") or (self.is_torch and method)

    def argument(self, index: int, name: str) -> Argument | None:
        """Return an argument by its place or its name."""
        if name in self.keywords:
            return self.keywords[name]
        return self.arguments[index] if index < len(self.arguments) else None

    def value(self, index: int, name: str, default: object = None) -> object:
        """Return an argument that is a number, a flag, a text or a list of these; else the default."""
        found = self.argument(index, name)
        value = _SENTINEL if found is None else plain(found.seen)
        return default if value is _SENTINEL else value

    def dims(self, index: int, name: str, rank: int) -> tuple[int, ...] | None:
        """Return dimensions given as ``dim=1``, ``(0, 1)`` or ``0, 1``, counted from the front; None: not given."""
        found = self.value(index, name)
        if type(found) is int and name not in self.keywords:
            rest = [plain(argument.seen) for argument in self.arguments[index:]]
            given = (
                [v for v in rest if isinstance(v, int) and type(v) is int] if name.endswith("s") else [found]
            )
        elif type(found) is int:
            given = [found]
        elif isinstance(found, list):
            given = [v for v in found if isinstance(v, int) and type(v) is int]
        else:
            return None
        return tuple(dim + rank if dim < 0 else dim for dim in given)


def plain(seen: Seen) -> object:
    """Return the value of what is plain, a list of the values of a list of such; else a sentinel."""
    if isinstance(seen, PlainSeen):
        return seen.value
    if isinstance(seen, SequenceSeen):
        values = [plain(item) for item in seen.items]
        return _SENTINEL if any(v is _SENTINEL for v in values) else values
    return _SENTINEL


def _tensors(arguments: list[Argument]) -> Iterator[Argument]:
    for argument in arguments:
        if isinstance(argument.seen, TensorSeen | ArraySeen):
            yield argument
        elif isinstance(argument.seen, SequenceSeen):
            nodes: list[ast.expr] = []
            if isinstance(argument.node, ast.List | ast.Tuple):
                nodes = argument.node.elts
            for i, item in enumerate(argument.seen.items):
                if isinstance(item, TensorSeen | ArraySeen):
                    exact = len(nodes) == argument.seen.length and not any(
                        isinstance(n, ast.Starred) for n in nodes
                    )
                    text = typed(nodes[i], OPERAND_WIDTH) if exact else f"{argument.text}[{i}]"
                    yield Argument(text, item, nodes[i] if exact else argument.node)


def names(*words: str) -> frozenset[str]:
    """Return the words of some texts as a set."""
    return frozenset(" ".join(words).split())


def typed(node: ast.AST, width: int = TEXT_WIDTH) -> str:
    """Return a piece of code as one line."""
    return cut(" ".join(ast.unparse(node).split()), width)


def operation_of(record: Record) -> Operation:
    """Return what a record says of its operation."""
    site, node = record.site, record.site.node
    if isinstance(node, ast.Call):
        return _call(record, node)
    parts: list[Argument] = []
    keywords: dict[str, Argument] = {}
    name, symbol = "", ""
    if isinstance(node, ast.BinOp):
        name, symbol = OPERATORS[type(node.op)]
        parts = [_argument(record, "left", node.left), _argument(record, "right", node.right)]
    elif isinstance(node, ast.AugAssign):
        name, symbol = OPERATORS[type(node.op)]
        symbol += "="
        parts = [_argument(record, "left", node.target), _argument(record, "right", node.value)]
    elif isinstance(node, ast.Compare):
        name, symbol = OPERATORS[type(node.ops[0])]
        parts = [_argument(record, "left", node.left), _argument(record, "right", node.comparators[0])]
    elif isinstance(node, ast.UnaryOp):
        name, symbol = OPERATORS[type(node.op)]
        parts = [_argument(record, "left", node.operand)]
    elif isinstance(node, ast.Attribute):
        name, symbol = node.attr, f".{node.attr}"
        parts = [_argument(record, "receiver", node.value)]
    elif isinstance(node, ast.Subscript):
        name, symbol = "getitem", "[ ]"
        parts = [_argument(record, "receiver", node.value), *_index(record, node.slice)]
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        name, symbol = "setitem", "[ ] ="
        target = node.targets[0]
        parts = [_argument(record, "receiver", target.value), *_index(record, target.slice)]
        keywords = {"value": _argument(record, "right", node.value)}
    # storing a tensor in a dictionary is nothing of torch's
    acting = parts[:1] if site.kind == "store" else parts
    is_torch = any(isinstance(part.seen, TensorSeen) for part in acting)
    return Operation(
        site.kind, name, symbol, typed(node), tuple(parts), keywords, record.result, is_torch, node=node
    )


def _argument(record: Record, slot: str, node: ast.expr) -> Argument:
    seen = record.inputs.get(slot)
    if seen is None:
        try:
            seen = see(ast.literal_eval(node))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            seen = OtherSeen("")
    return Argument(typed(node, OPERAND_WIDTH), seen, node)


def _index(record: Record, node: ast.expr) -> list[Argument]:
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    return [_argument(record, f"[{i}]", item) for i, item in enumerate(items)]


def _call(record: Record, node: ast.Call) -> Operation:
    arguments: list[Argument] = []
    for i, item in enumerate(node.args):
        if isinstance(item, ast.Starred):
            seen = record.inputs.get(f"*{i}")
            several = seen.items if isinstance(seen, SequenceSeen) else ()
            arguments += [
                Argument(f"{typed(item.value, 20)}[{j}]", s, item.value) for j, s in enumerate(several)
            ]
        else:
            arguments.append(_argument(record, str(i), item))
    keywords = {k.arg: _argument(record, f"{k.arg}=", k.value) for k in node.keywords if k.arg}
    callee, func = record.callee, node.func
    symbol = func.attr if isinstance(func, ast.Attribute) else typed(func, OPERAND_WIDTH)
    is_torch = False
    name = symbol
    module = callee if isinstance(callee, ModuleSeen) else None
    receiver = record.inputs.get("receiver")
    if module is not None:
        name, symbol = module.type_name, typed(func, OPERAND_WIDTH)
    elif isinstance(receiver, TensorSeen | ArraySeen) and isinstance(func, ast.Attribute):
        arguments.insert(0, Argument(typed(func.value, OPERAND_WIDTH), receiver, func.value))
        is_torch = isinstance(receiver, TensorSeen)
    else:
        known = callee if isinstance(callee, str) else None
        is_torch, name = known is not None, known or name
    return Operation(
        "call", name, symbol, typed(node), tuple(arguments), keywords, record.result, is_torch, module, node
    )
