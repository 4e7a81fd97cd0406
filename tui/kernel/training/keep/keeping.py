"""What of a run's state is kept, and put back."""

from __future__ import annotations

from tui.kernel.training.keep.best import criterion
from tui.kernel.training.keep.checkpoint import (
    Content,
    first_not_finite,
    restore_model,
    restore_randomness,
    take_checkpoint,
)
from tui.kernel.training.keep.checkpoints import Checkpoints, NoCheckpoints
from tui.kernel.training.parts.experiment import Experiment
from tui.kernel.training.progress import Progress
from tui.kernel.training.report import Report
from tui.kernel.training.run_plan import RunPlan
from tui.kernel.training.trouble.diagnosis import schedule_lengths
from tui.kernel.training.trouble.failure import NotFiniteParameters
from tui.kernel.training.update import Update


class Keeping:
    """Takes the checkpoints of one run."""

    def __init__(self, plan: RunPlan, progress: Progress, report: Report) -> None:
        self.checkpoints: Checkpoints | None = None
        """None before the experiment is built, and after the end."""
        self.update: Update | None = None
        """What may have been changed of the run's settings; None before the loop is made."""
        self._plan = plan
        self._progress = progress
        self._report = report
        self._experiment: Experiment | None = None
        self._built_flags: dict[str, bool] = {}  # requires_grad of each parameter, as the model was built

    def open(self, experiment: Experiment) -> None:
        """Put back the checkpoint that the run goes on from, if any.

        Raises:
            CheckpointError: it does not fit the experiment.
        """
        self._experiment = experiment
        self._built_flags = {name: p.requires_grad for name, p in experiment.model.named_parameters()}
        if self._plan.resume is not None:
            self._restore(self._plan.resume, experiment)
        self._plan.resume = None  # its tensors are not needed twice

    def begin(self) -> None:
        """Be ready to keep states; the run's folder holds those of the run that is resumed."""
        kept = NoCheckpoints if self._plan.settings.kind == "lr_range" else Checkpoints
        self.checkpoints = kept(self._plan.folder, self.take)

    def close(self) -> None:
        """Hold nothing of the run from here on."""
        self._experiment = self.checkpoints = self.update = None
        self._plan.resume = None

    def keep_if_best(self, val: dict[str, float]) -> None:
        """Keep the state for ``best.pt`` if an evaluation is the best so far.

        Raises:
            NotFiniteParameters, CheckpointError: it must not or cannot be kept.
        """
        if self._is_best(val) and self.checkpoints is not None:
            self.checkpoints.keep_best()

    def take(self) -> Content:
        """Return the state as it is now.

        Raises:
            NotFiniteParameters: it must not be kept.
        """
        assert self._experiment is not None
        bad = first_not_finite(list(self._experiment.model.named_parameters()))
        if bad is not None:
            raise NotFiniteParameters(f"parameter {bad} is NaN or infinite at step {self._progress.step}")
        plan, flags = self._plan, self._built_flags
        return take_checkpoint(
            self._experiment,
            self._progress,
            plan.device,
            plan.source.knobs,
            plan.seed,
            clip_norm=self.update.clip_norm if self.update is not None else plan.settings.clip_norm,
            requires_grad={
                name: p.requires_grad
                for name, p in self._experiment.model.named_parameters()
                if flags.get(name, p.requires_grad) != p.requires_grad
            },
        )

    def _is_best(self, val: dict[str, float]) -> bool:
        by = criterion(val, self._plan.settings.best_by)
        if by.problem:
            self._report.warn(by.problem)
        progress, value = self._progress, val[by.name]
        if progress.best_by not in ("", by.name):
            progress.best = None  # a resumed run goes by another metric
        if not by.is_better(value, progress.best):
            return False
        if progress.best is None:
            self._report.say(
                f"best.pt keeps the state with the {'highest' if by.higher else 'lowest'} val {by.name}"
            )
        progress.best, progress.best_by = value, by.name
        return True

    def _restore(self, content: Content, experiment: Experiment) -> None:
        planned = schedule_lengths(experiment.scheduler)
        restore_model(content, experiment)
        restore_randomness(content, experiment, self._plan.device)
        earlier_epochs = content.get("knobs", {}).get("epochs")
        if earlier_epochs == self._plan.epochs:
            return
        for name, length in schedule_lengths(experiment.scheduler).items():
            if length != planned.get(name, length):
                self._report.warn(
                    f"the scheduler goes on with {name} {length}, as planned for {earlier_epochs} epochs,"
                    f" not {planned[name]} as {self._plan.epochs} epochs would have it"
                )
