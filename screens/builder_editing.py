"""The edits of the Builder screen: what its keys do to the design."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import cast

from textual import events, on

from screens.builder_showing import PANES, BuilderShowing
from tui.protocol.building import Block, Design
from tui.widgets.builder import edit as edits
from tui.widgets.builder.blocks import find
from tui.widgets.builder.chooser import Chooser
from tui.widgets.builder.code_pane import CodePane
from tui.widgets.builder.edit import Edit, Step
from tui.widgets.builder.form import PropertyForm
from tui.widgets.builder.label import label_text
from tui.widgets.builder.tree import BlockTree
from tui.widgets.gradients.item_lines import ItemLines
from tui.widgets.gradients.views import PanelTabs

_STEPS: dict[str, Step] = {"up": "up", "down": "down", "left": "out", "right": "in"}
_OWN_KEYS = (BuilderShowing, BlockTree, PropertyForm, Chooser)
MOVING = "moving: ↑ ↓ past neighbours, → into, ← out of; enter ends it"


class BuilderEditing(BuilderShowing):
    """Actions that change the design, or how it is looked at."""

    _moving = False

    def edit(self, make: Callable[[Design, Iterator[int]], Edit], words: str) -> bool:
        """Make an edit; what is refused is said. Returns whether it was made."""
        refused = self.control.edit(make, words)
        self.say(refused)
        return not refused

    @property
    def selected(self) -> list[int]:
        """Ids of the blocks that an edit is about."""
        return self.blocks.selected

    def words_of(self, block: Block | None) -> str:
        """Return what a block is called in a sentence."""
        return label_text(block, None, self.control.layers) if block is not None else "block"

    def looked(self, block: int) -> None:
        """Follow the cursor."""
        if block != self.control.draft.cursor:
            self.control.draft.look_at(block)
            self.changed()

    async def take_key(self, event: events.Key) -> bool:
        """Do what a key that came to the tree asks, at once: those that come with it in one go wait for that.

        They may be for a line or a form that the first of them opened.
        """
        if self._due:
            self.show_now()  # the key is meant for what the one before it did
        if self.chooser.display:
            if event.key == "enter":
                self.answered(self.chooser.answer)
                return True
            return self.chooser.take(event)
        if self.form.display and self.focused is self.form:
            if self.form.take(event):
                return True
        elif self._take_step(event):
            return True
        active = self.active_bindings.get(event.key)
        if active is None or not active.enabled or not isinstance(active.node, _OWN_KEYS):
            return False
        await active.node.run_action(active.binding.action)
        return True

    async def take_line_key(self, event: events.Key) -> bool:
        """Do what a key that came to the line asks: enter at once, and all keys where the line is closed by now."""
        if self.chooser.display and event.key != "enter":
            return False
        return await self.take_key(event)

    def answered(self, event: Chooser.Submitted) -> None:
        """Do what was asked for."""
        raise NotImplementedError

    def _take_step(self, event: events.Key) -> bool:
        """Move the block by an arrow, where it is being moved; another key ends that."""
        if not self._moving:
            return False
        if event.key in _STEPS:
            self.action_shift(_STEPS[event.key])
            self.say(self._notice or MOVING, warning=bool(self._notice))
            return True
        self._moving = False
        self.say("")
        return event.key in ("enter", "escape", "m")

    # -- the structure ----------------------------------------------------------------------------

    def action_remove(self) -> None:
        """Delete the block, or the selected ones."""
        blocks = self.selected
        count = f"{len(blocks)} blocks" if len(blocks) > 1 else self.words_of(self.block)
        self.edit(lambda design, _: edits.remove(design, blocks), f"delete {count}")

    def action_duplicate(self) -> None:
        """Put copies after the selected blocks."""
        blocks = self.selected
        self.edit(
            lambda design, ids: edits.duplicate(design, blocks, ids), f"duplicate {self.words_of(self.block)}"
        )

    def action_shift(self, step: str) -> None:
        """Move the block by one place."""
        block = self.control.draft.cursor
        self.edit(
            lambda design, _: edits.move(design, block, cast("Step", step)),
            f"move {self.words_of(self.block)}",
        )

    def action_moving(self) -> None:
        """Move the block with the arrows from now on."""
        self._moving = True
        self.say(MOVING, warning=False)

    def action_unwrap(self) -> None:
        """Put what is in the block in its place."""
        block = self.control.draft.cursor
        self.edit(lambda design, _: edits.unwrap(design, block), "unwrap")

    def action_freeze(self) -> None:
        """Freeze the selected blocks, or let them train."""
        chosen = [find(self.control.design, block) for block in self.selected]
        frozen = not all(block.frozen for block in chosen if block is not None)

        def freeze(design: Design, _: Iterator[int]) -> Edit:
            edit = Edit(design, self.control.draft.cursor)
            for block in chosen:
                if block is not None:
                    edit = edits.change(edit.design, replace(block, frozen=frozen))
            return Edit(edit.design, self.control.draft.cursor)

        self.edit(freeze, "freeze" if frozen else "unfreeze")

    def action_undo(self) -> None:
        """Undo the last edit."""
        self._told(self.control.draft.undo(), "undone", "there is nothing to undo")

    def action_redo(self) -> None:
        """Make the edit again that was undone last."""
        self._told(self.control.draft.redo(), "done again", "there is nothing to do again")

    def _told(self, words: str, done: str, nothing: str) -> None:
        if words:
            self.control.touch()
        self.say(f"{done}: {words}" if words else nothing, warning=not words)

    # -- what fails -------------------------------------------------------------------------------

    def action_fix(self, number: int) -> None:
        """Apply a fix of the block under the cursor, or of the first one that fails."""
        control = self.control
        here = control.draft.cursor
        mendable = control.mendable
        block = here if here in mendable else next(iter(mendable), 0)
        facts = control.facts.get(block)
        if control.stale:
            self.say("wait for what the kernel says of the last edit")
        elif facts is None:
            self.say(
                "no fix is known: what is wrong stands below the row" if control.failing else "nothing fails"
            )
        elif number >= len(facts.fixes):
            self.blocks.go_to(str(block))
            self.say("there is no such fix for this row: what is wrong stands below it")
        else:
            fix = facts.fixes[number]
            if self.edit(lambda design, ids: edits.apply_fix(design, block, fix, ids), fix.label):
                self.say(fix.label, warning=False)

    def action_to_failing(self) -> None:
        """Go to the next row that fails."""
        failing = [block for block in self.control.failing if self.control.facts[block].error]
        if not failing:
            self.say("nothing fails", warning=False)
            return
        here = self.control.draft.cursor
        after = failing[(failing.index(here) + 1) % len(failing)] if here in failing else failing[0]
        self.control.draft.look_at(after)
        self.say("")

    # -- the form ---------------------------------------------------------------------------------

    @on(ItemLines.Chosen, "#tree")
    def open_form(self) -> None:
        """Edit the properties of the block."""
        if self.block is None:
            return
        self.form.display = True
        self.show_now()
        self.app.stylesheet.update(self)
        self.set_focus(self.form)

    @on(PropertyForm.Changed)
    def block_changed(self, event: PropertyForm.Changed) -> None:
        """Take the block as the form has it."""
        self.edit(lambda design, _: edits.change(design, event.block), f"change {self.words_of(event.block)}")

    @on(PropertyForm.Left)
    def form_left(self) -> None:
        """Go back to the tree."""
        self.form.display = False
        self.focus_here()

    # -- the panes --------------------------------------------------------------------------------

    def action_pane(self) -> None:
        """Show the next pane."""
        sequential = bool(self.control.checked and self.control.checked.sequential)
        panes = [pane for pane in PANES if sequential or pane != "sequential"]
        here = panes.index(self.pane) if self.pane in panes else 0
        self.pane = panes[(here + 1) % len(panes)]

    @on(PanelTabs.Chosen)
    def tab_chosen(self, event: PanelTabs.Chosen) -> None:
        """Show the pane whose name was clicked on."""
        self.pane = "sequential" if event.panel == "sequential" else "code"

    def action_scroll_code(self, direction: int) -> None:
        """Scroll the code."""
        self.query_one(CodePane).scroll_rows(direction * 5)

    def action_copy(self) -> None:
        """Copy the code that is shown."""
        checked = self.control.checked
        if checked is not None:
            sequential = self.pane == "sequential" and checked.sequential
            self.app.copy_to_clipboard(checked.sequential if sequential else checked.code)
            self.say("copied as nn.Sequential" if sequential else "copied the class", warning=False)

    def action_leave(self) -> None:
        """End moving and selecting."""
        self._moving = False
        self.blocks.deselect()
        self.say("")
