"""Errors of torch and of the user's code in plain words, and where in the user's file they happened."""

from __future__ import annotations

import re
import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import torch

from tui.kernel.loader_failure import worker_loss

_INSTALLED = tuple(
    {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
)
_OURS = str(Path(__file__).resolve().parent)


def where(error: BaseException, prefer: str = "") -> str:
    """Return ``file.py:12 in model``: the innermost frame in `prefer`, else in no installed package.

    Empty where there is none.

    Args:
        error: an exception that was raised.
        prefer: the path of the user's file.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{Path(error.filename).name}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    in_file = [frame for frame in frames if prefer and frame.filename == prefer]
    elsewhere = [f for f in frames if not f.filename.startswith((*_INSTALLED, _OURS, "<"))]
    for frame in reversed(in_file or elsewhere):
        place = "" if frame.name == "<module>" else f" in {frame.name}"
        return f"{Path(frame.filename).name}:{frame.lineno}{place}"
    return ""


def formatted(error: BaseException) -> str:
    """Return Python's traceback of an error, without the frames of the trainer around the user's code."""
    tb: TracebackType | None = error.__traceback__
    while tb is not None and tb.tb_next is not None and tb.tb_frame.f_code.co_filename.startswith(_OURS):
        tb = tb.tb_next
    return "".join(traceback.format_exception(type(error), error, tb))


def explain(error: BaseException, context: str = "") -> str:
    """Return one or two sentences in plain words.

    Args:
        error: what was raised.
        context: shapes at hand, e.g. ``input float32 (32, 64), target int64 (32,)``; empty where none.
    """
    text = str(error).strip()
    for applies, words in _RULES:
        if applies(error, text):
            told = words(error, text)
            break
    else:
        told = _first_lines(text) or f"{type(error).__name__} was raised without a message"
    return f"{told} ({context})" if context and context not in told else told


def _first_lines(text: str, limit: int = 400) -> str:
    """Return the first paragraph of a message as one line."""
    line = " ".join(text.split("\n\n")[0].split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _out_of_memory(error: BaseException, text: str) -> str:
    asked = re.search(r"Tried to allocate ([\d.]+ \w+)", text)
    wanted = f" for {asked[1]}" if asked else ""
    try:
        free, total = torch.cuda.mem_get_info()
        allocated, reserved = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
    except (RuntimeError, AssertionError):
        return f"the GPU has no memory left{wanted}: try smaller batches or a smaller model"
    return (
        f"the GPU has no memory left{wanted}: tensors hold {_gib(allocated)} (allocated), PyTorch keeps"
        f" {_gib(reserved)} (reserved),"
        f" {_gib(free)} of {_gib(total)} are free; try smaller batches or a smaller model"
    )


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.2f} GiB"


def _matmul(error: BaseException, text: str) -> str:
    shapes = re.search(r"\((\d+)x(\d+) and (\d+)x(\d+)\)", text)
    if shapes is None:
        return _first_lines(text)
    rows, got, wants, _ = shapes.groups()
    return (
        f"shapes do not fit: a layer that takes {wants} features got {got} (input ({rows}, {got}), weight for"
        f" {wants}); in_features must be {got}, or the input must be reshaped"
    )


def _channels(error: BaseException, text: str) -> str:
    found = re.search(
        r"weight of size (\[[\d, ]+\]), expected input(\[[\d, ]+\]) to have (\d+) channels, but got (\d+)",
        text,
    )
    if found is None:
        return _first_lines(text)
    return (
        f"shapes do not fit: a convolution that takes {found[3]} channels got {found[4]} (input {found[2]},"
        f" weight {found[1]})"
    )


def _class_ids(error: BaseException, text: str) -> str:
    got = re.search(r"(?:got|found dtype|but found) '?(\w+)'?", text)
    kind = f", got {got[1]}" if got else ""
    return f"the loss takes class ids of dtype int64 as its target{kind}: use target.long()"


def _dtypes(error: BaseException, text: str) -> str:
    return (
        f"dtypes do not fit: {_first_lines(text)}; bring input, target and model to one dtype, e.g. float32"
    )


def _devices(error: BaseException, text: str) -> str:
    return (
        f"tensors are on different devices: {_first_lines(text)}; the trainer moves model and batches, so"
        " look for a tensor made inside the model or the loss"
    )


def _twice(error: BaseException, text: str) -> str:
    return (
        "backward went a second time through a graph that the first has freed: something made in an earlier"
        " step is still part of the loss; detach it, or make it anew in each step"
    )


def _worker_died(error: BaseException, text: str) -> str:
    return (
        f"a DataLoader worker process died ({_first_lines(worker_loss(error), 160)}): often out of memory or shared"
        " memory;"
        " num_workers=0 loads in the kernel itself and shows the cause"
    )


def _device_assert(error: BaseException, text: str) -> str:
    return (
        "a CUDA kernel failed (device-side assert), often an index or class id out of range; CUDA is unusable"
        " in this kernel until it is restarted, and device cpu names the line"
    )


def _shared_memory(error: BaseException, text: str) -> str:
    return f"too little shared memory for DataLoader workers: {_first_lines(text, 160)}; try num_workers=0"


def _missing_module(error: BaseException, text: str) -> str:
    name = getattr(error, "name", None)
    return f"{_first_lines(text)}; install it for the kernel's Python: {sys.executable} -m pip install {name}"


_Rule = tuple[Callable[[BaseException, str], bool], Callable[[BaseException, str], str]]


def _says(*phrases: str) -> Callable[[BaseException, str], bool]:
    """Return a test for an error whose message holds one of these phrases."""
    return lambda _error, text: any(phrase in text for phrase in phrases)


_RULES: tuple[_Rule, ...] = (
    (lambda error, _: isinstance(error, torch.OutOfMemoryError), _out_of_memory),
    (_says("device-side assert"), _device_assert),
    (_says("unable to allocate shared memory", "No space left on device (28)", "bus error"), _shared_memory),
    (lambda error, _: bool(worker_loss(error)), _worker_died),
    (lambda error, _: isinstance(error, MemoryError), lambda _e, _t: "the machine has no memory left"),
    (lambda error, text: isinstance(error, ModuleNotFoundError) and bool(text), _missing_module),
    (lambda error, _: isinstance(error, KeyboardInterrupt), lambda _e, _t: "the experiment was interrupted"),
    (
        lambda error, _: isinstance(error, SystemExit),
        lambda _e, text: f"the experiment called sys.exit({text}), which ends its run",
    ),
    (_says("mat1 and mat2 shapes cannot be multiplied"), _matmul),
    (_says("channels, but got"), _channels),
    (_says("Trying to backward through the graph a second time"), _twice),
    (
        _says(
            "expected scalar type Long",
            "not implemented for 'Float'\nlong",
            "0D or 1D target tensor expected",
        ),
        _class_ids,
    ),
    (_says("Expected all tensors to be on the same device", "should be the same"), _devices),
    (
        _says(
            "must have the same dtype", "expected scalar type", "expected m1 and m2 to have the same dtype"
        ),
        _dtypes,
    ),
    (
        _says("optimizer got an empty parameter list"),
        lambda _e, _t: "the model has no parameters to train: optimizer(parameters) got an empty list",
    ),
    (
        lambda error, text: isinstance(error, FileNotFoundError) and bool(getattr(error, "filename", None)),
        lambda error, _: f"there is no file {getattr(error, 'filename', '')}",
    ),
)
