"""What the Autograd screen shows of its `GraphControl`: each widget is handed what is new, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from textual.widgets import Static

from screens.autograd_actions import AutogradActions
from tui.widgets.foreign import plain
from tui.widgets.gradients.ask import AskLine
from tui.widgets.gradients.changes import change_blocks
from tui.widgets.gradients.findings import finding_blocks
from tui.widgets.gradients.head import GraphHead, HeadData
from tui.widgets.gradients.item_lines import Block
from tui.widgets.gradients.node import node_blocks
from tui.widgets.gradients.start import start_blocks
from tui.widgets.gradients.step import step_blocks
from tui.widgets.gradients.table import total_words
from tui.widgets.gradients.views import BlockList, PanelTabs
from tui.widgets.graph.view import GraphView

PANELS: Final = (
    ("step", "Step"),
    ("gradients", "Gradients"),
    ("findings", "Findings"),
    ("changes", "Changes"),
)


COMPACT_ROWS: Final = 18
"""Rows of a panel below which its drawing goes without empty lines."""


class AutogradShowing(AutogradActions):
    """Brings the widgets up to date, once for however many changes there were."""

    panel = "gradients"
    """The panel that is shown, or would be with a graph."""
    _notice = ""
    _warning = True
    _due = False
    _first = ""
    """What stood first among what can be opened."""

    def on_mount(self) -> None:
        """Nothing is shown yet."""
        self._shown: dict[str, tuple[object, ...]] = {}

    @property
    def graph(self) -> GraphView:
        """The graph."""
        return self.query_one(GraphView)

    def blocks_of(self, panel: str) -> BlockList:
        """Return one of the lists of blocks."""
        return self.query_one(f"#{panel}", BlockList)

    def say(self, notice: str, *, warning: bool = True) -> None:
        """Tell something in the line at the top until something else is done."""
        self._notice, self._warning = notice, warning
        self.changed()

    def show_panel(self, panel: str) -> None:
        """Show one of the panels."""
        self.panel = panel
        if panel != "gradients":
            self.remove_class("-wide-table")
        self.changed()

    def focus_here(self) -> None:
        """Give the keys to the graph; without one to what can be opened, else to the gradients."""
        self.show_now()
        self.app.stylesheet.update(self)
        wide = self.has_class("-wide-table")
        if self.control.opened is not None and not wide:
            self.set_focus(self.graph)
        elif self.control.opened is None and self.control.candidates:
            self.set_focus(self.blocks_of("start"))
        else:
            self.set_focus(self.gradients.grid)

    def changed(self) -> None:
        """Bring everything up to date soon."""
        if not self._due and self.is_attached:
            self._due = True
            self.call_next(self.show_now)

    def show_now(self) -> None:
        """Bring everything up to date."""
        self._due = False
        if not self.query(AskLine):
            return  # the screen is on its way out
        control = self.control
        graph = control.opened is not None
        panel = self.panel if graph or self.panel == "changes" else "gradients"
        self.set_class(not graph, "-no-graph")
        self.set_class(control.table is None or not control.table.rows, "-empty")
        for name, _ in PANELS:
            self.set_class(name == panel, f"-{name}")
        findings = len(control.findings.rows) if control.findings else 0
        self.query_one(PanelTabs).show(panel, {"findings": findings}, () if graph else ("step", "findings"))
        self._show_head()
        self._show_graph()
        self._show_panels()
        self.refresh_bindings()

    def _is_new(self, what: str, *now: object) -> bool:
        """Return whether something is to be shown that is not shown yet; things are compared by identity."""
        before = self._shown.get(what)
        self._shown[what] = now
        return before is None or any(old is not new for old, new in zip(before, now, strict=True))

    def _show_head(self) -> None:
        control = self.control
        opened = control.opened
        data = HeadData(
            recording=control.recording,
            create_graph=control.create_graph,
            table=control.table,
            working=control.working,
            can_end=control.can_end,
            notice=self._notice,
            warning=self._warning,
        )
        if opened is not None:
            data = replace(
                data,
                expression=opened.expression,
                root=opened.root,
                nodes=opened.structure.nodes,
                truncated=opened.truncated,
                spent=control.spent,
            )
        self.query_one(GraphHead).show(data)
        if control.table is not None and self._is_new("note", control.table):
            self.query_one("#note", Static).update(plain(total_words(control.table)))

    def _show_graph(self) -> None:
        control = self.control
        if control.opened is None:
            return
        if self._is_new("graph", control.opened):
            self.graph.show(control.opened)
        if self._is_new("backward", control.done) and control.done is not None:
            self.graph.show_backward(control.done)
        if self._is_new("mark", control.done, control.node):
            self.graph.mark(control.node if control.at is not None else None)
        if self._is_new("led", control.opened, control.led) and self.graph.current != control.node:
            with self.graph.prevent(GraphView.NodeHighlighted):
                self.graph.go_to(control.node)

    def _show_panels(self) -> None:
        control = self.control
        if control.table is not None and self._is_new("table", control.table):
            self.gradients.show(control.table)
        status = self.kernel.status
        ready = status is not None and status.torch_state == "ready"
        if self._is_new("start", control.candidates, ready):
            first = control.candidates[0].expression if control.candidates else ""
            self.blocks_of("start").show(
                lambda width: start_blocks(control.candidates, torch_ready=ready, width=width),
                to_top=first != self._first,
            )
            self._first = first
        if self._is_new("findings", control.findings):
            self.blocks_of("findings").show(
                lambda width: finding_blocks(control.findings, width, ran=control.done is not None),
                to_top=True,
            )
        if self._is_new("changes", control.changes):
            self.blocks_of("changes").show(lambda width: change_blocks(control.changes, width), to_top=True)
        node = control.nodes.get(control.node)
        if self._is_new("step", control.step, control.node, node, control.done):
            self.blocks_of("step").show(self._step_blocks, to_top=True)

    def _step_blocks(self, width: int) -> Sequence[Block]:
        """Return the step of the node that is looked at, or what the node is."""
        control = self.control
        step, node = control.step, control.nodes.get(control.node)
        if step is not None and step.node.node == control.node:
            return step_blocks(
                step,
                len(control.order),
                control.mode,
                control.name_of,
                width,
                senders=control.senders(),
                compact=self.blocks_of("step").size.height < COMPACT_ROWS,
            )
        return [] if node is None else node_blocks(node, ran=control.done is not None, width=width)
