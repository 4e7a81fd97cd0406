"""What the Builder screen edits and what it has been told: one design, looked at by the kernel after each edit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from screens.autograd_control import in_words
from tui.client.errors import KernelRefused
from tui.client.session import KernelSession
from tui.protocol.building import (
    BlockFacts,
    Catalogue,
    CheckDesign,
    Design,
    DesignChecked,
    LayerKind,
    ListLayers,
)
from tui.protocol.messages import Request
from tui.widgets.builder.blocks import EditRefused, walk
from tui.widgets.builder.draft import Draft
from tui.widgets.builder.edit import Edit
from tui.widgets.builder.row_lines import space_dimensions
from tui.widgets.builder.slots import claim, others
from tui.widgets.builder.storing import Kept, OptimizerName, StoreRefused, load, save

R = TypeVar("R")
CHECK_TIMEOUT_S: Final = 60.0
MOST_RECENT: Final = 12


class BuilderControl:
    """The design, its truth, and the file that it is kept in."""

    def __init__(self, session: KernelSession, changed: Callable[[], None], store: Path | None) -> None:
        """`changed`: called whenever something else is to be shown; `store`: where the design is kept."""
        self._session = session
        self._changed = changed
        self._folder = store
        self._slot = claim(store) if store is not None else None
        self._store = self._slot.path if self._slot is not None else None
        self.kept_problem = ""
        """Why what was kept cannot be read, or is not written; empty: nothing."""
        self.notice = ""
        """What is to be said at the beginning; empty: nothing."""
        kept = self._load()
        self.draft = Draft(kept.design)
        self.batch = kept.batch
        self.optimizer: OptimizerName = kept.optimizer
        self.recent = kept.recent
        """What was placed last, the newest first."""
        self.catalogue: Catalogue | None = None
        self.layers: dict[str, LayerKind] = {}
        self.checked: DesignChecked | None = None
        """The truth that was told last."""
        self.facts: dict[int, BlockFacts] = {}
        self.problem = ""
        """Why the truth cannot be had; empty: nothing keeps it."""
        self.looking = False
        """Whether the kernel is being asked."""
        self._asked: tuple[Design, int, OptimizerName] | None = None  # what `checked` is the truth of
        self._look = asyncio.Event()
        self._write = asyncio.Event()
        self._catalogue_due = True
        self._reading = asyncio.Lock()
        self._note_slot()
        self.touch(kept_too=False)

    def _note_slot(self) -> None:
        """Say where the design is kept, where that is not its usual file."""
        if self._folder is None or self.kept_problem:
            return
        if self._slot is None:
            self.kept_problem = "too many terminals are open: this design is not kept"
        elif self._slot.number > 1:
            self.notice = f"{self._folder.name} is another terminal's: this one keeps {self._slot.path.name}"

    def close(self) -> None:
        """Write what is not written yet, and let another terminal have the file."""
        self.write_now()
        if self._slot is not None:
            self._slot.release()

    def other_designs(self) -> list[Path]:
        """Return the files of designs that other terminals keep or have kept."""
        return others(self._folder, self._store) if self._folder and self._store else []

    def _load(self) -> Kept:
        if self._store is None:
            return Kept()
        try:
            return load(self._store) or Kept()
        except StoreRefused as refused:
            self.kept_problem = str(refused)
            return Kept()

    # -- edits ------------------------------------------------------------------------------------

    @property
    def design(self) -> Design:
        """The design as it is."""
        return self.draft.design

    def edit(self, make: Callable[[Design, Iterator[int]], Edit], words: str) -> str:
        """Make an edit; return why it cannot be made, empty where it was."""
        try:
            edit = make(self.design, self.draft.ids)
        except EditRefused as refused:
            return str(refused)
        self.draft.take(edit, words)
        self.touch()
        return ""

    def touch(self, *, kept_too: bool = True) -> None:
        """Have the kernel look at the design, and the file written."""
        self._look.set()
        if kept_too:
            self._write.set()
        self._changed()

    def placed(self, keys: tuple[str, ...]) -> None:
        """Remember what was placed."""
        newest = dict.fromkeys((*reversed(keys), *self.recent))
        self.recent = tuple(newest)[:MOST_RECENT]

    @property
    def stale(self) -> bool:
        """Whether what is known is of a design before the last edit."""
        return self._asked != self._wanted

    @property
    def _wanted(self) -> tuple[Design, int, OptimizerName]:
        return self.design, self.batch, self.optimizer

    # -- what the kernel says ---------------------------------------------------------------------

    async def ask(self, request: Request[R], timeout_s: float | None = CHECK_TIMEOUT_S) -> R:
        """Ask the kernel; raises as `KernelSession.ask`."""
        return await self._session.ask(request, timeout_s=timeout_s)

    async def follow(self) -> None:
        """Have the newest design looked at, one at a time, for as long as this runs."""
        while True:
            await self._look.wait()
            self._look.clear()
            await self.look()

    async def look(self) -> None:
        """Ask what the design does; what was known stays until it is told."""
        wanted = self._wanted
        self.looking = True
        try:
            checked = await self.ask(CheckDesign(*wanted))
        except (KernelRefused, RuntimeError, TimeoutError) as error:
            self.problem = in_words(error)
        else:
            self.checked, self._asked, self.problem = checked, wanted, ""
            self.facts = {one.id: one for one in checked.blocks}
        finally:
            self.looking = False
            self._changed()

    def note_gone(self) -> None:
        """The kernel is gone: another one has to look, and tell what there is."""
        self._catalogue_due = True
        self._asked = None
        self.problem = "the kernel is gone: what is shown is what it said last; the design is kept"
        self._changed()

    def look_again(self, *, catalogue: bool = False) -> None:
        """Have the design looked at again, since what it stands on may be another: the namespace, the kernel."""
        self._catalogue_due = self._catalogue_due or catalogue
        self._asked = None if self.problem or self._depends_on_namespace else self._asked
        if self._asked is None:
            self._look.set()

    @property
    def _depends_on_namespace(self) -> bool:
        return any(one.source for one in self.design.inputs) or any(
            block.kind == "expression" or (block.layer and not block.layer.startswith("nn."))
            for block, _ in walk(self.design.body)
        )

    async def read_catalogue(self) -> None:
        """Have the list of layers, if it may be another than the one that is known; who comes second waits for it."""
        async with self._reading:
            if not self._catalogue_due:
                return
            self._catalogue_due = False
            try:
                self.catalogue = await self.ask(ListLayers())
            except (KernelRefused, RuntimeError, TimeoutError):
                self._catalogue_due = True  # the design's own problem says why
                return
            except asyncio.CancelledError:
                self._catalogue_due = True
                raise
        self.layers = {one.layer: one for one in self.catalogue.layers}
        self._changed()

    # -- what follows from it ---------------------------------------------------------------------

    @property
    def code(self) -> str:
        """The generated class; empty where it is not known."""
        return self.checked.code if self.checked is not None else ""

    @property
    def failing(self) -> list[int]:
        """Ids of the blocks that fail."""
        return [block.id for block, _ in walk(self.design.body) if self._failed(block.id)]

    @property
    def mendable(self) -> list[int]:
        """Ids of the blocks that a fix is known for, those that fail before those that are only strange."""
        known = [self.facts[block.id] for block, _ in walk(self.design.body) if block.id in self.facts]
        return [one.id for one in sorted(known, key=lambda one: not one.error) if one.fixes]

    def _failed(self, block: int) -> bool:
        return block in self.facts and self.facts[block].status == "failed"

    def dimensions_at(self, block: int, where: str) -> int | None:
        """Return how many dimensions of space there are after, before or at the end of a block."""
        here = self.draft.block
        if block == 0 or here is None:
            shape = self.design.inputs[0].shape if self.design.inputs else ()
            return max(1, min(3, len(shape) - 1))
        if where == "into" and here.children:
            return self.dimensions_after(here.children[-1].id)
        if where == "after":
            return self.dimensions_after(block)
        known = self.facts.get(block)
        return space_dimensions(known.input_shapes) if known is not None else None

    def dimensions_after(self, block: int) -> int | None:
        """Return how many dimensions of space come out of a block."""
        known = self.facts.get(block)
        return space_dimensions(known.output_shapes or known.input_shapes) if known is not None else None

    # -- the file ---------------------------------------------------------------------------------

    @property
    def kept(self) -> Kept:
        """What is kept."""
        return Kept(self.design, self.batch, self.optimizer, self.recent)

    async def follow_writing(self) -> None:
        """Write the file after edits, for as long as this runs."""
        while True:
            await self._write.wait()
            self._write.clear()
            await asyncio.to_thread(self._save, self.kept)

    def write_now(self) -> None:
        """Write what is not written yet."""
        if self._write.is_set():
            self._write.clear()
            self._save(self.kept)

    def _save(self, kept: Kept) -> None:
        if self._store is None:
            return
        try:
            save(self._store, kept)
            self.kept_problem = ""
        except StoreRefused as refused:
            self.kept_problem = str(refused)

    def reckon_for(self, batch: int, optimizer: OptimizerName) -> None:
        """Reckon the memory for another batch size and optimizer."""
        self.batch, self.optimizer = batch, optimizer
        self.touch()

    def with_design(self, words: str, **changes: object) -> str:
        """Change name or inputs of the design."""
        return self.edit(lambda design, _: Edit(replace(design, **changes), self.draft.cursor), words)  # type: ignore[arg-type]
