"""Where torchtui keeps things, and the check that nobody else can enter."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path


class UnsafeFolder(RuntimeError):
    """A folder for sockets or keys belongs to another user, or others may enter it."""


def state_home() -> Path:
    """Return the folder of runs, sessions and history: ``$TORCHTUI_HOME``, else the user's state folder."""
    given = os.environ.get("TORCHTUI_HOME")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_state_dir("torchtui", appauthor=False))


def config_home() -> Path:
    """Return the folder of ``config.toml`` and of the user's presets."""
    given = os.environ.get("TORCHTUI_HOME")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_config_dir("torchtui", appauthor=False))


def runs_dir() -> Path:
    """Return the folder that holds run directories."""
    return state_home() / "runs"


def sessions_dir() -> Path:
    """Return the folder that holds one folder for each session."""
    return state_home() / "sessions"


def history_file() -> Path:
    """Return the file of the cells typed before, one JSON text a line."""
    return state_home() / "history"


def design_file() -> Path:
    """Return the file that the Builder keeps its design in."""
    return state_home() / "design.json"


def start_file() -> Path:
    """Return the file of the values that each preset was started with last."""
    return state_home() / "start.json"


def output_dir() -> Path:
    """Return the folder for what this process's transcript cannot hold; it is made when it is first needed."""
    return state_home() / "output" / str(os.getpid())


def forget_old_output(*, older_than_s: float = 7 * 24 * 3600.0) -> None:
    """Remove the output of processes that last wrote so long ago."""
    for folder in (state_home() / "output").glob("*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > older_than_s:
                shutil.rmtree(folder)


def bundled_presets() -> Path:
    """Return the folder of our presets: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "presets"
    return inside if inside.is_dir() else package.parent / "presets"


def preset_folders() -> list[Path]:
    """Return where presets are looked up, in order: ``./presets``, the user's, ours."""
    return [Path.cwd() / "presets", config_home() / "presets", bundled_presets()]


def private_dir(path: Path) -> Path:
    """Make `path` a folder of mode 0700 that is ours alone, and return it.

    Raises:
        UnsafeFolder: it belongs to another user, or others may enter it.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise UnsafeFolder(f"{path} is not a folder")
    if found.st_uid != os.getuid():
        raise UnsafeFolder(
            f"{path} belongs to another user (uid {found.st_uid}); remove it or set TORCHTUI_HOME"
        )
    if found.st_mode & 0o077:
        raise UnsafeFolder(
            f"{path} may be entered by others (mode {found.st_mode & 0o777:03o}); run: chmod 700 {path}"
        )
    return path


UNIX_SOCKET_LIMIT = 100
"""Longest path of a unix socket, a little under the 104 of macOS and the 108 of Linux."""


def socket_dir(session_folder: Path) -> Path:
    """Return a private folder for a session's sockets: the session's own, unless its path is too long for one."""
    if len(str(session_folder / "k-5").encode()) <= UNIX_SOCKET_LIMIT:
        return private_dir(session_folder)
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    shared = private_dir(Path(base) / f"torchtui-{os.getuid()}")
    return private_dir(shared / session_folder.name)
