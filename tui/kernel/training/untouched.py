"""Running a model in passing: its buffers are as they were afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from tui.kernel.torch_private import module_table, version_of


@contextmanager
def restored_buffers(model: nn.Module) -> Iterator[None]:
    """Put the buffers back as they were: those that were written to, and those that were replaced. A sync point."""
    kept = []
    for module in model.modules():
        table = module_table(module, "_buffers")
        for name, buffer in table.items():
            if isinstance(table, dict) and isinstance(buffer, torch.Tensor):
                kept.append((table, name, buffer, version_of(buffer), buffer.detach().clone()))
    try:
        yield
    finally:
        with torch.no_grad():
            for table, name, buffer, version, values in kept:
                # Not always, since a copy counts as a change for graphs that hold the buffer; and not by the
                # version alone, since batch norm does not count what it writes.
                if version_of(buffer) != version or not torch.equal(buffer, values):
                    buffer.copy_(values)
                if table.get(name) is not buffer:
                    table[name] = buffer
