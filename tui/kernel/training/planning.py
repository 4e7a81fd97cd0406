"""What a run would be made of, checked before its thread begins; its run directory, created or claimed."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from tui.kernel.devices import resolve_device
from tui.kernel.training.keep.checkpoint import Content, load_checkpoint
from tui.kernel.training.keep.rundir import (
    RunDirError,
    RunRecord,
    create_run_folder,
    host_name,
    is_alive,
    process_started_at,
    read_record,
    replace_file,
    utc_now,
)
from tui.kernel.training.parts.chosen import chosen_model
from tui.kernel.training.parts.experiment import Source, read_source
from tui.kernel.training.parts.settings import check_settings, differences, taken_on
from tui.kernel.training.report import MOST_CHANGES
from tui.kernel.training.run_plan import RunPlan
from tui.kernel.training.trouble.refusals import RunRefused
from tui.protocol.run import SOURCE_FILE, KnobValue, RunChange, RunInfo, RunSettings, RunSpec


def plan_run(spec: RunSpec, namespace: Mapping[str, object] | None) -> RunPlan:
    """Check a spec and create or claim its run directory.

    Raises:
        PresetError, DeviceError, SettingsError, ChoiceError, RunDirError, CheckpointError, RunRefused: it cannot be
            done.
    """
    earlier: RunInfo | None = None
    checkpoint: Content | None = None
    knobs: dict[str, KnobValue] = dict(spec.knobs)
    if spec.resume is not None:
        earlier = read_record(Path(spec.resume))
        if is_alive(earlier):
            raise RunRefused(f"run {earlier.id} is being trained by process {earlier.pid}: stop that first")
        knobs = {**earlier.knobs, **knobs}
    settings = taken_on(spec.settings, earlier)
    check_settings(settings)
    changed_settings = differences(earlier.settings, settings) if earlier is not None else {}
    if settings.model:
        chosen_model(settings.model, namespace)
    source, seed = _source_and_seed(spec, knobs, earlier)
    if earlier is not None:
        _refuse_other_seed(seed, earlier)
    device = resolve_device(earlier.device if earlier is not None and spec.device == "auto" else spec.device)
    epochs = source.knobs.get("epochs", 1)
    if not isinstance(epochs, int) or epochs < 1:
        raise RunRefused(f"epochs must be a whole number of at least 1, got {epochs}")
    if earlier is not None and spec.resume is not None:
        checkpoint = load_checkpoint(Path(spec.resume))
        _refuse_if_done(settings, epochs, checkpoint, earlier)
        if checkpoint is not None and "clip_norm" not in changed_settings:  # it may have been while it ran
            settings = replace(settings, clip_norm=checkpoint.get("clip_norm", settings.clip_norm))
    record, source_changed = _begin(
        spec, _info(spec, settings, source, device, seed, earlier, checkpoint), source
    )
    return RunPlan(
        folder=record.folder,
        source=source,
        record=record,
        device=device,
        seed=seed,
        epochs=epochs,
        resume=checkpoint,
        is_resumed=earlier is not None,
        start_paused=spec.start_paused,
        settings=settings,
        changed_settings=changed_settings,
        source_changed=source_changed,
        changed_knobs=_changed_knobs(source, earlier) if earlier is not None else {},
    )


def _begin(spec: RunSpec, info: RunInfo, source: Source) -> tuple[RunRecord, bool]:
    """Write record and source into a new run directory, or over those of the run that is resumed.

    Returns:
        The record, and whether a resumed run's source was another before.

    Raises:
        RunDirError: it cannot be written.
    """
    is_resumed = spec.resume is not None
    folder = (
        Path(spec.resume) if spec.resume is not None else create_run_folder(Path(spec.runs_dir), info.name)
    )
    record = RunRecord(folder, replace(info, id=folder.name))
    source_changed = is_resumed and _differs(folder / SOURCE_FILE, source.text)
    try:
        replace_file(folder / SOURCE_FILE, source.text.encode("utf-8"))
        record.write()
    except OSError as error:
        if isinstance(error, RunDirError):
            raise
        raise RunDirError(error.errno, f"cannot write in {folder}: {error.strerror or error}") from error
    return record, source_changed


def _refuse_if_done(settings: RunSettings, epochs: int, checkpoint: Content | None, earlier: RunInfo) -> None:
    """Let a run that has come to its end go on only where it is asked for more.

    Raises:
        RunRefused: it is not, or there is nothing to go on from.
    """
    if settings.kind == "lr_range":
        raise RunRefused("a run over a range of learning rates cannot be gone on with: start it anew")
    if checkpoint is None or earlier.status != "finished":
        return
    more = "ask for more"
    if settings.max_steps is not None or settings.max_minutes is not None:
        if settings.max_steps is not None and checkpoint["step"] >= settings.max_steps:
            raise RunRefused(
                f"run {earlier.id} has finished its {checkpoint['step']} steps: {more} with max_steps"
            )
        if settings.max_minutes is not None and checkpoint["train_s"] >= 60.0 * settings.max_minutes:
            raise RunRefused(
                f"run {earlier.id} has finished its {settings.max_minutes:g} minutes: {more} with max_minutes"
            )
    elif checkpoint["epoch"] >= epochs:
        raise RunRefused(f"run {earlier.id} has finished its {checkpoint['epoch']} epochs: {more} epochs")


def _changed_knobs(source: Source, earlier: RunInfo) -> dict[str, tuple[KnobValue, KnobValue]]:
    """Return the knobs of a resumed run, but for its epochs, that are others now: recorded value and new one."""
    return {
        name: (recorded, source.knobs[name])
        for name, recorded in earlier.knobs.items()
        if name not in ("epochs", "seed") and source.knobs.get(name, recorded) != recorded
    }


def _refuse_other_seed(seed: int, earlier: RunInfo) -> None:
    """Let a resumed run go on with its own seed alone.

    Raises:
        RunRefused: with another one the data may be split anew, and what was held out would be trained on.
    """
    if seed != earlier.seed:
        raise RunRefused(
            f"run {earlier.id} was begun with seed {earlier.seed}, which cannot become {seed}; start a new run instead"
        )


def _differs(path: Path, text: str) -> bool:
    """Return whether a file is there and holds another text."""
    try:
        return path.read_text(encoding="utf-8") != text
    except (OSError, UnicodeDecodeError):
        return False


def _source_and_seed(
    spec: RunSpec, knobs: dict[str, KnobValue], earlier: RunInfo | None
) -> tuple[Source, int]:
    """Return the preset with its knobs, and the seed; a knob called seed and the seed of the run are one."""
    path = Path(spec.preset)
    source = read_source(path, knobs)
    seed = spec.seed
    if seed is None and "seed" not in spec.knobs and earlier is not None:
        seed = earlier.seed
    if seed is None:
        knob = source.knobs.get("seed", 0)
        seed = knob if isinstance(knob, int) else 0
    if not 0 <= seed < 2**63:
        raise RunRefused(f"a seed is a whole number from 0 to 2**63 - 1, got {seed}")
    if type(source.knobs.get("seed")) is int and source.knobs["seed"] != seed:
        source = read_source(path, {**knobs, "seed": seed})
    return source, seed


def _info(
    spec: RunSpec,
    settings: RunSettings,
    source: Source,
    device: torch.device,
    seed: int,
    earlier: RunInfo | None,
    checkpoint: Content | None,
) -> RunInfo:
    """Return the record that a run begins with; its folder's name is not known yet."""
    experiment = spec.experiment or (earlier.experiment if earlier is not None else source.info.name)
    epochs = source.knobs.get("epochs")
    now = RunInfo(
        id="",
        name=spec.name or (earlier.name if earlier is not None else Path(experiment).stem),
        status="running",
        experiment=experiment,
        knobs=source.knobs,
        device=str(device),
        seed=seed,
        started_at=utc_now(),
        pid=os.getpid(),
        host=host_name(),
        torch=torch.__version__,
        python=platform.python_version(),
        command=spec.command,
        epochs=epochs if isinstance(epochs, int) and _ends_after_epochs(settings) else None,
        pid_started_at=process_started_at(),
        session=spec.session,
        settings=settings,
        sweep=spec.sweep,
    )
    if earlier is None:
        return now
    first = (checkpoint["step"] if checkpoint is not None else 0) + 1
    resumed = RunChange(first, now.started_at, "resumed", repr(earlier.status), repr("running"))
    return replace(
        now,
        changes=(*earlier.changes, resumed)[-MOST_CHANGES:],
        sweep=spec.sweep or earlier.sweep,
        started_at=earlier.started_at,
        epoch=earlier.epoch,
        step=earlier.step,
        train_s=earlier.train_s,
        warnings=earlier.warnings,
    )


def _ends_after_epochs(settings: RunSettings) -> bool:
    """Return whether the epochs say when a run ends."""
    return settings.max_steps is None and settings.max_minutes is None and settings.kind != "lr_range"
