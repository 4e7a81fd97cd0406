"""Tries a composed preset on one batch of its data, in a process of its own: what does not fit is said beforehand."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

from tui.kernel.building.errors import BuildingError

PATIENCE_S: Final = 90.0
_TRIAL: Final = """
import json, sys, types
preset = types.ModuleType("preset")
sys.modules["preset"] = preset
told = {"stage": "data"}
def shown(value):
    return [list(value.shape), str(value.dtype).removeprefix("torch.")] if hasattr(value, "shape") else None
try:
    exec(compile(sys.stdin.read(), "preset.py", "exec"), preset.__dict__)
    batch = next(iter(preset.data()["train"]))
    given, target = batch if isinstance(batch, (tuple, list)) and len(batch) == 2 else (None, None)
    if given is None:
        raise ValueError("a batch is not a pair of input and target")
    told.update(stage="model", given=shown(given), target=shown(target))
    output = preset.model()(given)
    told.update(stage="loss", output=shown(output))
    preset.loss()(output, target).backward()
    told["stage"] = ""
except Exception as error:
    told["error"] = f"{type(error).__name__}: {error}"
print("\\n" + json.dumps(told))
"""

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Tensor:
    """A tensor of the trial."""

    shape: Sizes
    dtype: str

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.shape))}{',' * (len(self.shape) == 1)}) {self.dtype}"


@dataclass(frozen=True)
class Trial:
    """What came of one batch."""

    stage: str
    """Where it failed: ``data``, ``model`` or ``loss``; empty: nowhere."""
    error: str = ""
    given: Tensor | None = None
    """What goes in, with the batch; None where the batch is no pair, or what goes in is no tensor."""
    target: Tensor | None = None
    output: Tensor | None = None


def try_preset(source: str) -> Trial:
    """Return what comes of one batch of a preset, run forward and backward; runs its code in another process.

    Raises:
        BuildingError: it has not ended in time, or its process has.
    """
    command = [sys.executable, "-W", "ignore", "-c", _TRIAL]
    try:
        done = subprocess.run(
            command, input=source, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise BuildingError("bad file", f"The preset gave no batch within {PATIENCE_S:g} s.") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise BuildingError("bad file", f"Trying the preset on a batch failed: {last}")
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return Trial(
        told["stage"],
        told.get("error", ""),
        *(_tensor(told.get(name)) for name in ("given", "target", "output")),
    )


def _tensor(told: list[object] | None) -> Tensor | None:
    if told is None:
        return None
    shape, dtype = told
    assert isinstance(shape, list)
    return Tensor(tuple(shape), str(dtype))


def resized(given: Tensor | None, wanted: Sizes) -> str:
    """Return the layer that brings images to the size that a model is for; empty: no such layer does.

    Args:
        given: a batch of the data.
        wanted: the model's input, without the batch.
    """
    if given is None or len(given.shape) != 4 or len(wanted) != 3 or not given.dtype.startswith("float"):
        return ""
    same_channels, other_size = given.shape[1] == wanted[0], given.shape[2:] != wanted[1:]
    return f'nn.Upsample({wanted[1:]}, mode="bilinear")' if same_channels and other_size else ""


def why_not(trial: Trial, wanted: str, loss: str, data: str) -> str:
    """Return in words why a model does not train on this data.

    Args:
        trial: that failed.
        wanted: shape and dtype of the model's input.
        loss: its name.
        data: path of the preset.
    """
    error = " ".join(trial.error.split())
    error = error if len(error) <= 200 else error[:199] + "…"
    if trial.stage == "data":
        return f"The data gives no batch: {error}"
    if trial.stage == "model":
        fit = f"A batch of this data is {trial.given}, and the model is for {wanted}: {error}"
        return f"{fit} (I, then x = preset {data}, builds it for this data.)"
    return f"nn.{loss} does not take the model's output {trial.output} with the data's target {trial.target}: {error}"
