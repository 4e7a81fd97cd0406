"""A DataLoader that lost a worker is told as such, whichever way Python learned of it.

No worker is started in here: PyTorch would tell of its death in whatever the main thread does next.
"""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import Pipe, connection
from typing import Any

import pytest
import torch
from torch._utils import ExceptionWrapper
from torch.utils.data import DataLoader, Dataset, dataloader

from tui.kernel.loader_failure import worker_loss

DYING = """
import os, threading, torch
from torch.utils.data import DataLoader, Dataset
from tui.kernel.explain import explain

class Deadly(Dataset):
    def __len__(self):
        return 400

    def __getitem__(self, index):
        if index == 37:
            os._exit(3)
        return torch.zeros(3), 1

def work():
    try:
        for batch in DataLoader(Deadly(), 4, num_workers=2):
            pass
    except Exception as error:
        print(explain(error), flush=True)

for _ in range(8):  # not in the main thread, as a run is trained
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
"""


def caught(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


def in_file(path: str, work: Callable[[], object]) -> Callable[[], object]:
    """Return a function that does the work in a frame of a file."""
    names: dict[str, Any] = {"work": work}
    exec(compile("def run():\n    return work()", path, "exec"), names)
    made: Callable[[], object] = names["run"]
    return made


def raising(error: BaseException) -> Callable[[], object]:
    def work() -> object:
        raise error

    return work


def beneath_a_loader(error: BaseException) -> BaseException:
    """Return the error as it comes out of the pipe that a loader reads from."""
    work = in_file(dataloader.__file__, in_pipe(error))
    return caught(work)


def in_pipe(error: BaseException) -> Callable[[], object]:
    names: dict[str, Any] = {"error": error}
    exec(compile("def run():\n    raise error", connection.__file__, "exec"), names)
    made: Callable[[], object] = names["run"]
    return made


class Rows(Dataset[object]):
    """What its rows are read from is a pipe of its own, whose other end is closed."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> object:
        return read_from_closed()


def read_from_closed() -> object:
    ours, theirs = Pipe()
    theirs.close()
    return ours.recv()


def test_whatever_python_raises_when_a_worker_is_gone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", DYING], capture_output=True, text=True, timeout=100, check=False
    )
    told = done.stdout.splitlines()
    assert len(told) == 8, done.stderr  # how it is noticed is a matter of chance
    for line in told:
        assert line.startswith("a DataLoader worker process died ("), line
        assert line.endswith("num_workers=0 loads in the kernel itself and shows the cause")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ConnectionResetError(errno.ECONNRESET, "gone"),
            "the connection to it broke: Connection reset by peer",
        ),
        (EOFError(), "the connection to it broke: it sent no more"),
        (BrokenPipeError(errno.EPIPE, "gone"), "the connection to it broke: Broken pipe"),
        (FileNotFoundError(errno.ENOENT, "gone"), "the connection to it broke: No such file or directory"),
        (OSError(errno.EMFILE, "too many files"), ""),
        (ValueError("another"), ""),
    ],
)
def test_a_connection_that_breaks_beneath_a_loader(error: BaseException, told: str) -> None:
    assert worker_loss(beneath_a_loader(error)) == told


def test_a_connection_of_the_users_own_is_not_the_loaders() -> None:
    assert worker_loss(caught(read_from_closed)) == ""
    inside = caught(lambda: list(DataLoader(Rows(), 2)))
    assert type(inside) is EOFError
    assert worker_loss(inside) == ""
    try:
        raise ConnectionResetError(errno.ECONNRESET, "no server")
    except ConnectionResetError:
        sent = ExceptionWrapper(where="in DataLoader worker process 0")
    raised = caught(in_file(dataloader.__file__, sent.reraise))
    assert type(raised) is ConnectionResetError
    assert worker_loss(raised) == ""


def test_one_that_broke_in_the_thread_that_pins_memory() -> None:
    try:
        raise ConnectionResetError(errno.ECONNRESET, "gone")
    except ConnectionResetError:
        sent = ExceptionWrapper(where="in pin memory thread for device 0")
    assert worker_loss(caught(in_file(dataloader.__file__, sent.reraise))) == "the connection to it broke"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "DataLoader worker (pid 4711) exited unexpectedly with exit code 3. Details are lost due to"
            " multiprocessing. Rerunning with num_workers=0 may give better error trace.",
            "pid 4711 exited unexpectedly with exit code 3",
        ),
        ("DataLoader worker (pid(s) 11, 12) exited unexpectedly", "pid(s) 11, 12 exited unexpectedly"),
        ("DataLoader worker (pid 5) is killed by signal: Killed. ", "pid 5 is killed by signal: Killed"),
        ("something else", ""),
    ],
)
def test_what_torch_says_of_it_is_cut(text: str, told: str) -> None:
    assert worker_loss(RuntimeError(text)) == told


def test_an_error_of_the_users_own_class_is_not_asked() -> None:
    class Odd(torch.OutOfMemoryError):
        def __str__(self) -> str:
            raise AssertionError("it was asked")

    assert worker_loss(beneath_a_loader(Odd("DataLoader worker (pid 5) exited unexpectedly"))) == ""
