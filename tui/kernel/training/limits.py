"""Where a run ends, other than after its epochs, and where inside an epoch it is evaluated."""

from __future__ import annotations

import math
from time import perf_counter

from tui.kernel.training.courses import Course
from tui.protocol.run import RunSettings


class Limits:
    """Steps and times at which the loop has something else to do than the next step."""

    def __init__(self, settings: RunSettings, train_s: float, *, course: Course | None = None) -> None:
        """Begin to count.

        Args:
            settings: of the run.
            train_s: seconds that it has been trained for already.
            course: what a run of another kind looks for, and in how many steps.
        """
        max_steps = settings.max_steps
        if course is not None and course.steps is not None:
            max_steps = course.steps
        self.replace_epochs = max_steps is not None or settings.max_minutes is not None
        """Whether the run goes on over as many epochs as it takes."""
        self._course = course
        self._max_steps = max_steps if max_steps is not None else math.inf
        self._eval_every = settings.eval_every if course is None else None
        self._ends_at_s = math.inf
        if settings.max_minutes is not None:
            self._ends_at_s = perf_counter() + 60.0 * settings.max_minutes - train_s
        self.next_step: float = 0.0
        """No step before this one has anything due by its number."""

    def plan(self, step: int) -> None:
        """Find `next_step`, `step` being the last that was completed."""
        every = self._eval_every
        if self._course is not None:
            self.next_step = step + 1
            return
        evaluation = (step // every + 1) * every if every is not None else math.inf
        self.next_step = min(evaluation, self._max_steps)

    @property
    def ends_at_s(self) -> float:
        """When the time is over, on the clock of `perf_counter`; infinite where there is no such limit."""
        return self._ends_at_s

    def waited(self, elapsed_s: float) -> None:
        """Leave out a pause."""
        self._ends_at_s += elapsed_s

    def are_reached(self, step: int) -> bool:
        """Return whether the run is to end after this step."""
        if self._course is not None and self._course.is_over:
            return True
        return step >= self._max_steps or perf_counter() >= self._ends_at_s

    def evaluation_is_due(self, step: int) -> bool:
        """Return whether this step is one that the run is evaluated after."""
        return self._eval_every is not None and step > 0 and step % self._eval_every == 0
