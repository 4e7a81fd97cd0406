"""Takes the shape of a model's input from a tensor of the user's, or from the data of a preset.

A preset's data is read in a process of its own: its file runs there, and draws random numbers there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch

from tui.kernel.building.errors import BuildingError
from tui.kernel.viewing.errors import ViewError, reading
from tui.kernel.viewing.expression import evaluate
from tui.protocol.building import InputSpec

_WAIT_S: Final = 60.0
_READ: Final = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("preset", sys.argv[1])
preset = importlib.util.module_from_spec(spec)
sys.modules["preset"] = preset
spec.loader.exec_module(preset)
batch = next(iter(preset.data()["train"]))
first = batch[0] if isinstance(batch, (tuple, list)) else batch
first = next(iter(first.values())) if isinstance(first, dict) else first
print("\\n" + json.dumps([list(first.shape), str(first.dtype).removeprefix("torch.")]))
"""
_KNOWN: dict[tuple[str, int], tuple[tuple[int, ...], torch.dtype]] = {}
"""By the path of a preset and when it was changed."""


def read(given: InputSpec, namespace: Mapping[str, object]) -> tuple[tuple[int, ...], torch.dtype]:
    """Return the shape without the batch, and the dtype.

    Raises:
        BuildingError: there is no such tensor or preset, or it has no batch.
    """
    source = given.source.strip()
    shape, dtype = (
        _of_preset(source[7:].strip()) if source.startswith("preset ") else _of_tensor(source, namespace)
    )
    if not shape:
        raise BuildingError(
            "bad request", f"{source} is a single number: an input has a batch in dimension 0."
        )
    if 0 in shape[1:]:
        raise BuildingError(
            "bad request", f"{source} has the shape {shape}: an input of no elements runs nothing."
        )
    return shape[1:], dtype


def _of_tensor(expression: str, namespace: Mapping[str, object]) -> tuple[tuple[int, ...], torch.dtype]:
    try:
        with reading(expression):
            tensor = evaluate(expression, namespace).value
            return tuple(tensor.shape), tensor.dtype
    except ViewError as error:
        raise BuildingError("bad expression", f"The input's source: {error}") from None


def _of_preset(name: str) -> tuple[tuple[int, ...], torch.dtype]:
    path = Path(name).expanduser()
    try:
        key = (str(path), path.stat().st_mtime_ns)
    except OSError:
        raise BuildingError("gone", f"There is no preset file {name}.") from None
    if key not in _KNOWN:
        _KNOWN[key] = _first_batch(path)
    return _KNOWN[key]


def _first_batch(path: Path) -> tuple[tuple[int, ...], torch.dtype]:
    command = [sys.executable, "-c", _READ, str(path)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_WAIT_S, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        raise BuildingError("bad file", f"{path.name} gave no batch within {_WAIT_S:g} s.") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BuildingError("bad file", f"The data of {path.name} cannot be read: {last}")
    shape, dtype = json.loads(done.stdout.strip().splitlines()[-1])
    return tuple(shape), getattr(torch, dtype)
