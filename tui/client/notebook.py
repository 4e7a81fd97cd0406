"""A session's cells as a Jupyter notebook, and the code cells of one: format 4.5."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from tui.client.journal import Failed, JournalCell, Output, Printed, Showed
from tui.client.script import imports_for

MINOR: Final = 5
_BINARY: Final = ("image/png", "image/jpeg", "image/gif")
Json = dict[str, Any]


class NotebookError(ValueError):
    """It is no notebook that we read; the message says why."""


def to_notebook(cells: Iterable[JournalCell], *, python: str = "3") -> str:
    """Return the cells as a notebook with their outputs; `python`: the version that ran them.

    A first cell imports what a session has without importing it.
    """
    cells = list(cells)
    imports = imports_for(cell.code for cell in cells)
    written = [_code_cell("torchtui-imports", "\n".join(imports), None, [])] if imports else []
    for number, cell in enumerate(cells):
        outputs = [_output(output) for output in cell.outputs]
        if cell.outputs_omitted:
            note = "[the output of this cell was not kept]\n"
            outputs.insert(0, {"output_type": "stream", "name": "stderr", "text": _lines(note)})
        written.append(_code_cell(_cell_id(cell.id, number), cell.code, cell.count, outputs))
    notebook = {
        "cells": written,
        "metadata": {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "version": python, "file_extension": ".py"},
        },
        "nbformat": 4,
        "nbformat_minor": MINOR,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _cell_id(given: str, number: int) -> str:
    """Return an id as the format wants it: unique, 1 to 64 of ``A-Za-z0-9_-``."""
    return f"{re.sub('[^A-Za-z0-9_-]', '', given)[:40] or 'cell'}-{number}"


def _code_cell(id: str, code: str, count: int | None, outputs: list[Json]) -> Json:
    return {
        "cell_type": "code", "execution_count": count, "id": id, "metadata": {}, "outputs": outputs,
        "source": _lines(code),
    }  # fmt: skip


def _output(output: Output) -> Json:
    match output:
        case Printed():
            note = f"[{output.omitted:,} characters before this were not kept]\n" if output.omitted else ""
            return {"output_type": "stream", "name": output.stream, "text": _lines(note + output.text)}
        case Failed():
            return {
                "output_type": "error", "ename": output.kind, "evalue": output.message,
                "traceback": [_storable(line) for line in output.traceback],
            }  # fmt: skip
        case Showed():
            data = {mime: text if mime in _BINARY else _lines(text) for mime, text in output.data.items()}
            if output.count is None:
                return {"output_type": "display_data", "data": data, "metadata": {}}
            return {
                "output_type": "execute_result", "execution_count": output.count, "data": data, "metadata": {},
            }  # fmt: skip


def _lines(text: str) -> list[str]:
    return _storable(text).splitlines(keepends=True) if "\r" not in text else [_storable(text)]


def _storable(text: str) -> str:
    """Return text that UTF-8 can hold: without lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")


def code_cells(text: str) -> list[str]:
    """Return the sources of a notebook's code cells, of format 4 or 3.

    Raises:
        NotebookError: it is no notebook.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"it is no notebook: {error}") from None
    if not isinstance(data, dict) or "nbformat" not in data:
        raise NotebookError("it is no notebook: it does not say its format")
    cells = data.get("cells")
    if cells is None:  # format 3
        sheets = data.get("worksheets")
        cells = (
            [cell for sheet in sheets for cell in sheet.get("cells", [])]
            if isinstance(sheets, list)
            else None
        )
    if not isinstance(cells, list):
        raise NotebookError("it is no notebook: it has no cells")
    sources = []
    for cell in cells:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            joined = "".join(map(str, source)) if isinstance(source, list) else str(source)
            if joined.strip():
                sources.append(joined)
    return sources
