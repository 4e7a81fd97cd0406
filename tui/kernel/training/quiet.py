"""Runs the user's code on a thread of ours without a trace: no output, and settings of the process as they were."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import torch

from tui.kernel.output import RunLog, output_to


@contextmanager
def silent() -> Iterator[None]:
    """Drop what this thread prints."""
    nowhere = RunLog(Path(os.devnull))
    try:
        with output_to(nowhere):
            yield
    finally:
        nowhere.close()


@contextmanager
def quiet(beside: str = "") -> Iterator[None]:
    """Drop what this thread prints; afterwards put back the working directory and torch's settings.

    Not beside a run in progress, nor where one may begin: these hold for the whole process.

    Args:
        beside: a folder that goes from the path again if it was not there; empty: none.
    """
    with ExitStack() as after:
        for put_back in (_cwd(), _path(beside), _warn_again, *_torch_settings()):
            after.callback(put_back)
        with silent():
            yield


def _warn_again() -> None:
    """Let a warning that was dropped here be told the next time: Python tells each once for a place in the code."""
    with warnings.catch_warnings():
        pass


def _cwd() -> Callable[[], None]:
    cwd = _here()

    def put_back() -> None:
        if cwd and _here() != cwd:
            with suppress(OSError):
                os.chdir(cwd)

    return put_back


def _path(beside: str) -> Callable[[], None]:
    was_there = not beside or beside in sys.path

    def put_back() -> None:
        if not was_there and beside in sys.path:
            sys.path.remove(beside)

    return put_back


def _torch_settings() -> Iterator[Callable[[], None]]:
    """Yield what puts back each setting that holds for the whole process."""
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    precision, anomalies = torch.get_float32_matmul_precision(), torch.is_anomaly_enabled()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    yield lambda: torch.set_default_dtype(dtype)
    yield lambda: torch.set_float32_matmul_precision(precision)

    def anomaly_mode() -> None:
        if torch.is_anomaly_enabled() != anomalies:
            torch.autograd.set_detect_anomaly(anomalies)

    def algorithms() -> None:
        if torch.are_deterministic_algorithms_enabled() != deterministic:
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)

    def thread_count() -> None:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)

    yield anomaly_mode
    yield algorithms
    yield thread_count


def _here() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:  # it was removed under us
        return ""
