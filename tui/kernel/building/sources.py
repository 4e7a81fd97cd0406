"""The source of the user's own classes, so that a model's code can stand alone."""

from __future__ import annotations

import ast
import linecache
import textwrap
import types
from collections.abc import Mapping

from torch import nn

from tui.kernel.building.resolve import class_of
from tui.kernel.building.words import Unfit
from tui.kernel.known_classes import class_attributes
from tui.kernel.safe_objects import module_of, name_of


def needed(layers: list[str], namespace: Mapping[str, object]) -> tuple[list[str], list[str]]:
    """Return what the user's classes among the layers need: lines of imports, and definitions or a note on each."""
    imports, definitions = set(), []
    for layer in dict.fromkeys(layer for layer in layers if not layer.startswith("nn.")):
        try:
            cls = class_of(layer, namespace)
        except Unfit:
            continue
        home, name = module_of(cls), layer.partition(".")[0]
        if home and home != "__main__":
            imports.add(_import(cls, layer, name, home))
            continue
        source = source_of(cls)
        definitions.append(source if source else f"# {layer} is defined in the session")
    return sorted(imports), definitions


def _import(cls: type[nn.Module], layer: str, name: str, home: str) -> str:
    if "." in layer:
        return (
            f"import {home.partition('.')[0]}"
            if name == home.partition(".")[0]
            else f"import {home} as {name}"
        )
    own = name_of(cls)
    return f"from {home} import {own}" + (f" as {name}" if own != name else "")


def source_of(cls: type) -> str:
    """Return the lines that define a class in a cell or file; empty where they are not known any more."""
    functions = [held for held in class_attributes(cls).values() if type(held) is types.FunctionType]
    for function in functions:
        lines = linecache.getlines(function.__code__.co_filename)
        try:
            tree = ast.parse("".join(lines))
        except (SyntaxError, ValueError, RecursionError):
            continue
        first_line = function.__code__.co_firstlineno
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef) or node.name != name_of(cls):
                continue
            if node.lineno <= first_line <= (node.end_lineno or 0):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                return textwrap.dedent("".join(lines[first - 1 : node.end_lineno])).rstrip()
    return ""
