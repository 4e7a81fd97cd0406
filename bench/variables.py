"""The table of 1,000 tensors, in units of what torch's six plain operations on the same tensors take.

The unit is `aminmax`, `mean`, `std`, `isnan`, `isinf` and one transfer per tensor: what a table without
batches would do for its statistics alone.
"""

from __future__ import annotations

import sys
import time

import torch

from tui.kernel.variables import StatisticsCache, list_variables

TENSORS = 1000
BUDGET_MS = 100.0
ROUNDS = 10


def plain(tensors: dict[str, torch.Tensor]) -> float:
    """Return the milliseconds of the unit."""
    start = time.perf_counter()
    for tensor in tensors.values():
        low, high = torch.aminmax(tensor)
        torch.stack(
            [low, high, tensor.mean(), tensor.std(), tensor.isnan().sum(), tensor.isinf().sum()]
        ).tolist()
    return (time.perf_counter() - start) * 1e3


def table(tensors: dict[str, torch.Tensor], cache: StatisticsCache) -> float:
    """Return the milliseconds of one table, all its rows with statistics."""
    start = time.perf_counter()
    made, _ = list_variables(tensors, hidden=(), cache=cache, budget_s=60.0)
    elapsed_ms = (time.perf_counter() - start) * 1e3
    assert all(row.summary.startswith("x∈") for row in made.rows)
    return elapsed_ms


def main() -> int:
    """Print the first table, one of unchanged tensors, and the unit; return 1 when over budget."""
    tensors = {f"t{i}": torch.randn(64, 64) for i in range(TENSORS)}
    rounds = []
    for _ in range(ROUNDS):
        cache = StatisticsCache()
        rounds.append((plain(tensors), table(tensors, cache), table(tensors, cache)))
    unit_ms, first_ms, again_ms = (min(column) for column in zip(*rounds, strict=True))
    print(f"plain operations        {unit_ms:>7.1f} ms")
    print(f"table of {TENSORS:,} tensors  {first_ms:>7.1f} ms  {first_ms / unit_ms:.2f} of the unit")
    print(f"again, unchanged        {again_ms:>7.1f} ms  {again_ms / unit_ms:.2f} of the unit")
    kept = first_ms <= BUDGET_MS
    print(f"variables  {first_ms:.0f}  budget <= {BUDGET_MS:g}  {'ok' if kept else 'OVER'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
