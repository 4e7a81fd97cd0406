"""The table of 1,000 tensors, in units of what torch's six plain operations on the same tensors take.

The figure is the whole refresh after a cell: made in the kernel with all statistics, across the wire, painted.

The unit is `aminmax`, `mean`, `std`, `isnan`, `isinf` and one transfer per tensor: what a table without
batches would do for its statistics alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from textual.app import ComposeResult

from tui.kernel.variables import StatisticsCache, list_variables
from tui.protocol.codec import decode, encode
from tui.protocol.messages import VariableTable
from tui.themes import ThemedApp
from tui.widgets.variables import VariablePanel

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


def carried(made: VariableTable) -> tuple[VariableTable, float]:
    """Return the table as the UI gets it, and the milliseconds that the way took."""
    start = time.perf_counter()
    read = decode(VariableTable, json.loads(json.dumps(encode(made))))
    return read, (time.perf_counter() - start) * 1e3


class Shelf(ThemedApp[list[float]]):
    """The panel alone; times how long it takes to show tables in which every row is another."""

    def __init__(self, tables: Sequence[VariableTable]) -> None:
        super().__init__()
        self._tables = tables

    def compose(self) -> ComposeResult:
        """Lay out the panel."""
        yield VariablePanel()

    def on_ready(self) -> None:
        """Show each table."""
        taken_ms: list[float] = []
        for made in self._tables:
            start = time.perf_counter()
            self.query_one(VariablePanel).show(made)
            self.screen._compositor.render_strips()
            taken_ms.append((time.perf_counter() - start) * 1e3)
        self.exit(taken_ms)


def shown(made: VariableTable) -> float:
    """Return the milliseconds that the panel takes to show a table after another one."""
    tables = [
        replace(made, rows=tuple(replace(row, summary=f"{row.summary} {turn}") for row in made.rows))
        for turn in range(ROUNDS)
    ]
    taken_ms = Shelf(tables).run(headless=True, size=(120, 40))
    assert taken_ms is not None
    return min(taken_ms)


def main() -> int:
    """Print each part and the whole; return 1 when over budget."""
    tensors = {f"t{i}": torch.randn(64, 64) for i in range(TENSORS)}
    rounds = []
    for _ in range(ROUNDS):
        cache = StatisticsCache()
        rounds.append((plain(tensors), table(tensors, cache), table(tensors, cache)))
    unit_ms, first_ms, again_ms = (min(column) for column in zip(*rounds, strict=True))
    made, _ = list_variables(tensors, hidden=(), budget_s=60.0)
    carried_ms = min(carried(made)[1] for _ in range(ROUNDS))
    shown_ms = shown(made)
    whole_ms = first_ms + carried_ms + shown_ms
    print(f"plain operations        {unit_ms:>7.1f} ms")
    print(f"table of {TENSORS:,} tensors  {first_ms:>7.1f} ms  {first_ms / unit_ms:.2f} of the unit")
    print(f"again, unchanged        {again_ms:>7.1f} ms  {again_ms / unit_ms:.2f} of the unit")
    print(f"across the wire         {carried_ms:>7.1f} ms")
    print(f"shown                   {shown_ms:>7.1f} ms")
    kept = whole_ms <= BUDGET_MS
    print(f"variables  {whole_ms:.0f}  budget <= {BUDGET_MS:g}  {'ok' if kept else 'OVER'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
