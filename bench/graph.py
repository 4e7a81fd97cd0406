"""An autograd graph of 100,000 nodes: how long until its structure is ready to be sent, and how long a page takes.

The kernel's part: find the nodes and their order, name them, pack the structure; then 40 nodes in words, for each
page. The graph is as deep as it can be and has a leaf that 50,000 operations share.
"""

from __future__ import annotations

import statistics
import sys
import time

import torch

from tui.kernel.autograd import Graphs
from tui.protocol.autograd import CloseGraph, OpenGraph, ReadNodes
from tui.protocol.codec import encode

STEPS = 50_000
ROWS = 40
OPEN_BUDGET_S = 2.0
PAGE_BUDGET_MS = 30.0


def opened_s(namespace: dict[str, object]) -> tuple[float, float]:
    """Return the seconds to open the graph, and the milliseconds of a page in the middle (median)."""
    graphs = Graphs(lambda: namespace)
    start_s = time.perf_counter()
    opened = graphs.open(OpenGraph("loss"))
    body = encode(opened)
    elapsed_s = time.perf_counter() - start_s
    print(f"{opened.structure.nodes:,} nodes, {len(str(body)) / 1e6:.1f} MB: {elapsed_s:.2f} s")
    pages_ms = []
    for first in range(1000, 100_000, 5000):
        start_s = time.perf_counter()
        encode(graphs.nodes(ReadNodes(opened.graph, tuple(range(first, first + ROWS)))))
        pages_ms.append((time.perf_counter() - start_s) * 1e3)
    graphs.close(CloseGraph(opened.graph))
    return elapsed_s, statistics.median(pages_ms)


def main() -> int:
    """Print both figures; return 1 when one is over budget."""
    x = torch.randn(8, requires_grad=True)
    y = x
    for _ in range(STEPS):
        y = y * 0.999 + x
    seconds, page_ms = opened_s({"x": x, "loss": y.sum()})
    kept = page_ms <= PAGE_BUDGET_MS
    print(f"one page  {page_ms:.1f} ms  budget <= {PAGE_BUDGET_MS:g}  {'ok' if kept else 'OVER'}")
    fast = seconds <= OPEN_BUDGET_S
    print(f"graph  {seconds:.2f} s  budget <= {OPEN_BUDGET_S:g}  {'ok' if fast else 'OVER'}")
    return 0 if kept and fast else 1


if __name__ == "__main__":
    sys.exit(main())
