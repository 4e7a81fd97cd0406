"""What a REPL needs of a session: completeness, completion, call tips, cells that wait until the kernel is up."""

from __future__ import annotations

import codeop
import uuid

from tui.client.errors import KernelDied, KernelRefused
from tui.client.news import CellEnded, KernelEnded, News, StateChanged
from tui.client.session import KernelSession
from tui.protocol.completing import CompletionList, ListCompletions, ReadSignature, SignatureTip

ANSWER_TIMEOUT_S = 10.0
"""How long completion, call tips and help wait; the input goes on meanwhile."""


class Repl:
    """The talk of a code input with its kernel."""

    def __init__(self, session: KernelSession) -> None:
        self.session = session
        self._waiting: list[tuple[str, str]] = []  # id and code
        self._knows_completions = True
        session.listen(self._on_news)

    def run(self, code: str) -> str | None:
        """Run a cell, after those before it; return its id, or None where the kernel is gone."""
        cell = uuid.uuid4().hex
        if self.session.state == "dead":
            return None
        if self.session.state == "starting":
            self._waiting.append((cell, code))
            return cell
        try:
            self.session.run_cell(code, cell)
        except KernelDied:
            return None
        return cell

    def _on_news(self, news: News) -> None:
        if isinstance(news, StateChanged) and news.state in ("idle", "busy"):
            waiting, self._waiting = self._waiting, []
            for cell, code in waiting:
                self.session.run_cell(code, cell)
        elif isinstance(news, KernelEnded):
            # they were typed for the kernel that is gone, not for the next one
            waiting, self._waiting = self._waiting, []
            for cell, _ in waiting:
                self.session.tell(CellEnded(cell, "aborted"))

    async def check_complete(self, code: str) -> tuple[str, str]:
        """Return ``complete``, ``incomplete``, ``invalid`` or ``unknown``, and the indent of the next line."""
        if self.session.state in ("idle", "busy"):
            try:
                reply = await self.session.jupyter("is_complete_request", {"code": code}, timeout_s=1.0)
                return str(reply.get("status", "unknown")), str(reply.get("indent", ""))
            except (TimeoutError, KernelDied):
                pass
        return locally_complete(code)

    async def complete(self, code: str, cursor: int) -> CompletionList:
        """Return what could stand at `cursor`, an index into `code`."""
        try:
            if self._knows_completions:
                return await self.session.ask(ListCompletions(code, cursor), timeout_s=ANSWER_TIMEOUT_S)
        except KernelRefused as refused:
            if refused.refusal.kind != "unknown":
                return CompletionList(cursor, cursor)
            self._knows_completions = False  # an older kernel: Jupyter's own request tells the names
        except (TimeoutError, KernelDied):
            return CompletionList(cursor, cursor)
        return await self._plain_completions(code, cursor)

    async def _plain_completions(self, code: str, cursor: int) -> CompletionList:
        try:
            content = {"code": code, "cursor_pos": cursor}
            reply = await self.session.jupyter("complete_request", content, timeout_s=ANSWER_TIMEOUT_S)
        except (TimeoutError, KernelDied):
            return CompletionList(cursor, cursor)
        matches = tuple(str(match) for match in reply.get("matches", ()))
        start, end = int(reply.get("cursor_start", cursor)), int(reply.get("cursor_end", cursor))
        return CompletionList(start, end, more=matches)

    async def signature(self, code: str, cursor: int) -> SignatureTip:
        """Return what the call around `cursor` takes; without a name where there is none or it cannot be told."""
        try:
            return await self.session.ask(ReadSignature(code, cursor), timeout_s=ANSWER_TIMEOUT_S)
        except (TimeoutError, KernelDied, KernelRefused):
            return SignatureTip()

    async def inspect(self, code: str, cursor: int) -> str:
        """Return the help on what stands at `cursor`, with ANSI colours; empty where there is none."""
        try:
            content = {"code": code, "cursor_pos": cursor, "detail_level": 0}
            reply = await self.session.jupyter("inspect_request", content, timeout_s=ANSWER_TIMEOUT_S)
        except (TimeoutError, KernelDied):
            return ""
        return str(reply.get("data", {}).get("text/plain", ""))


def locally_complete(code: str) -> tuple[str, str]:
    """Judge completeness without a kernel, as Python's own prompt does."""
    try:
        compiled = codeop.compile_command(code, symbol="exec")
    except (SyntaxError, ValueError, OverflowError):
        return "invalid", ""  # magics too: it is the kernel's to judge
    if compiled is not None:
        return "complete", ""
    last = code.rstrip("\n").rpartition("\n")[2]
    indent = last[: len(last) - len(last.lstrip())]
    return "incomplete", indent + ("    " if last.rstrip().endswith(":") else "")
