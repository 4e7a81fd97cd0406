"""F1: every key that works here, made from the bindings themselves."""

from __future__ import annotations

import re
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.dom import DOMNode
from textual.keys import format_key
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

KEYS_CELLS = 12
"""So wide is the column of keys at most: many keys of one action go below each other."""


class HelpScreen(ModalScreen[None]):
    """The keys of the focused widget, of the screen and of the app, with what they do."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen > VerticalScroll {
        width: 84; max-width: 96%; height: auto; max-height: 92%;
        background: $surface; border: round $primary; padding: 0 2 1 2;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q", "dismiss", "Close", id="help.close"),
    ]

    def __init__(self, about: str, bindings: list[ActiveBinding]) -> None:
        """`about`: what the screen is for, in a few lines; `bindings`: what is active there."""
        super().__init__()
        self._about = about
        self._shown = bindings

    def compose(self) -> ComposeResult:
        """Lay out the text and a table for each owner of keys."""
        with VerticalScroll() as box:
            box.border_title = "Help"
            box.border_subtitle = "esc closes"
            yield Static(Text(self._about.strip() + "\n"), markup=False)
            yield Static(self.table())

    def table(self) -> Table:
        """Return the table of keys, those of the screen first."""
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, expand=True)
        table.add_column(
            style=f"bold {self.app.theme_variables.get('accent', 'yellow')}", max_width=KEYS_CELLS
        )
        table.add_column(ratio=1)
        for title, rows in grouped(self._shown):
            table.add_row(Text(title, style="dim"), "")
            for keys, text in rows:
                table.add_row(Text("  " + keys), Text(text))
        return table


def grouped(bindings: list[ActiveBinding]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return (owner, [(keys, what they do)]), keys of one action together.

    The screen's come before those of what has the focus, the app's after them; of each, ours, which have an id, first.
    """
    owners: dict[str, dict[str, tuple[list[str], str]]] = {}
    for active in sorted(bindings, key=lambda active: (_rank(active.node), active.binding.id is None)):
        binding = active.binding
        text = binding.tooltip or binding.description
        if not text or binding.system:
            continue
        actions = owners.setdefault(_owner(active.node), {})
        keys, _ = actions.setdefault(binding.action, ([], text))
        shown = binding.key_display or pretty_key(binding.key)
        if shown not in keys:
            keys.append(shown)
    return [
        (owner, [(" ".join(keys), text) for keys, text in actions.values()])
        for owner, actions in owners.items()
    ]


def _rank(node: DOMNode) -> int:
    return 0 if isinstance(node, Screen) else 2 if node.parent is None else 1


def pretty_key(key: str) -> str:
    """Return a key as keyboards print it: ``ctrl+p``, ``F5``, ``]``."""
    *modifiers, last = key.split("+")
    last = last.upper() if last[:1] == "f" and last[1:].isdigit() else format_key(last)
    return "+".join([*modifiers, last])


def _owner(node: DOMNode) -> str:
    if isinstance(node, Screen):
        return "This screen"
    if node.parent is None:
        return "Everywhere"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(node).__name__).capitalize()
