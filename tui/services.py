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
from tui.protocol.preset import PresetError, preset_files, read_preset
from tui.protocol.run import RunSpec
from tui.session_app import Wiring
from tui.training_plan import plan_preset
from tui.widgets.run.entries import PresetEntry

if TYPE_CHECKING:
    from textual.screen import Screen

    from screens.training import TrainingScreen

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
    screens = Screens(session, modes)
    fresh = attach is None and foreign is None
    return Wiring(
        session,
        {mode: partial(screens.make, mode) for mode in modes},
        connect=_connector(session, screens, spec, attach, foreign),
        notices=_notices if fresh else tuple,
        keep_session=attach is not None,
        others=lambda: _others(session),
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

    def __init__(self, session: KernelSession, modes: tuple[str, ...]) -> None:
        self._session, self._modes = session, modes

    @cached_property
    def training(self) -> TrainingScreen:
        """The Training screen, which also starts runs."""
        from screens.training import TrainingScreen

        return TrainingScreen(
            self._session,
            self._modes,
            presets=preset_entries,
            runs_root=paths.runs_dir(),
            spec_for=plan_preset,
        )

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
        with contextlib.suppress(TimeoutError):  # it is up, and busy: the status will come
            await session.read_status()
        if spec is not None:
            screens.training.start_run(spec)

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


def _notices() -> tuple[str, ...]:
    """Say which sessions were left running."""
    live = _others()
    if not live:
        return ()
    noun = "session is" if len(live) == 1 else "sessions are"
    named = ", ".join(f"{info.id} ({info.title})" for info in live[:3]) + (", …" if len(live) > 3 else "")
    return (f"{len(live)} {noun} running without a terminal: {named}. ctrl+p, Attach goes there.",)
