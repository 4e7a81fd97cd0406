"""A rewritten cell does exactly what the cell does: same values, same order, same errors, same lifetimes."""

from __future__ import annotations

import ast
import builtins
import traceback
from types import CodeType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.kernel.operations.instrument import KEEP, Instrument, too_deep
from tui.kernel.operations.ledger import Ledger

_BINARY = [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
]
_COMPARE = ["eq", "ne", "lt", "le", "gt", "ge"]


class Traced:
    """Notes everything that is done with it; truth alternates, so that both branches are taken."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log

    def __repr__(self) -> str:
        return self.name  # not its address, which differs from one run to the next

    def note(self, what: str, *parts: object) -> Traced:
        text = f"{self.name}.{what}({', '.join(map(_name, parts))})"
        self.log.append(text)
        return Traced(f"<{len(self.log)}>", self.log)

    def __bool__(self) -> bool:
        self.note("bool")
        return len(self.log) % 2 == 0

    def __getattr__(self, name: str) -> Traced:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.note(f"get {name}")

    def __call__(self, *args: object, **kwargs: object) -> Traced:
        return self.note("call", *args, *[f"{k}={_name(v)}" for k, v in kwargs.items()])

    def __getitem__(self, key: object) -> Traced:
        return self.note("item", key)

    def __setitem__(self, key: object, value: object) -> None:
        self.note("set", key, value)

    def __iter__(self) -> object:
        self.note("iter")
        return iter((1, 2))

    def keys(self) -> list[str]:
        self.note("keys")
        return ["k"]

    def __neg__(self) -> Traced:
        return self.note("neg")

    def __invert__(self) -> Traced:
        return self.note("invert")

    def __format__(self, spec: str) -> str:
        self.note("format")
        return "f"

    def __str__(self) -> str:
        return self.name

    def __hash__(self) -> int:
        return 1


def _name(value: object) -> str:
    if isinstance(value, Traced):
        return value.name
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}[{', '.join(map(_name, value))}]"
    return f"{value.start}:{value.stop}" if isinstance(value, slice) else repr(value)


def _binary(name: str) -> object:
    return lambda self, other: self.note(name, other)


for _operator in _BINARY:
    setattr(Traced, f"__{_operator}__", _binary(_operator))
    setattr(Traced, f"__r{_operator}__", _binary(f"r{_operator}"))
    setattr(Traced, f"__i{_operator}__", _binary(f"i{_operator}"))
for _operator in _COMPARE:
    setattr(Traced, f"__{_operator}__", _binary(_operator))

_OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "<<", ">>"]
_LEAVES = ["a", "b", "c", "f", "(2)", "'s'", "None", "(1, 2)", "[]"]
_TEMPLATES = [
    *[f"({{}} {operator} {{}})" for operator in _OPERATORS],
    *[f"({{}} {operator} {{}})" for operator in ("<", "<=", "==", "!=", "is", "is not")],
    "({} < {} >= {})",
    "({} and {} or {})",
    "({} if {} else {})",
    "(-{})",
    "(not {})",
    "{}.T",
    "{}.other",
    "{}[{}]",
    "{}[{}:{}, ..., None]",
    "{}[{}, :]",
    "f({}, k={})",
    "f({}, *a, {}, **b)",
    "{}.method({})",
    "f([{}, {}])",
    "(w := {}, {}, w)",
    "(lambda p: {})({})",
    "[{} for q in ({}, 1)]",
    "[{}, *{}]",
]
_STATEMENTS = [
    "{}", "r = {}", "r: object = {}", "a += {}", "a @= {}", "a[{}] = {}", "with m() as z:\n    r = {}"
]  # fmt: skip


@st.composite
def _expression(draw: st.DrawFn, depth: int) -> str:
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(_LEAVES))
    template = draw(st.sampled_from(_TEMPLATES))
    return template.format(*(draw(_expression(depth - 1)) for _ in range(template.count("{}"))))


@st.composite
def _statement(draw: st.DrawFn) -> str:
    template = draw(st.sampled_from(_STATEMENTS))
    return template.format(*(draw(_expression(3)) for _ in range(template.count("{}"))))


class _Manager:
    def __enter__(self) -> int:
        return 1

    def __exit__(self, *error: object) -> None:
        return None


def _rewritten(source: str, ledger: Ledger, namespace: dict[str, object]) -> CodeType:
    ledger.begin(namespace)
    instrument = Instrument(ledger)
    instrument.arm(True)
    tree = instrument.visit(ast.parse(source))
    assert isinstance(tree, ast.Module)
    return compile(tree, "<cell>", "exec")


def _outcome(source: str, *, rewritten: bool) -> tuple[list[str], str]:
    log: list[str] = []
    ledger = Ledger()
    namespace: dict[str, object] = {name: Traced(name, log) for name in "abcf"}
    namespace["m"] = _Manager
    namespace["__builtins__"] = {**builtins.__dict__, KEEP: ledger.keep}
    code = _rewritten(source, ledger, namespace) if rewritten else compile(source, "<cell>", "exec")
    try:
        exec(code, namespace)
    except Exception as error:  # noqa: BLE001 - whatever the snippet raises, both must
        return log, "".join(traceback.format_exception(error)[-2:])
    return log, f"{_name(namespace.get('r'))} {_name(namespace.get('a'))}"


@settings(max_examples=150, deadline=None)
@given(_statement())
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_a_rewritten_statement_does_the_same_in_the_same_order(source: str) -> None:
    assert _outcome(source, rewritten=True) == _outcome(source, rewritten=False)


@pytest.mark.parametrize(
    "source",
    [
        "f'{a + b} {c!r}'",
        "f(*a, *b, k=c, **{'z': a * 2})",
        "a[b + 1:c, ..., None, 2]",
        "a[b][c] = f(a)[b] = 3",
        "x, *y = a + b, b, c",
        "sorted([3, 1, 2], key=lambda v: -v)",
        "locals() is globals()",
        "print(a + b, sep='', file=None)",
        "(a\n   .first(1)\n   .second(b + c))",
        "super",
        "a if b and not c else (f or b)",
    ],
)
def test_syntax_that_is_easily_broken(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    plain = _outcome(source, rewritten=False), capsys.readouterr().out
    assert (_outcome(source, rewritten=True), capsys.readouterr().out) == plain


@pytest.mark.parametrize("source", ["[1, 2][3, 4]", "1 is 1", "'a'()"])
def test_the_warnings_of_the_compiler_stay(source: str) -> None:
    messages = []
    for tree in (ast.parse(source), _tree(source)):
        with pytest.warns(SyntaxWarning) as caught:
            compile(tree, "<cell>", "exec")
        messages.append([str(w.message) for w in caught])
    assert messages[0] == messages[1]


def _tree(source: str) -> ast.Module:
    instrument = Instrument(Ledger())
    instrument.arm(True)
    tree = instrument.visit(ast.parse(source))
    assert isinstance(tree, ast.Module)
    return tree


@pytest.mark.parametrize(
    "source",
    [
        "y = 1 + boom(2)",
        "boom(1) + 2 * boom(2)",
        "value = (name\n    .strip()\n    .missing(1, 2))",
        "x = [1, 2, 3][boom(3)]",
        "name += boom(1)",
        "d = {}\nd['key'] = boom(1)",
        "1 < boom(2)",
        "-boom",
        "name.upper().nothing",
    ],
)
def test_tracebacks_and_their_carets_are_the_same(source: str) -> None:
    def raised(rewritten: bool) -> list[object]:
        ledger = Ledger()
        namespace: dict[str, object] = {"name": "n", "__builtins__": {**builtins.__dict__, KEEP: ledger.keep}}
        exec(compile("def boom(v):\n    raise ValueError(v)", "<other>", "exec"), namespace)
        code = _rewritten(source, ledger, namespace) if rewritten else compile(source, "<cell>", "exec")
        with pytest.raises(Exception) as caught:  # noqa: PT011 - of several kinds
            exec(code, namespace)
        return [
            (f.filename, f.lineno, f.end_lineno, f.colno, f.end_colno, f.name)
            for f in traceback.extract_tb(caught.value.__traceback__)[1:]
        ] + [str(caught.value)]

    assert raised(True) == raised(False)


def test_only_the_first_module_after_a_cell_began_is_rewritten() -> None:
    instrument = Instrument(Ledger())
    source = "a + b"
    assert ast.dump(instrument.visit(ast.parse(source))) == ast.dump(ast.parse(source))
    instrument.arm(True)
    assert KEEP in ast.dump(instrument.visit(ast.parse(source)))
    assert KEEP not in ast.dump(instrument.visit(ast.parse(source)))


def test_what_is_left_alone() -> None:
    for source in (
        "for i in a:\n    i + b",
        "def g(x):\n    return x + 1",
        "if a + b:\n    pass",
        "get_ipython().run_line_magic('time', 'x + 1')",
        "g = lambda x: x + 1",
        "[x + 1 for x in a]",
        "f'{a + b}'",
        "1 + 2",
        "del a",
    ):
        assert KEEP not in ast.unparse(_tree(source)), source


def test_what_is_nested_too_deep_is_left_alone_and_compiles() -> None:
    deep = "+".join(["a"] * 90)
    assert too_deep(ast.parse(deep))
    assert KEEP not in ast.unparse(_tree(deep))
    compile(_tree(deep), "<cell>", "exec")


def test_a_temporary_is_freed_as_soon_as_it_would_be() -> None:
    alive: list[int] = []

    class Counted:
        count = 0

        def __init__(self) -> None:
            Counted.count += 1

        def __del__(self) -> None:
            Counted.count -= 1

        def __add__(self, other: object) -> Counted:
            alive.append(Counted.count)
            return Counted()

    def counts(rewritten: bool) -> list[int]:
        alive.clear()
        ledger = Ledger()
        namespace: dict[str, object] = {
            "C": Counted,
            "__builtins__": {**builtins.__dict__, KEEP: ledger.keep},
        }
        source = "r = C() + C() + C() + C()"
        exec(_rewritten(source, ledger, namespace) if rewritten else source, namespace)
        namespace.clear()
        return [*alive, Counted.count]

    assert counts(True) == counts(False)
