"""What can go wrong between the UI and a kernel."""

from __future__ import annotations

from tui.protocol.messages import Refusal


class KernelDied(RuntimeError):
    """The kernel's process ended before it answered; the message says how."""


class NotAKernel(RuntimeError):
    """The connection file cannot be used; the message says why."""


class KernelRefused(RuntimeError):
    """The kernel could not carry out a request; the message is for the user."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
