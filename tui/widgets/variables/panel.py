"""The variables of the namespace: the table, the filter, the details of one, the totals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.events import Key
from textual.message import Message

from tui.protocol.children import ChildTable
from tui.protocol.messages import VariableTable
from tui.widgets.keys import key
from tui.widgets.variables.actions import RowActions, possible
from tui.widgets.variables.columns import Column
from tui.widgets.variables.detail import totals
from tui.widgets.variables.grid import VariableGrid
from tui.widgets.variables.lines import VariableDetail, VariableTotals
from tui.widgets.variables.order import Order, SortKey
from tui.widgets.variables.prompt import LinePrompt
from tui.widgets.variables.tree import Entry, entries, still_there

EMPTY: Final = "no variables yet: try  x = torch.randn(3, 4)"
SHORT_ROWS: Final = 14
"""Rows of the panel below which the details give way to the table."""
_SORTED_BY: Final[dict[Column, SortKey]] = {
    "name": "name", "shape": "shape", "dtype": "dtype", "device": "dtype", "grad": "kind", "memory": "memory",
    "values": "changed",
}  # fmt: skip


class VariablePanel(RowActions):
    """Shows tables that it is handed, and says what is wanted; it asks the kernel for nothing itself."""

    DEFAULT_CSS = """
    VariablePanel { height: 1fr; }
    VariablePanel.-short VariableDetail { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key(
            "slash",
            "filter",
            "Filter",
            "variables.filter",
            "Filter by name, kind, dtype, device, shape (3x4)",
        ),
        key(
            "s", "sort", "Sort", "variables.sort", "Sort by name, memory, shape, dtype, changed, kind in turn"
        ),
        key("S", "reverse", "Reverse", "variables.reverse", "Sort the other way round", show=False),
        key(
            "right",
            "unfold",
            "Unfold",
            "variables.unfold",
            "Show what a module, container… holds",
            show=False,
        ),
        key("left", "fold", "Fold", "variables.fold", "Hide it again; from a part to its owner", show=False),
        key("space", "toggle_fold", "Fold", "variables.toggle", "Unfold or fold", show=False),
        key("e", "rename", "Rename", "variables.rename", "Give it another name"),
        key(
            "escape", "leave", "Back", "variables.leave", "End the filter; then back to the input", show=False
        ),
    ]

    @dataclass
    class ChildrenWanted(Message):
        """What is below a path is wanted; `show_children` takes it."""

        path: str

    class LeaveWanted(Message):
        """The user is done with the table."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.table: VariableTable | None = None
        """The last one that was shown."""
        self._unfolded: dict[str, ChildTable | None] = {}

    def compose(self) -> ComposeResult:
        """Lay out filter, table, details and totals."""
        yield LinePrompt()
        yield VariableGrid(empty=EMPTY, take_key=self._take_key, id="variable-grid")
        yield VariableDetail(id="variable-detail")
        yield VariableTotals(id="variable-totals")

    def on_mount(self) -> None:
        """Say that there is nothing yet."""
        self.query_one(VariableTotals).show("no variables yet")

    def on_resize(self) -> None:
        """Give the rows to the table where there are few."""
        self.set_class(self.size.height < SHORT_ROWS, "-short")

    # -- what it is handed ------------------------------------------------------------------------

    def show(self, table: VariableTable) -> None:
        """Show the variables; asks anew for what is below those that are unfolded."""
        self.table = table
        self._unfolded = still_there(self._unfolded, table.rows)
        self._refresh()
        for path in self._unfolded:
            self.post_message(self.ChildrenWanted(path))

    def show_children(self, path: str, children: ChildTable) -> None:
        """Show what is below a path, if it is still unfolded."""
        if path in self._unfolded and self._unfolded[path] != children:
            self._unfolded[path] = children
            self._refresh()

    def focus_table(self) -> None:
        """Put the focus where the rows are."""
        self.screen.set_focus(self.grid)

    @property
    def grid(self) -> VariableGrid:
        """The rows."""
        return self.query_one(VariableGrid)

    @property
    def current(self) -> Entry | None:
        """The row under the cursor; None where there is none, or only a note."""
        entry = self.grid.current
        return entry if entry is not None and entry.row is not None else None

    def warn(self, notice: str) -> None:
        """Say something in the place of the totals; empty: the totals again."""
        self.query_one(VariableTotals).warn(notice)

    def _refresh(self) -> None:
        if self.table is None:
            return
        query = self.query_one(LinePrompt).query_text
        shown = entries(self.table.rows, self._unfolded, self.grid.order, query)
        self.grid.show(shown, empty=f"nothing matches {query}" if query else EMPTY)
        top = sum(entry.depth == 0 for entry in shown)
        self.query_one(VariableTotals).show(totals(self.table, top, filtered=bool(query)))
        self._show_detail()

    @on(VariableGrid.Highlighted)
    def _moved(self) -> None:
        self.spare()
        self._show_detail()
        self.refresh_bindings()

    def _show_detail(self) -> None:
        entry = self.current
        rows = self.table.rows if self.table else ()
        self.query_one(VariableDetail).show(entry.row if entry else None, rows)

    # -- order and folds --------------------------------------------------------------------------

    def action_sort(self) -> None:
        """Sort by the next thing."""
        self._sort(self.grid.order.next())

    def action_reverse(self) -> None:
        """Sort the other way round."""
        self._sort(self.grid.order.reversed())

    @on(VariableGrid.HeadClicked)
    def _head_clicked(self, event: VariableGrid.HeadClicked) -> None:
        self._sort(self.grid.order.by(_SORTED_BY[event.column]))

    def _sort(self, order: Order) -> None:
        self.grid.order = order
        self._refresh()

    def action_toggle_fold(self) -> None:
        """Unfold what is folded, fold what is unfolded."""
        entry = self.current
        if entry is not None and entry.fold:
            self._set_fold(entry, unfold=entry.fold == "closed")

    def action_unfold(self) -> None:
        """Unfold; where that is done, go to the first part."""
        entry = self.current
        if entry is not None and entry.fold == "closed":
            self._set_fold(entry, unfold=True)
        elif entry is not None and entry.fold == "open":
            self.grid.action_move(1)

    def action_fold(self) -> None:
        """Fold; from a part, go to what holds it."""
        entry = self.current
        if entry is not None and entry.fold == "open":
            self._set_fold(entry, unfold=False)
        else:
            self.grid.go_to_parent()

    def _set_fold(self, entry: Entry, *, unfold: bool) -> None:
        if unfold:
            self._unfolded[entry.key] = None
        else:
            self._unfolded.pop(entry.key, None)
            self._unfolded = still_there(self._unfolded, self.table.rows if self.table else ())
        self._refresh()
        self.refresh_bindings()
        if unfold:
            self.post_message(self.ChildrenWanted(entry.key))

    @on(VariableGrid.Clicked)
    def _clicked(self, event: VariableGrid.Clicked) -> None:
        if event.on_fold:
            self.action_toggle_fold()
        else:
            self.action_open()

    # -- keys -------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what makes no sense for the row under the cursor; in the line, keys are letters."""
        if not self.query(VariableGrid):
            return True
        if self.query_one(LinePrompt).has_focus_within:
            return False
        return possible(action, self.current) or None

    def _take_key(self, event: Key) -> bool:
        """Open the line at once for what is typed right behind its key, and hand that on."""
        prompt = self.query_one(LinePrompt)
        if prompt.has_focus_within:
            return self._hand_on(prompt, event)
        active = self.screen.active_bindings.get(event.key)
        if active is None or not active.enabled or active.node is not self:
            return False
        if active.binding.action not in ("filter", "rename"):
            return False
        (self.action_filter if active.binding.action == "filter" else self.action_rename)()
        return True

    def _hand_on(self, prompt: LinePrompt, event: Key) -> bool:
        """Give the line a key; where that ends it, the next one is for the rows that are left."""
        taken = prompt.take(event)
        if taken and event.key == "enter" and prompt.done:
            self._refresh()
            self.focus_table()
        return taken

    def action_leave(self) -> None:
        """End what is under way: a deletion, a filter, at last the stay in the table."""
        prompt = self.query_one(LinePrompt)
        if self.spare():
            return
        if prompt.query_text:
            prompt.end_filter()
        else:
            self.post_message(self.LeaveWanted())

    def action_filter(self) -> None:
        """Type what the rows are filtered by."""
        self.spare()
        self.query_one(LinePrompt).ask_filter()

    def action_rename(self) -> None:
        """Type a new name."""
        entry = self.current
        if entry is not None and possible("rename", entry) and self.table is not None:
            self.spare()
            self.query_one(LinePrompt).ask_name(entry.key, {row.name for row in self.table.rows})

    @on(LinePrompt.Filtered)
    def _filtered(self) -> None:
        self._refresh()

    @on(LinePrompt.Objected)
    def _objected(self, event: LinePrompt.Objected) -> None:
        self.warn(event.problem)

    @on(LinePrompt.Renamed)
    def _renamed(self, event: LinePrompt.Renamed) -> None:
        self.post_message(self.RenameWanted(event.name, event.new))

    @on(LinePrompt.Left)
    def _left_line(self) -> None:
        self.focus_table()
