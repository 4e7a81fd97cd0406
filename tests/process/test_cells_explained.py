"""Cells of our REPL against a real kernel: results come described, operations explained, failures in plain words."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from tests.support import Ear
from tui.client.errors import KernelRefused
from tui.client.news import CellEnded, CellFailed, CellPrinted, CellShowed
from tui.client.session import KernelSession
from tui.protocol.codec import decode
from tui.protocol.messages import GetStatus, ListModules, ListVariables, Request
from tui.protocol.operations import FAILURE_MIME, OPERATIONS_MIME, Explanation, Failure
from tui.protocol.values import VALUE_MIME, Shown
from tui.protocol.viewing import (
    CancelCompute,
    CompareViews,
    FindPlace,
    OpenView,
    ReadPixels,
    ReadStatistics,
    ReadWindow,
    View,
)


async def run(session: KernelSession, code: str) -> list[CellShowed]:
    """Run a cell and return what it displayed, in order."""
    ear = Ear(session)
    cell = session.run_cell(code)
    await ear.kind(CellEnded, lambda news: news.cell == cell)
    return [news for news in ear.heard if isinstance(news, CellShowed) and news.cell == cell]


def explained(shown: list[CellShowed]) -> Explanation:
    (data,) = [news.data[OPERATIONS_MIME] for news in shown if OPERATIONS_MIME in news.data]
    return decode(Explanation, json.loads(data))


async def test_the_very_first_result_is_described_and_its_broadcast_explained(session: KernelSession) -> None:
    shown = await run(session, "torch.ones(3, 1) + torch.zeros(4)")
    value = decode(Shown, json.loads(shown[0].data[VALUE_MIME]))
    assert value.tensor is not None
    assert value.tensor.shape == (3, 4)
    assert "tensor([[1." in shown[0].data["text/plain"]
    step = explained(shown).steps[-1]
    assert [operand.shape for operand in step.inputs] == [(3, 1), (4,)]
    assert step.output.shape == (3, 4)
    assert step.aligned


async def test_an_assignment_is_explained_too(session: KernelSession) -> None:
    shown = await run(session, "x = torch.rand(2, 3)\nw = torch.rand(3, 5)\ny = x @ w")
    explanation = explained(shown)
    assert explanation.target == "y"
    assert [operand.text for operand in explanation.steps[-1].inputs] == ["x", "w"]


async def test_a_failure_comes_in_plain_words_after_the_traceback(session: KernelSession) -> None:
    ear = Ear(session)
    session.run_cell("x = torch.rand(2, 3)\nw = torch.rand(2, 5)\nx @ w")
    await ear.kind(CellFailed)
    showed = await ear.kind(CellShowed, lambda news: FAILURE_MIME in news.data)
    failure = decode(Failure, json.loads(showed.data[FAILURE_MIME]))
    assert {operand.text: operand.shape for operand in failure.operands} == {"x": (2, 3), "w": (2, 5)}
    assert failure.words
    order = [type(news) for news in ear.heard if isinstance(news, CellFailed | CellShowed)]
    assert order == [CellFailed, CellShowed]


async def test_other_clients_cells_run_as_without_us(session: KernelSession) -> None:
    await run(session, "torch.ones(2)")  # ours, so that everything is installed
    ear = Ear(session)
    content = {"code": "a = torch.ones(3, 1) + torch.ones(4)\na", "silent": False, "store_history": True}
    session._door().send("execute_request", content)
    showed = await ear.kind(CellShowed)
    await ear.kind(CellEnded)
    assert set(showed.data) == {"text/plain"}
    assert [news for news in ear.heard if isinstance(news, CellShowed)] == [showed]


async def test_a_container_is_described_as_a_tree(session: KernelSession) -> None:
    shown = await run(session, "{'weight': torch.ones(2, 2), 'parts': [torch.zeros(3), 'text']}")
    value = decode(Shown, json.loads(shown[0].data[VALUE_MIME]))
    shapes = [row.tensor.shape for row in value.tree if row.tensor is not None]
    assert shapes == [(2, 2), (3,)]


async def test_a_name_that_shadows_torch_takes_nothing_from_the_screen(session: KernelSession) -> None:
    await run(session, "x = torch.ones(2, 3)")
    shown = await run(session, "torch = len = 5\nx")
    assert VALUE_MIME in shown[0].data
    table = await session.ask(ListVariables())
    assert "x" in {row.name for row in table.rows}
    window = await session.ask(ReadWindow(View("x"), 0, 1, (0, 0), 0, 0, 2, 3))
    assert window.values == ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))


async def test_an_infinite_generator_is_shown_and_not_consumed(session: KernelSession) -> None:
    await run(session, "import itertools\ng = (torch.ones(2) * i for i in itertools.count())\ng")
    assert "g" in {row.name for row in (await session.ask(ListVariables())).rows}
    shown = await run(session, "next(g)")
    assert "0." in shown[0].data["text/plain"]


VIEWS: dict[str, Request[Any]] = {
    "open": OpenView(View("x[1:]")),
    "window": ReadWindow(View("x"), 0, 1, (0, 0), 0, 0, 2, 2),
    "statistics": ReadStatistics(View("x")),
    "place": FindPlace(View("x"), "max"),
    "comparison": CompareViews("x", "x + 1"),
    "pixels": ReadPixels(View("image"), 8, 8),
}


async def test_every_request_of_the_viewer_is_answered_while_a_cell_runs(session: KernelSession) -> None:
    await run(session, "x = torch.arange(12.).reshape(4, 3)\nimage = torch.rand(3, 16, 16)")
    ear = Ear(session)
    session.run_cell("while True: pass")
    for request in VIEWS.values():
        assert isinstance(await session.ask(request), request.reply_type())
    assert not (await session.ask(CancelCompute())).was_running
    assert (await session.ask(GetStatus())).cell_running
    session.interrupt()
    assert (await ear.kind(CellFailed)).kind == "KeyboardInterrupt"


async def test_a_view_of_what_is_gone_is_refused_with_words(session: KernelSession) -> None:
    await run(session, "x = torch.ones(4)")
    await session.ask(OpenView(View("x")))
    await run(session, "del x")
    with pytest.raises(KernelRefused) as refused:
        await session.ask(OpenView(View("x")))
    assert refused.value.refusal.kind == "gone"
    assert "x" in str(refused.value)


async def test_statistics_of_a_large_tensor_are_cancelled(session: KernelSession) -> None:
    await run(session, "big = torch.zeros(2_000_000_000, dtype=torch.int8)")
    asked = asyncio.ensure_future(session.ask(ReadStatistics(View("big"), limit=None)))
    while not (await session.ask(CancelCompute())).was_running:
        assert not asked.done()
    with pytest.raises(KernelRefused) as refused:
        await asked
    assert refused.value.refusal.kind == "cancelled"


async def status_timeout(session: KernelSession) -> None:
    """Ask for the status until there is no answer."""
    with contextlib.suppress(TimeoutError):
        while True:
            await session.ask(GetStatus(), timeout_s=0.5)


async def test_a_cell_that_holds_the_interpreter_cannot_be_interrupted_but_killed(
    session: KernelSession,
) -> None:
    ear = Ear(session)
    cell = session.run_cell(
        "sum(range(10**13))"
    )  # inside C, it looks for no signal and lets no other thread run
    await status_timeout(session)
    assert session.state == "busy"  # although the kernel could not say so
    session.interrupt()
    await status_timeout(session)
    await session.restart()
    ended = await ear.kind(CellEnded, lambda news: news.cell == cell)
    assert ended.status == "aborted"
    assert (await run(session, "'alive'"))[0].data["text/plain"] == "'alive'"


async def test_a_cell_whose_reply_is_lost_ends_all_the_same(session: KernelSession) -> None:
    ear = Ear(session)
    cell = session.run_cell(
        "link = get_ipython().kernel.session\n"
        "def send(stream, message, *args, **options):\n"
        "    if message == 'execute_reply':\n"
        "        del link.send\n"
        "        return {'content': {'status': 'ok'}}\n"
        "    return type(link).send(link, stream, message, *args, **options)\n"
        "link.send = send"
    )
    ended = await ear.kind(CellEnded, lambda news: news.cell == cell)
    assert ended.status == "aborted"
    assert (await run(session, "'alive'"))[0].data["text/plain"] == "'alive'"
    assert session.state == "idle"


async def test_an_interrupt_while_torch_is_awaited_ends_the_cell(session: KernelSession) -> None:
    await run(session, "torch.ones(1)")
    ear = Ear(session)
    session.run_cell(
        "def wait(): print('waiting', flush=True); import time; time.sleep(60)\n"
        "side = get_ipython().kernel.torchtui\n"
        "side.torch.state, side.torch.wait = 'importing', wait"
    )
    cell = session.run_cell("import torch; print('ran')")
    await ear.until(lambda news: getattr(news, "text", "") == "waiting\n")
    session.interrupt()
    failed = await ear.kind(CellFailed)
    assert failed.kind == "KeyboardInterrupt"
    await ear.kind(CellEnded, lambda news: news.cell == cell)
    printed = "".join(news.text for news in ear.heard if isinstance(news, CellPrinted))
    assert printed == "waiting\n"


async def test_an_interrupt_in_our_hooks_is_no_fault_and_the_next_cell_is_explained(
    session: KernelSession,
) -> None:
    await run(session, "torch.ones(1)")
    await run(
        session,
        "from tui.kernel.operations import watch as hooks\n"
        "real = hooks.explanation_of\n"
        "def interrupted(ledger):\n"
        "    hooks.explanation_of = real\n"
        "    raise KeyboardInterrupt\n"
        "hooks.explanation_of = interrupted",
    )
    ear = Ear(session)
    await run(session, "torch.ones(1)")
    assert not [news for news in ear.heard if isinstance(news, CellPrinted | CellFailed)]
    assert explained(await run(session, "torch.ones(2) + 1")).steps


async def test_a_cell_that_awaits_is_interrupted_at_once(session: KernelSession) -> None:
    ear = Ear(session)
    cell = session.run_cell("import asyncio\nprint('on', flush=True)\nawait asyncio.sleep(3600)")
    await ear.until(lambda news: getattr(news, "text", "") == "on\n")
    session.interrupt()
    assert (await ear.kind(CellEnded, lambda news: news.cell == cell)).status == "error"


async def test_what_breaks_ipython_itself_is_told_and_mended(session: KernelSession) -> None:
    await run(session, "import sys; sys.stdout = sys.stderr = None")
    ear = Ear(session)
    await run(session, "print('heard')")
    assert [news.text for news in ear.heard if isinstance(news, CellPrinted)] == ["heard\n"]
    await run(session, "shell = get_ipython()\nreal, shell.run_cell = shell.run_cell, None")
    ear = Ear(session)
    cell = session.run_cell("1")
    assert (await ear.kind(CellFailed)).kind == "TypeError"
    assert (await ear.kind(CellEnded, lambda news: news.cell == cell)).status == "error"


async def test_a_request_that_ends_in_an_exit_is_refused_and_its_lane_lives_on(
    session: KernelSession,
) -> None:
    await run(
        session,
        "from tui.protocol.messages import ListModules\n"
        "import sys\n"
        "side = get_ipython().kernel.torchtui\n"
        "real = side._handlers[ListModules]\n"
        "side._handlers[ListModules] = sys.exit",
    )
    with pytest.raises(KernelRefused, match="ListModules") as refused:
        await session.ask(ListModules())
    assert refused.value.refusal.kind == "SystemExit"
    await run(session, "side._handlers[ListModules] = real")
    assert (await session.ask(ListModules())).omitted == 0


async def test_a_warning_names_the_cell_and_not_a_temporary_file(session: KernelSession) -> None:
    ear = Ear(session)
    await run(session, "1 + 1")
    cell = session.run_cell("import warnings\nwarnings.warn('careful')")
    await ear.kind(CellEnded, lambda news: news.cell == cell)
    printed = "".join(news.text for news in ear.heard if isinstance(news, CellPrinted) and news.cell == cell)
    assert printed == "In [2], line 2: UserWarning: careful\n"
