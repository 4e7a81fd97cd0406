"""Put sessions, screens and app together for the commands that open one.

What is needed for the first frame is here; what comes after it is in `tui.services`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tui import paths
from tui.app import TorchTUI

if TYPE_CHECKING:
    from tui.client.registry import SessionInfo
    from tui.protocol.run import RunSpec
    from tui.session_app import Wiring

ALL_MODES = ("tensors", "autograd", "builder", "training")


def open_app(
    *,
    python: str | None,
    spec: RunSpec | None = None,
    attach: SessionInfo | None = None,
    foreign: Path | None = None,
) -> int:
    """Open the four screens and run them until they are left; returns the exit status."""
    app = build_app(python=python, spec=spec, attach=attach, foreign=foreign)
    code = _run(app)
    while app.next_session is not None:  # another session was chosen in the palette
        app = build_app(attach=app.next_session)
        code = _run(app)
    return code


def build_app(
    *,
    python: str | None = None,
    spec: RunSpec | None = None,
    attach: SessionInfo | None = None,
    foreign: Path | None = None,
) -> TorchTUI:
    """Return the four screens over a fresh session (training `spec` at once), a live one or a Jupyter kernel."""

    def wire() -> Wiring:
        from tui.services import wire_session

        return wire_session(ALL_MODES, python=python, spec=spec, attach=attach, foreign=foreign)

    first = "tensors" if spec is None and attach is None else "training"
    return TorchTUI(wire, modes=ALL_MODES, first=first, theme=_theme())


def open_watch(run: str | None) -> int:
    """Open the Training screen alone, on a run or a folder of runs; returns the exit status.

    Raises:
        tui.runs.index.RunNotFound: there is no such run.
    """
    root, folder = paths.runs_dir(), None
    if run is not None:
        root, folder = _what_to_watch(run)

    def wire() -> Wiring:
        from tui.services import wire_watch

        return wire_watch(root, folder)

    return _run(TorchTUI(wire, modes=("training",), first="training", theme=_theme()))


def _theme() -> str:
    """Return the theme of the configuration.

    Raises:
        tui.config.ConfigError: there is none of that name; names the nearest.
    """
    from tui.config import Config, ConfigError, read_config

    name = read_config().theme
    if name == Config.theme:
        return name
    from textual.theme import BUILTIN_THEMES

    from tui.protocol.preset import nearest
    from tui.themes import THEMES

    known = [theme.name for theme in THEMES] + list(BUILTIN_THEMES)
    if name not in known:
        raise ConfigError(f"config.toml: there is no theme {name!r}{nearest(name, known)}")
    return name


def _what_to_watch(text: str) -> tuple[Path, Path | None]:
    """Return the folder whose runs are listed, and the run to show at once."""
    from tui.runs.index import find_run, is_log, list_runs

    given = Path(text).expanduser().absolute()
    if given.is_dir() and not is_log(given) and (runs := list_runs(given)):
        return given, runs[0].folder if len(runs) == 1 else None
    record = find_run(paths.runs_dir(), text)
    return record.folder.parent, record.folder


def _run(app: TorchTUI) -> int:
    app.run()
    return app.return_code or 0
