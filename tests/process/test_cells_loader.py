"""A cell whose DataLoader loses a worker is told why, however Python learned of it: as a real kernel has it."""

from __future__ import annotations

import json

from tests.support import Ear
from tui.client.news import CellEnded, CellShowed
from tui.client.session import KernelSession
from tui.protocol.codec import decode
from tui.protocol.operations import FAILURE_MIME, Failure

DEADLY = """
import os, torch
from torch.utils.data import DataLoader

class Deadly(torch.utils.data.Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, index):
        if index == 17:
            os._exit(3)
        return torch.zeros(3)
"""


async def run(session: KernelSession, code: str) -> list[CellShowed]:
    ear = Ear(session)
    cell = session.run_cell(code)
    await ear.kind(CellEnded, lambda news: news.cell == cell)
    return [news for news in ear.heard if isinstance(news, CellShowed) and news.cell == cell]


async def test_a_worker_that_dies_is_told_in_every_case(session: KernelSession) -> None:
    await run(session, DEADLY)
    for workers in (1, 2):  # a matter of chance: PyTorch says so, or the connection breaks first
        shown = await run(session, f"for batch in DataLoader(Deadly(), 2, num_workers={workers}): pass")
        (told,) = [news.data[FAILURE_MIME] for news in shown if FAILURE_MIME in news.data]
        failure = decode(Failure, json.loads(told))
        assert failure.words.startswith("A DataLoader worker process died ("), failure.words
        assert "num_workers=0 loads in the kernel itself" in failure.words
