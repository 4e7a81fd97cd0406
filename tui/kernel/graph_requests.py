"""Answers to the requests of the Autograd screen; what needs torch is imported when it is first asked for."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from tui.kernel.computations import Computations
from tui.kernel.refused import Refused
from tui.protocol.autograd import (
    CancelGraphWork,
    CloseGraph,
    GraphOpened,
    OpenGraph,
    ReadNodes,
    ReadStep,
    Record,
    RunBackward,
)
from tui.protocol.gradients import (
    CheckGradient,
    Descend,
    Diagnose,
    ListGradients,
    ZeroGrad,
)
from tui.protocol.messages import Request
from tui.protocol.viewing import Cancelled

if TYPE_CHECKING:
    from tui.kernel.autograd import Graphs

MOST_OPEN: Final = 4
"""Graphs that are held at a time; a UI that was killed closes none of its own."""


class GraphRequests:
    """Answers for the graphs that are open in this kernel."""

    def __init__(
        self,
        namespace_of: Callable[[], Mapping[str, object]],
        need_torch: Callable[[], None],
        cell_running: Callable[[], bool],
        cell_of: Callable[[str], int | None],
    ) -> None:
        """`cell_of`: the number of the cell whose code was compiled under a file name; None where there is none."""
        self._namespace_of = namespace_of
        self._need_torch = need_torch
        self._cell_running = cell_running
        self._cell_of = cell_of
        self._computations = Computations()
        """One for each backward or check in progress, of every client, to end it."""
        self._made: Graphs | None = None
        self._open: deque[int] = deque()
        self._lock = threading.Lock()

    def handlers(self) -> dict[type[Request[Any]], Callable[[Any], object]]:
        """Return what answers each request."""
        methods = {
            CloseGraph: "close", ReadNodes: "nodes", RunBackward: "run_backward", ReadStep: "step",
            ListGradients: "gradients", ZeroGrad: "zero_grad", Descend: "descend", Diagnose: "diagnose",
            CheckGradient: "check", Record: "record",
        }  # fmt: skip
        answers: dict[type[Request[Any]], Callable[[Any], object]] = {
            OpenGraph: self._open_graph,
            CancelGraphWork: self._cancel,
        }
        for kind, name in methods.items():
            answers[kind] = self._answer_with(name)
        return answers

    def _cancel(self, request: CancelGraphWork) -> Cancelled:
        return self._computations.cancel()

    def begin_cell(self) -> None:
        """Let what the Autograd screen changes be over, then record the cell where that is switched on."""
        if self._made is None:
            return
        self._made.await_turn(sys.stderr.write)
        if self._made.recorder.on:
            self._made.recorder.begin()

    def viewable(self) -> Mapping[str, object]:
        """Return what the tensor viewer may open by name, beside the namespace."""
        return self._made.viewable() if self._made is not None else {}

    def end_cell(self) -> None:
        """End the recording of a cell, however it ended."""
        if self._made is not None:
            self._made.recorder.end()

    def close_all(self) -> None:
        """Let go of all graphs: what they belonged to goes on."""
        if self._made is not None:
            self._made.close_all()
            self._open.clear()

    def _graphs(self) -> Graphs:
        self._need_torch()
        from tui.kernel.autograd import Graphs

        with self._lock:
            if self._made is None:
                made = Graphs(self._namespace_of, self._cell_running, self._computations.in_progress)
                made.recorder.cell_of = self._cell_of
                self._made = made
        return self._made

    def _answer_with(self, name: str) -> Callable[[Any], object]:
        def answer(request: Any) -> object:
            graphs = self._graphs()
            from tui.kernel.autograd import AutogradError

            try:
                return getattr(graphs, name)(request)
            except AutogradError as error:
                raise Refused(error.kind, str(error)) from None

        return answer

    def _open_graph(self, request: OpenGraph) -> GraphOpened:
        opened = self._answer_with("open")(request)
        assert isinstance(opened, GraphOpened)
        self._open.append(opened.graph)
        while len(self._open) > MOST_OPEN:
            self._graphs().close(CloseGraph(self._open.popleft()))
        return opened
