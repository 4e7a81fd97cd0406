"""Going on with a run that ended before its end, from its last checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from screens.base import BaseScreen
from tui.protocol.preset import PresetError
from tui.protocol.run import SOURCE_FILE, RunInfo, RunSpec
from tui.widgets.keys import key
from tui.widgets.run.entries import PresetEntry

if TYPE_CHECKING:
    from screens.run_pane import RunPane

RESUME_KEY: Final = key(
    "r", "resume", "Resume", "training.resume", "Go on with a run that was stopped, from its last checkpoint",
    show=False,
)  # fmt: skip


class TrainingResume(BaseScreen):
    """The part of the Training screen that resumes the run that is shown."""

    spec_for: Callable[[Path], RunSpec]
    """Makes the spec of a preset."""
    _presets: Callable[[], list[PresetEntry]]
    """Reads the presets there are."""

    @property
    def pane(self) -> RunPane:
        """What shows the run; the screen's."""
        raise NotImplementedError

    def start_run(self, spec: RunSpec) -> object:
        """Train; the screen's."""
        raise NotImplementedError

    def action_resume(self) -> None:
        """Go on with the run that is shown, or say why that is not possible."""
        reader = self.pane.reader
        if reader is None or self.session is None:
            return
        from screens.run_view import last_checkpoint

        record = reader.record
        if record.live or record.info is None:
            self.notify("r goes on with a run that has ended; p pauses one in progress", markup=False)
        elif last_checkpoint(reader) is None:
            self.notify("it kept no checkpoint to go on from", severity="warning", markup=False)
        elif record.status == "finished":
            self.notify(
                "it is finished; to train for longer: torchtui train --resume, --epochs", markup=False
            )
        else:
            self._resume(record.folder, record.info)

    def preset_file(self, info: RunInfo) -> Path | None:
        """Return the file that a run was made from; None where it is gone."""
        path = next((each.path for each in self._presets() if each.name == info.experiment), None)
        path = path or Path(info.experiment)
        return path.absolute() if path.is_file() else None

    def _resume(self, folder: Path, info: RunInfo) -> None:
        path = self.preset_file(info) or folder / SOURCE_FILE
        try:
            spec = self.spec_for(path)
        except (PresetError, OSError) as error:
            self.notify(str(error), severity="error", timeout=15, markup=False)
            return
        self.start_run(replace(spec, resume=str(folder), experiment=info.experiment, device=info.device))
