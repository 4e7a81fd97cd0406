"""A home for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import Home, home_in


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A ``TORCHTUI_HOME`` of the test's own; all that was started in it is ended after the test."""
    with home_in(tmp_path) as made:
        yield made
