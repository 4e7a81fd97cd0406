"""What an app is wired to: the session, its screens, and the lists that they choose from."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tui import paths
from tui.client.registry import SessionInfo, list_sessions
from tui.client.session import KernelSession
from tui.config import read_config
from tui.offers import LeftRunning
from tui.protocol.preset import PresetError, preset_files, read_preset
from tui.protocol.run import RunSpec
from tui.session_app import Wiring
from tui.training_plan import plan_preset
from tui.widgets.run.entries import PresetEntry

if TYPE_CHECKING:
    from textual.screen import Screen

    from screens.training import TrainingScreen

NEWEST_RUNS: Final = 100
"""Among so many of the newest runs those of sessions without a terminal are looked for."""
_DOING: Final = {"running": "trains", "paused": "has paused"}
FIRST_PRESET: Final = "digits_cnn"
"""What somebody who presses enter without looking trains: half a minute, and every view has something to show."""


def wire_session(
    modes: tuple[str, ...],
    *,
    python: str | None,
    spec: RunSpec | None,
    attach: SessionInfo | None,
    foreign: Path | None,
) -> Wiring:
    """Return all screens over a fresh session (training `spec` at once), a live one or a Jupyter kernel."""
    config = read_config()
    session = KernelSession(
        python=python or config.python or None,
        title="torchtui" if spec is None else f"train {Path(spec.preset).stem}",
        idle_hours=config.idle_hours,
    )
    screens = Screens(session, modes, spec)
    fresh = attach is None and foreign is None
    return Wiring(
        session,
        {mode: partial(screens.make, mode) for mode in modes},
        connect=_connector(session, attach, foreign),
        keep_session=attach is not None,
        others=lambda: _others(session),
        left_running=(lambda: left_running(session)) if fresh else list,
    )


def wire_watch(root: Path, folder: Path | None) -> Wiring:
    """Return the Training screen alone, on the runs in `root`, `folder` the one shown at once."""

    def make() -> Screen[None]:
        from screens.training import TrainingScreen

        return TrainingScreen(
            None, ("training",), presets=list, runs_root=root, spec_for=plan_preset, folder=folder
        )

    return Wiring(None, {"training": make})


class Screens:
    """Makes the screens over a session when they are first gone to: none is imported before the first frame."""

    def __init__(self, session: KernelSession, modes: tuple[str, ...], spec: RunSpec | None = None) -> None:
        """`spec`: what is trained as soon as there is a kernel; shown from the first frame on."""
        self._session, self._modes, self._spec = session, modes, spec

    @cached_property
    def training(self) -> TrainingScreen:
        """The Training screen, which also starts runs."""
        from screens.training import TrainingScreen

        screen = TrainingScreen(
            self._session,
            self._modes,
            presets=preset_entries,
            runs_root=paths.runs_dir(),
            spec_for=plan_preset,
        )
        if self._spec is not None:
            screen.train(self._spec)
        return screen

    def make(self, mode: str) -> Screen[None]:
        """Return the screen of a mode."""
        if mode == "tensors":
            from screens.tensors import TensorsScreen

            return TensorsScreen(self._session, self._modes)
        if mode == "autograd":
            from screens.autograd import AutogradScreen

            return AutogradScreen(self._session, self._modes)
        if mode == "builder":
            return self._builder()
        return self.training

    def _builder(self) -> Screen[None]:
        from screens.builder import BuilderScreen
        from screens.builder_running import Doors

        doors = Doors(
            presets=preset_entries, preset_folder=paths.config_home() / "presets", train=self._train_preset
        )
        return BuilderScreen(self._session, self._modes, store=paths.design_file(), doors=doors)

    def _train_preset(self, path: Path) -> None:
        """Train a preset in this session; raises PresetError where it breaks the contract."""
        self.training.train(plan_preset(path))


def _connector(
    session: KernelSession, attach: SessionInfo | None, foreign: Path | None
) -> Callable[[], Awaitable[None]]:
    async def connect() -> None:
        if foreign is not None:
            await session.attach_foreign(foreign)
        elif attach is not None:
            await session.attach(attach)
        else:
            await session.start()
        with contextlib.suppress(TimeoutError):  # it is up, and busy: the status will come
            await session.read_status()

    return connect


def preset_entries() -> list[PresetEntry]:
    """Return the presets there are, the user's first, of ours the one to begin with; a broken one says so."""
    entries: list[PresetEntry] = []
    for path in preset_files(paths.preset_folders()):
        try:
            info = read_preset(path)
            entries.append(PresetEntry(path, info.name, info.title))
        except PresetError as error:
            entries.append(PresetEntry(path, path.stem, str(error), usable=False))
    ours = paths.bundled_presets()
    return sorted(entries, key=lambda entry: (entry.path.parent == ours) * (1 + (entry.name != FIRST_PRESET)))


def _others(session: KernelSession | None = None) -> list[SessionInfo]:
    """Return the live sessions but for this one, newest first."""
    mine = session.info.id if session is not None and session.info is not None else ""
    try:
        return [info for info in list_sessions() if info.id != mine]
    except OSError:
        return []


def left_running(session: KernelSession) -> list[LeftRunning]:
    """Return the sessions that were left running, those that train first, then the newest."""
    others = _others(session)
    if not others:
        return []
    from tui.runs.record import LIVE, read_record

    trained: dict[str, str] = {}
    try:
        folders = sorted(paths.runs_dir().iterdir(), key=lambda folder: folder.name, reverse=True)
    except OSError:
        folders = []
    for folder in folders[:NEWEST_RUNS]:
        record = read_record(folder)
        if record.status in LIVE and record.info is not None and record.info.session:
            trained.setdefault(record.info.session, f"{_DOING[record.status]} {record.name}")
    left = [LeftRunning(info, trained.get(info.id, f"({info.title})")) for info in others]
    return sorted(left, key=lambda each: each.info.id not in trained)
