"""Models that are not in the namespace yet: classes of a Python file, and the model of a run with its weights."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from tui.kernel.building.errors import BuildingError
from tui.kernel.explain import explain
from tui.kernel.safe_objects import class_name, cut, is_a
from tui.kernel.training.parts.preset_module import ExperimentModule, read_source
from tui.protocol.models import (
    ClassesFound,
    FileClass,
    ListClasses,
    OpenRun,
    RunOpened,
)
from tui.protocol.preset import PresetError
from tui.protocol.run import BEST_CHECKPOINT, CHECKPOINTS, LAST_CHECKPOINT, RECORD_FILE, SOURCE_FILE

_LARGEST: Final = 4 << 20
"""Bytes of a Python file."""
_WEIGHTS: Final = (BEST_CHECKPOINT, LAST_CHECKPOINT)


# -- classes of a file ------------------------------------------------------------------------------


def list_classes(request: ListClasses) -> ClassesFound:
    """Return the module classes that a Python file defines at its top level; the file is not run.

    Raises:
        BuildingError: it cannot be read, is no Python, or has no such class.
    """
    path = Path(request.path).expanduser()
    try:
        if path.stat().st_size > _LARGEST:
            raise BuildingError("bad file", f"{path.name} is too large for a file of Python.")
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except OSError as error:
        raise BuildingError("gone", f"{path}: {error.strerror or error}.") from None
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        raise BuildingError("bad file", f"{path.name} is no Python: {where}{error.msg}.") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise BuildingError("bad file", f"{path.name} is no Python: {error}.") from None
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    modules: set[str] = set()
    for node in classes:
        if any(_is_module(base, modules) for base in node.bases):
            modules.add(node.name)
    if not modules:
        raise BuildingError("bad file", f"{path.name} defines no class of nn.Module at its top level.")
    return ClassesFound(tuple(_described(node) for node in classes if node.name in modules))


def _is_module(base: ast.expr, known: set[str]) -> bool:
    """Whether a base class is one of modules: by its name, since nothing is run."""
    name = ast.unparse(base)
    own = name.rpartition(".")[2]
    return name in known or "nn." in name or own.endswith("Module") or hasattr(nn, own)


def _described(node: ast.ClassDef) -> FileClass:
    makers = (one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__")
    maker = next(makers, None)
    documentation = (ast.get_docstring(node) or "").strip().partition("\n")[0]
    if maker is None:
        return FileClass(node.name, summary=documentation)
    given = maker.args
    listed = [*given.posonlyargs, *given.args]
    own = {one.arg for one in listed[:1]}  # self
    needs = len(listed) - len(given.defaults) > 1 or None in given.kw_defaults
    for one in (*listed, *given.kwonlyargs):
        one.annotation = None
    parts = [part.strip() for part in ast.unparse(given).split(",")]
    parameters = ", ".join(part for part in parts if part not in own | {"/"})
    return FileClass(node.name, parameters, needs, documentation)


# -- runs -------------------------------------------------------------------------------------------


def open_run(namespace: Mapping[str, object], request: OpenRun) -> RunOpened:
    """Put the model of a run into the namespace, with the weights of its best checkpoint, else of its last one.

    The run's own ``experiment.py`` is run for it, with the knobs that the run had; its data is not read.

    Raises:
        BuildingError: the folder has no such file, or what is in it does not fit together.
    """
    folder = Path(request.folder)
    content, weights = _content(folder)
    model = _model(folder, content)
    try:
        model.load_state_dict(content["model"])
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise BuildingError(
            "bad file",
            f"The weights of {weights} are not those of its experiment's model: {cut(reason, 300)}",
        ) from None
    model.eval()
    name = _free_name(namespace, "trained")
    if not isinstance(namespace, dict):
        raise BuildingError("not readable", "The namespace of this kernel cannot be written.")
    namespace[name] = model
    return RunOpened(name, f"{weights}, epoch {content.get('epoch', '?')}, step {content.get('step', '?')}")


def _content(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the newest checkpoint that can be read of the best ones, and its file's name."""
    for name in _WEIGHTS:
        path = folder / CHECKPOINTS / name
        if not path.is_file():
            continue
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise BuildingError(
                "bad file", f"{path} cannot be read: it is damaged, or holds more than weights."
            ) from error
        if not isinstance(content, dict) or not isinstance(content.get("model"), Mapping):
            raise BuildingError("bad file", f"{path} is no checkpoint of a run.")
        return content, name
    raise BuildingError("gone", f"{folder.name} has no checkpoint: it has ended before it wrote one.")


def _model(folder: Path, content: Mapping[str, Any]) -> nn.Module:
    """Return the model of a run's experiment; raises `BuildingError` where that cannot be made."""
    path = folder / SOURCE_FILE
    if not path.is_file():
        raise BuildingError("gone", f"{folder.name} has no {SOURCE_FILE}.")
    knobs = content.get("knobs")
    trained = _trained_expression(folder)
    if trained:
        raise BuildingError(
            "not readable",
            f"This run trained {trained} of its session, not the model of its experiment: make one like it, and"
            f" load {folder / CHECKPOINTS / LAST_CHECKPOINT} into it.",
        )
    try:
        module = ExperimentModule(read_source(path, knobs if isinstance(knobs, dict) else {}))
        module.run()
        make = module.function("model")
        model = make() if make is not None else None
    except PresetError as error:
        raise BuildingError("bad file", str(error)) from None
    except (Exception, SystemExit) as error:
        raise BuildingError("bad file", f"The run's {SOURCE_FILE} cannot be run: {explain(error)}") from error
    if not is_a(model, nn.Module):
        raise BuildingError("bad file", f"model() of {path} gives a {class_name(model)}, no nn.Module.")
    return model


def _trained_expression(folder: Path) -> str:
    """Return the expression whose module a run has trained in place of its experiment's model; empty: none."""
    try:
        record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
        text = record["settings"]["model"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return text if isinstance(text, str) else ""


def _free_name(namespace: Mapping[str, object], name: str) -> str:
    number, free = 2, name
    while free in namespace:
        free, number = f"{name}{number}", number + 1
    return free
