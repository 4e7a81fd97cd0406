"""Why a run failed, as its record tells it."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

from tui.kernel.explain import explain, formatted, where
from tui.kernel.training.batches import describe, is_pair
from tui.kernel.training.forward import Forward
from tui.kernel.training.keep.checkpoint import CheckpointError
from tui.kernel.training.keep.rundir import RunDirError
from tui.kernel.training.log.events import LogWriteError
from tui.kernel.training.log.trainmetrics import TrainMetrics
from tui.kernel.training.loop import Loop, LoopError, NotFiniteLoss
from tui.kernel.training.parts.chosen import ChoiceError
from tui.kernel.training.progress import Progress
from tui.kernel.training.trouble.first_nan import Failure, bad_loss_words, bad_rate_words, bad_update_words
from tui.kernel.training.trouble.kept import kept_words
from tui.kernel.training.trouble.refusals import SettingsError
from tui.protocol.preset import PresetError
from tui.protocol.run import RunError

_WITH_THE_BATCH: Final = frozenset(
    function.__code__.co_filename for function in (Forward.run, TrainMetrics.add)
)
"""Files of the trainer that an error passes through where the batch in work has failed."""


class NotFiniteParameters(ArithmeticError):
    """A parameter has become NaN or infinite, so the state is not kept."""


def as_run_error(
    error: BaseException, preset: str, progress: Progress, loop: Loop | None, folder: Path
) -> RunError:
    """Return any exception as the record's error; never raises.

    Args:
        error: what ended the run.
        preset: path of the experiment's file.
        progress: how far the run was.
        loop: None where it failed before the first batch.
        folder: of the run, with every checkpoint that there will be.
    """
    try:
        return _told(error, preset, progress, loop, folder)
    except Exception:  # noqa: BLE001 - an exception of the user's own class may fail to say what it is
        return RunError(type(error).__name__, f"{type(error).__name__} was raised")


def _told(error: BaseException, preset: str, progress: Progress, loop: Loop | None, folder: Path) -> RunError:
    kind = type(error).__name__
    if isinstance(error, NotFiniteLoss | NotFiniteParameters):
        step = error.step if isinstance(error, NotFiniteLoss) else progress.step
        rate, place = _first_bad(error, progress, loop)
        told = (
            f"{rate}; {error}" if rate else str(error)
        )  # the conclusion first: where room is short, it is what is read
        told = f"{told}{f': {place}' if place else ''}; {kept_words(folder)}"
        return RunError("NotFinite", told, f"failed in epoch {progress.epoch + 1}, step {step}")
    if isinstance(error, PresetError):
        line = f":{error.line}" if error.line else ""
        return RunError(kind, str(error), f"{Path(preset).name}{line}")
    if isinstance(error, SettingsError | ChoiceError):
        return RunError(kind, str(error))
    if isinstance(error, LogWriteError | CheckpointError | RunDirError):
        kept = f"; {kept_words(folder)}" if progress.step else ""
        return RunError(kind, f"{error.strerror or error}{kept}", traceback=formatted(error))
    context = _shapes_at_hand(loop) if _is_of_a_batch(error) else ""
    return RunError(kind, explain(error, context), where(error, preset), formatted(error))


def _is_of_a_batch(error: BaseException) -> bool:
    """Return whether the batch at hand is what failed: not where there was to be another, nor in an evaluation."""
    if isinstance(error, LoopError):
        return False  # it says what it has got
    files = {frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)}
    return not files.isdisjoint(_WITH_THE_BATCH)


def _first_bad(error: BaseException, progress: Progress, loop: Loop | None) -> tuple[str, str]:
    """Return in words that the learning rate is to blame, and where the first NaN or infinity came from.

    Each is empty where it cannot be told.
    """
    if loop is None or loop.batch is None:
        return "", ""
    step = error.step if isinstance(error, NotFiniteLoss) else progress.step
    failure = Failure(loop.experiment, loop.device, loop.batch, step, progress.step)
    is_loss = isinstance(error, NotFiniteLoss)
    return bad_rate_words(failure), bad_loss_words(failure) if is_loss else bad_update_words(loop.experiment)


def _shapes_at_hand(loop: Loop | None) -> str:
    """Return the shapes of the batch in work; empty where there is none."""
    if loop is None or loop.batch is None:
        return ""
    if not is_pair(loop.batch):
        return f"batch {describe(loop.batch)}"
    output = f", output {describe(loop.output)}" if loop.output is not None else ""
    return f"input {describe(loop.batch[0])}, target {describe(loop.batch[1])}{output}"
