"""Runs a line of the dry run as if the user had typed it, and says in plain words why one failed."""

from __future__ import annotations

import linecache
from pathlib import Path
from types import FrameType
from typing import Any, Final

import torch

from tui.kernel.explain import explain, where
from tui.kernel.operations.failure import Frames, failure_of
from tui.kernel.training.dry.watch import DryMistake
from tui.kernel.training.parts.chosen import ChoiceError
from tui.kernel.training.trouble.refusals import LoopError, SettingsError
from tui.protocol.preset import PresetError

_LINE: Final = "<dry run>"
_LOADER: Final = "torch/utils/data/dataloader.py"
_PLAIN: Final = (DryMistake, ChoiceError, LoopError, SettingsError, PresetError)
_NO_MEMORY: Final = ("can't allocate memory", "not enough memory", "out of memory")


def run_line(code: str, names: dict[str, Any]) -> None:
    """Run a statement over names of ours; its words appear in what is said of an error."""
    linecache.cache[_LINE] = (len(code), None, [code + "\n"], _LINE)
    exec(compile(code, _LINE, "exec", dont_inherit=True), names)


def words_of(error: BaseException, names: dict[str, Any], preset: str) -> str:
    """Return why a step of the dry run failed, with what would be right, and where in the preset; never raises.

    Args:
        error: as it was raised.
        names: that `run_line` ran over: a layer is named as reached from there.
        preset: the path of its file.
    """
    try:
        return _words(error, names, preset)
    except Exception:  # noqa: BLE001 - an exception of the user's own class may fail to say what it is
        return f"{type(error).__name__} was raised"


def given_up(step: str, frame: FrameType | None, preset: str) -> str:
    """Return what a dry run was doing when the user ended it: the step, and the preset's line if it is in one.

    Args:
        step: the one in work.
        frame: the innermost of the thread; None where that is not known.
        preset: the path of its file.
    """
    waits = ""
    while frame is not None:
        file = frame.f_code.co_filename
        if file == preset:
            return (
                f"it was in {step}, at {Path(preset).name}:{frame.f_lineno} in {frame.f_code.co_name}{waits}"
            )
        if not waits and file.endswith(_LOADER) and "data" in frame.f_code.co_name:
            waits = ", waiting for a worker process of the data loader"
        frame = frame.f_back
    return f"it was in {step}{waits}"


def _words(error: BaseException, names: dict[str, Any], preset: str) -> str:
    place = where(error, preset)
    if isinstance(error, _PLAIN):
        in_file = place.startswith(preset.rpartition("/")[2])
        return f"{error} ({place})" if in_file and not isinstance(error, PresetError) else str(error)
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or _is_out_of_memory(error):
        return _memory_words(error)
    if type(error) is KeyError:
        return f"there is no key {error}" + (f" ({place})" if place else "")
    failure = failure_of(error, Frames(names, lambda name: "the batch" if name == _LINE else ""))
    if failure is None:
        told = explain(error)
    else:
        told = failure.words
        if failure.cures:
            told = f"{told.rstrip('.')}; what would fit: {failure.cures[0]}"
    return f"{told} ({place})" if place else told


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)


def _memory_words(error: BaseException) -> str:
    told = explain(error) if isinstance(error, torch.OutOfMemoryError) else "the machine has no memory left"
    told = told.replace("; try smaller batches or a smaller model", "").replace(
        ": try smaller batches or a smaller model", ""
    )
    return (
        f"{told}. Try a smaller batch (with gradient accumulation it trains as the large one would), bfloat16, or a"
        " smaller model"
    )
