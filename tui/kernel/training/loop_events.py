"""What the training loop tells as it goes."""

from __future__ import annotations

from typing import Protocol

from tui.protocol.messages import RunPhase


class LoopEvents(Protocol):
    """Each is called in the training thread, between steps but where it says otherwise."""

    def paused(self, phase: RunPhase = "") -> None:
        """The loop is about to wait; also after each single step or phase.

        Args:
            phase: empty between two steps · ``step``: after a step, on the way phase by phase · else inside a
                batch, after that phase: the state is not whole and must not be kept.
        """

    def resumed(self) -> None:
        """The loop goes on; perhaps inside a batch."""

    def meddled(self, words: str) -> None:
        """What the user did while it waited inside a batch has changed the step in work; `words` say how."""

    def epoch_ended(self, train: dict[str, float], val: dict[str, float] | None) -> None:
        """An epoch is complete, its evaluation included; `train` and `val` hold mean loss and metrics."""

    def evaluated(self, name: str, means: dict[str, float]) -> None:
        """One of the loaders has been evaluated after a step, other than at the end of an epoch."""

    def skipped(self, step: int, scale: float, skips: int) -> None:
        """A step was left out, since its gradients overflowed in float16.

        Args:
            step: which.
            scale: what losses are multiplied with from now on.
            skips: how many steps were left out so far.
        """

    def found(self, verdict: str, suggested_lr: float | None) -> None:
        """A run of another kind than ``train`` has found something out, in words for the user."""

    def said(self, words: str) -> None:
        """Something for the log."""

    def warned(self, words: str) -> None:
        """Something that the user should know of the run, and that does not stop it."""

    def tested(self, test: dict[str, float]) -> None:
        """The test set has been evaluated with the final weights."""

    def previewed(self, text: str) -> None:
        """The preset's preview of the model after an epoch."""

    def checkpoint_is_due(self, now_s: float) -> bool:
        """Return whether the state is to be kept inside the epoch."""

    def checkpoint(self) -> None:
        """Keep the state; the log is up to the last step."""
