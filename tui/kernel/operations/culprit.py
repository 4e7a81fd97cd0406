"""Finds in a traceback the user's expression that failed, what went into it, and the layer inside which it was.

Nothing is evaluated: operands are what the cell has noted, or what a name, an attribute or an item is in the frame.
"""

from __future__ import annotations

import ast
import linecache
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final

from torch import Tensor, nn

from tui.kernel.module_walk import walk
from tui.kernel.operations import paths
from tui.kernel.operations.callees import see_callee
from tui.kernel.operations.ledger import Record, Site, SiteKind
from tui.kernel.operations.operation import OPERAND_WIDTH, OPERATORS, Argument, Operation, operation_of, typed
from tui.kernel.operations.seen import ModuleSeen, Seen, see, see_module, see_tensor
from tui.kernel.operations.words import operand
from tui.kernel.safe_objects import is_a, user_variables
from tui.protocol.operations import Operand

_LIBRARIES: Final = tuple(
    {str(Path(sysconfig.get_path(name))) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_OURS: Final = str(Path(__file__).resolve().parents[1])
_LIMIT: Final = 200_000
"""Characters of a file beyond which its code is not parsed."""


@dataclass(frozen=True)
class Frames:
    """What tells the user's frames apart, and their names."""

    namespace: Mapping[str, object]
    """Of the cells."""
    cell_name: Callable[[str], str]
    """Returns `In [3]` for the file name of a cell, an empty text for any other."""

    def is_user(self, filename: str) -> bool:
        """Whether code under this name is the user's: a cell, or a file that no package installed."""
        if self.cell_name(filename):
            return True
        return not filename.startswith(("<", *_LIBRARIES, _OURS))


@dataclass(frozen=True)
class Layer:
    """An `nn.Module` of torch in whose `forward` it happened."""

    path: str
    """How the user would type it; its class where it is reached from no variable."""
    seen: ModuleSeen
    input: Seen | None
    reached: bool = True
    """Whether `path` is code that reaches it."""

    @property
    def place(self) -> str:
        """Where a cure would go, e.g. `in place of model[2]`."""
        return f"in place of {self.path if self.reached else 'it'}"

    @property
    def name(self) -> str:
        """The beginning of a sentence about it."""
        return self.path if self.reached else f"The {self.path}"

    def operands(self) -> list[Operand]:
        """Return its input and its parameters."""
        made = [_named(f"{self.path}.{name}", seen) for name, seen in self.seen.parameters]
        return made if self.input is None else [_named(f"input of {self.path}", self.input), *made]


def _named(text: str, seen: Seen) -> Operand:
    return operand(Argument(text, seen, ast.Constant(None)))


@dataclass(frozen=True)
class Culprit:
    """Where an error came from."""

    line: str
    node: ast.AST | None
    op: Operation | None
    layer: Layer | None
    from_torch: bool
    """Whether torch raised it, or something that torch called."""
    value: Argument | None = None
    """Of a plain name: what it names, e.g. ``x`` in ``if x:``."""


def culprit_of(error: BaseException, frames: Frames, records: Sequence[Record]) -> Culprit | None:
    """Return the innermost code of the user's in a traceback; None where there is none."""
    chain = list(_chain(error.__traceback__))
    place = max(
        (i for i, tb in enumerate(chain) if frames.is_user(tb.tb_frame.f_code.co_filename)), default=None
    )
    if place is None:
        return None
    tb = chain[place]
    frame = tb.tb_frame
    node = _failed(tb)
    record = _record_of(node, records) if _is_cell(frame, frames) else None
    if node is not None:
        record = _completed(record, node, frame)
    op = None if record is None else operation_of(record)
    value = None
    if op is None and isinstance(node, ast.expr):
        found = paths.read(node, frame.f_locals, frame.f_globals)
        value = None if found is paths.MISSING else Argument(typed(node, OPERAND_WIDTH), see(found), node)
    deeper = chain[place + 1 :]
    within = [inner.tb_frame for inner in deeper]
    from_torch = not within or all(_in_torch(inner.f_code.co_filename) for inner in within)
    return Culprit(_line(tb, frames), node, op, _layer(within, frame, frames), from_torch, value)


def _is_cell(frame: FrameType, frames: Frames) -> bool:
    return bool(frames.cell_name(frame.f_code.co_filename)) and frame.f_code.co_name == "<module>"


def _chain(tb: TracebackType | None) -> Iterator[TracebackType]:
    while tb is not None:
        yield tb
        tb = tb.tb_next


def _in_torch(filename: str) -> bool:
    return any(filename.startswith(f"{library}/torch/") for library in _LIBRARIES) or filename.startswith("<")


def _line(tb: TracebackType, frames: Frames) -> str:
    code = tb.tb_frame.f_code
    inside = "" if code.co_name == "<module>" else f" in {code.co_name}"
    cell = frames.cell_name(code.co_filename)
    if cell:
        return f"{cell}, line {tb.tb_lineno}{inside}"
    return f"{Path(code.co_filename).name}:{tb.tb_lineno}{inside}"


Span = tuple[int | None, int | None, int | None, int | None]


def _failed(tb: TracebackType) -> ast.AST | None:
    """Return the expression that was being evaluated, by the position of the instruction; None if not found."""
    code = tb.tb_frame.f_code
    span: Span | None = next(islice(code.co_positions(), tb.tb_lasti // 2, None), None)
    source = "".join(linecache.getlines(code.co_filename))
    if span is None or span[0] is None or not source or len(source) > _LIMIT:
        return None
    try:
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree = compile(source, code.co_filename, "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    assert isinstance(tree, ast.AST)
    return _node_at(tree, span)


def _node_at(tree: ast.AST, span: Span) -> ast.AST | None:
    """Return the node at a position: a store's or an augmented assignment's statement, else an expression."""
    line, end_line, column, end_column = span
    loose: ast.AST | None = None
    tests: ast.AST | None = None
    for node in ast.walk(tree):
        where = (getattr(node, "lineno", None), getattr(node, "end_lineno", None))
        if where[0] is None:
            continue
        columns = (getattr(node, "col_offset", None), getattr(node, "end_col_offset", None))
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            target = node.targets[0]
            at = (target.lineno, target.end_lineno, target.col_offset, target.end_col_offset)
            if at == (line, end_line, column, end_column):
                return node
        exact = (*where, *columns) == (line, end_line, column, end_column)
        if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert) and exact:
            tests = node.test
            continue
        if exact and isinstance(node, ast.expr | ast.AugAssign):
            return node
        # a call of a method that spans lines is placed at the name of the method
        ends = (where[1], columns[1]) == (end_line, end_column)
        if ends and isinstance(node, ast.Call) and loose is None:
            loose = node
    return tests or loose


def _record_of(node: ast.AST | None, records: Sequence[Record]) -> Record | None:
    """Return what the cell has noted of an expression."""
    for record in records:
        if (
            node is not None
            and type(record.site.node) is type(node)
            and _span(record.site.node) == _span(node)
        ):
            return record
    return None


def _span(node: ast.AST) -> tuple[object, ...]:
    return tuple(
        getattr(node, name, None) for name in ("lineno", "end_lineno", "col_offset", "end_col_offset")
    )


def slots_of(node: ast.AST) -> tuple[SiteKind, list[tuple[str, ast.AST]]] | None:
    """Return what goes into an operation, by slot; None for what is no operation."""
    if isinstance(node, ast.BinOp):
        return "binary", [("left", node.left), ("right", node.right)]
    if isinstance(node, ast.AugAssign):
        return "augmented", [("left", node.target), ("right", node.value)]
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
        return "unary", [("left", node.operand)]
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OPERATORS:
        return "compare", [("left", node.left), ("right", node.comparators[0])]
    if isinstance(node, ast.Attribute):
        return "attribute", [("receiver", node.value)]
    if isinstance(node, ast.Subscript):
        return "subscript", [("receiver", node.value), *_index(node.slice)]
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        target = node.targets[0]
        return "store", [("receiver", target.value), ("right", node.value), *_index(target.slice)]
    if isinstance(node, ast.Call):
        slots: list[tuple[str, ast.AST]] = []
        if isinstance(node.func, ast.Attribute):
            slots.append(("receiver", node.func.value))
        for i, item in enumerate(node.args):
            slots.append((f"*{i}", item.value) if isinstance(item, ast.Starred) else (str(i), item))
        slots += [(f"{keyword.arg}=", keyword.value) for keyword in node.keywords if keyword.arg]
        return "call", slots
    return None


def _index(node: ast.expr) -> list[tuple[str, ast.AST]]:
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    return [(f"[{i}]", item) for i, item in enumerate(items)]


def _completed(record: Record | None, node: ast.AST, frame: FrameType) -> Record | None:
    """Return a record with everything that can be read in the frame and was not noted."""
    found = slots_of(node)
    if found is None:
        return None
    kind, slots = found
    made = Record(Site(kind, node, 0), dict(record.inputs) if record is not None else {})
    namespaces = (frame.f_locals, frame.f_globals)
    for slot, part in slots:
        if slot not in made.inputs and not isinstance(part, ast.Constant):
            value = paths.read(part, *namespaces)
            if value is not paths.MISSING:
                made.inputs[slot] = see(value)
    if isinstance(node, ast.Call):
        callee = paths.read(node.func, *namespaces)
        if callee is not paths.MISSING:
            made.callee = see_callee(callee)
    return made


def _layer(within: Sequence[FrameType], frame: FrameType, frames: Frames) -> Layer | None:
    """Return the innermost module among the frames below the user's code."""
    for inner in reversed(within):
        names = inner.f_code.co_varnames
        if not names or names[0] != "self" or inner.f_code.co_name in ("_wrapped_call_impl", "_call_impl"):
            continue
        module = inner.f_locals.get("self")
        if not is_a(module, nn.Module):
            continue
        given = inner.f_locals.get(names[1]) if inner.f_code.co_argcount > 1 else None
        seen = see_tensor(given) if is_a(given, Tensor) else None
        described = see_module(module)
        path = _path_of(module, frame, frames)
        return Layer(path or described.type_name, described, seen, reached=bool(path))
    return None


def _path_of(module: nn.Module, frame: FrameType, frames: Frames) -> str:
    """Return how the user would type a module, from a variable of the frame or of the cells; empty if from none."""
    for namespace in (frames.namespace, frame.f_locals):
        for name, value in user_variables(namespace, ()):
            if not is_a(value, nn.Module):
                continue
            for visit in walk(name, value):
                if visit.module is module:
                    return visit.path
    return ""
