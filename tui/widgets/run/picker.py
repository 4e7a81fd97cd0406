"""The list to choose from: presets to train, runs to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final, Literal

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import DataTable, Static

from tui.widgets.foreign import one_line
from tui.widgets.keys import key
from tui.widgets.record_table import RecordTable, Row
from tui.widgets.run.entries import PresetEntry, RunEntry

RUN_COLUMNS: Final = ("", "run", "status", "best", "tags", "knobs", "trained", "started", "note", "device")
RunListAction = Literal[
    "mark", "mark-all", "compare", "filter", "order", "order-by", "tags", "notes", "delete"
]


class RunTable(RecordTable):
    """The runs; a column in which none of them has anything takes no room."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("home", "scroll_top", "First", "runs.first", "To the first run", show=False),
        key("end", "scroll_bottom", "Last", "runs.last", "To the last run", show=False),
    ]

    def show(self, rows: Sequence[Row]) -> None:
        """Show these records, in this order."""
        used = [
            at
            for at, title in enumerate(RUN_COLUMNS)
            if title in ("", "run", "status") or any(cells[at].plain for _, cells in rows)
        ]
        titles = tuple(RUN_COLUMNS[at] for at in used)
        shown = [(key, tuple(cells[at] for at in used)) for key, cells in rows]
        if rows and titles != self._titles:
            self._titles = titles
            self._rebuild(dict(shown))
        else:
            super().show(shown)


