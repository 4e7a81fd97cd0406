"""The files of a REPL: its cells saved as a script or a notebook, code taken from one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.client.saving import FileExists, FileRefused, code_of, save
from tui.widgets.file_prompt import FilePrompt, Refused

if TYPE_CHECKING:
    from textual.app import App

    from tui.client.journal import Journal

SUFFIXES = (".py", ".ipynb")


async def save_session(app: App[object], journal: Journal, *, python: str) -> None:
    """Ask for a path and save the cells there; `python` is the version that they ran under."""

    def attempt(path: str, again: bool) -> Refused | None:
        try:
            save(path, journal.cells, overwrite=again, python=python)
        except FileExists as exists:
            return Refused(str(exists), insists=True)
        except FileRefused as refused:
            return Refused(str(refused))
        return None

    if not journal.cells:
        app.notify("Nothing has run yet: there is nothing to save.", severity="warning")
        return
    title = "Save the cells as a script (.py) or a notebook (.ipynb)"
    prompt = FilePrompt(title, attempt, path="session.ipynb", suffixes=SUFFIXES, verb="saves")
    path = await app.push_screen_wait(prompt)
    if path is not None:
        app.notify(f"Saved {len(journal.cells)} cells as {path}")


async def open_file(app: App[object]) -> str | None:
    """Ask for a script or a notebook and return its code; None where none was chosen."""
    code = ""

    def attempt(path: str, again: bool) -> Refused | None:
        nonlocal code
        try:
            code = code_of(path)
        except FileRefused as refused:
            return Refused(str(refused))
        return None

    title = "Take a script (.py) or a notebook (.ipynb) into the input"
    path = await app.push_screen_wait(FilePrompt(title, attempt, suffixes=SUFFIXES, verb="takes it"))
    return None if path is None else code
