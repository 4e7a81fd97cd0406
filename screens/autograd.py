"""Autograd: the graph of a result, backward step by step, every gradient, what is wrong."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from screens.autograd_bindings import AUTOGRAD_KEYS, NEEDS_BACKWARD, NEEDS_GRAPH
from screens.autograd_control import GraphControl
from screens.autograd_showing import PANELS, AutogradShowing
from tui.client import news
from tui.client.session import KernelSession
from tui.protocol.messages import RunState
from tui.widgets.gradients.ask import AskLine
from tui.widgets.gradients.grid import GradientPanel
from tui.widgets.gradients.head import GraphHead
from tui.widgets.gradients.item_lines import ItemLines
from tui.widgets.gradients.views import BlockList, PanelTabs
from tui.widgets.graph.view import GraphView


def went_on(before: RunState, now: RunState) -> bool:
    """Return whether a run has left the place where it was paused: the kernel has let go of its graphs then."""
    return (before.id, before.status, before.step, before.phase, before.batch) != (
        now.id, now.status, now.step, now.phase, now.batch
    )  # fmt: skip


class AutogradScreen(AutogradShowing):
    """The graph at the left, one of four panels at the right; without a graph, gradients and how to begin."""

    MODE = "autograd"
    ABOUT = (
        "How a result was computed, as a graph; backward through it step by step, with every gradient and the rule "
        "that made it; why a .grad is None; where gradients vanish, explode or become NaN."
    )
    CSS_PATH = "autograd.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*AUTOGRAD_KEYS]

    def __init__(self, session: KernelSession, modes: tuple[str, ...]) -> None:
        super().__init__(session, modes)
        self.kernel = session
        self.control = GraphControl(session, self.changed)
        self._run: RunState | None = None

    def compose_body(self) -> ComposeResult:
        """Lay out the line at the top, the graph, the panels, and where is typed."""
        with Vertical(id="body"):
            yield GraphHead(id="head")
            with Horizontal(id="work"):
                yield GraphView(id="graph")
                with Vertical(id="side"):
                    yield PanelTabs(PANELS, id="panels")
                    yield BlockList(id="step")
                    yield GradientPanel(id="gradients")
                    yield BlockList(id="findings")
                    yield BlockList(id="changes")
            yield Static("", id="note", markup=False)
            yield BlockList(id="start")
            yield AskLine(id="ask")

    async def let_go(self) -> None:
        """Close the graph in the kernel: the app is about to leave it."""
        await self.control.close()

    @on(events.Unmount)
    async def gone(self) -> None:
        """Let go of what the kernel keeps for us."""
        await self.let_go()

    # -- news -------------------------------------------------------------------------------------

    def on_screen_resume(self) -> None:
        """Show what is true now."""
        self.changed()
        self.refresh_gradients()

    def on_news(self, news_item: news.News) -> None:
        """Follow the namespace while the screen is shown; a graph goes with its kernel, or with its batch."""
        match news_item:
            case news.KernelEnded() | news.StateChanged("starting"):
                if self.control.lose():
                    self.say("the graph went with its kernel: run its cell again, then o")
            case news.EventHeard(event) if event.kind in ("namespace", "torch") and self.is_current:
                self.refresh_gradients()
            case news.StatusRead(status) if status.run is not None:
                self._follow_run(status.run)

    def _follow_run(self, run: RunState) -> None:
        before, self._run = self._run, run
        left = before is not None and before.status == "paused" and went_on(before, run)
        if left and self.control.opened is not None:
            self.wish(self._resumed())
        if run.status == "running" and self.is_current:
            self.refresh_gradients()

    async def _resumed(self) -> str:
        await self.control.close()
        return "the run goes on: the graph is closed, the batch that it kept alive is free"

    @work(exclusive=True, group="gradients")
    async def refresh_gradients(self) -> None:
        """Ask for the gradients again; a newer wish takes the place of an older one."""
        offered = bool(self.control.candidates)
        await self.control.read_gradients()  # where it cannot be had the status bar says why
        first_offer = bool(self.control.candidates) and not offered and self.control.opened is None
        if self.focused is None or (first_offer and self.focused is self.gradients.grid):
            self.focus_here()

    # -- the graph and its panels -----------------------------------------------------------------

    @on(GraphView.NodesWanted)
    def read_nodes(self, event: GraphView.NodesWanted) -> None:
        """Have the words of nodes that came on the screen."""

        async def read() -> None:
            self.graph.show_nodes(await self.control.read_nodes(event.graph, tuple(event.nodes)))

        self.run_worker(read(), group="nodes")

    @on(GraphView.NodeHighlighted)
    @on(GraphView.NodeChosen)
    def node_looked_at(self, event: GraphView.NodeHighlighted | GraphView.NodeChosen) -> None:
        """Show the node under the cursor: its step, or what it is."""
        if event.node == self.graph.current:
            self.wish(self.control.look_at(event.node), group="look")
        if isinstance(event, GraphView.NodeChosen):
            self.show_panel("step")

    def look_at(self, node: int) -> None:
        """Go to a node."""
        self.wish(self.control.look_at(node, lead=True), group="look")

    @on(PanelTabs.Chosen)
    def tab_chosen(self, event: PanelTabs.Chosen) -> None:
        """Show the panel whose name was clicked on."""
        self.show_panel(event.panel)

    @on(ItemLines.Chosen)
    def item_chosen(self, event: ItemLines.Chosen) -> None:
        """Go to what a line of a panel is about."""
        kind, _, rest = event.key.partition(" ")
        if event.view.id == "start":
            self.open_root(event.key)
        elif kind == "node":
            self.look_at(int(rest))
        elif kind == "view":
            self.view_expression(rest)
        elif kind == "leaf":
            self.go_to_leaf(rest)
        elif kind == "finding" and self.control.findings is not None:
            found = self.control.findings.rows[int(rest)]
            if found.node >= 0:
                self.look_at(found.node)
                self.set_focus(self.graph)
            else:
                self.go_to_leaf(found.name)

    def go_to_leaf(self, name: str) -> None:
        """Show a row of the gradients."""
        self.show_panel("gradients")
        self.show_now()
        self.gradients.grid.go_to(f"leaf {name}")
        self.app.stylesheet.update(self)
        self.set_focus(self.gradients.grid)

    # -- keys -------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what needs a graph, or a backward, where there is none."""
        if action in NEEDS_GRAPH and self.control.opened is None:
            return None
        if action in NEEDS_BACKWARD and not self.control.order:
            return None
        return True

    def action_move(self, steps: int) -> None:
        """Go to the next step of the backward, or the one before."""
        self.show_panel("step")
        self.wish(self.control.move(steps), group="look")

    def action_go_to_step(self, step: int) -> None:
        """Go to the first or the last step."""
        self.show_panel("step")
        self.wish(self.control.go_to_step(step), group="look")

    def action_gradients(self) -> None:
        """Go to the table of gradients; from there, over the whole width and back."""
        if self.panel == "gradients" and self.gradients.grid.has_focus and self.control.opened is not None:
            self.toggle_class("-wide-table")
        self.show_panel("gradients")
        self.show_now()
        self.app.stylesheet.update(self)
        self.set_focus(self.gradients.grid)

    def action_panel(self) -> None:
        """Show the next panel."""
        names = [name for name, _ in PANELS]
        self.show_panel(names[(names.index(self.panel) + 1) % len(names)])
        self.focus_here()

    def action_scroll_panel(self, direction: int) -> None:
        """Scroll the panel that is shown, wherever the focus is."""
        for view in self.query("#side ItemLines").results(ItemLines):
            if view.display and view.size.height:
                view.scroll_rows(direction * 3)
                return

    def action_sort(self, reverse: bool) -> None:
        """Sort the gradients by the next column, or the other way round."""
        grid = self.gradients.grid
        grid.sort(grid.order.by(grid.order.key) if reverse else grid.order.next())

    def action_refresh(self) -> None:
        """Ask the kernel again; what is open is opened anew."""
        self.refresh_gradients()
        if self.control.opened is not None:
            self.open_root(self.control.opened.expression)

    def action_leave(self) -> None:
        """Cancel what is computed; else leave the wide table; else end the filter; else close the graph."""
        if self.control.working:
            self.wish(self.control.cancel(), group="cancel")
        elif self.has_class("-wide-table"):
            self.remove_class("-wide-table")
            self.focus_here()
        elif self.graph.filters:
            self.graph.end_filter()
        elif self.control.opened is not None:
            self.panel = "gradients"
            self.run_worker(self._close(), group="wish")

    async def _close(self) -> None:
        await self.control.close()
        self.focus_here()
