"""What a run does when it does not train: it evaluates, shows a preview, moves its schedule on, begins an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset

from tui.kernel.training.evaluation import evaluate, preview
from tui.kernel.training.forward import Forward
from tui.kernel.training.keep.randomness import random_state, restore_random_state
from tui.kernel.training.log.events import LogWriteError
from tui.kernel.training.log.recorder import Recorder
from tui.kernel.training.loop_events import LoopEvents
from tui.kernel.training.parts.experiment import Experiment
from tui.kernel.training.progress import Progress
from tui.kernel.training.steer.control import Stopped
from tui.kernel.training.views.board import Views
from tui.kernel.training.views.previews import preview_text
from tui.kernel.training.waiting.pauses import Pauses


class Evaluations:
    """Evaluates a run between two of its steps."""

    def __init__(
        self,
        experiment: Experiment,
        device: torch.device,
        recorder: Recorder,
        events: LoopEvents,
        progress: Progress,
        pauses: Pauses,
        forward: Forward,
        generators: Sequence[torch.Generator],
        views: Views | None,
        is_last: Callable[[], bool],
    ) -> None:
        """Prepare.

        Args:
            views: where pictures of the model at work go; None: there are none.
            is_last: tells whether the evaluation that begins now is the last of its kind, as far as that is known.
        """
        self._views = views
        self._is_last = is_last
        self._experiment = experiment
        self._device = device
        self._recorder = recorder
        self._events = events
        self._progress = progress
        self._pauses = pauses
        self._forward = forward
        self._generators = generators
        self._made: dict[
            str, tuple[int, float]
        ] = {}  # preview, val: the step of its picture, the seconds it took
        self._is_preview_told = False

    def run(self, name: str, *, last: bool | None = None) -> dict[str, float] | None:
        """Evaluate one of the loaders; return loss and metrics, None where there is no such loader or batch.

        Args:
            name: of the loader.
            last: whether its views are to be made in any case; None: as the run tells.

        Raises:
            Stopped: the run was asked to stop meanwhile.
            Exception: whatever the experiment raises.
        """
        loader = self._experiment.loaders.get(name)
        if loader is None:
            return None
        was_listening, self._forward.is_listening = self._forward.is_listening, False
        was_at = self._progress.evaluation_start
        if was_at is None:
            self._progress.evaluation_start = random_state(self._device, self._generators)
        views = self._views
        is_last = last if last is not None else name == "test" or self._is_last()
        gathering = views.watch(name, loader, last=is_last) if views is not None else None
        watch = gathering.add if gathering is not None else None
        start_s = perf_counter()
        try:
            means = evaluate(self._experiment, loader, self._device, self._pauses.in_evaluation, watch)
        finally:
            self._forward.is_listening = was_listening
        if views is not None:
            views.evaluated(gathering, self._progress.step)
        shown_at = self._progress.step if gathering is not None else -1
        self._made[name] = (shown_at, perf_counter() - start_s)
        self._progress.evaluation_start = was_at  # one that is stopped keeps it for the last checkpoint
        if means is not None:
            scalars = {f"{name}/{key}": value for key, value in means.items()}
            self._recorder.scalars(self._progress.step, scalars)
            self._recorder.flush()
        return means

    def show(self, now_s: float = 0.0, *, last: bool = False) -> None:
        """Show what the model has learned by now, if that is due or with `last`. This is a sync point then."""
        views, forward = self._views, self._forward
        if views is None or (now_s < views.next_at_s and not last):
            return
        self._recorder.close_window()
        was_listening, forward.is_listening = forward.is_listening, False
        try:
            show = views.training_ended if last else views.while_training
            show(self._progress.step, forward.batch, forward.output)
        finally:
            forward.is_listening = was_listening
        if not last:
            self._recorder.open_window()

    def run_inside_epoch(self) -> None:
        """Evaluate the validation set after a step of the epoch, and tell."""
        self._recorder.close_window()
        self._pauses.settle()
        means = self.run("val", last=False)
        self._progress.evaluated_step = self._progress.step
        if means is not None:
            self._events.evaluated("val", means)
        self._recorder.open_window()

    def run_on_request(self) -> None:
        """Evaluate the validation set, the test set where there is none, and tell; trouble is told, and ends nothing.

        Raises:
            Stopped: the run was asked to stop meanwhile.
            LogWriteError: the log cannot be written.
        """
        if not self._forward.is_listening:
            self._events.said("an evaluation is under way already")
            return
        name = "val" if self._experiment.val is not None else "test"
        try:
            means = self.run(name, last=True)
        except (Stopped, LogWriteError):
            raise
        except Exception as error:  # noqa: BLE001 - the user's code, asked for out of turn
            self._progress.evaluation_start = None
            self._events.said(f"the evaluation failed: {type(error).__name__}: {error}")
            return
        if means is None:
            self._events.said("there is nothing to evaluate: data() gives neither 'val' nor 'test'")
        else:
            self._events.evaluated(name, means)

    def preview(self) -> None:
        """Show what the model does by now. A preview that raises is told and left out; the training goes on."""
        self._preview(tell=True, last=self._is_last())

    def _preview(self, *, tell: bool, last: bool) -> None:
        """Show it; `tell`: whether the log is to have it too, a text each time, a tensor's figures once."""
        if self._experiment.preview is None:
            return
        start_s = perf_counter()
        self._forward.is_listening = False
        try:
            shown = preview(self._experiment, self._device)
            if shown is None:  # nothing to show this time
                return
            if tell and not (isinstance(shown, torch.Tensor) and self._is_preview_told):
                self._is_preview_told = True
                self._events.previewed(preview_text(shown))
            is_made = False
            if self._views is not None:
                progress = self._progress
                is_made = self._views.previewed(shown, progress.step, progress.epoch, last=last)
            self._made["preview"] = (self._progress.step if is_made else -1, perf_counter() - start_s)
        except Exception as error:  # noqa: BLE001 - it is the user's code, and no part of the training
            self._events.said(f"preview(model) is left out from now on: {type(error).__name__}: {error}")
            self._experiment.preview = None
        finally:
            self._forward.is_listening = True

    def refresh(self, within_s: float) -> None:
        """Bring the pictures of preview and validation set up to the model as it is. Must be called between two steps.

        Nothing of it goes into the log or the record. Only what took at most `within_s` the last time is made; what has
        not been made yet waits for its turn.
        """
        if self._views is None or not self._forward.is_listening:
            return
        if self._is_behind("preview", within_s):
            self._preview(tell=False, last=True)
        if self._views.shows_evaluations and self._is_behind("val", within_s):
            self._look_at_val(self._views)

    def _is_behind(self, name: str, within_s: float) -> bool:
        step, took_s = self._made.get(name, (self._progress.step, 0.0))
        return step != self._progress.step and took_s <= within_s

    def _look_at_val(self, views: Views) -> None:
        loader = self._experiment.val
        if loader is None or not _can_be_repeated(loader):
            return
        start_s = perf_counter()
        gathering = views.watch("val", loader, last=True)
        self._forward.is_listening = False
        try:
            watch = gathering.add if gathering is not None else None
            evaluate(self._experiment, loader, self._device, lambda: None, watch)
        except Exception:  # noqa: BLE001 - nobody has asked for it; the next evaluation tells
            return
        finally:
            self._forward.is_listening = True
        views.evaluated(gathering, self._progress.step)
        self._made["val"] = (self._progress.step, perf_counter() - start_s)


