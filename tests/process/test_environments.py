"""Kernels that are not started by us, or not from our environment."""

from __future__ import annotations

import asyncio
import site
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from tests.support import Ear
from tui.client.errors import NotAKernel
from tui.client.news import CellEnded, CellShowed
from tui.client.session import KernelSession
from tui.protocol.messages import GetStatus, ListVariables


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[KernelManager]:
    """Somebody's Jupyter kernel, which has never heard of torchtui."""
    manager = KernelManager(connection_file=str(tmp_path / "kernel-1.json"))
    manager.kernel_spec.argv[0] = sys.executable  # type: ignore[union-attr]
    manager.start_kernel(cwd=str(tmp_path))
    yield manager
    manager.shutdown_kernel(now=True)


async def test_a_jupyter_kernel_is_adopted_and_let_go(notebook: KernelManager) -> None:
    client = notebook.client()
    client.start_channels()
    await asyncio.to_thread(client.wait_for_ready, 60)
    await asyncio.to_thread(client.execute_interactive, "import torch\nw = torch.ones(3)", timeout=60)

    session = KernelSession()
    await session.attach_foreign(Path(notebook.connection_file))
    assert [row.name for row in (await session.ask(ListVariables())).rows] == ["w"]
    ear = Ear(session)
    session.run_cell("w.sum()")
    assert (await ear.kind(CellShowed)).data["text/plain"] == "tensor(3.)"
    await session.close()

    again = KernelSession()
    await again.attach_foreign(Path(notebook.connection_file))
    assert (await again.ask(GetStatus())).torch_state == "ready"
    await again.close()
    assert notebook.is_alive()
    client.stop_channels()


async def test_a_file_that_is_no_connection_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.write_text("{}")
    with pytest.raises(NotAKernel, match=r"notes\.json is no Jupyter connection file"):
        await KernelSession().attach_foreign(path)


async def test_a_kernel_runs_in_an_environment_without_torchtui(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "env"
    await asyncio.to_thread(venv.create, other, with_pip=False, symlinks=True)
    packages = next(other.glob("lib/python*/site-packages"))
    # the packages of this environment, but for its .pth files: an editable torchtui is not among them
    (packages / "shared.py").write_text(f"import sys; sys.path.append({site.getsitepackages()[0]!r})")
    (packages / "shared.pth").write_text("import shared")

    session = KernelSession(python=str(other / "bin" / "python"))
    await session.start()
    ear = Ear(session)
    cell = session.run_cell("import sys, importlib.util\nx = torch.ones(2)")
    await ear.kind(CellEnded, lambda news: news.cell == cell)
    session.run_cell(f"(importlib.util.find_spec('screens') is None, sys.prefix == {str(other)!r})")
    assert (await ear.kind(CellShowed)).data["text/plain"] == "(True, True)"
    assert "x" in {row.name for row in (await session.ask(ListVariables())).rows}
    await session.shutdown()
