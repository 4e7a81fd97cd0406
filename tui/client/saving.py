"""Scripts and notebooks on disk: saved in one step, never over another file unasked, and read back."""

from __future__ import annotations

import contextlib
import os
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tui.client.journal import JournalCell
from tui.client.notebook import NotebookError, code_cells, to_notebook
from tui.client.script import to_script

MOST_BYTES: Final = 20_000_000
"""Larger files are not loaded into the input."""


class FileRefused(ValueError):
    """A file cannot be saved or read; the message says why, in one sentence."""


class FileExists(FileRefused):
    """There is one already; it may be overwritten when asked to."""


def expanded(path: str | Path) -> Path:
    """Return the path with ``~`` as the home folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user
        return Path(path)


def save(
    path: str | Path, cells: Sequence[JournalCell], *, overwrite: bool = False, python: str = "3"
) -> Path:
    """Save the cells as a script (.py) or a notebook (.ipynb); return where.

    The file is there whole or not at all.

    Raises:
        FileExists: there is one and it was not to be overwritten.
        FileRefused: it cannot be written, or has another ending.
    """
    target = expanded(path)
    if not cells:
        raise FileRefused("nothing has run yet: there is nothing to save")
    if target.suffix == ".ipynb":
        text = to_notebook(cells, python=python)
    elif target.suffix == ".py":
        text = to_script(cells)
    else:
        raise FileRefused(f"{target.name or path}: the name must end with .py or .ipynb")
    if target.is_dir():
        raise FileRefused(f"{target} is a folder")
    if not overwrite and os.path.lexists(target):
        raise FileExists(f"{target} exists already")
    _write(target, text)
    return target


def _write(target: Path, text: str) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temporary.open("x", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(OSError):
            temporary.chmod(target.stat().st_mode & 0o777)
        os.replace(temporary, target.resolve() if target.is_symlink() else target)
    except OSError as error:
        raise FileRefused(_why(target, error)) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _why(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        missing = path.parent if not path.parent.is_dir() else path
        return f"{missing} does not exist"
    if isinstance(error, PermissionError):
        return f"{path}: no permission"
    return f"{path}: {error.strerror or error}"


def cells_of(path: str | Path) -> list[str]:
    """Return the code of a script (as one cell) or the code cells of a notebook.

    Raises:
        FileRefused: it cannot be read, is no such file, or is too large.
    """
    source = expanded(path)
    if source.suffix not in (".py", ".ipynb", ".ipy", ".txt"):
        raise FileRefused(f"{source.name or path}: the name must end with .py or .ipynb")
    if source.is_dir():
        raise FileRefused(f"{source} is a folder")
    try:
        if source.stat().st_size > MOST_BYTES:
            raise FileRefused(f"{source} is larger than {MOST_BYTES // 1_000_000} MB")
        if source.suffix == ".ipynb":
            return code_cells(source.read_text(encoding="utf-8"))
        with tokenize.open(source) as file:  # as its coding line says
            return [file.read()]
    except OSError as error:
        raise FileRefused(_why(source, error)) from None
    except NotebookError as error:
        raise FileRefused(f"{source}: {error}") from None
    except (SyntaxError, ValueError):  # of the coding line, or of the bytes
        raise FileRefused(f"{source} is no text in the encoding that it names") from None


def code_of(path: str | Path) -> str:
    """Return the code of a file as one text, a blank line between the cells of a notebook; raises as `cells_of`."""
    return "\n\n".join(cell.strip("\n") for cell in cells_of(path))
