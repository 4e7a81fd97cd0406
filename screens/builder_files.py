"""The files of the Builder: code saved, never over another file unasked."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from tui.client.saving import FileExists, FileRefused, expanded
from tui.widgets.file_prompt import FilePrompt, Refused

if TYPE_CHECKING:
    from textual.app import App


def snake(name: str) -> str:
    """Return the name of a class as that of a file: ``MyModel`` becomes ``my_model``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z]{2,})", "_", name).lower()
    return re.sub(r"\W+", "_", words).strip("_") or "model"


def write_text(path: str, text: str, *, overwrite: bool) -> None:
    """Write a file, whole or not at all.

    Raises:
        FileExists: there is one and it was not to be overwritten.
        FileRefused: it cannot be written, or is no ``.py``.
    """
    target = expanded(path)
    if target.suffix != ".py":
        raise FileRefused(f"{target.name or path}: the name must end with .py")
    if target.is_dir():
        raise FileRefused(f"{target} is a folder")
    if not overwrite and os.path.lexists(target):
        raise FileExists(f"{target} exists already")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, target.resolve() if target.is_symlink() else target)
    except FileNotFoundError:
        raise FileRefused(f"{target.parent} does not exist") from None
    except OSError as error:
        raise FileRefused(f"{target}: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


async def ask_and_write(app: App[object], title: str, text: str, path: str) -> str | None:
    """Ask for a path and write the text there; return it, None where none was given."""

    def attempt(chosen: str, again: bool) -> Refused | None:
        try:
            write_text(chosen, text, overwrite=again)
        except FileExists as exists:
            return Refused(str(exists), insists=True)
        except FileRefused as refused:
            return Refused(str(refused))
        return None

    return await app.push_screen_wait(FilePrompt(title, attempt, path=path, suffixes=(".py",), verb="saves"))
