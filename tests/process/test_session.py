"""A session against a real kernel: cells, requests past a busy cell, interrupts, restarts."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import time
from pathlib import Path

import pytest

from tests.support import Ear, status_when
from tui.client import registry
from tui.client.errors import KernelDied, KernelRefused
from tui.client.launch import LaunchError
from tui.client.news import CellEnded, CellFailed, CellPrinted, CellShowed, CellStarted, InputWanted
from tui.client.repl import Repl
from tui.client.session import KernelSession
from tui.processes import process_is
from tui.protocol.gradients import ListGradients
from tui.protocol.messages import GetStatus, ListModules, ListVariables


async def test_a_cell_prints_shows_its_value_and_ends(session: KernelSession) -> None:
    ear = Ear(session)
    cell = session.run_cell("print('hello')\n6 * 7")
    assert (await ear.kind(CellPrinted)).text == "hello\n"
    showed = await ear.kind(CellShowed)
    assert (showed.cell, showed.data["text/plain"], showed.count) == (cell, "42", 1)
    assert (await ear.kind(CellEnded)).status == "ok"


async def test_an_exception_is_data_and_the_kernel_lives_on(session: KernelSession) -> None:
    ear = Ear(session)
    session.run_cell("1 / 0")
    failed = await ear.kind(CellFailed)
    assert failed.kind == "ZeroDivisionError"
    assert any("1 / 0" in line or "division" in line for line in failed.traceback)
    session.run_cell("'still here'")
    assert (await ear.kind(CellShowed)).data["text/plain"] == "'still here'"


async def test_torch_comes_by_itself_with_its_usual_names(session: KernelSession) -> None:
    ear = Ear(session)
    session.run_cell("(nn.Linear(2, 3)(torch.ones(1, 2)).shape, F.relu(torch.tensor(-1.0)).item())")
    assert (await ear.kind(CellShowed)).data["text/plain"] == "(torch.Size([1, 3]), 0.0)"
    assert (await session.ask(GetStatus())).torch_state == "ready"


async def test_requests_are_answered_while_a_cell_runs(session: KernelSession) -> None:
    ear = Ear(session)
    session.run_cell("import torch\nw = torch.ones(3, requires_grad=True)\nmodel = nn.Linear(4, 2)")
    await ear.kind(CellEnded)
    session.run_cell("while True: pass")
    await status_when(session, lambda status: status.cell_running)
    table = await session.ask(ListVariables())
    assert {"w", "model"} <= {row.name for row in table.rows}
    assert "w" in {row.name for row in (await session.ask(ListGradients())).rows}
    assert "model" in {row.path for row in (await session.ask(ListModules())).rows}
    completions = await Repl(session).complete("torch.zeros_l", 13)
    assert completions.items
    assert (await session.ask(GetStatus())).cell_running
    session.interrupt()
    assert (await ear.kind(CellFailed)).kind == "KeyboardInterrupt"


async def test_what_changed_since_the_cell_before_stays_marked_until_the_next(session: KernelSession) -> None:
    ear = Ear(session)

    async def changed_after(code: str) -> list[set[str]]:
        cell = session.run_cell(code)
        await ear.until(lambda news: isinstance(news, CellEnded) and news.cell == cell)
        tables = [await session.ask(ListVariables()) for _ in range(2)]
        return [{row.name for row in table.rows if row.changed} for table in tables]

    await changed_after("import torch\na = torch.zeros(3)\nb = torch.zeros(3)")
    assert await changed_after("a.add_(1)") == [{"a"}, {"a"}]
    assert await changed_after("c = 1") == [{"c"}, {"c"}]


async def test_input_is_asked_for_and_answered(session: KernelSession) -> None:
    ear = Ear(session)
    session.run_cell("name = input('who? ')\nname.upper()")
    assert (await ear.kind(InputWanted)).prompt == "who? "
    session.answer_input("ada")
    assert (await ear.kind(CellShowed)).data["text/plain"] == "'ADA'"


async def test_help_comes_as_a_page(session: KernelSession) -> None:
    ear = Ear(session)
    session.run_cell("import torch\ntorch.add?")
    ended = await ear.kind(CellEnded)
    assert "Adds" in ended.pages[0]


async def test_completeness_is_judged_as_ipython_does(session: KernelSession) -> None:
    repl = Repl(session)
    assert (await repl.check_complete("for i in range(3):"))[0] == "incomplete"
    assert (await repl.check_complete("%timeit 1 + 1"))[0] == "complete"
    assert (await repl.check_complete("x = 1"))[0] == "complete"


async def test_a_cell_ends_after_all_it_printed_and_counts_as_ours(session: KernelSession) -> None:
    ear = Ear(session)
    cells = [session.run_cell(f"for i in range(50): print({number}, i)") for number in range(20)]
    await ear.kind(CellEnded, lambda news: news.cell == cells[-1])
    for number, cell in enumerate(cells):
        mine = [news for news in ear.heard if getattr(news, "cell", None) == cell]
        assert isinstance(mine[0], CellStarted)
        assert mine[0].ours
        assert isinstance(mine[-1], CellEnded)
        printed = "".join(news.text for news in mine if isinstance(news, CellPrinted))
        assert printed == "".join(f"{number} {i}\n" for i in range(50))


async def test_a_flood_of_output_does_not_stop_the_talk(session: KernelSession) -> None:
    ear = Ear(session)
    session.run_cell("for i in range(200_000): print(i)")
    started = time.monotonic()
    while not any(isinstance(news, CellEnded) for news in ear.heard):
        await session.ask(GetStatus(), timeout_s=30)
        assert time.monotonic() - started < 60
    await ear.until(lambda news: isinstance(news, CellPrinted) and "199999\n" in news.text)


async def test_sockets_and_key_are_the_users_alone(session: KernelSession) -> None:
    assert session.info is not None
    folder = Path(session.info.folder)
    assert stat.S_IMODE(folder.stat().st_mode) & 0o777 == 0o700
    assert stat.S_IMODE((folder / "connection.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "session.json").stat().st_mode) == 0o600
    connection = json.loads((folder / "connection.json").read_text())
    assert connection["transport"] == "ipc"
    assert Path(connection["ip"]).parent == folder
    assert len(list(folder.glob("k-*"))) == 5
    assert os.getsid(session.info.pid) == session.info.pid


async def test_a_folder_of_the_users_called_tui_shadows_nothing(
    session: KernelSession, tmp_path: Path
) -> None:
    for name in ("tui", "screens", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("word = 'the user'")
    ear = Ear(session)
    session.run_cell("import mine, torch, tui.protocol.run\nx = torch.ones(2)\nmine.word")
    assert (await ear.kind(CellShowed)).data["text/plain"] == "'the user'"
    assert "x" in {row.name for row in (await session.ask(ListVariables())).rows}


async def test_restart_gives_a_fresh_kernel_in_the_same_session(session: KernelSession) -> None:
    ear = Ear(session)
    session.run_cell("kept = 1")
    await ear.kind(CellEnded)
    before = session.info
    await session.restart()
    assert before is not None
    assert session.info is not None
    assert (session.info.id, session.info.pid != before.pid) == (before.id, True)
    assert "kept" not in {row.name for row in (await session.ask(ListVariables())).rows}


async def test_two_terminals_share_one_kernel(session: KernelSession) -> None:
    assert session.info is not None
    other = KernelSession()
    await other.attach(registry.find_session(session.info.id[:4]))
    ear = Ear(other)
    session.run_cell("shared = 41 + 1\nshared")
    assert (await ear.kind(CellShowed)).data["text/plain"] == "42"
    assert "shared" in {row.name for row in (await other.ask(ListVariables())).rows}
    await other.close()
    assert (await session.ask(GetStatus())).pid == session.info.pid


async def test_a_detached_session_is_found_again_with_its_variables(session: KernelSession) -> None:
    ear = Ear(session)
    session.run_cell("treasure = 7")
    await ear.kind(CellEnded)
    info = session.info
    assert info is not None
    await session.close()
    assert [found.id for found in registry.list_sessions()] == [info.id]
    again = KernelSession()
    await again.attach(registry.find_session(None))
    assert "treasure" in {row.name for row in (await again.ask(ListVariables())).rows}
    await again.shutdown()
    assert registry.list_sessions() == []
    assert not process_is(info.pid, info.pid_started_at)
    assert not Path(info.folder).exists()


async def test_an_idle_kernel_that_nobody_watches_ends_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path))
    session = KernelSession(idle_hours=5.0 / 3600)
    await session.start()
    info = session.info
    await session.close()
    assert info is not None
    async with asyncio.timeout(30):
        while process_is(info.pid, info.pid_started_at):
            await asyncio.sleep(0.05)


async def test_a_python_without_torch_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))
    bare = tmp_path / "bare"
    await asyncio.to_thread(lambda: __import__("venv").create(bare, with_pip=False, symlinks=True))
    session = KernelSession(python=str(bare / "bin" / "python"))
    with pytest.raises(
        LaunchError, match=r"has no ipykernel and torch; install with: .*-m pip install ipykernel torch"
    ):
        await session.start()
    await session.shutdown()


async def test_a_python_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path))
    with pytest.raises(LaunchError, match=r"cannot run /no/such/python: No such file"):
        await KernelSession(python="/no/such/python").start()


async def test_a_request_that_cannot_be_met_is_refused_in_words(session: KernelSession) -> None:
    from tui.protocol.messages import ControlRun

    with pytest.raises(KernelRefused, match="there is no run in this kernel"):
        await session.ask(ControlRun("pause"))


async def test_a_long_home_finds_room_for_its_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / ("long" * 30)))
    session = KernelSession()
    await session.start()
    assert (await session.ask(GetStatus())).pid > 0
    await session.shutdown()


async def test_after_the_end_every_request_says_why(session: KernelSession) -> None:
    await session.kill()
    with pytest.raises(KernelDied, match="SIGKILL"):
        await session.ask(GetStatus())
