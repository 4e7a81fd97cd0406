"""Why a run failed, as its record tells it."""

from __future__ import annotations

from pathlib import Path

from tui.kernel.explain import explain, formatted, where
from tui.kernel.training.batches import describe, is_pair
from tui.kernel.training.keep.checkpoint import CheckpointError
from tui.kernel.training.keep.rundir import RunDirError
from tui.kernel.training.log.events import LogWriteError
from tui.kernel.training.loop import Loop, LoopError, NotFiniteLoss
from tui.kernel.training.parts.chosen import ChoiceError
from tui.kernel.training.progress import Progress
from tui.kernel.training.trouble.first_nan import Failure, bad_loss_words, bad_update_words
from tui.kernel.training.trouble.refusals import SettingsError
from tui.protocol.preset import PresetError
from tui.protocol.run import RunError


class NotFiniteParameters(ArithmeticError):
    """A parameter has become NaN or infinite, so the state is not kept."""


def as_run_error(error: BaseException, preset: str, progress: Progress, loop: Loop | None) -> RunError:
    """Return any exception as the record's error; never raises.

    Args:
        error: what ended the run.
        preset: path of the experiment's file.
        progress: how far the run was.
        loop: None where it failed before the first batch.
    """
    try:
        return _told(error, preset, progress, loop)
    except Exception:  # noqa: BLE001 - an exception of the user's own class may fail to say what it is
        return RunError(type(error).__name__, f"{type(error).__name__} was raised")


def _told(error: BaseException, preset: str, progress: Progress, loop: Loop | None) -> RunError:
    kind = type(error).__name__
    if isinstance(error, NotFiniteLoss | NotFiniteParameters):
        step = error.step if isinstance(error, NotFiniteLoss) else progress.step
        place = _first_bad(error, progress, loop)
        told = f"{error}{f': {place}' if place else ''}; the last good checkpoint is kept"
        return RunError("NotFinite", told, f"epoch {progress.epoch + 1}, step {step}")
    if isinstance(error, PresetError):
        line = f":{error.line}" if error.line else ""
        return RunError(kind, str(error), f"{Path(preset).name}{line}")
    if isinstance(error, SettingsError | ChoiceError):
        return RunError(kind, str(error))
    if isinstance(error, LogWriteError | CheckpointError | RunDirError):
        kept = "; the last good checkpoint is kept" if progress.step else ""
        return RunError(kind, f"{error.strerror or error}{kept}", traceback=formatted(error))
    context = "" if isinstance(error, LoopError) else _shapes_at_hand(loop)
    return RunError(kind, explain(error, context), where(error, preset), formatted(error))


def _first_bad(error: BaseException, progress: Progress, loop: Loop | None) -> str:
    """Return in words where the first NaN or infinity came from; empty where it cannot be told."""
    if loop is None or loop.batch is None:
        return ""
    if isinstance(error, NotFiniteLoss):
        device = loop.device
        return bad_loss_words(Failure(loop.experiment, device, loop.batch, error.step, progress.step))
    return bad_update_words(loop.experiment)


def _shapes_at_hand(loop: Loop | None) -> str:
    """Return the shapes of the batch in work; empty where there is none."""
    if loop is None or loop.batch is None:
        return ""
    if not is_pair(loop.batch):
        return f"batch {describe(loop.batch)}"
    output = f", output {describe(loop.output)}" if loop.output is not None else ""
    return f"input {describe(loop.batch[0])}, target {describe(loop.batch[1])}{output}"
