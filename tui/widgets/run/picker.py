"""The list to choose from: presets to train, runs to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import DataTable, Static

from tui.widgets.foreign import one_line
from tui.widgets.keys import key
from tui.widgets.record_table import RecordTable
from tui.widgets.run.entries import PresetEntry, RunEntry


class RunPicker(Vertical):
    """Two tables: presets above, runs below."""

    DEFAULT_CSS = """
    RunPicker { height: 1fr; }
    RunPicker .picker--title { height: 1; padding: 0 1; background: $surface; color: $primary; text-style: bold; }
    RunPicker #presets { height: auto; max-height: 40%; min-height: 4; }
    RunPicker #runs { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        key(
            "tab",
            "app.focus_next",
            "Lists",
            "picker.next",
            "From the presets to the runs and back",
            show=False,
        ),
    ]

    @dataclass
    class PresetChosen(Message):
        """Train this."""

        path: Path

    @dataclass
    class RunChosen(Message):
        """Show this."""

        folder: Path

    def __init__(self, *, with_presets: bool) -> None:
        """`with_presets`: whether there is a kernel to train with."""
        super().__init__(id="picker")
        self._with_presets = with_presets

    def compose(self) -> ComposeResult:
        """Lay out the tables."""
        if self._with_presets:
            yield Static("Train a preset (Enter)", classes="picker--title", markup=False)
            yield RecordTable(("preset", "what it is"), id="presets")
        yield Static("Look at a run (Enter)", classes="picker--title", markup=False)
        yield RecordTable(("run", "status", "started", "last values"), id="runs")

    def show_entries(self, presets: Sequence[PresetEntry], runs: Sequence[RunEntry]) -> None:
        """Fill the tables."""
        if self._with_presets:
            self.query_one("#presets", RecordTable).show(
                [
                    (
                        str(e.path),
                        (
                            _text(e.name, "bold" if e.usable else "dim", 30),
                            _text(e.title, "" if e.usable else "dim", 120),
                        ),
                    )
                    for e in presets
                ]
            )
        self.query_one("#runs", RecordTable).show(
            [
                (
                    str(e.folder),
                    (
                        _text(e.name, "bold", 30),
                        _text(e.status),
                        _text(e.started, "dim"),
                        _text(e.summary, "", 100),
                    ),
                )
                for e in runs
            ]
        )

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


def _text(text: str, style: str = "", width: int = 40) -> Text:
    return Text(one_line(text, width), style=style, no_wrap=True, end="")
