"""What a batch has done up to a pause: its tensors, the loss, the gradients, the change of the parameters.

Taken by the training thread when a pause begins, so that nothing reads tensors that a step is changing. Changes
nothing, draws no random number, and never raises for what a value is.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol

import torch
from torch import nn

from tui.kernel.torch_private import without_overrides
from tui.kernel.training.dry.looks import values_of
from tui.kernel.training.log.gradients import MAX_COPY_BYTES
from tui.protocol.messages import RunPhase
from tui.protocol.training import BatchLook, ParameterLook

SHOWN = 8
"""Parameters that are told one by one."""


class OfBatch(Protocol):
    """Holds what belongs to the batch in work, or the last one."""

    loss: torch.Tensor | None
    output: Any
    batch: Any


class BatchLooks:
    """Looks at the batch at every pause, and keeps the parameters from one to the next to tell their change."""

    def __init__(self, model: nn.Module) -> None:
        self.of: OfBatch | None = None
        """The batch; None before there can be one."""
        self.latest: BatchLook | None = None
        """As it was when the pause began; None while the run trains."""
        self._model = model
        self._before: dict[str, torch.Tensor] = {}
        self._before_step = -1

    def take(self, phase: RunPhase, step: int) -> None:
        """Look at the batch. This is a sync point.

        Args:
            phase: what has just been done.
            step: optimizer steps completed.
        """
        self.latest = BatchLook(phase, step)
        with (
            suppress(Exception),
            torch.no_grad(),
            without_overrides(),
        ):  # whatever a model or batch is made of: the run goes on
            self.latest = self._look(phase, step)

    def go_on(self, step: int, *, pauses_again: bool) -> None:
        """Forget the look; keep a copy of the parameters where there will be another to compare with."""
        self.latest = None
        self._before = {}
        if not pauses_again:
            return
        parameters = [(name, p) for name, p in self._model.named_parameters() if p.numel()]
        if sum(p.numel() * p.element_size() for _, p in parameters) > MAX_COPY_BYTES:
            return
        try:
            with torch.no_grad():
                self._before = {name: p.detach().clone() for name, p in parameters if p.requires_grad}
                self._before_step = step
        except Exception:  # noqa: BLE001 - no memory, or a tensor that cannot be copied: no change is told
            self._before = {}

    def _look(self, phase: RunPhase, step: int) -> BatchLook:
        of = self.of
        if of is None or of.batch is None:
            return BatchLook(phase, step)
        has_output = phase != "" or of.output is not None
        values = values_of(of.batch, of.output if has_output else None, None)
        loss = float(of.loss.detach().float()) if of.loss is not None else None
        if phase in ("forward", "loss"):  # the gradients were cleared when the batch began
            return BatchLook(phase, step, values, loss)
        grads = [
            (name, torch.linalg.vector_norm(p.grad.detach()).real.float())
            for name, p in self._model.named_parameters()
            if p.grad is not None and p.grad.layout is torch.strided and p.grad.numel()
        ]
        norms = torch.stack([norm.cpu() for _, norm in grads]).tolist() if grads else []
        change, changes = (
            self._changes() if phase != "backward" and step == self._before_step + 1 else (None, {})
        )
        shown = sorted(zip((name for name, _ in grads), norms, strict=True), key=lambda one: -_rank(one[1]))
        return BatchLook(
            phase, step, values, loss,
            grad_norm=sum(norm * norm for norm in norms) ** 0.5 if norms else None,
            change=change,
            parameters=tuple(ParameterLook(name, norm, changes.get(name)) for name, norm in shown[:SHOWN]),
            with_gradient=len(norms),
        )  # fmt: skip

    def _changes(self) -> tuple[float | None, dict[str, float]]:
        """Return the ratio of update to value: of all, and of each parameter."""
        now = dict(self._model.named_parameters())
        pairs = [(name, old, now[name].detach()) for name, old in self._before.items() if name in now]
        if not pairs:
            return None, {}
        olds = [float(torch.linalg.vector_norm(old)) for _, old, _ in pairs]
        updates = [float(torch.linalg.vector_norm(new - old)) for _, old, new in pairs]
        total = sum(old * old for old in olds) ** 0.5
        ratios = {name: u / o for (name, _, _), u, o in zip(pairs, updates, olds, strict=True) if o}
        return (sum(u * u for u in updates) ** 0.5 / total if total else None), ratios


def _rank(norm: float) -> float:
    return norm if norm == norm else float("inf")
