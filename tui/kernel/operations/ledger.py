"""Notes what goes into the operations of a cell and what comes out, as the cell runs."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from tui.kernel.operations import paths
from tui.kernel.operations.callees import Callee, see_callee
from tui.kernel.operations.seen import ModuleSeen, Seen, TensorSeen, see

LIMIT: Final = 64
"""Operations of one statement that are kept, the last ones."""

SiteKind = Literal["binary", "unary", "compare", "subscript", "call", "attribute", "augmented", "store"]
RESULT: Final = "result"


@dataclass(frozen=True, eq=False)
class Site:
    """One operation in the code of a cell."""

    kind: SiteKind
    node: ast.AST
    """As it was parsed, not as it was rewritten."""
    statement: int
    """Which of the cell's statements it is in."""


@dataclass(eq=False)
class Record:
    """One operation that began: what went in, and what came out if it ended."""

    site: Site
    inputs: dict[str, Seen] = field(default_factory=dict)
    """By slot: ``left``, ``receiver``, ``0`` for a positional argument, ``dim=`` for a keyword, ``*2`` starred."""
    result: Seen | None = None
    """None: it did not end, so it failed or something inside it did."""
    callee: Callee = None
    """Of a call: what was called."""


class Ledger:
    """The operations of one cell. `keep` is called from the cell's rewritten code."""

    def __init__(self) -> None:
        self._base = 0
        self._slots: list[tuple[Site, str]] = []
        self._statement = -1
        self._records: dict[Site, Record] = {}
        self._done: deque[Record] = deque(maxlen=LIMIT)
        self._ended = 0
        self._previous: tuple[list[Record], int] = ([], 0)
        self._namespace: Mapping[str, object] = {}
        self._nodes: dict[int, ast.stmt] = {}
        self.explain_from = 0
        """The first statement of the cell that may be explained: what comes before a loop or an `if` is not."""

    def begin(self, namespace: Mapping[str, object]) -> None:
        """Forget the cell before; what code of it still notes is passed over from now on."""
        self._base += len(self._slots)
        self._slots = []
        self._statement = -1
        self._records, self._done, self._ended = {}, deque(maxlen=LIMIT), 0
        self._previous = ([], 0)
        self._namespace = namespace
        self._nodes = {}
        self.explain_from = 0

    def statement(self, number: int, node: ast.stmt) -> None:
        """Note which statement a number stands for."""
        self._nodes[number] = node

    def statement_node(self, number: int) -> ast.stmt | None:
        """Return a statement of the cell as it was parsed."""
        return self._nodes.get(number)

    @property
    def namespace(self) -> Mapping[str, object]:
        """The names of the cell."""
        return self._namespace

    def token(self, site: Site, slot: str) -> int:
        """Return the number under which the cell's code will note a value."""
        self._slots.append((site, slot))
        return self._base + len(self._slots) - 1

    def keep(self, token: int, value: object) -> object:
        """Note what the value is like and return it; never raises."""
        __tracebackhide__ = True  # of IPython's tracebacks, should an interrupt fall in here
        index = token - self._base
        if index >= 0:
            try:
                self._note(*self._slots[index], value)
            except Exception:  # noqa: BLE001 - the user's cell goes on whatever their object is
                return value
        return value

    def _note(self, site: Site, slot: str, value: object) -> None:
        if site.statement != self._statement:
            self._next_statement(site.statement)
        record = self._records.get(site)
        if record is None:
            record = self._records[site] = Record(site)
        if site.kind == "augmented" and "left" not in record.inputs:
            self._note_target(record)
        if slot != RESULT:
            record.inputs[slot] = see(value)
            return
        record.result = see(value)
        self._end(record)

    def _end(self, record: Record) -> None:
        if record.site.kind == "call":
            record.callee = self.callee_of(record)
        self._done.append(record)
        self._ended += 1

    def callee_of(self, record: Record) -> Callee:
        """Return what a call called, where that can be read."""
        call = record.site.node
        if not isinstance(call, ast.Call):
            return None
        for known in self._done:
            if known.site.node is call.func:  # nn.Linear(2, 3)(x)
                return known.result if isinstance(known.result, ModuleSeen) else None
        found = paths.read(call.func, self._namespace)
        return None if found is paths.MISSING else see_callee(found)

    def _note_target(self, record: Record) -> None:
        target = getattr(record.site.node, "target", None)
        if isinstance(target, ast.Name):
            value = self._namespace.get(target.id, paths.MISSING)
            if value is not paths.MISSING:
                record.inputs["left"] = see(value)

    def _next_statement(self, statement: int) -> None:
        if any(isinstance(record.result, TensorSeen) for record in self._done):
            self._previous = (list(self._done), self._ended)
        self._statement = statement
        self._records, self._done, self._ended = {}, deque(maxlen=LIMIT), 0

    # -- after the cell ---------------------------------------------------------------------------

    def close_targets(self) -> None:
        """Note the results of ``x += y`` and ``x[0] = y``, which no expression has."""
        for record in [*self._records.values()]:
            if record.site.kind == "store":
                record.result = record.inputs.get("receiver")
                self._end(record)
            elif record.site.kind == "augmented" and record.result is None:
                target = getattr(record.site.node, "target", None)
                if isinstance(target, ast.Name) and target.id in self._namespace:
                    record.result = see(self._namespace[target.id])
                    self._end(record)

    def explained(self, worth: Callable[[list[Record]], bool]) -> tuple[list[Record], int]:
        """Return the operations of the last statement that had any worth telling, and how many came before them."""
        for records, ended in ((list(self._done), self._ended), self._previous):
            if records and records[0].site.statement >= self.explain_from and worth(records):
                return records, ended - len(records)
        return [], 0

    def unfinished(self) -> list[Record]:
        """Return the operations that began and did not end, innermost last."""
        return [record for record in self._records.values() if record.result is None]

    def all_records(self) -> list[Record]:
        """Return every operation of the current statement."""
        return list(self._records.values())
