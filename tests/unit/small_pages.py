"""Pages of a few entries, so that a short series lies in many of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tui.runs import paged, pyramid
from tui.runs.spill import Spill


@contextmanager
def small_pages() -> Iterator[None]:
    """Have what is made meanwhile keep two pages in memory: of 18 numbers, of 2 blocks of a pyramid."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paged, "SPILL", Spill(page_bytes=144))
        patch.setattr(paged, "POINTS_IN_MEMORY", 0)
        patch.setattr(pyramid, "BLOCKS_IN_MEMORY", 0)
        yield
