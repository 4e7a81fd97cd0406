"""Taking a run out of the program: its curves, a chart, its model; the ending of the file says which."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Final, Literal

from textual import work

from screens.base import BaseScreen
from screens.run_pane import RunPane
from tui.client.errors import KernelDied, KernelRefused
from tui.protocol.run import RunInfo
from tui.protocol.training import ExportModel
from tui.widgets import words
from tui.widgets.file_prompt import FilePrompt, Kind, Refused
from tui.widgets.keys import key

EXPORT_KEY: Final = key(
    "e", "export", "Export", "training.export", "The curves, a chart or the model as a file", show=False
)
Format = Literal["state_dict", "torch_export", "onnx"]
MODELS: Final[dict[str, Format]] = {".pt": "state_dict", ".pt2": "torch_export", ".onnx": "onnx"}
BEST: Final = ".best.pt"
CURVES: Final = (".csv", ".json", ".svg")
KINDS: Final = (
    Kind(".pt", "the model's weights as they are now: a state dict"),
    Kind(BEST, "its weights where it was best on unseen data"),
    Kind(".pt2", "the model as a program: torch.export"),
    Kind(".onnx", "the model as ONNX, where its packages are there"),
    Kind(".csv", "every point of every curve"),
    Kind(".json", "the same as JSON"),
    Kind(".svg", "the chart in front, as a picture"),
)
FOLDER: Final = "TensorBoard opens the run's folder as it is: tensorboard --logdir"


class TrainingExport(BaseScreen):
    """What the Training screen writes for other programs. TensorBoard needs nothing: it opens the run's folder."""

    @property
    def pane(self) -> RunPane:
        """What shows the run; the screen's."""
        raise NotImplementedError

    def preset_file(self, info: RunInfo) -> Path | None:
        """Return the file that a run was made from; None where it is gone. The screen's."""
        raise NotImplementedError

    @work(exclusive=True, group="export")
    async def action_export(self) -> None:
        """Ask for a path and write what its ending says."""
        reader = self.pane.reader
        if reader is None:
            self.notify("there is no run to export", markup=False)
            return
        ending = ".csv" if self.session is None else ".pt"  # without a kernel there is no model to write
        suggestion = os.path.join(os.getcwd(), suggested(reader.record.name) + ending)
        overwritten = False

        def attempt(path: str, again: bool) -> Refused | None:
            nonlocal overwritten
            overwritten = again
            return self._refused(Path(path).expanduser(), again)

        prompt = FilePrompt(
            f"Export {reader.record.name}\n{FOLDER} {reader.folder}",
            attempt,
            path=suggestion,
            suffixes=(*CURVES, *MODELS),
            verb="writes",
            kinds=KINDS,
        )
        given = await self.app.push_screen_wait(prompt)
        if given is None:
            return
        path = Path(given).expanduser().absolute()
        if path.suffix in (".pt2", ".onnx"):
            self.notify("the model is traced; that takes some seconds", markup=False)
        try:
            said = await self._write(path, overwrite=overwritten)
        except (KernelDied, KernelRefused, TimeoutError, OSError, ValueError) as error:
            reason = str(error)
            if isinstance(error, OSError) and not isinstance(error, TimeoutError | ConnectionError):
                reason = f"cannot write {path}: {error.strerror or error}"
            self.notify(reason or "the kernel does not answer", severity="error", timeout=15, markup=False)
            return
        self.notify(said, markup=False)

    def _refused(self, path: Path, again: bool) -> Refused | None:
        if path.suffix not in (*CURVES, *MODELS):
            return Refused(f"the ending says what is written: {' '.join((*CURVES, *MODELS))}")
        if path.suffix in MODELS and self.session is None:
            return Refused("a model is exported by a kernel: open the run in a session, not with `watch`")
        if not path.absolute().parent.is_dir():
            return Refused(f"there is no folder {path.absolute().parent}")
        if path.is_dir():
            return Refused(f"{path.name} is a folder: add a name to it")
        if not os.access(path.absolute().parent, os.W_OK):
            return Refused(f"you may not write in {path.absolute().parent}")
        if path.exists() and not again:
            return Refused(f"{path.name} is there already and would be replaced", insists=True)
        return None

    async def _write(self, path: Path, *, overwrite: bool) -> str:
        reader = self.pane.reader
        assert reader is not None
        if path.suffix in MODELS:
            assert self.session is not None
            own = self.session.status.run if self.session.status is not None else None
            folder = "" if own is not None and Path(own.folder) == reader.folder else str(reader.folder)
            checkpoint: Literal["now", "last", "best"] = "last" if folder else "now"
            if path.name.endswith(BEST):
                folder, checkpoint = str(reader.folder), "best"
            info = reader.record.info
            preset = await asyncio.to_thread(self.preset_file, info) if folder and info is not None else None
            request = ExportModel(
                MODELS[path.suffix], str(path), folder, checkpoint, overwrite, str(preset or "")
            )
            exported = await self.session.ask(request)
            detail = f": {exported.detail}" if exported.detail else ""
            return f"{exported.path}, {words.size(exported.size_bytes)}{detail}"
        if path.suffix == ".svg":
            from tui.widgets.chart.svg import chart_svg

            await asyncio.to_thread(
                path.write_text, chart_svg(self.pane.board.focused_chart.data), encoding="utf-8"
            )
            return f"{path}: the chart in front"
        from tui.runs.export import write_csv, write_json

        points = await asyncio.to_thread(write_csv if path.suffix == ".csv" else write_json, reader, path)
        return f"{path}: {points:,} points, every one as it was logged"


def suggested(name: str) -> str:
    """Return a run's name as that of a file: no folders in it, nothing that a terminal or a shell takes for more."""
    kept = re.sub(r"[^\w.+=@-]+", "-", name).strip(".-")
    return kept[:80] or "run"
