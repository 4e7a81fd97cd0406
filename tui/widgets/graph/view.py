"""The autograd graph of a result, as a widget: handed a graph, nodes in words and a backward; says what it wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.message import Message

from tui.protocol.autograd import BackwardDone, GraphOpened, Node
from tui.widgets.graph.bindings import COMPONENTS, GRAPH_CSS, GRAPH_KEYS, NEEDS_GRAPH
from tui.widgets.graph.moves import GraphMoves
from tui.widgets.variables.prompt import LinePrompt

ASKED = 256
"""Nodes that are asked for at a time."""


class FilterLine(LinePrompt):
    """The line in which the filter is typed."""

    def ask_filter(self) -> None:
        """Have the filter typed, beginning with the one that holds."""
        super().ask_filter()
        self.line.placeholder = "relu, layer1, weight, parameter…"


class GraphView(GraphMoves):
    """Shows one graph. The cursor stays on its node, whatever is folded or filtered."""

    DEFAULT_CSS = GRAPH_CSS
    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    BINDINGS = GRAPH_KEYS

    @dataclass
    class NodesWanted(Message):
        """Nodes are wanted in words; `show_nodes` takes them, and only then are more asked for."""

        graph: int
        nodes: tuple[int, ...]

    @dataclass
    class NodeHighlighted(Message):
        """The cursor is on another node; of a folded module, on its first."""

        node: int

    @dataclass
    class NodeChosen(Message):
        """A node was chosen, by key or by a click on the row of the cursor."""

        node: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._waiting = False

    def compose(self) -> ComposeResult:
        """Lay out the line of the filter, which is shown while there is one."""
        yield FilterLine()

    # -- what it is handed ------------------------------------------------------------------------

    def show(self, opened: GraphOpened | None) -> None:
        """Show a graph from its root on; None: there is none.

        Raises:
            ValueError: where its structure makes no sense.
        """
        from tui.widgets.graph.model import (
            GraphModel,
        )  # numpy, which nobody waits for before there is a graph

        self.model = None if opened is None else GraphModel(opened)
        self._waiting = False
        self._top = 0
        prompt = self.query_one(FilterLine)
        with prompt.prevent(LinePrompt.Filtered):
            prompt.end_filter()
        self.lay_out()
        self.refresh_bindings()
        if opened is not None:
            self.post_message(self.NodeHighlighted(0))
            self.ask_soon()

    def show_nodes(self, rows: Sequence[Node]) -> None:
        """Fill in nodes in words, in answer to `NodesWanted`; none at all where they cannot be had."""
        self._waiting = False
        if self.model is None:
            return
        line = self.model.cursor_row - self.top
        on_screen = 0 <= line < self.page_rows
        self.model.put(rows)
        if self.model.query and on_screen:
            self.keep_place(line)
        else:
            self.lay_out()
        self.ask_soon()

    def show_backward(self, done: BackwardDone) -> None:
        """Show the gradients that a backward caught.

        Raises:
            ValueError: where it is of another graph.
        """
        if self.model is not None:
            self.model.put_backward(done)
            self.lay_out()
            self.ask_soon()

    def mark(self, node: int | None) -> None:
        """Show whose turn it is in a backward that is stepped through, what ran before and what is to come."""
        if self.model is None or self.model.now == node:
            return
        self.model.now = node
        if node is None:
            self.lay_out()
            return
        self.show_row(self.model.rows.row_of(node))
        self.ask_soon()

    @property
    def current(self) -> int | None:
        """The node under the cursor; of a folded module its first; None without a graph."""
        return None if self.model is None else self.model.current

    def go_to(self, node: int) -> None:
        """Put the cursor on a node; unfold what hides it."""
        if self.model is not None:
            self.model.go_to(node)
            self.moved()

    # -- asking -----------------------------------------------------------------------------------

    def ask_soon(self) -> None:
        """Ask for what is not known, after what is known was painted."""
        self.call_after_refresh(self._ask)

    def _ask(self) -> None:
        if self.model is None or self._waiting or not self.is_mounted:
            return
        nodes = self.model.wanted(self.top, self.page_rows, ASKED)
        if nodes:
            self._waiting = True
            self.post_message(self.NodesWanted(self.model.opened.graph, nodes))

    def scrolled(self) -> None:
        """Ask for what came on the screen."""
        self.ask_soon()

    # -- keys -------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what makes no sense without a graph; in the line of the filter, keys are letters."""
        prompts = self.query(FilterLine)
        if prompts and prompts.first().has_focus_within:
            return False
        return None if action in NEEDS_GRAPH and self.model is None else True

    def on_key(self, event: events.Key) -> None:
        """Open the line at once for what is typed right behind its key, and hand that on."""
        prompt = self.query_one(FilterLine)
        if not prompt.has_focus_within:
            bound = self.screen.active_bindings.get(event.key)
            if (
                bound is None
                or bound.node is not self
                or not bound.enabled
                or bound.binding.action != "filter"
            ):
                return
            self.action_filter()
        elif not prompt.take(event):
            return
        event.stop()
        event.prevent_default()

    def moved(self) -> None:
        """Show where the cursor is now, tell of it, and ask for what came on the screen."""
        self._drop_filter()
        self.show_cursor()
        self.tell_cursor()

    def tell_cursor(self) -> None:
        """Tell which node the cursor is on, and ask for what came on the screen."""
        if self.model is not None:
            self.post_message(self.NodeHighlighted(self.model.current))
        self.ask_soon()

    def action_choose(self) -> None:
        """Choose the node under the cursor."""
        if self.model is not None:
            self.post_message(self.NodeChosen(self.model.current))

    # -- the filter -------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Type what the rows are filtered by."""
        self.query_one(FilterLine).ask_filter()

    @on(LinePrompt.Filtered)
    def _filtered(self, event: LinePrompt.Filtered) -> None:
        event.stop()
        if self.model is not None and self.model.query != event.query:
            before = self.model.current
            self.model.filter(event.query)
            self.show_cursor()
            if self.model.current != before:
                self.tell_cursor()
            self.ask_soon()

    @on(LinePrompt.Left)
    def _left_line(self, event: LinePrompt.Left) -> None:
        event.stop()
        if self.query_one(FilterLine).has_focus_within:
            self.screen.set_focus(self)

    @property
    def filters(self) -> bool:
        """Whether only some of the nodes are shown."""
        return self.model is not None and bool(self.model.query)

    def end_filter(self) -> None:
        """Show all nodes again; the cursor stays on its node."""
        self.query_one(FilterLine).end_filter()
        if self.model is not None and self.model.query:
            self.model.filter("")
            self.show_cursor()
            self.ask_soon()

    def _drop_filter(self) -> None:
        """Close the line of a filter that has ended because it hid where the cursor went."""
        prompt = self.query_one(FilterLine)
        if self.model is not None and prompt.query_text and not self.model.query:
            prompt.end_filter()

    # -- the mouse --------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Go to a row; fold by its sign; choose with a second click; jump by the bar."""
        if self.model is None or event.widget is not self:
            return
        row = self.row_at(event.y)
        if event.x >= self.size.width - 1 and 0 < event.y <= self.page_rows:
            self._top = (event.y - 1) * len(self.model.rows) // self.page_rows - self.page_rows // 2
            self.scroll_rows(0)
            self.ask_soon()
        elif row is not None:
            again = row == self.model.cursor_row and event.chain > 1
            self.go_to_row(row)
            if self.model.rows.kind(row) == "fold" and self.on_sign(event.x, row):
                self.action_toggle_fold()
            elif again:
                self.action_choose()
