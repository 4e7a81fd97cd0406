"""What a loop cannot train on, in words for the user."""

from __future__ import annotations

from typing import Any

import torch

from tui.kernel.training.batches import describe


class LoopError(ValueError):
    """A batch, loss or loader is not what a loop can work with; the message is for the user."""


class SettingsError(ValueError):
    """A setting of the run that cannot be kept; the message is for the user."""


class RunRefused(Exception):
    """A run cannot be started or steered as asked; nothing has been created. The message is for the user."""


class NotFiniteLoss(ArithmeticError):
    """The loss of a step is NaN or infinite."""

    def __init__(self, step: int, value: float) -> None:
        super().__init__(f"the loss is {value} at step {step}")
        self.step = step


def check_loss(loss: object, source: str) -> None:
    """Check that a loss is a scalar that can be differentiated.

    Args:
        loss: what the preset gave.
        source: what gave it, e.g. ``step()``.

    Raises:
        LoopError: it is not.
    """
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1 or not loss.requires_grad:
        raise LoopError(_bad_loss(loss, source))


def _bad_loss(loss: object, source: str) -> str:
    if not isinstance(loss, torch.Tensor):
        return f"{source} must give a scalar tensor, got {type(loss).__name__}"
    if loss.numel() != 1:
        return f"{source} must give one number per batch, got {describe(loss)}: take its mean or sum"
    return (
        f"the loss that {source} gives depends on no parameter (it does not require grad): was it made under"
        " no_grad, detached, or are all parameters frozen?"
    )


def no_pair(batch: Any) -> LoopError:
    """Return the error of a batch that is not (input, target), where there is no `step` that takes it."""
    length = f" of {len(batch)}" if isinstance(batch, list | tuple) else ""
    return LoopError(
        f"data()['train'] gives batches of {type(batch).__name__}{length} ({describe(batch)}); without a"
        " step(model, batch, loss) a batch must be (input, target)"
    )


def no_batches(step: int, epoch: int) -> LoopError:
    """Return the error of an epoch without a batch; `step` and `epoch`: how many are completed."""
    if step == 0:
        return LoopError("data()['train'] has no batches")
    return LoopError(
        f"data()['train'] gave no batches in epoch {epoch + 1}: it is exhausted"
        " (a generator?); a DataLoader or a list can be gone through again"
    )
