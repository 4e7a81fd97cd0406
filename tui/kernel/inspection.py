"""Answers to the requests that only look: tables, completions, and what the tensor viewer shows.

What needs torch is imported when it is first asked for: torch itself takes seconds, and nobody waits for it to type.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from tui.kernel.computations import Computations
from tui.kernel.refused import Refused
from tui.protocol.children import ChildTable, ListChildren
from tui.protocol.completing import CompletionList, ListCompletions, ReadSignature, SignatureTip
from tui.protocol.messages import (
    ListModules,
    ListVariables,
    ModuleTree,
    Request,
    VariableTable,
)
from tui.protocol.viewing import (
    CancelCompute,
    Cancelled,
    CompareViews,
    FindPlace,
    OpenView,
    ReadPixels,
    ReadStatistics,
    ReadWindow,
)

NOT_SHOWN = frozenset({"In", "Out", "get_ipython", "exit", "quit", "open"})
"""Names of the namespace that IPython puts there; modules, such as `torch`, are left out anyhow."""

Handler = Callable[[Any], object]


class Inspection:
    """Looks at the namespace of one IPython shell; called from the threads of several subshells."""

    def __init__(
        self,
        shell: Any,
        need_torch: Callable[[], None],
        cell_running: Callable[[], bool],
        viewable: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        """`viewable`: what the tensor viewer may open by name, beside what is in the namespace."""
        self._shell = shell
        self._viewable = viewable
        self._need_torch = need_torch
        self._cell_running = cell_running
        # what the namespace was like after the last cell, and after the one before, against which changes are marked
        self._settled: Any = None
        self._before: Any = None
        self._table_at = -1
        self._lock = threading.Lock()  # of the marks in the table of variables
        self._computations = Computations()
        self.computing = self._computations.in_progress
        """A context whose event is set when the user cancels what is computed inside."""
        """One for each computation in progress, of every client, to cancel it."""

    def handlers(self) -> dict[type[Request[Any]], Handler]:
        """Return what answers each request."""
        return {
            ListVariables: self._variables,
            ListChildren: self._children,
            ListModules: self._modules,
            ListCompletions: self._completions,
            ReadSignature: self._signature,
            OpenView: self._view,
            ReadWindow: self._view,
            ReadPixels: self._view,
            ReadStatistics: self._compute,
            FindPlace: self._compute,
            CompareViews: self._compute,
            CancelCompute: self._cancel,
        }

    @property
    def _namespace(self) -> dict[str, object]:
        namespace: dict[str, object] = self._shell.user_ns
        return namespace

    # -- tables -----------------------------------------------------------------------------------

    def _variables(self, request: ListVariables) -> VariableTable:
        self._need_torch()
        from tui.kernel.variables import list_variables

        with self._lock:
            count = self._shell.execution_count
            cell_ended = count != self._table_at and not self._cell_running()
            if cell_ended:
                self._before, self._table_at = self._settled, count
            table, now = list_variables(
                self._namespace,
                hidden=NOT_SHOWN,
                before=self._settled if self._cell_running() else self._before,
                limit=request.limit,
                execution_count=count,
            )
            if cell_ended:
                self._settled = now
        return table

    def _children(self, request: ListChildren) -> ChildTable:
        self._need_torch()
        from tui.kernel.variable_children import list_children

        return list_children(
            self._namespace,
            request.path,
            request.limit,
            execution_count=self._shell.execution_count,
            cell_running=self._cell_running(),
        )

    def _modules(self, request: ListModules) -> ModuleTree:
        self._need_torch()
        from tui.kernel.modules import list_modules

        return list_modules(self._namespace, hidden=NOT_SHOWN, limit=request.limit)

    # -- the code input ---------------------------------------------------------------------------

    def _completions(self, request: ListCompletions) -> CompletionList:
        from tui.kernel.completion import list_completions

        return list_completions(self._shell, request)

    def _signature(self, request: ReadSignature) -> SignatureTip:
        from tui.kernel.completion import read_signature

        return read_signature(self._shell, request)

    # -- the tensor viewer ------------------------------------------------------------------------

    @property
    def _seen(self) -> Mapping[str, object]:
        """What expressions of the viewer are about."""
        more = self._viewable()
        return {**self._namespace, **more} if more else self._namespace

    def _view(self, request: OpenView | ReadWindow | ReadPixels) -> object:
        self._need_torch()
        from tui.kernel import viewing

        try:
            match request:
                case OpenView():
                    return viewing.open_view(self._seen, request)
                case ReadWindow():
                    return viewing.read_window(self._seen, request)
                case ReadPixels():
                    return viewing.read_pixels(self._seen, request)
        except viewing.ViewError as error:
            raise Refused(error.kind, str(error)) from None

    def _compute(self, request: ReadStatistics | FindPlace | CompareViews) -> object:
        self._need_torch()
        from tui.kernel import viewing

        with self.computing() as cancel:
            try:
                match request:
                    case ReadStatistics():
                        return viewing.read_statistics(self._seen, request, cancel)
                    case FindPlace():
                        return viewing.find_place(self._seen, request, cancel)
                    case CompareViews():
                        return viewing.compare_views(self._seen, request, cancel)
            except viewing.ViewError as error:
                raise Refused(error.kind, str(error)) from None

    def _cancel(self, request: CancelCompute) -> Cancelled:
        return self._computations.cancel()
