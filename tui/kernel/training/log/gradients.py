"""Gradient norms and update ratios, sampled so sparsely that they cost next to nothing.

Must be called between `backward` and the optimizer's step, and right after that step; whose loop that is does
not matter. Never changes a gradient or a parameter, and does not synchronize CUDA.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import perf_counter, time

import torch
from torch import nn

from tui.kernel.training.log.events import valid_tag
from tui.kernel.training.log.sampling import Allowance, Readback
from tui.protocol.run import GRAD_NORM

MAX_COPY_BYTES = 1 << 30
"""Update ratios need the parameters as they were before the step; a model larger than this goes without."""

Sample = tuple[int, float, tuple[str, ...]]
"""Step, wall time in seconds since 1970, tags."""


class GradientSampler:
    """Samples norms of gradients and updates of a set of parameters."""

    def __init__(self, parameters: Iterable[tuple[str, nn.Parameter]], device: torch.device) -> None:
        self._parameters = list(parameters)  # those that are frozen as well: they may be thawed
        self.has_update_ratios = True
        self._readback: Readback[Sample] = Readback(device)
        self._total = Allowance(share=0.0005, min_interval_s=0.2)
        self._detail = Allowance(share=0.001, min_interval_s=2.0)
        self._before: list[tuple[str, nn.Parameter, torch.Tensor]] | None = None
        self._began_s = 0.0
        self._spent_s = 0.0
        self.next_at_s = float("-inf")
        """When `after_backward` has something to do, on the clock of `perf_counter`."""

    def after_backward(self, step: int) -> None:
        """Sample gradients, if a sample is due."""
        start_s = perf_counter()
        with torch.no_grad():
            if start_s >= self._detail.next_at_s:
                self._sample_parameters(step)
                self._began_s, self._spent_s = start_s, perf_counter() - start_s
                if self._before is None:
                    self._detail.spent(start_s, perf_counter())
            if start_s >= self._total.next_at_s:
                start_s = perf_counter()
                gradients = [
                    p.grad for _, p in self._parameters if p.grad is not None and not p.grad.is_sparse
                ]
                if gradients:
                    norm = nn.utils.get_total_norm(gradients).reshape(1).float()
                    self._readback.send((step, time(), (GRAD_NORM,)), norm)
                self._total.spent(start_s, perf_counter())
        self.next_at_s = min(self._detail.next_at_s, self._total.next_at_s)

    def after_update(self, step: int) -> None:
        """Finish the sample of update ratios that `after_backward` began, if any."""
        if self._before is None:
            return
        start_s = perf_counter()
        before, self._before = self._before, None
        with torch.no_grad():
            ratios = []
            for _, parameter, old in before:
                old_norm = torch.linalg.vector_norm(old)
                # The old value's memory becomes the update's: one copy of the parameters, not two.
                update_norm = torch.linalg.vector_norm(old.sub_(parameter))
                ratios.append(torch.log10(update_norm / old_norm))
            tags = tuple(valid_tag(f"update_ratio/{name}") for name, _, _ in before)
            self._readback.send((step, time(), tags), _vector(ratios))
        end_s = perf_counter()
        self._detail.spent(end_s - (end_s - start_s) - self._spent_s, end_s)
        self.next_at_s = min(self._detail.next_at_s, self._total.next_at_s)

    def forget_update(self) -> None:
        """Drop the sample of update ratios that `after_backward` began, if any: there was no update."""
        if self._before is not None:
            self._before = None
            self._detail.spent(self._began_s, self._began_s + self._spent_s)
            self.next_at_s = min(self._detail.next_at_s, self._total.next_at_s)

    def take(self, *, wait: bool = False) -> Iterator[tuple[int, float, list[tuple[str, float]]]]:
        """Yield step, wall time and (tag, value) pairs of the samples that have arrived."""
        for (step, wall_time_s, tags), values in self._readback.take(wait=wait):
            yield step, wall_time_s, list(zip(tags, values, strict=True))

    def _sample_parameters(self, step: int) -> None:
        sampled = [
            (name, p)
            for name, p in self._parameters
            if p.grad is not None and not p.grad.is_sparse and p.numel()
        ]
        if not sampled:
            return
        norms = [torch.linalg.vector_norm(p.grad) for _, p in sampled if p.grad is not None]
        tags = tuple(valid_tag(f"grad_norm/{name}") for name, _ in sampled)
        self._readback.send((step, time(), tags), _vector(norms))
        size_bytes = sum(p.numel() * p.element_size() for _, p in sampled)
        if self.has_update_ratios and size_bytes <= MAX_COPY_BYTES:
            try:
                self._before = [(name, p, p.detach().clone()) for name, p in sampled]
            except torch.OutOfMemoryError:  # the training itself may still fit
                self.has_update_ratios = False


def _vector(scalars: list[torch.Tensor]) -> torch.Tensor:
    """Return 0-d tensors, of whatever dtype and device, as one float32 vector on the first one's device."""
    device = scalars[0].device
    return torch.stack([scalar.real.to(device=device, dtype=torch.float32) for scalar in scalars])
