"""Asks for the path of a file: completed with Tab, tried at Enter, and what is wrong with it said in place."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.widgets.code_input.completion import common_prefix
from tui.widgets.foreign import clean, one_line

SHOWN_NAMES = 6
MOST_ENTRIES = 20_000
"""Entries of a folder that are looked at."""
_CELLS = 66


@dataclass(frozen=True)
class Refused:
    """Why a path will not do."""

    text: str
    insists: bool = False
    """Whether a second Enter on the same path does it all the same."""


class Kind(NamedTuple):
    """A way of writing something, chosen by the ending of the path."""

    ending: str
    meaning: str
    """A few words."""


Attempt = Callable[[str, bool], Refused | None]
"""Tries a path, the second time in a row with True; returns what is wrong, None where it is done."""


class FilePrompt(ModalScreen[str | None]):
    """A question for a path; gives the path once the attempt has succeeded, None where it is left with escape."""

    DEFAULT_CSS = """
    FilePrompt { align: center middle; background: $background 60%; }
    FilePrompt > Vertical {
        width: 72; max-width: 96%; height: auto; max-height: 90%;
        padding: 0 2; background: $surface; border: round $primary;
    }
    FilePrompt .file-prompt--title { text-style: bold; color: $primary; }
    FilePrompt Input { margin: 1 0 0 0; }
    FilePrompt #file-prompt-error { color: $text-error; height: auto; display: none; }
    FilePrompt #file-prompt-kinds { margin: 1 0 0 0; height: auto; display: none; }
    FilePrompt #file-prompt-names { color: $text-muted; height: auto; display: none; }
    FilePrompt #file-prompt-help { color: $text-muted; margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="file-prompt.cancel", priority=True),
        Binding("tab", "complete(1)", "Complete", id="file-prompt.complete", priority=True),
        Binding("shift+tab", "complete(-1)", "Complete back", show=False, priority=True),
        Binding("down", "kind(1)", "Next ending", show=False, priority=True),
        Binding("up", "kind(-1)", "Ending before", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        attempt: Attempt,
        *,
        path: str = "",
        suffixes: Sequence[str] = (),
        verb: str = "takes it",
        kinds: Sequence[Kind] = (),
    ) -> None:
        """Ask.

        Args:
            title: the question.
            attempt: tries the path that was given.
            path: what stands there at first.
            suffixes: endings of the files that Tab offers; empty: all.
            verb: what Enter does.
            kinds: endings that the arrow keys put in the place of the path's own, each with what it means.
        """
        super().__init__()
        self._title, self._verb, self._suffixes = title, verb, tuple(suffixes)
        self._attempt = attempt
        self._path = path
        self._kinds = tuple(kinds)
        self._refused: tuple[str, Refused] | None = None
        self._matches: list[str] = []  # through which Tab goes
        self._given = ""  # what Tab has put there last

    def compose(self) -> ComposeResult:
        """Lay out the question, the input, and what is said of it."""
        with Vertical():
            yield Static(clean(self._title), classes="file-prompt--title", markup=False)
            yield Static("", id="file-prompt-kinds", markup=False)
            yield Input(self._path, placeholder="a path; ~ is your home folder", select_on_focus=False)
            yield Static("", id="file-prompt-error", markup=False)
            yield Static("", id="file-prompt-names", markup=False)
            kinds_text = "↑ ↓ what · " if self._kinds else ""
            help_text = f"{kinds_text}enter {self._verb} · tab completes · esc leaves it"
            yield Static(help_text, id="file-prompt-help", markup=False)

    def on_mount(self) -> None:
        """Put the cursor before the ending, where a name is typed."""
        field = self.query_one(Input)
        field.focus()
        field.cursor_position = len(self._stem(self._path))
        self._show_kinds(self._path)

    def _stem(self, path: str) -> str:
        """Return a path without its ending, or with it where it is all there is."""
        ending = self._ending(path) or os.path.splitext(path)[1]
        stem = path.removesuffix(ending)
        return stem if os.path.basename(stem) else path

    def _ending(self, path: str) -> str:
        """Return which of the kinds' endings a path has, the longest; empty: none."""
        fitting = [kind.ending for kind in self._kinds if path.endswith(kind.ending)]
        return max(fitting, key=len, default="")

    def _show_kinds(self, path: str) -> None:
        ending = self._ending(path)
        lines = [
            f"{'▸' if kind.ending == ending else ' '} {kind.ending:<9} {kind.meaning}" for kind in self._kinds
        ]
        self._show("#file-prompt-kinds", lines)

    def action_kind(self, step: int) -> None:
        """Put the next ending in the place of the path's own."""
        if not self._kinds:
            return
        field = self.query_one(Input)
        endings = [kind.ending for kind in self._kinds]
        ending = self._ending(field.value)
        here = endings.index(ending) + step if ending else 0
        stem = self._stem(field.value)
        field.value = stem + endings[here % len(endings)]
        field.cursor_position = len(stem)

    @on(Input.Changed)
    def forget(self, event: Input.Changed) -> None:
        """Another path was typed: what was said of the last one is gone."""
        if self._refused is not None and self._refused[0] != event.value:
            self._refused = None
            self._say("")
        self._show_kinds(event.value)
        if event.value != self._given:
            self._matches = []
            self._list()

    @on(Input.Submitted)
    def try_path(self, event: Input.Submitted) -> None:
        """Try the path; stay, and say what is wrong, where it will not do."""
        path = event.value.strip()
        if not path:
            self._say("Type a name.")
            return
        again = self._refused is not None and self._refused[0] == event.value and self._refused[1].insists
        refused = self._attempt(path, again)
        if refused is None:
            self.dismiss(path)
            return
        self._refused = (event.value, refused)
        self._say(refused.text + (": enter once more does it all the same" if refused.insists else ""))

    def _say(self, text: str) -> None:
        error = self.query_one("#file-prompt-error", Static)
        error.update(Content(clean(text)))
        error.display = bool(text)

    async def action_complete(self, step: int) -> None:
        """Complete the path as far as it is certain; then go through what it may be."""
        field = self.query_one(Input)
        if self._matches and field.value == self._given:
            here = self._matches.index(self._given) + step if self._given in self._matches else 0
            self._put(self._matches[here % len(self._matches)])
            return
        value = field.value
        found = await asyncio.to_thread(path_matches, value, self._suffixes)
        if field.value != value or not self.is_current:
            return  # typed on meanwhile
        shared = common_prefix(found)
        self._matches = found if len(found) > 1 else []
        self._put(shared if len(shared) > len(value) else value)
        if not found:
            self._say("No such file or folder here.")

    def _put(self, path: str) -> None:
        field = self.query_one(Input)
        self._given = path
        field.value = path
        field.cursor_position = len(path)
        self._list()

    def _list(self) -> None:
        """Show some of what Tab goes through, the one that stands there marked."""
        names = [
            os.path.basename(path.rstrip("/")) + ("/" if path.endswith("/") else "") for path in self._matches
        ]
        here = self._matches.index(self._given) if self._given in self._matches else -1
        first = max(0, min(here - SHOWN_NAMES // 2, len(names) - SHOWN_NAMES))
        lines = []
        for index in range(first, min(first + SHOWN_NAMES, len(names))):
            mark = "▸ " if index == here else "  "
            lines.append(mark + one_line(names[index], _CELLS - 2))
        left = len(names) - len(lines)
        lines += [f"  … {left:,} more"] if left else []
        self._show("#file-prompt-names", lines)

    def _show(self, selector: str, lines: list[str]) -> None:
        """Show lines; take no room where there are none."""
        shown = self.query_one(selector, Static)
        shown.update(Content("\n".join(lines)))
        shown.display = bool(lines)

    def action_cancel(self) -> None:
        """Give no path."""
        self.dismiss(None)


def path_matches(text: str, suffixes: Sequence[str] = ()) -> list[str]:
    """Return the paths that begin with the text, folders with a slash at their end, sorted.

    Hidden ones where the name begins with a dot, files with other endings than `suffixes` never.
    """
    if text == "~":
        return ["~/"]
    folder, name = os.path.split(text)
    shown = folder + "/" if folder and not folder.endswith("/") else folder
    found = []
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:
            for number, entry in enumerate(entries):
                if number >= MOST_ENTRIES:
                    break
                if not entry.name.startswith(name) or not entry.name.isprintable():
                    continue
                if entry.name.startswith(".") and not name.startswith("."):
                    continue
                if _is_folder(entry):
                    found.append(f"{shown}{entry.name}/")
                elif not suffixes or entry.name.endswith(tuple(suffixes)):
                    found.append(shown + entry.name)
    except (OSError, ValueError):  # no such folder, or a null character in its name
        return []
    return sorted(found)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
