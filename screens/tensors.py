"""Tensors: a REPL on the left, the variables of the namespace on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from screens.base import BaseScreen
from screens.repl_files import open_file, save_session
from screens.repl_pane import ReplPane
from tui.client import news
from tui.client.errors import KernelRefused
from tui.protocol.children import ChildTable, ListChildren
from tui.protocol.messages import ListVariables
from tui.widgets.keys import key
from tui.widgets.variables import VariablePanel

if TYPE_CHECKING:
    from tui.client.session import KernelSession


class TensorsScreen(BaseScreen):
    """The REPL and its variables."""

    MODE = "tensors"
    ABOUT = (
        "Run Python beside torch: results are drawn, operations explained, failures put in plain words. "
        "Every variable with shape, dtype, device, gradient, memory, statistics; any tensor in the viewer."
    )
    CSS_PATH = "tensors.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        key(
            "ctrl+c", "interrupt", "Interrupt", "tensors.interrupt", "Interrupt the running cell", first=True
        ),
        key(
            "ctrl+t",
            "next_pane",
            "Cells/table",
            "tensors.focus",
            "From the input to the cells, the variables",
            first=True,
        ),
        key("alt+v", "view", "View", "tensors.view", "View the tensor at the cursor, else the last result"),
        key("ctrl+o", "open", "Open", "tensors.open", "Take a script or a notebook into the input", show=False),
        key("ctrl+s", "save", "Save", "tensors.save", "Save the cells as a script or a notebook"),
        key("ctrl+l", "clear_output", "Clear", "tensors.clear", "Clear the output; variables stay", show=False),
        key(
            "ctrl+k",
            "restart_kernel",
            "Restart",
            "tensors.restart",
            "Restart the kernel: all variables are lost",
        ),
        key("pageup", "page(-1)", "Up", "tensors.page-up", "Scroll the output up", show=False),
        key("pagedown", "page(1)", "Down", "tensors.page-down", "Scroll the output down", show=False),
    ]  # fmt: skip

    def __init__(self, session: KernelSession, modes: tuple[str, ...]) -> None:
        super().__init__(session, modes)
        self._kernel = session

    def compose_body(self) -> ComposeResult:
        """Lay out the REPL and the table."""
        with Horizontal(id="body"):
            yield ReplPane(self._kernel, id="repl")
            yield VariablePanel(id="variables")

    def on_mount(self) -> None:
        """Show what there is already."""
        if self._kernel.state in ("idle", "busy"):
            self.refresh_variables()

    def on_screen_resume(self) -> None:
        """Show what a run has changed meanwhile."""
        if self.variables.table is not None:
            self.refresh_variables()

    @property
    def repl(self) -> ReplPane:
        """The transcript and the input."""
        return self.query_one(ReplPane)

    @property
    def variables(self) -> VariablePanel:
        """The table of variables."""
        return self.query_one(VariablePanel)

    def on_news(self, news_item: news.News) -> None:
        """Show what the session tells."""
        self.repl.on_news(news_item)
        match news_item:
            case news.StateChanged("idle"):
                self.refresh_variables()
            case news.EventHeard(event) if event.kind in ("namespace", "torch"):
                self.refresh_variables()
            case news.StatusRead(status) if status.run is not None and status.run.status == "running":
                if self.app.screen is self:
                    self.refresh_variables()

    # -- variables --------------------------------------------------------------------------------

    @work(exclusive=True, group="variables")
    async def refresh_variables(self) -> None:
        """Ask for the table again; a newer wish takes the place of an older one."""
        try:
            self.variables.show(await self._kernel.ask(ListVariables()))
        except (KernelRefused, RuntimeError, TimeoutError):
            return  # the kernel is gone or has no torch: the status bar says so

    @on(VariablePanel.ChildrenWanted)
    @work(group="children")
    async def list_children(self, event: VariablePanel.ChildrenWanted) -> None:
        """Ask what is below a variable."""
        try:
            table = await self._kernel.ask(ListChildren(event.path), timeout_s=10)
        except (KernelRefused, RuntimeError, TimeoutError) as error:
            table = ChildTable((), reason=str(error) or "the kernel does not answer")
        self.variables.show_children(event.path, table)

    @on(VariablePanel.DeleteWanted)
    def delete(self, event: VariablePanel.DeleteWanted) -> None:
        """Delete a variable, as a cell: it stands in the transcript and in what is saved."""
        self.repl.run(f"del {event.name}")

    @on(VariablePanel.RenameWanted)
    def rename(self, event: VariablePanel.RenameWanted) -> None:
        """Rename a variable, as a cell."""
        self.repl.run(f"{event.new} = {event.name}\ndel {event.name}")

    @on(VariablePanel.CopyWanted)
    def copy(self, event: VariablePanel.CopyWanted) -> None:
        """Put a name on the clipboard."""
        self.app.copy_to_clipboard(event.name)
        self.notify(f"Copied {event.name}", timeout=2)

    @on(VariablePanel.InsertWanted)
    def insert(self, event: VariablePanel.InsertWanted) -> None:
        """Put a name into the input."""
        self.repl.input.insert(event.name)
        self.repl.input.focus()

    @on(VariablePanel.LeaveWanted)
    def go_to_input(self) -> None:
        """Back to typing."""
        self.repl.input.focus()

    @on(VariablePanel.InspectWanted)
    async def inspect(self, event: VariablePanel.InspectWanted) -> None:
        """Open the graph of a tensor on the Autograd screen."""
        from screens.autograd import AutogradScreen

        await self.app.run_action("mode('autograd')")
        if isinstance(self.app.screen, AutogradScreen):
            self.app.screen.open_root(event.expression)

    # -- the viewer -------------------------------------------------------------------------------

    @on(VariablePanel.ViewWanted)
    @on(ReplPane.ViewWanted)
    def view_wanted(self, event: VariablePanel.ViewWanted | ReplPane.ViewWanted) -> None:
        """Look at a tensor."""
        self.view(event.expression)

    def view(self, expression: str) -> None:
        """Open the viewer over this screen."""
        from screens.tensor_viewer import TensorViewer

        self.app.push_screen(TensorViewer(self._kernel, expression))

    # -- keys -------------------------------------------------------------------------------------

    def action_view(self) -> None:
        """View the tensor at the cursor of the input, else the last result."""
        self.view(self.repl.expression_at_cursor() or "_")

    def action_interrupt(self) -> None:
        """Interrupt the running cell."""
        self.repl.interrupt()

    def action_page(self, pages: int) -> None:
        """Scroll the output, wherever the focus is."""
        self.repl.transcript.scroll_pages(pages)

    def action_next_pane(self) -> None:
        """Go from the input to the cells, to the variables, and back.

        At once, since `focus` waits its turn: keys that come in the same burst are for what has the focus then.
        """
        repl = self.repl
        if self.focused is repl.input:
            self.set_focus(repl.transcript)
        elif self.focused is repl.transcript:
            self.variables.focus_table()
        else:
            self.set_focus(repl.input)

    def action_clear_output(self) -> None:
        """Clear the output."""
        self.repl.transcript.clear_all()

    @work(exclusive=True, group="files")
    async def action_save(self) -> None:
        """Save the cells as a script or a notebook."""
        status = self._kernel.status
        await save_session(self.app, self.repl.journal, python=status.python if status else "3")

    @work(exclusive=True, group="files")
    async def action_open(self) -> None:
        """Take a script or a notebook into the input."""
        code = await open_file(self.app)
        if code is not None:
            self.repl.put(code)

    async def action_restart_kernel(self) -> None:
        """Have the app ask, then restart the kernel."""
        await self.app.run_action("restart_kernel")
