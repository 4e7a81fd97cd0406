"""A row of the graph as cells of the screen."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tui.protocol.autograd import Node, NodeKind
from tui.widgets.cells import Line, Row, cut, to_cells
from tui.widgets.gradients.norms import norm_text
from tui.widgets.graph.columns import NUMBER, Column, Slot
from tui.widgets.words import count, shape, size

if TYPE_CHECKING:  # numpy comes with it, which nobody waits for before there is a graph
    from tui.widgets.graph.model import GraphModel
    from tui.widgets.graph.rails import Rail

LANES: Final = 6
"""Colours of lanes, which come again from left to right."""
STYLES: Final = (
    "operation", "parameter", "input", "custom", "checkpoint", "name", "fold", "dim", "rail", "alarm", "nan", "bar",
    "now", *(f"lane{lane}" for lane in range(LANES)),
)  # fmt: skip
"""Of cells; ``""`` is plain."""
SIGNS: Final[dict[NodeKind, str]] = {
    "operation": "●", "parameter": "■", "input": "▲", "custom": "ƒ", "checkpoint": "↻",
}  # fmt: skip
_ALARMS: Final = {"vanishing": "↓", "exploding": "↑"}
_LINE: Final = re.compile(r"In \[(\d+)\], line (\d+): *(.*)", re.DOTALL)
_TICK: Final = "╴"


def head_line(model: GraphModel, slots: Sequence[Slot], width: int) -> Line:
    """Return the titles of the columns."""
    row = Row(width)
    for slot in slots:
        text = {"node": f"graph of {model.opened.expression}", "line": "line of code"}.get(
            slot.column, slot.column
        )
        if slot.column == "gradient" and model.gradients is not None:
            scale = model.gradients.scale.words()
            text = f"|grad| {scale}" if slot.width >= 16 else "|grad|"
        _put(row, slot, text, "", right=slot.column == "saved")
    return row.line()


def graph_line(
    model: GraphModel,
    number: int,
    rail: Rail,
    slots: Sequence[Slot],
    width: int,
    *,
    cpp_names: bool,
    module_above: str,
) -> Line:
    """Return a row; `module_above`: the module that the row above tells, which is not told again."""
    line = _GraphLine(model, number, rail, slots, width)
    match model.rows.kind(number):
        case "gap":
            line.gap()
        case "fold":
            line.fold()
        case _:
            line.node(cpp_names, module_above)
    return line.row.line()


class _GraphLine:
    """A row in the making."""

    def __init__(self, model: GraphModel, number: int, rail: Rail, slots: Sequence[Slot], width: int) -> None:
        self.row = Row(width)
        self._model, self._number, self._rail = model, number, rail
        self._slots: dict[Column, Slot] = {slot.column: slot for slot in slots}
        self._first = model.rows.span(number)[0]
        self._known = model.known.get(self._first)
        self._progress = model.progress(number)

    def gap(self) -> None:
        """Tell how many nodes a filter leaves out."""
        first, end = self._model.rows.span(self._number)
        at = self._rails("⋮", "dim")
        self._text(at, f"{end - first:,} node{'s' * (end - first > 1)}", "dim")

    def fold(self) -> None:
        """Tell which module is folded, and what is in it."""
        stretch = self._model.folds.folded_at(self._first)
        at = self._rails("▸", "fold")
        path = stretch.path if stretch else ""
        node = self._slots["node"]
        end = self._slots.get("module", node).end
        at = self._text(at, path, "fold", end) + 2
        self._text(at, self._model.summary(self._number), "dim", end)
        if self._known is not None:
            self._shape(self._known)
        self._gradient()
        self._turn()

    def node(self, cpp_names: bool, module_above: str) -> None:
        """Tell of a node; what is not known yet is left blank."""
        structure, known = self._model.structure, self._known
        kind = structure.kind_of(self._first)
        module = structure.module_of(self._first)
        at = self._rails(SIGNS[kind], "operation" if kind == "operation" else kind)
        operation = structure.operation_of(self._first)
        name = known.name if known else ""
        if "module" in self._slots and module and name.startswith(f"{module}.") and kind == "parameter":
            name = name[len(module) + 1 :]
        if kind in ("parameter", "input"):
            at = self._text(at, name or (kind if known else ""), kind) + 2
        else:
            at = self._text(at, known.cpp_name if known and cpp_names else operation, "operation") + 1
            at = self._text(at, name, "name") + 1 + bool(name)
        if "module" in self._slots and module and module != module_above:
            _put(self.row, self._slots["module"], module, "dim", tail=True)
        if known is not None:
            if cpp_names and kind in ("parameter", "input"):
                at = self._text(at, known.cpp_name, "dim") + 2
            traits = [trait for trait in known.traits if trait not in ("root", operation)]
            self._text(at, ", ".join(traits), "dim")
            self._words(known)
        self._gradient()
        self._turn()

    # -- parts ------------------------------------------------------------------------------------

    def _rails(self, sign: str, style: str) -> int:
        """Draw the rails; return where the words begin."""
        slot, rail = self._slots["node"], self._rail
        limit = slot.width - 8
        for place, character in enumerate(rail.text[:limit]):
            lane = f"lane{place // 2 % LANES}"
            if 0 <= rail.crowd <= place:
                lane = "dim"
            elif place == rail.at:
                character, lane = sign, style
            elif place % 2 or character == "─":
                lane = "rail"
            self.row.put(slot.start + place, [character], lane)
        return slot.start + min(len(rail.text.removesuffix(_TICK)), limit) + 1

    def _text(self, at: int, text: str, style: str, end: int | None = None) -> int:
        """Write after the rails, as far as there is room; return where it ends."""
        end = self._slots["node"].end if end is None else end
        return self.row.put(at, cut(to_cells(text), max(0, end - at)), style) if text else at

    def _words(self, known: Node) -> None:
        self._shape(known)
        if known.saved_bytes and (slot := self._slots.get("saved")):
            _put(self.row, slot, size(known.saved_bytes), "dim", right=True)
        if known.line and (slot := self._slots.get("line")):
            _put(self.row, slot, short_line(known.line), "dim")

    def _shape(self, known: Node) -> None:
        slot = self._slots.get("shape")
        if slot is None:
            return
        shapes = shape(known.shapes[0]) if known.shapes else ""
        if len(known.shapes) > 1:
            shapes += f" +{len(known.shapes) - 1}"
        _put(self.row, slot, shapes, "")
        dtype = "" if known.dtype == "float32" else short_dtype(known.dtype)
        rest = Slot("shape", slot.start + len(shapes) + 1, slot.width - len(shapes) - 1)
        if dtype and rest.width >= 3:
            _put(self.row, rest, dtype, "dim")

    def _gradient(self) -> None:
        slot, gradients = self._slots.get("gradient"), self._model.gradients
        if slot is None or gradients is None:
            return
        norm, alarm = gradients.norm(self._first), gradients.alarm(self._first)
        if norm is None:
            _put(self.row, Slot("gradient", slot.start, NUMBER), "-", "dim", right=True)
            return
        if alarm == "nonfinite":
            word = "Inf" if math.isinf(norm) else "NaN"
            _put(self.row, slot, f"{word}! ×{count(int(gradients.nonfinite[self._first]))}", "nan")
            return
        style = "alarm" if alarm else ""
        _put(self.row, Slot("gradient", slot.start, NUMBER), norm_text(norm), style, right=True)
        sign = _ALARMS.get(alarm, " ")
        bar = sign + gradients.scale.bar(norm, slot.width - NUMBER - 1)
        _put(self.row, Slot("gradient", slot.start + NUMBER, slot.width - NUMBER), bar, style or "bar")

    def _turn(self) -> None:
        if self._progress == "now":
            self.row.put(0, ["▶"], "now")
        elif self._progress == "ran":
            self.row.put(0, ["✓"], "dim")


def _put(row: Row, slot: Slot, text: str, style: str, *, right: bool = False, tail: bool = False) -> None:
    cells = to_cells(text)
    if tail and len(cells) > slot.width:
        cells = ["…", *cells[len(cells) - slot.width + 1 :]]
        if cells[1:2] == [""]:
            cells[1] = " "
    cells = cut(cells, slot.width)
    row.put(slot.end - len(cells) if right else slot.start, cells, style)


def short_line(line: str) -> str:
    """Return ``In [3], line 2: y = x @ w`` as ``[3]:2 y = x @ w``."""
    found = _LINE.fullmatch(line)
    return f"[{found[1]}]:{found[2]} {found[3]}" if found else line


def short_dtype(dtype: str) -> str:
    """Return ``f16`` for ``float16``, ``bf16``, ``c64``."""
    for long, brief in (("bfloat", "bf"), ("float", "f"), ("complex", "c")):
        if dtype.startswith(long):
            return brief + dtype.removeprefix(long)
    return dtype


def foot_line(model: GraphModel, width: int) -> Line:
    """Return what there is in all, and what the signs mean."""
    row = Row(width)
    nodes = model.structure.nodes
    kinds = model.kind_counts
    words = [f"{nodes:,} nodes" + (", more were left out" if model.opened.truncated else "")]
    if model.query:
        words = [f"{model.rows.kept:,} of {nodes:,} nodes match {model.query}"]
    elif len(model.rows) < nodes:
        words.append(f"{len(model.rows):,} rows")
    at = row.put(1, cut(to_cells(" · ".join(words)), width - 1), "") + 2
    for kind, sign in SIGNS.items():
        word = f"{kinds[kind]:,} {kind}{'s' * (kinds[kind] != 1 and kind != 'custom')}"
        if kind != "operation" and kinds[kind] and at + len(word) + 3 <= width:
            at = row.put(at, [sign], kind) + 1
            at = row.put(at, to_cells(word), "") + 2
    if len(model.rows) < nodes and not model.query and at + 2 + len(FOLDED) <= width:
        at = row.put(at, ["▸"], "fold") + 1
        at = row.put(at, to_cells(FOLDED), "") + 2
    keys = KEYS_FOLDED if len(model.structure.modules) > 1 else KEYS
    if at + len(keys) + 1 <= width:
        row.put(width - len(keys) - 1, to_cells(keys), "dim")
    return row.line()


KEYS: Final = "/ filters"
KEYS_FOLDED: Final = "space folds · / filters"
FOLDED: Final = "folded module"
