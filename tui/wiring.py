"""Put sessions, screens and app together for the commands that open one."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.theme import BUILTIN_THEMES

from tui import paths
from tui.app import TorchTUI
from tui.client.registry import SessionInfo, list_sessions
from tui.client.session import KernelSession
from tui.config import ConfigError, read_config
from tui.protocol.preset import PresetError, nearest, preset_files, read_preset
from tui.protocol.run import RunSpec
from tui.themes import THEMES
from tui.training_plan import plan_preset
from tui.widgets.run.entries import PresetEntry, RunEntry

if TYPE_CHECKING:
    from textual.screen import Screen

    from screens.training import TrainingScreen

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
    config = read_config()
    session = KernelSession(
        python=python or config.python or None,
        title="torchtui" if spec is None else f"train {Path(spec.preset).stem}",
        idle_hours=config.idle_hours,
    )
    screens = Screens(session)
    return TorchTUI(
        session,
        {mode: partial(screens.make, mode) for mode in ALL_MODES},
        first="tensors" if spec is None and attach is None else "training",
        connect=_connector(session, screens, spec, attach, foreign),
        notices=_notices if attach is None and foreign is None else tuple,
        theme=_theme(config.theme),
        keep_session=attach is not None,
        others=lambda: _others(session),
    )


class Screens:
    """Makes the screens over a session when they are first gone to: none is imported before the first frame."""

    def __init__(self, session: KernelSession) -> None:
        self._session = session

    @cached_property
    def training(self) -> TrainingScreen:
        """The Training screen, which also starts runs."""
        from screens.training import TrainingScreen

        entries = partial(_entries, paths.runs_dir(), with_presets=True)
        return TrainingScreen(self._session, ALL_MODES, entries=entries, spec_for=plan_preset)

    def make(self, mode: str) -> Screen[None]:
        """Return the screen of a mode."""
        if mode == "tensors":
            from screens.tensors import TensorsScreen

            return TensorsScreen(self._session, ALL_MODES)
        if mode == "autograd":
            from screens.autograd import AutogradScreen

            return AutogradScreen(self._session, ALL_MODES)
        if mode == "builder":
            from screens.builder import BuilderScreen

            return BuilderScreen(self._session, ALL_MODES)
        return self.training


def open_watch(run: str | None) -> int:
    """Open the Training screen alone, on a run or a folder of runs; returns the exit status."""
    root, folder = paths.runs_dir(), None
    if run is not None:
        root, folder = _what_to_watch(run)

    def make() -> Screen[None]:
        from screens.training import TrainingScreen

        entries = partial(_entries, root, with_presets=False)
        return TrainingScreen(None, ("training",), entries=entries, spec_for=plan_preset, folder=folder)

    theme = _theme(read_config().theme)
    return _run(TorchTUI(None, {"training": make}, first="training", theme=theme))


def _theme(name: str) -> str:
    """Return the name of a theme; raises ConfigError, naming the nearest, where there is none."""
    known = [theme.name for theme in THEMES] + list(BUILTIN_THEMES)
    if name not in known:
        raise ConfigError(f"config.toml: there is no theme {name!r}{nearest(name, known)}")
    return name


def _what_to_watch(text: str) -> tuple[Path, Path | None]:
    """Return the folder whose runs are listed, and the run to show at once."""
    from tui.runs.index import find_run, list_runs

    given = Path(text).expanduser().absolute()
    if given.is_dir() and not (given / "run.json").exists() and list_runs(given):
        return given, None
    record = find_run(paths.runs_dir(), text)
    return record.folder.parent, record.folder


def _run(app: TorchTUI) -> int:
    app.run()
    return app.return_code or 0


def _connector(
    session: KernelSession,
    screens: Screens,
    spec: RunSpec | None,
    attach: SessionInfo | None,
    foreign: Path | None,
) -> Callable[[], Awaitable[None]]:
    async def connect() -> None:
        if foreign is not None:
            await session.attach_foreign(foreign)
        elif attach is not None:
            await session.attach(attach)
        else:
            await session.start()
        await session.read_status()
        if spec is not None:
            screens.training.start_run(spec)

    return connect


def _entries(root: Path, *, with_presets: bool) -> tuple[list[PresetEntry], list[RunEntry]]:
    return preset_entries() if with_presets else [], run_entries(root)


def preset_entries() -> list[PresetEntry]:
    """Return the presets there are; one that breaks the contract says so."""
    entries: list[PresetEntry] = []
    for path in preset_files(paths.preset_folders()):
        try:
            info = read_preset(path)
            entries.append(PresetEntry(path, info.name, info.title))
        except PresetError as error:
            entries.append(PresetEntry(path, path.stem, str(error), usable=False))
    return entries


def run_entries(root: Path) -> list[RunEntry]:
    """Return the runs of a folder, newest first."""
    from tui.runs.index import list_runs

    entries: list[RunEntry] = []
    for record in list_runs(root):
        info = record.info
        started = time.strftime("%m-%d %H:%M", time.localtime(record.started_s))
        if info is not None and info.error is not None:
            summary = f"{info.error.kind}: {info.error.message}"
        elif info is not None:
            summary = f"epoch {info.epoch}/{info.epochs or '?'}, step {info.step:,}, {info.device}"
        else:
            summary = record.reason
        entries.append(RunEntry(record.folder, record.name, record.status, started, summary))
    return entries


def _others(session: KernelSession | None = None) -> list[SessionInfo]:
    """Return the live sessions but for this one, newest first."""
    mine = session.info.id if session is not None and session.info is not None else ""
    try:
        return [info for info in list_sessions() if info.id != mine]
    except OSError:
        return []


def _notices() -> tuple[str, ...]:
    """Say which sessions were left running."""
    live = _others()
    if not live:
        return ()
    noun = "session is" if len(live) == 1 else "sessions are"
    named = ", ".join(f"{info.id} ({info.title})" for info in live[:3]) + (", …" if len(live) > 3 else "")
    return (f"{len(live)} {noun} running without a terminal: {named}. ctrl+p, Attach goes there.",)
