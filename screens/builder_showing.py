"""What the Builder screen shows of its `BuilderControl`: each widget is handed what is new, and nothing else."""

from __future__ import annotations

from typing import Final, Literal

from textual import events

from screens.base import BaseScreen
from screens.builder_control import BuilderControl
from tui.client.session import KernelSession
from tui.protocol.building import Block
from tui.widgets.builder.blocks import find, ids_of, walk
from tui.widgets.builder.chooser import Chooser
from tui.widgets.builder.code_pane import CodePane, lines_of_block
from tui.widgets.builder.details import Details, DetailsData
from tui.widgets.builder.form import PropertyForm
from tui.widgets.builder.head import BuilderHead, HeadData
from tui.widgets.builder.inputs import shown_inputs
from tui.widgets.builder.label import label_text
from tui.widgets.builder.row_lines import Seen
from tui.widgets.builder.tree import BlockTree
from tui.widgets.gradients.views import PanelTabs

Pane = Literal["code", "sequential", "tree"]
PANES: Final[tuple[Pane, ...]] = ("code", "sequential", "tree")
PANE_TABS: Final = (("code", "Class"), ("sequential", "Sequential"))
DIM_AFTER_S: Final = 0.25
"""How long the truth of the design before the last edit stands as it is, before it is dimmed."""


class BuilderShowing(BaseScreen):
    """Brings the widgets up to date, once for however many changes there were."""

    kernel: KernelSession
    control: BuilderControl
    _notice = ""
    _warning = False
    _due = False
    _dim = False
    _dim_set = False
    _wide_pane: Pane = "code"
    _narrow_pane: Pane = "tree"

    @property
    def blocks(self) -> BlockTree:
        """The tree of blocks."""
        return self.query_one(BlockTree)

    @property
    def form(self) -> PropertyForm:
        """The form of the block under the cursor."""
        return self.query_one(PropertyForm)

    @property
    def chooser(self) -> Chooser:
        """Where something is asked."""
        return self.query_one(Chooser)

    @property
    def block(self) -> Block | None:
        """The block under the cursor."""
        return self.control.draft.block

    @property
    def pane(self) -> Pane:
        """What stands beside the tree; in a narrow terminal in its place."""
        return self._narrow_pane if self.has_class("-narrow") else self._wide_pane

    @pane.setter
    def pane(self, pane: Pane) -> None:
        if self.has_class("-narrow"):
            self._narrow_pane = pane
        else:
            self._wide_pane = pane
        self.changed()

    def say(self, notice: str, *, warning: bool = True) -> None:
        """Tell something in the line at the top until something else is done."""
        self._notice, self._warning = notice, warning
        self.changed()

    def focus_here(self) -> None:
        """Give the keys to the tree."""
        self.show_now()
        self.app.stylesheet.update(self)
        self.set_focus(self.blocks)

    def changed(self) -> None:
        """Bring everything up to date soon."""
        if not self._due and self.is_attached:
            self._due = True
            self.call_next(self.show_now)

    def on_resize(self, event: events.Resize) -> None:
        """Show what there is room for."""
        self.changed()

    def show_now(self) -> None:
        """Bring everything up to date."""
        self._due = False
        if not self.query(Chooser):
            return  # the screen is on its way out
        control = self.control
        self._note_staleness()
        asking, editing = bool(self.chooser.display), bool(self.form.display)
        sequential = bool(control.checked and control.checked.sequential)
        pane: Pane = "code" if self.pane == "sequential" and not sequential else self.pane
        self.set_class(asking, "-asking")
        self.set_class(editing and not asking, "-editing")
        self.set_class(pane == "tree" and not asking and not editing, "-tree")
        self.set_class(pane != "tree" and not asking and not editing, "-code")
        self.query_one(PanelTabs).show(pane, {}, () if sequential else ("sequential",))
        self._show_head()
        seen = Seen(control.facts, control.layers, self._dim)
        self.blocks.show(control.design.body, seen, control.draft.cursor)
        self._show_code(pane)
        self._show_details()
        self._show_form()
        self.refresh_bindings()

    def _note_staleness(self) -> None:
        """Dim what is known of the design before the last edit, if the truth takes its time."""
        if not self.control.stale:
            self._dim = False
        elif not self._dim and not self._dim_set:
            self._dim_set = True
            self.set_timer(DIM_AFTER_S, self._dim_if_stale)

    def _dim_if_stale(self) -> None:
        self._dim_set = False
        if self.control.stale:
            self._dim = True
            self.changed()

    def _show_head(self) -> None:
        control = self.control
        checked = control.checked
        problem = control.problem or (checked.problem if checked is not None and not control.stale else "")
        working = "looking at it…" if self._dim and control.looking else ""
        self.query_one(BuilderHead).show(
            HeadData(
                control.design.name,
                shown_inputs(control.design.inputs),
                control.batch,
                control.optimizer,
                working,
                problem or control.kept_problem,
                self._notice,
                self._warning,
            )
        )

    def _show_code(self, pane: Pane) -> None:
        control = self.control
        checked = control.checked
        block = self.block
        facts = control.facts.get(block.id) if block is not None else None
        if checked is None:
            self.query_one(CodePane).show(
                "", (), note=control.problem or "The code comes with the first look at it."
            )
            return
        code = checked.sequential if pane == "sequential" else checked.code
        marked = lines_of_block(code, block, facts, self._written_before(block))
        if pane != "sequential" and checked.lines and block is not None:
            inside = set(ids_of((block,)))
            marked = {one.line for one in checked.lines if one.block in inside}
        note = "Of what works so far: a row fails." if control.failing and not control.stale else ""
        self.query_one(CodePane).show(code, marked, note=note)

    def _written_before(self, block: Block | None) -> int:
        """Return how many blocks before this one are written the same in the code."""
        own = self.control.facts.get(block.id) if block is not None else None
        count = 0
        for one, _ in walk(self.control.design.body):
            if block is None or own is None or one.id == block.id:
                break
            facts = self.control.facts.get(one.id)
            count += facts is not None and facts.label == own.label
        return count

    def _show_details(self) -> None:
        control, block = self.control, self.block
        checked = control.checked
        self.query_one(Details).show(
            DetailsData(
                block,
                control.facts.get(block.id) if block is not None else None,
                checked.totals if checked is not None else None,
                checked.output_shapes if checked is not None else "",
                control.batch,
                control.optimizer,
                self._dim,
            )
        )

    def _show_form(self) -> None:
        if not self.form.display:
            return
        block = find(self.control.design, self.control.draft.cursor)
        if block is None:
            self.form.display = False
            self.focus_here()
            return
        facts = self.control.facts.get(block.id)
        self.form.show(block, facts, self.control.catalogue, label_text(block, facts, self.control.layers))