def _can_be_repeated(loader: object) -> bool:
    """Return whether going over a loader once more uses nothing up."""
    return isinstance(loader, DataLoader) and not isinstance(loader.dataset, IterableDataset)


def start_epoch(
    experiment: Experiment, progress: Progress, device: torch.device, generators: Sequence[torch.Generator]
) -> Iterator[Any]:
    """Return the epoch's batches, less those already trained on by the run that is resumed.

    The batches done are drawn again from the random states of the epoch's start and dropped; then the
    streams are put where they were, so that the rest is what it would have been.
    """
    if progress.epoch_start is None or progress.batch == 0:
        progress.epoch_start = random_state(device, generators)
        progress.batch = 0
        return iter(experiment.train)
    now = random_state(device, generators)
    restore_random_state(progress.epoch_start, device, generators)
    batches = iter(experiment.train)
    for _ in range(progress.batch):
        if next(batches, None) is None:
            break
    restore_random_state(now, device, generators)
    return batches


def step_scheduler(scheduler: Any, val: Mapping[str, float] | None, train: Mapping[str, float]) -> None:
    """Step a scheduler, once an epoch; one that goes by a metric gets the validation loss, else that of training."""
    if scheduler is None:
        return
    if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        metric = (val or train).get("loss")
        if metric is not None:  # None: an older checkpoint at the epoch's last batch, and no val
            scheduler.step(metric)
    else:
        scheduler.step()
