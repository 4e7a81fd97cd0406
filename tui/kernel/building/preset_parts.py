"""What of a preset's file its data needs: imports, constants, knobs, classes and functions, as they stand there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tui.kernel.building.errors import BuildingError
from tui.kernel.building.labels import quoted
from tui.protocol.preset import PresetError, read_preset

_OWN: Final = frozenset({"epochs", "lr"})
"""Knobs that are given anew."""


@dataclass(frozen=True)
class PresetParts:
    """Parts of a preset, as texts."""

    title: str
    imports: tuple[ast.Import | ast.ImportFrom, ...]
    knobs: tuple[str, ...]
    definitions: tuple[str, ...]
    metrics: str
    """Its `metrics` function with what that needs; empty where it has none, or another loss."""
    names: frozenset[str]
    """That the parts define."""


def read_parts(path: Path, loss: str) -> PresetParts:
    """Return what a preset's `data` needs.

    Args:
        path: of the preset.
        loss: name of the loss that is chosen; the preset's metrics are taken where its own is the same.

    Raises:
        BuildingError: there is no such preset, or it breaks the contract.
    """
    try:
        title = read_preset(path).title
    except PresetError as error:
        raise BuildingError("bad file", str(error)) from None
    text = path.read_text(encoding="utf-8-sig")
    tree = ast.parse(text)
    lines = text.splitlines()
    defined = {name: node for node in tree.body for name in _defines(node)}
    needed = _closure({"data"}, defined)
    losses = ast.unparse(defined["loss"])
    more = _closure({"metrics"}, defined) - needed if "metrics" in defined and loss in losses else set()
    texts: dict[str, list[str]] = {"knobs": [], "definitions": [], "metrics": []}
    imports: list[ast.Import | ast.ImportFrom] = []
    for node in tree.body:
        names = set(_defines(node))
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports += [node] if names & (needed | more) else []
        elif names & (needed | more) - _OWN:
            kind = (
                "knobs" if isinstance(node, ast.AnnAssign) else "definitions" if names & needed else "metrics"
            )
            texts[kind].append(_source(node, lines, path))
    return PresetParts(
        title=title,
        imports=tuple(imports),
        knobs=tuple(texts["knobs"]),
        definitions=tuple(texts["definitions"]),
        metrics="\n\n\n".join(texts["metrics"]),
        names=frozenset(needed | more),
    )


def _defines(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement at top level gives a meaning to."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield (alias.asname or alias.name).partition(".")[0]
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For | ast.With | ast.If | ast.Try):
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id


def _closure(names: set[str], defined: dict[str, ast.stmt]) -> set[str]:
    """Return the names with all that their definitions use."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found or name not in defined:
            continue
        found.add(name)
        waiting += [part.id for part in ast.walk(defined[name]) if isinstance(part, ast.Name)]
    return found


def _source(node: ast.stmt, lines: list[str], path: Path) -> str:
    """Return the lines of a statement with the comments right above it; its file is named in full."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    while first > 1 and lines[first - 2].startswith("#"):
        first -= 1
    text = "\n".join(lines[first - 1 : node.end_lineno])
    return text.replace("__file__", quoted(repr(str(path)))) if "__file__" in text else text
