"""What a training loop tells, on its way to log, record, checkpoints and the REPL."""

from __future__ import annotations

from time import perf_counter
from typing import Final

from tui.kernel.training.epoch_lines import EpochLines
from tui.kernel.training.keep.checkpoints import Checkpoints, NoCheckpoints
from tui.kernel.training.keep.keeping import Keeping
from tui.kernel.training.log.events import LogWriteError
from tui.kernel.training.loop import Loop, NotFiniteLoss
from tui.kernel.training.parts.experiment import Experiment
from tui.kernel.training.progress import Progress
from tui.kernel.training.report import Report, epoch_line, evaluation_line
from tui.kernel.training.run_plan import RunPlan
from tui.kernel.training.standing import INSIDE, Standing
from tui.kernel.training.trouble.diagnosis import broadcast_warning
from tui.kernel.training.waiting.giving import Giving
from tui.protocol.messages import RunPhase

SKIPS_TO_WARN_OF: Final = 20
"""Steps left out in float16; the scale takes a few until it fits."""
REFRESH_S: Final = 0.5
"""What a picture may take that is made anew when a run is paused."""
STEPPING_S: Final = 0.25
"""The same after each of the steps of somebody who goes step by step."""


class Telling:
    """The `LoopEvents` of one run."""

    def __init__(
        self,
        plan: RunPlan,
        progress: Progress,
        report: Report,
        keeping: Keeping,
        giving: Giving,
        standing: Standing,
    ) -> None:
        self.experiment: Experiment | None = None
        """None before it is built, and after the end."""
        self.loop: Loop | None = None
        """None before it is made, and after the end."""
        self.began_s: float | None = None
        """When the time that is not counted yet began, on the clock of `perf_counter`; None while it is not trained."""
        self.epoch_began_s = self._ceased_s = perf_counter()
        self._epoch_lines = EpochLines(report.say)
        self._plan = plan
        self._progress = progress
        self._report = report
        self._keeping = keeping
        self._giving = giving
        self._standing = standing

    def paused(self, phase: RunPhase = "") -> None:
        """Keep the state where it is whole, show the objects, and say so."""
        self.count_time()
        assert self._keeping.checkpoints is not None
        inside = phase in INSIDE
        if not inside and (
            self._standing.status != "paused" or self._keeping.checkpoints.cost_s <= Checkpoints.SMALL_S
        ):
            self._keeping.checkpoints.save()
        if self._standing.status != "paused":
            after = f"after the {phase} of step {self._progress.step + 1}"
            self._report.say(f"paused {after if inside else f'at step {self._progress.step}'}")
        self.give_all()
        is_first = self._standing.status != "paused"
        self._standing.change("paused", phase)
        if not inside and self.loop is not None:  # whoever pauses looks at the pictures
            self.loop.evaluations.refresh(REFRESH_S if is_first else STEPPING_S)

    def resumed(self) -> None:
        """Go on, and let go of the batch."""
        now_s = perf_counter()
        if self.began_s is None:  # the pause is no part of the epoch
            self.epoch_began_s += now_s - self._ceased_s
        self.began_s = now_s
        self._giving.take_batch_back()
        if self._standing.status != "running":
            self._report.say("resumed")
            self._standing.change("running")

    def meddled(self, words: str) -> None:
        """Write to the log and to the record what the user has made of a step."""
        self._report.say(f"step {self._progress.step + 1}: {words}")
        self._report.note_warning(f"of some step: {words}")

    def epoch_ended(self, train: dict[str, float], val: dict[str, float] | None) -> None:
        """Write the log's line, the record and the checkpoints of an epoch."""
        assert self._keeping.checkpoints is not None
        self.count_time(goes_on=True)
        now_s = perf_counter()
        progress, epochs = self._progress, self._plan.record.info.epochs
        line = epoch_line(progress.epoch, epochs, train, val, now_s - self.epoch_began_s)
        self.epoch_began_s = now_s
        before = progress.best_by, progress.best
        try:
            if val is not None:
                self._keeping.keep_if_best(val)
        finally:
            self._epoch_lines.add(line, now_s, is_best=(progress.best_by, progress.best) != before)
        if progress.epoch == 1:
            self._warn_of_broadcasting()
        if progress.epoch == epochs:
            self._epoch_lines.catch_up()
        self._keeping.checkpoints.save_if_cheap()
        self._report.note_progress()
        self._plan.record.write_if_due()

    def evaluated(self, name: str, means: dict[str, float]) -> None:
        """Write the log's line of an evaluation inside an epoch; keep the state if it is the best."""
        self._report.say(evaluation_line(name, self._progress.step, means))
        if name == "val":
            self._keeping.keep_if_best(means)

    def skipped(self, step: int, scale: float, skips: int) -> None:
        """Write to the log that gradients have overflowed, more seldom the more often."""
        if skips <= 5 or skips & (skips - 1) == 0:
            self._report.say(
                f"step {step} was left out: its gradients overflowed in float16 (scale {scale:g} from now on,"
                f" {skips} of {step} steps left out)"
            )
        if skips == SKIPS_TO_WARN_OF:
            self._report.warn(
                f"{skips} steps were left out by step {step}, since their gradients overflowed in float16;"
                " bfloat16 has the range of float32"
            )

    def found(self, verdict: str, suggested_lr: float | None) -> None:
        """Write to log and record what was found out."""
        self._report.say(verdict)
        self._plan.record.update(verdict=verdict, suggested_lr=suggested_lr)
        self._plan.record.write()

    def said(self, words: str) -> None:
        """Write a line to the log."""
        self._report.say(words)

    def warned(self, words: str) -> None:
        """Write a warning to log and record."""
        self._report.warn(words)

    def tested(self, test: dict[str, float]) -> None:
        """Write the log's line of the test set."""
        self._epoch_lines.catch_up()
        self._report.say("  ".join(["test", *(f"{name} {value:.4g}" for name, value in test.items())]))

    def previewed(self, text: str) -> None:
        """Write a preview to the log, by its name: a text may be anything."""
        self._report.say(f"preview:\n{text}" if "\n" in text else f"preview: {text}")

    def checkpoint_is_due(self, now_s: float) -> bool:
        """Return whether the last checkpoint is old."""
        assert self._keeping.checkpoints is not None
        return now_s >= self._keeping.checkpoints.due_at_s

    def checkpoint(self) -> None:
        """Keep the state inside a long epoch."""
        assert self._keeping.checkpoints is not None
        self.count_time(goes_on=True)
        self._keeping.checkpoints.save()
        self._report.note_progress()
        self._plan.record.write_if_due()

    # -- what is asked for between two steps --------------------------------------------------------

    def checkpoint_now(self) -> None:
        """Keep the state."""
        if self._keeping.checkpoints is None:
            return
        if isinstance(self._keeping.checkpoints, NoCheckpoints):
            self._report.say("a run over a range of learning rates keeps no checkpoint")
            return
        if self._standing.status != "paused":
            self.count_time(goes_on=True)
        self._keeping.checkpoints.save()
        self._report.note_progress()
        self._plan.record.write()
        self._report.say(f"checkpoint kept at step {self._progress.step}")

    def evaluate_now(self) -> None:
        """Evaluate the run as it is."""
        if self.loop is not None:
            self.loop.evaluations.run_on_request()

    def action_failed(self, error: Exception) -> None:
        """Tell of what went wrong; the run goes on, and meets trouble of its own where that is lasting."""
        if isinstance(error, LogWriteError | NotFiniteLoss):
            raise error
        self._report.say(
            str(error.strerror or error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        )

    # -- helpers ------------------------------------------------------------------------------------

    def _warn_of_broadcasting(self) -> None:
        warning = broadcast_warning(self.loop)
        if warning:
            self._report.warn(warning)

    def give_all(self) -> None:
        """Give the namespace the objects of the last batch."""
        if self.experiment is not None:
            self._giving.all(self.experiment, self.loop)

    def count_time(self, *, goes_on: bool = False) -> None:
        """Add the time since it was last counted to that of training; `goes_on`: whether it is trained on.

        Where it does not, the log is brought up to the last epoch.
        """
        if not goes_on:
            self._epoch_lines.catch_up()
        now_s = perf_counter()
        if self.began_s is not None:
            self._progress.train_s += now_s - self.began_s
            self._ceased_s = now_s
        self.began_s = now_s if goes_on else None
