"""Builder: put a model together, see its shapes, take the code away."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from screens.builder_bindings import BUILDER_KEYS, NEEDS_BLOCK, NEEDS_CODE, TYPED_IN_FORM
from screens.builder_control import BuilderControl
from screens.builder_running import BuilderRunning
from screens.builder_showing import PANE_TABS
from screens.builder_training import Doors
from tui.client import news
from tui.client.session import KernelSession
from tui.widgets.builder.chooser import Chooser
from tui.widgets.builder.code_pane import CodePane
from tui.widgets.builder.details import Details
from tui.widgets.builder.form import PropertyForm
from tui.widgets.builder.head import BuilderHead
from tui.widgets.builder.tree import BlockTree
from tui.widgets.gradients.views import PanelTabs


class BuilderScreen(BuilderRunning):
    """The blocks of a model at the left; its code, a block's properties or a question at the right."""

    MODE = "builder"
    ABOUT = (
        "Put a model together from layers: after each edit the kernel runs it on the meta device and tells the shapes, "
        "the parameters, the memory to train it, and what would mend a row that fails."
    )
    CSS_PATH = "builder.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*BUILDER_KEYS]

    def __init__(
        self,
        session: KernelSession,
        modes: tuple[str, ...],
        *,
        store: Path | None = None,
        doors: Doors | None = None,
    ) -> None:
        """`store`: the file that the design is kept in; `doors`: what is reached beyond the kernel."""
        super().__init__(session, modes)
        self.kernel = session
        self.doors = doors or Doors()
        self.control = BuilderControl(session, self.changed, store)

    def compose_body(self) -> ComposeResult:
        """Lay out the line at the top, the tree, and what stands beside it."""
        with Vertical(id="body"):
            yield BuilderHead(id="head")
            with Horizontal(id="work"):
                with Vertical(id="left"):
                    yield BlockTree(take_key=self.take_key, looked=self.looked, id="tree")
                with Vertical(id="side"):
                    yield PanelTabs(PANE_TABS, id="code-tabs")
                    yield CodePane(id="code")
                    yield PropertyForm(id="form")
                    yield Chooser(take_key=self.take_line_key, id="chooser")
            yield Details(id="details")

    def on_mount(self) -> None:
        """Have the kernel look at the design from now on, and what changed written."""
        if self.control.notice:
            self.say(self.control.notice)
        self.run_worker(self.control.follow(), group="follow")
        self.run_worker(self.control.follow_writing(), group="write")

    def on_unmount(self) -> None:
        """Leave nothing unwritten, and the file to whoever comes next."""
        self.control.close()

    def on_screen_resume(self) -> None:
        """Show what is true now."""
        if self.focused is None:
            self.set_focus(self.blocks)
        self.control.look_again()
        self.read_catalogue()
        self.changed()

    def on_news(self, news_item: news.News) -> None:
        """Look again when the kernel is back, or its namespace another; open what was tried out."""
        match news_item:
            case news.KernelEnded() | news.StateChanged("dead"):
                self.control.note_gone()
            case news.StateChanged("idle") if self.control.problem:
                self.control.look_again(catalogue=self.control.catalogue is None)
                self.refresh_catalogue()
            case news.EventHeard(event) if event.kind in ("namespace", "torch"):
                self.control.look_again(catalogue=True)
                if event.kind == "torch":
                    self.refresh_catalogue()
            case news.CellFailed():
                self.note_error(news_item)
            case news.CellEnded():
                self.follow_cell(news_item)

    @work(exclusive=True, group="catalogue")
    async def read_catalogue(self) -> None:
        """Have the list of layers, if another one may be true."""
        await self.control.read_catalogue()

    def refresh_catalogue(self) -> None:
        """Have the list of layers, if it is not known."""
        if self.control.catalogue is None and self.is_current:
            self.read_catalogue()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what needs a block, or the code, where there is none."""
        if action in TYPED_IN_FORM and self.query(PropertyForm) and self.form.has_focus:
            return False
        if action in NEEDS_BLOCK and self.block is None:
            return None
        if action in NEEDS_CODE and not self.control.code:
            return None
        if action == "fix" and (not self.control.mendable or self.control.stale):
            return None
        return True
