"""A real kernel in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tui.client.session import KernelSession


@pytest.fixture
async def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KernelSession]:
    """A started session in a home of its own; ended after the test, whatever the test did to it."""
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    running = KernelSession(title="test")
    await running.start()
    yield running
    await running.shutdown(timeout_s=5)
