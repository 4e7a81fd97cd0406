"""What can be imported, told without importing anything."""

from __future__ import annotations

import pkgutil
import re
import sys
import types
from functools import lru_cache
from typing import Final

from tui.kernel.completion_members import UNSEEN, attributes
from tui.kernel.known_classes import Unknown
from tui.kernel.safe_objects import copy_of, is_a

_NAME: Final = r"[^\W\d][\w.]*"
_MODULE: Final = re.compile(rf"\s*(?:import\s+(?:{_NAME}(?:\s+as\s+\w+)?\s*,\s*)*|from\s+)((?:{_NAME})?)\Z")
_NAMES: Final = re.compile(rf"\s*from\s+({_NAME})\s+import\s+\(?(?:[\w\s]+,\s*)*((?:[^\W\d]\w*)?)\Z")


def completed(line: str) -> tuple[str, dict[str, object]] | None:
    """Return what is typed of a name in an import statement, and what could stand there; None elsewhere.

    `line`: up to the cursor.
    """
    match = _NAMES.match(line)
    if match is not None:
        return match.group(2), _members(match.group(1))
    match = _MODULE.match(line)
    if match is None:
        return None
    package, dot, typed = match.group(1).rpartition(".")
    return typed, _submodules(package) if dot else _roots()


def _members(name: str) -> dict[str, object]:
    module = sys.modules.get(name)
    if not is_a(module, types.ModuleType):
        return _submodules(name)
    try:
        return {**_submodules(name), **attributes(module)}
    except Unknown:
        return _submodules(name)


def _submodules(name: str) -> dict[str, object]:
    """Return the modules in a package: those on disk where it is imported, and those that are loaded."""
    loaded = copy_of(sys.modules)
    prefix = name + "."
    found = {key[len(prefix) :] for key in loaded if key.startswith(prefix) and "." not in key[len(prefix) :]}
    package = loaded.get(name)
    if is_a(package, types.ModuleType):
        path = types.ModuleType.__getattribute__(package, "__dict__").get("__path__")
        if path is not None:
            found |= {info.name for info in pkgutil.iter_modules(list(path))}
    return {key: loaded.get(prefix + key, UNSEEN) for key in sorted(found)}


def _roots() -> dict[str, object]:
    found = _on_path(tuple(sys.path)) | sys.stdlib_module_names | set(sys.builtin_module_names)
    loaded = copy_of(sys.modules)
    return {key: loaded.get(key, UNSEEN) for key in sorted(found, key=str.lower)}


@lru_cache(maxsize=4)
def _on_path(path: tuple[str, ...]) -> frozenset[str]:
    return frozenset(info.name for info in pkgutil.iter_modules(list(path)))