class PresetTable(RecordTable):
    """The presets: what each is, as far as there is room."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("home", "scroll_top", "First", "presets.first", "To the first preset", show=False),
        key("end", "scroll_bottom", "Last", "presets.last", "To the last preset", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(("preset", "what it is"), id=id)
        self._presets: Sequence[PresetEntry] = ()
        self._room = 0

    def show_presets(self, presets: Sequence[PresetEntry]) -> None:
        """Show these presets."""
        self._presets = presets
        self._fill()

    def on_resize(self) -> None:
        """Tell as much of each as there is room for now."""
        self._fill()

    def _fill(self) -> None:
        names = [_text(entry.name, "bold" if entry.usable else "dim", 30) for entry in self._presets]
        longest = max((name.cell_len for name in names), default=0)
        around = 2 * len(self._titles) * self.cell_padding + self.styles.scrollbar_size_vertical
        room = max(self.size.width - max(longest, len(self._titles[0])) - around, 10)
        rows = [
            (str(entry.path), (name, _text(entry.title, "" if entry.usable else "dim", room)))
            for entry, name in zip(self._presets, names, strict=True)
        ]
        if room != self._room:  # columns become narrower only when they are made anew
            self._room = room
            self._rebuild(dict(rows))
        else:
            self.show(rows)


class RunPicker(Vertical):
    """Two tables: presets above, runs below."""

    DEFAULT_CSS = """
    RunPicker { height: 1fr; }
    RunPicker .picker--title { height: 1; padding: 0 1; background: $surface; color: $primary; text-style: bold; }
    RunPicker #sweep-line { height: 1; padding: 0 1; background: $surface; color: $warning; display: none; }
    RunPicker #presets { height: auto; max-height: 40%; min-height: 4; }
    RunPicker #runs { height: 1fr; }
    RunPicker RecordTable > .datatable--cursor { background: $background; text-style: none; }
    RunPicker RecordTable:focus > .datatable--cursor { background: $primary 30%; text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key("tab", "app.focus_next", "Lists", "picker.next", "From the presets to the runs and back", show=False),
        key("space", "act('mark')", "Mark", "picker.mark", "Mark the run, to compare it with others"),
        key("*", "act('mark-all')", "Mark all", "picker.mark-all", "Mark all runs shown, or none of them", show=False),
        key("v", "act('compare')", "Compare", "picker.compare", "The marked runs over each other"),
        key("/", "act('filter')", "Filter", "picker.filter", "Show some runs: lr>=1e-3 status=finished accuracy>0.9"),
        key("a", "act('order')", "Order", "picker.order", "Newest, best, longest first, or by name"),
        key("A", "act('order-by')", "Order by", "picker.order-by", "Order by any knob or metric", show=False),
        key("w", "sweep", "Sweep", "picker.sweep", "Train the preset several times, over some of its knobs"),
        key("W", "sweep_runs", "Sweep runs", "picker.sweep-runs", "The last sweep: its runs, end, go on", show=False),
        key("#", "act('tags')", "Tags", "picker.tags", "Put tags on the run", show=False),
        key("i", "act('notes')", "Note", "picker.notes", "Write a note on the run", show=False),
        key("delete,backspace", "act('delete')", "Delete", "picker.delete", "Remove the run's folder", show=False),
    ]  # fmt: skip

    @dataclass
    class PresetChosen(Message):
        """Train this."""

        path: Path

    @dataclass
    class RunChosen(Message):
        """Show this."""

        folder: Path

    @dataclass
    class Acted(Message):
        """Something is to be done with a run, or with the list of them."""

        action: RunListAction
        folder: Path | None
        """The run under the cursor; None in an empty list."""

    class SweepRunsWanted(Message):
        """Show the last sweep."""

    @dataclass
    class SweepWanted(Message):
        """Train this preset several times."""

        path: Path

    def __init__(self, *, with_presets: bool) -> None:
        """`with_presets`: whether there is a kernel to train with."""
        super().__init__(id="picker")
        self._with_presets = with_presets
        self._told = self._sweep = ""

    def compose(self) -> ComposeResult:
        """Lay out the tables."""
        if self._with_presets:
            yield Static("Train a preset (Enter)", classes="picker--title", markup=False)
            yield PresetTable(id="presets")
        yield Static("", id="sweep-line", markup=False)
        yield Static("Look at a run (Enter)", id="runs-title", classes="picker--title", markup=False)
        yield RunTable(RUN_COLUMNS, id="runs")

    def show_presets(self, presets: Sequence[PresetEntry]) -> None:
        """Fill the table of presets."""
        if self._with_presets:
            self.query_one(PresetTable).show_presets(presets)

    def show_runs(self, runs: Sequence[RunEntry], title: str) -> None:
        """Fill the table of runs; `title` says which they are."""
        told = one_line(f"Look at a run (Enter) · {title}" if title else "Look at a run (Enter)", 200)
        if told != self._told:
            self._told = told
            self.query_one("#runs-title", Static).update(told)
        self.query_one("#runs", RecordTable).show([(str(e.folder), _cells(e)) for e in runs])

    def to_top(self) -> None:
        """Put the cursor on the first run: they are others now, or in another order."""
        self.query_one("#runs", RecordTable).move_cursor(row=0, animate=False)

    def show_sweep(self, text: str) -> None:
        """Say how a sweep stands; nothing where the text is empty."""
        if text != self._sweep:
            self._sweep = text
            line = self.query_one("#sweep-line", Static)
            line.update(one_line(text, 200))
            line.display = bool(text)

    @property
    def folder(self) -> Path | None:
        """The run under the cursor."""
        current = self.query_one("#runs", RecordTable).current_key
        return Path(current) if current is not None else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what is done with runs in their list alone, and a sweep in that of the presets."""
        on_presets = self._with_presets and self.query_one("#presets").has_focus
        if action == "act":
            return not on_presets
        return on_presets if action == "sweep" else True

    def action_act(self, action: RunListAction) -> None:
        """Tell what is to be done with the run under the cursor, or with the list."""
        self.post_message(self.Acted(action, self.folder))

    def action_sweep(self) -> None:
        """Tell that the preset under the cursor is to be trained several times."""
        current = self.query_one("#presets", RecordTable).current_key
        if current is not None:
            self.post_message(self.SweepWanted(Path(current)))

    def action_sweep_runs(self) -> None:
        """Tell that the last sweep is to be shown."""
        self.post_message(self.SweepRunsWanted())

    def on_descendant_focus(self) -> None:
        """Offer the keys of the list that has the focus now."""
        self.screen.refresh_bindings()

    def focus_first(self) -> None:
        """Put the cursor where a choice is likeliest."""
        self.query(RecordTable).first().focus()

    @on(DataTable.RowSelected)
    def choose(self, event: DataTable.RowSelected) -> None:
        """Tell what was chosen."""
        event.stop()
        key = event.row_key.value
        if key is not None:
            chosen = self.PresetChosen if event.data_table.id == "presets" else self.RunChosen
            self.post_message(chosen(Path(key)))


@lru_cache(maxsize=4096)  # of a thousand runs one has changed
def _cells(entry: RunEntry) -> tuple[Text, ...]:
    return (
        _text("●" if entry.marked else " ", "bold"),
        _text(entry.name, "bold", 30),
        _text(entry.status),
        _text(entry.best, "", 28),
        _text(entry.tags, "italic", 24),
        _text(entry.differs, "", 48),
        _text(entry.took),
        _text(entry.started, "dim"),
        _text(entry.summary, "dim", 60),
        _text(entry.device, "dim"),
    )


def _text(text: str, style: str = "", width: int = 40) -> Text:
    return Text(one_line(text, width), style=style, no_wrap=True, end="")
