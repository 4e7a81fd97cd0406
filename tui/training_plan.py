"""From what the user typed to what the trainer is asked: preset, knobs, resumed run. Runs nobody's code."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tui import paths
from tui.protocol.preset import PresetError, PresetInfo, find_preset, nearest, parse_settings, read_preset
from tui.protocol.run import SOURCE_FILE, KnobValue, RunInfo, RunSpec


def plan_run(
    preset: str | None,
    settings: Sequence[str] = (),
    *,
    device: str = "auto",
    epochs: int | None = None,
    seed: int | None = None,
    name: str = "",
    resume: str | None = None,
) -> RunSpec:
    """Return what the trainer is asked to do.

    Raises:
        PresetError: no such preset, it breaks the contract, or a knob is unknown or of the wrong type.
        tui.runs.index.RunNotFound: there is no run to resume by that name.
    """
    check_device(device)
    folder, info = (None, None) if resume is None else _resumed(resume)
    if preset is None:
        if folder is None:
            raise PresetError("train takes the name of a preset or a FILE.py; `torchtui presets` lists them")
        path = _source_of(folder, info)
    else:
        path = find_preset(preset, paths.preset_folders())
    contract = read_preset(path)
    knobs = parse_settings(contract, settings)
    if epochs is not None:
        contract.knob("epochs")
        knobs["epochs"] = epochs
    return RunSpec(
        preset=str(path),
        runs_dir=str(paths.runs_dir()),
        experiment=_experiment(contract),
        name=name,
        knobs=knobs,
        device=info.device if info is not None and device == "auto" else device,
        seed=seed,
        resume=None if folder is None else str(folder),
        command=("torchtui", *sys.argv[1:]),
    )


def check_device(device: str) -> None:
    """Refuse what no torch knows; whether this one has it is the kernel's to say. Raises PresetError."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device):
        known = ("auto", "cpu", "cuda", "cuda:0", "mps")
        raise PresetError(
            f"--device takes auto, cpu, cuda, cuda:N or mps, got {device!r}{nearest(device, known)}"
        )


def plan_preset(path: Path, knobs: dict[str, KnobValue] | None = None) -> RunSpec:
    """Return what to ask for a preset chosen on the screen; raises PresetError where it breaks the contract."""
    contract = read_preset(path)
    return RunSpec(
        preset=str(path), runs_dir=str(paths.runs_dir()), experiment=_experiment(contract), knobs=knobs or {}
    )


def _experiment(contract: PresetInfo) -> str:
    """A preset found by name goes by its name; any other file by its path, so that it is found again."""
    path = Path(contract.path)
    by_name = any(path.parent == folder.resolve() for folder in paths.preset_folders())
    return contract.name if by_name else contract.path


def _resumed(text: str) -> tuple[Path, RunInfo | None]:
    from tui.runs.index import find_run

    record = find_run(paths.runs_dir(), text)
    if record.live:
        raise PresetError(f"run {record.id} is {record.status}; `torchtui attach` has control of it")
    return record.folder, record.info


def _source_of(folder: Path, info: RunInfo | None) -> Path:
    """Return the file a run was made from, where it still is, else the copy that the run kept."""
    if info is not None:
        try:
            return find_preset(info.experiment, paths.preset_folders())
        except PresetError:
            pass
    return folder / SOURCE_FILE
