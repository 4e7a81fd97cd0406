from __future__ import annotations

from typing import Any, TypeVar, cast

import pytest

from tui.client.errors import KernelDied, KernelRefused
from tui.client.repl import Repl
from tui.client.session import KernelSession
from tui.protocol.completing import (
    CompletionItem,
    CompletionList,
    ListCompletions,
    ReadSignature,
    SignatureTip,
)
from tui.protocol.messages import Refusal, Request

R = TypeVar("R")

FOUND = CompletionList(6, 8, (CompletionItem("zeros", "function", "(*size)"),))


class Session(KernelSession):
    """A kernel that gives one answer, or raises it."""

    def __init__(self, answer: object) -> None:
        super().__init__(python="python")
        self.answer = answer
        self.heard: list[str] = []

    async def ask(self, request: Request[R], *, timeout_s: float | None = None) -> R:
        self.heard.append(type(request).__name__)
        if isinstance(self.answer, Exception):
            raise self.answer
        return cast("R", self.answer)

    async def jupyter(
        self, kind: str, content: dict[str, Any], *, timeout_s: float | None = 5.0
    ) -> dict[str, Any]:
        self.heard.append(kind)
        return {"matches": ["zeros", "zeta"], "cursor_start": 6, "cursor_end": 8}


async def test_the_kernel_is_asked_for_names_and_signatures() -> None:
    assert await Repl(Session(FOUND)).complete("torch.ze", 8) == FOUND
    tip = SignatureTip("f", ("x",), 0)
    assert await Repl(Session(tip)).signature("f(", 2) == tip


async def test_a_kernel_that_does_not_know_the_request_is_asked_as_jupyter_does() -> None:
    session = Session(KernelRefused(Refusal("unknown", "this kernel knows no request")))
    repl = Repl(session)
    for _ in range(2):
        assert await repl.complete("torch.ze", 8) == CompletionList(6, 8, more=("zeros", "zeta"))
    assert session.heard == ["ListCompletions", "complete_request", "complete_request"]
    assert await repl.signature("f(", 2) == SignatureTip()


@pytest.mark.parametrize(
    "fault", [KernelDied("gone"), TimeoutError(), KernelRefused(Refusal("RuntimeError", "a fault of ours"))]
)
async def test_where_the_kernel_does_not_answer_nothing_is_offered(fault: Exception) -> None:
    repl = Repl(Session(fault))
    assert await repl.complete("x", 1) == CompletionList(1, 1)
    assert await repl.signature("x(", 2) == SignatureTip()


def test_both_are_asked_beside_the_tables() -> None:
    assert ListCompletions.lane == ReadSignature.lane == "inspect"
    assert ListCompletions.reply_type() is CompletionList
    assert ReadSignature.reply_type() is SignatureTip
