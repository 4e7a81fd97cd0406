"""Answers to the requests of the Builder; what needs torch is imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tui.kernel.refused import Refused
from tui.protocol.building import CheckDesign, ComposePreset, ListLayers
from tui.protocol.messages import Request
from tui.protocol.models import (
    CompareCheckpoint,
    ImportModel,
    ListClasses,
    OpenRun,
    ReadModel,
)


class BuildingRequests:
    """Answers over one namespace; designs are the UI's, so nothing is held here."""

    def __init__(
        self,
        namespace_of: Callable[[], Mapping[str, object]],
        need_torch: Callable[[], None],
        cell_running: Callable[[], bool],
    ) -> None:
        self._namespace_of = namespace_of
        self._need_torch = need_torch
        self._cell_running = cell_running

    def handlers(self) -> dict[type[Request[Any]], Callable[[Any], object]]:
        """Return what answers each request."""
        kinds = (
            ListLayers, CheckDesign, ComposePreset, ImportModel, ListClasses, OpenRun, ReadModel, CompareCheckpoint,
        )  # fmt: skip
        return dict.fromkeys(kinds, self._answer)

    def _answer(self, request: Any) -> object:
        self._need_torch()
        from tui.kernel.building import (
            back_checkpoint,
            back_files,
            back_import,
            back_read,
            catalogue,
            check,
            preset,
            warm,
        )
        from tui.kernel.building.errors import BuildingError

        namespace = self._namespace_of()
        try:
            match request:
                case ListLayers():
                    listed = catalogue.list_layers(namespace)
                    warm.warm_up()  # the Builder has been opened: what it asks next should not wait
                    return listed
                case CheckDesign():
                    return check.check_design(namespace, request)
                case ComposePreset():
                    return preset.compose_preset(namespace, request)
                case ImportModel():
                    return back_import.import_model(namespace, request)
                case ListClasses():
                    return back_files.list_classes(request)
                case OpenRun():
                    return back_files.open_run(namespace, request)
                case ReadModel():
                    return back_read.read_model(namespace, request, cell_running=self._cell_running())
                case CompareCheckpoint():
                    return back_checkpoint.compare_checkpoint(namespace, request)
        except BuildingError as error:
            raise Refused(error.kind, str(error)) from None
        raise AssertionError(request)
