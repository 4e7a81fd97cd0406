"""Statistics of a 10⁸-element float32 tensor, in passes of `aminmax`, and beside lovely-tensors.

The ratio to lovely-tensors needs it importable (`pip install lovely-tensors`); without it, it is left out.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from collections.abc import Callable

import torch

from tui.kernel.tensor_stats import tensor_stats

ELEMENTS = 10**8
BUDGET_PASSES = 6.0
BUDGET_LOVELY = 0.1
ROUNDS = 10


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def lovely(tensor: torch.Tensor) -> float | None:
    """Return the seconds that lovely-tensors takes; None where it is not installed."""
    if importlib.util.find_spec("lovely_tensors") is None:
        print("lovely-tensors is not installed: its ratio is left out")
        return None
    describe = importlib.import_module("lovely_tensors").lovely
    return min(seconds(lambda: str(describe(tensor))) for _ in range(2))


def main() -> int:
    """Print both ratios; return 1 when one is over budget."""
    tensor = torch.randn(ELEMENTS, generator=torch.Generator().manual_seed(0))
    works: tuple[Callable[[], object], ...] = (lambda: torch.aminmax(tensor), lambda: tensor_stats(tensor))
    # in turn, so that other load on the machine hits both
    rounds = [[seconds(work) for work in works] for _ in range(ROUNDS)]
    unit_s, ours_s = (min(column) for column in zip(*rounds, strict=True))
    print(f"aminmax       {unit_s * 1e3:>9.1f} ms")
    print(f"tensor_stats  {ours_s * 1e3:>9.1f} ms")
    kept = True
    lovely_s = lovely(tensor)
    if lovely_s is not None:
        share = ours_s / lovely_s
        kept = share <= BUDGET_LOVELY
        print(f"lovely-tensors {lovely_s * 1e3:>8.1f} ms")
        verdict = "ok" if kept else "OVER"
        print(f"tensor_stats / lovely-tensors  {share:.3f}  budget <= {BUDGET_LOVELY:g}  {verdict}")
    passes = ours_s / unit_s
    kept = kept and passes <= BUDGET_PASSES
    print(f"tensor_stats  {passes:.1f}  budget <= {BUDGET_PASSES:g}  {'ok' if kept else 'OVER'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
