"""What view is made when: after evaluations, now and then while training, at the end; never at much of a cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import torch

from tui.kernel.training.log.sampling import Allowance
from tui.kernel.training.parts.experiment import Experiment
from tui.kernel.training.views.boundary import Plane
from tui.kernel.training.views.confusion import MAX_COUNTED
from tui.kernel.training.views.filters import filters_view
from tui.kernel.training.views.gathering import Gathering
from tui.kernel.training.views.previews import preview_view
from tui.kernel.training.views.writing import View, write_view

LIVE_INTERVAL_S: Final = 2.0
"""Between two pictures of the boundary, or of the filters, at least."""


class Views:
    """Writes the views of a run. No method raises, and none changes anything of the experiment.

    A view that fails is told once and left out from then on. What is said to be last is made in any case; the rest
    as often as keeps it all under 1 % of the time.
    """

    def __init__(
        self, run_folder: Path, experiment: Experiment, device: torch.device, say: Callable[[str], None]
    ) -> None:
        self._folder = run_folder
        self._experiment = experiment
        self._say = say
        self._plane = Plane(experiment, device)
        self._live = Allowance(0.003, LIVE_INTERVAL_S)
        self._evaluations = Allowance(0.003)
        self._previews = Allowance(0.001)
        self._left_out: set[str] = set()
        self._is_absent: set[str] = set()
        self.shows_evaluations = False
        """Whether an evaluation has given a picture."""

    @property
    def next_at_s(self) -> float:
        """When `while_training` has something to do, on the clock of `perf_counter`."""
        return self._live.next_at_s

    def while_training(self, step: int, batch: Any, output: Any) -> None:
        """Show what the model has learned by now. Must be called between two steps. This is a sync point.

        Args:
            step: the last that was completed.
            batch, output: of that step.
        """
        start_s = perf_counter()
        self._make("boundary", lambda: self._plane.view(step, batch, output))
        self._make("filters", lambda: filters_view(self._experiment.model, step))
        if self._is_absent | self._left_out >= {"boundary", "filters"}:
            self._live.next_at_s = float("inf")  # this model has neither
        else:
            self._live.spent(start_s, perf_counter())

    def training_ended(self, step: int, batch: Any, output: Any) -> None:
        """Show once more what the model has learned. This is a sync point."""
        if self.next_at_s < float("inf") and batch is not None:
            self.while_training(step, batch, output)

    def watch(self, split: str, loader: object, *, last: bool) -> Gathering | None:
        """Return what is to be told of the batches of an evaluation; None where it is not to be watched.

        Args:
            split: ``val`` or ``test``.
            loader: that it goes over.
            last: whether none of this split is to come.
        """
        if not last and perf_counter() < self._evaluations.next_at_s:
            return None
        return Gathering(self._experiment, split, loader)

    def evaluated(self, gathering: Gathering | None, step: int) -> None:
        """Write what has been gathered. This is a sync point."""
        if gathering is None:
            return
        start_s = perf_counter()
        if gathering.error is not None:
            self._leave_out("confusion", gathering.error)
        else:
            try:
                for name, view in gathering.views(step):
                    self.shows_evaluations = True
                    self._make(name, lambda view=view: view)  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001 - it must not end the run
                self._leave_out("confusion", error)
        end_s = perf_counter()
        self._evaluations.spent(start_s - gathering.spent_s, end_s)
        if gathering.has_too_many_classes and "classes" not in self._left_out:
            self._left_out.add("classes")
            self._say(f"there is no confusion matrix: it would have more than {MAX_COUNTED} classes")

    def previewed(self, shown: object, step: int, epoch: int, *, last: bool) -> bool:
        """Write what the preset's own `preview` returned, if that is due or with `last`; return whether it was."""
        start_s = perf_counter()
        if not last and start_s < self._previews.next_at_s:
            return False
        self._make("preview", lambda: preview_view(shown, step, epoch))
        self._previews.spent(start_s, perf_counter())
        return True

    def _make(self, name: str, make: Callable[[], View | None]) -> None:
        if name in self._left_out or name in self._is_absent:
            return
        try:
            view = make()
            if view is None:
                self._is_absent.add(name)
            else:
                write_view(self._folder, name, view)
        except Exception as error:  # noqa: BLE001 - the user's model, or the disk; the training goes on
            self._leave_out(name, error)

    def _leave_out(self, name: str, error: Exception) -> None:
        if name in self._left_out:
            return
        self._left_out.add(name)
        try:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        except Exception:  # noqa: BLE001 - an exception of the user's own class may fail to say what it is
            reason = type(error).__name__
        self._say(f"the view {name} is left out from now on: {reason}")
