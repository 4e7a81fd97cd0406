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

    def tested(self, test: dict[str, float]) -> None:
        """The test set has been evaluated with the final weights."""

    def previewed(self, text: str) -> None:
        """The preset's preview of the model after an epoch."""

    def checkpoint_is_due(self, now_s: float) -> bool:
        """Return whether the state is to be kept inside the epoch."""

    def checkpoint(self) -> None:
        """Keep the state; the log is up to the last step."""
